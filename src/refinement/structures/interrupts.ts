import type { PhysicalMemory } from '../../impl/memory.ts';
import { REMAPPING_ENTRIES, type RemappingEntry, readRemappingTable } from '../../impl/vtd/remapping-entries.ts';
import { type IrqGrant, irqGrants } from '../../model/irq-grants.ts';
import type { PolicyDocument } from '../../policy/document.ts';
import { hpa } from '../../units/address.ts';
import { hex, regionAddress, type StructureDifference, type StructureReport, structureReport } from './report.ts';

const DELIVERY_MODES: readonly string[] = [
  'fixed',
  'lowest priority',
  'SMI',
  'reserved (3)',
  'NMI',
  'INIT',
  'reserved (6)',
  'ExtINT',
];

/** What is wrong with the present entry of an interrupt that a subject owns. */
function problemsOf(entry: RemappingEntry, grant: IrqGrant): readonly string[] {
  const problems: string[] = [];
  const expect = (isWrong: boolean, text: string): void => {
    if (isWrong) problems.push(text);
  };
  expect(entry.isPosted, 'posts the interrupt instead of delivering it');
  expect(entry.vector !== grant.vector, `delivers vector ${entry.vector}, the policy means ${grant.vector}`);
  expect(
    entry.destination !== grant.apicId,
    `goes to APIC ${entry.destination}, the CPU of '${grant.owner}' has ${grant.apicId}`,
  );
  expect(entry.deliveryMode !== 0, `has delivery mode ${DELIVERY_MODES[entry.deliveryMode]}`);
  expect(entry.isLogical, 'has a logical destination');
  expect(entry.isRedirectable, 'may be redirected to another CPU');
  expect(entry.isLevel !== grant.isLevel, `is ${entry.isLevel ? 'level' : 'edge'}-triggered`);
  expect(entry.sourceValidation === 0, 'accepts every source');
  expect(entry.sourceValidation === 2, 'accepts every function of a range of buses');
  expect(entry.sourceValidation === 3, 'has a reserved source validation type');
  expect(
    entry.sourceValidation === 1 && entry.sourceId !== grant.sourceId,
    `accepts source ${hex(entry.sourceId)}, the policy means ${hex(grant.sourceId)}`,
  );
  expect(entry.sourceValidation === 1 && entry.sourceQualifier !== 0, 'ignores function bits of the source');
  expect(entry.faultsDisabled, 'hides faults');
  return problems;
}

function judgeEntry(entry: RemappingEntry, grants: readonly IrqGrant[]): StructureDifference[] {
  const where = `interrupt-remapping entry ${entry.index}`;
  const owners = grants.filter(grant => grant.irq === entry.index);
  const at = { entry: entry.entryAddress };
  if (entry.defect !== '')
    return [
      {
        kind: 'malformed-entry',
        message: `${where} is refused by the IOMMU: ${entry.defect}`,
        policyLines: owners.map(({ line }) => line),
        ...at,
      },
    ];
  if (owners.length === 0)
    return [
      {
        kind: 'not-granted',
        message: `${where} lets source ${hex(entry.sourceId)} raise vector ${entry.vector} at APIC ${entry.destination}, although no subject has interrupt ${entry.index}`,
        policyLines: [],
        ...at,
      },
    ];
  const perOwner = owners.map(grant => problemsOf(entry, grant));
  if (perOwner.some(problems => problems.length === 0)) return [];
  const grant = owners[0]!;
  return perOwner[0]!.map(problem => ({
    kind: 'wrong-remapping',
    message: `${where} (interrupt '${grant.name}' of subject '${grant.owner}', policy line ${grant.line}) ${problem}`,
    policyLines: [grant.line],
    ...at,
  }));
}

/** Compares the interrupt-remapping table with the interrupts that subjects own, entry by entry. */
export function checkRemapping(memory: PhysicalMemory, document: PolicyDocument): StructureReport {
  const table = regionAddress(document, 'vtd_ir') ?? hpa(0);
  const entries = readRemappingTable(memory, table);
  const grants = irqGrants(document);
  const absent = grants.filter(grant => !entries.some(entry => entry.index === grant.irq));
  const differences = [
    ...entries.flatMap(entry => judgeEntry(entry, grants)),
    ...absent.map(({ irq, name, owner, line }) => ({
      kind: 'not-open',
      message: `interrupt ${irq} ('${name}' of subject '${owner}', policy line ${line}) has no interrupt-remapping entry: it is blocked`,
      policyLines: [line],
      entry: hpa(table + irq * 16),
    })),
  ];
  return structureReport(differences, {
    entries: REMAPPING_ENTRIES,
    tables: 1,
    seen: { 'remapped-interrupt': entries.length, 'blocked-interrupt': REMAPPING_ENTRIES - entries.length },
  });
}
