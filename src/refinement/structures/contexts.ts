import type { PhysicalMemory } from '../../impl/memory.ts';
import { type ContextEntry, readContextTables } from '../../impl/vtd/contexts.ts';
import { type DmaSource, dmaAddressBits, dmaSources } from '../../model/dma-grants.ts';
import type { PolicyDocument } from '../../policy/document.ts';
import { formatAddress, type Hpa, hpa } from '../../units/address.ts';
import { regionAddress, type StructureDifference, type StructureReport, structureReport } from './report.ts';

interface Place {
  readonly bus: number;
  readonly device: number;
  readonly function: number;
}

const FUNCTIONS = 256 * 256;

const place = ({ bus, device, function: number }: Place): string =>
  `${bus.toString(16).padStart(2, '0')}:${device.toString(16).padStart(2, '0')}.${number}`;

const isSame = (a: Place, b: Place): boolean => a.bus === b.bus && a.device === b.device && a.function === b.function;

/** What is wrong with the present entry of a function that belongs to a domain. */
function entryProblems(document: PolicyDocument, entry: ContextEntry, source: DmaSource): readonly string[] {
  const problems: string[] = [];
  const bits = dmaAddressBits(document);
  const { domain } = source;
  if (entry.translationType === 2) problems.push('passes all DMA through untranslated');
  else if (entry.translationType !== 0) problems.push(`has translation type ${entry.translationType} instead of 0`);
  if (entry.levels !== (bits === 48 ? 4 : 3))
    problems.push(`walks ${entry.levels} levels, the IOMMUs are set to ${bits} bits`);
  if (entry.domainId !== domain.id)
    problems.push(`has domain id ${entry.domainId}, the policy gives '${domain.name}' ${domain.id}`);
  if (entry.faultsDisabled) problems.push('hides faults');
  const own = regionAddress(document, `vtd_${domain.name}_pt`);
  if (own !== undefined && entry.tables !== own) {
    const other = document.memory.find(
      ({ physicalAddress, sizeBytes }) => entry.tables >= physicalAddress && entry.tables < physicalAddress + sizeBytes,
    );
    const what = other === undefined ? 'outside of all regions' : `in '${other.name}'`;
    problems.push(
      `points to tables at ${formatAddress(entry.tables)}, ${what}, instead of '${domain.name}'s at ${formatAddress(own)}`,
    );
  }
  return problems;
}

function judgeEntry(
  document: PolicyDocument,
  entry: ContextEntry,
  sources: readonly DmaSource[],
): StructureDifference[] {
  const source = sources.find(candidate => isSame(candidate, entry));
  const where = `context entry of ${place(entry)}`;
  const at = { entry: entry.entryAddress };
  if (entry.defect !== '')
    return [
      {
        kind: 'malformed-entry',
        message: `${where} is refused by the IOMMU: ${entry.defect}`,
        policyLines: source === undefined ? [] : [source.line],
        ...at,
      },
    ];
  if (source === undefined)
    return [
      {
        kind: 'not-granted',
        message: `${where} lets the function do DMA, although it is in no device domain`,
        policyLines: document.hardware.devices.flatMap(({ pci, at: position }) =>
          pci !== undefined && isSame(pci, entry) ? [position.line] : [],
        ),
        ...at,
      },
    ];
  return entryProblems(document, entry, source).map(problem => ({
    kind: 'wrong-domain',
    message: `${where} (device '${source.name}' of domain '${source.domain.name}', policy line ${source.line}) ${problem}`,
    policyLines: [source.line, source.domain.at.line],
    ...at,
  }));
}

/** Compares root and context tables with the device domains: every function of every bus is looked at. */
export function checkContexts(memory: PhysicalMemory, document: PolicyDocument): StructureReport {
  const root: Hpa = regionAddress(document, 'vtd_root') ?? hpa(0);
  const tables = readContextTables(memory, root);
  const sources = dmaSources(document);
  const absent = sources.filter(source => !tables.entries.some(entry => isSame(entry, source)));
  const foreign = [...tables.tables].filter(([bus, table]) => {
    const own = regionAddress(document, `vtd_context_bus_${bus}`);
    return own !== table;
  });
  const differences: StructureDifference[] = [
    ...tables.entries.flatMap(entry => judgeEntry(document, entry, sources)),
    ...foreign.map(([bus, table]) => ({
      kind: 'foreign-table',
      message: `root entry of bus ${bus} points to ${formatAddress(table)}, which is not 'vtd_context_bus_${bus}'`,
      policyLines: [],
      entry: hpa(root + bus * 16),
    })),
    ...tables.refused.map(({ bus, defect, entryAddress }) => ({
      kind: 'malformed-entry',
      message: `root entry of bus ${bus} is refused by the IOMMU: ${defect}`,
      policyLines: [],
      entry: entryAddress,
    })),
    ...absent.map(source => ({
      kind: 'not-open',
      message: `${place(source)} (device '${source.name}') has no context entry, although it is in domain '${source.domain.name}' (policy line ${source.line}): its DMA is blocked`,
      policyLines: [source.line],
      entry: hpa(root + source.bus * 16),
    })),
  ];
  return structureReport(differences, {
    entries: FUNCTIONS,
    tables: 1 + tables.tables.size,
    seen: { 'blocked-function': FUNCTIONS - tables.entries.length, 'translated-function': tables.entries.length },
  });
}
