import type { KernelCpu, MemoryRegion, PolicyDocument, PolicyNode, Subject } from '../../policy/document.ts';
import type { Finding } from '../../policy/finding.ts';
import { formatAddress, type Hpa, hpa } from '../../units/address.ts';
import type { CpuId } from '../../units/ids.ts';
import { unreachable } from '../../units/invariant.ts';
import { err, ok, type Result } from '../../units/result.ts';
import type { PhysicalMemory } from '../memory.ts';
import type { PagingOps } from '../paging-ops.ts';
import { buildEpt } from '../vmx/ept.ts';
import { buildIa32e } from '../x86/paging.ts';
import type { TableError, TableRegion } from '../x86/paging-layout.ts';
import type { CollectedMappings } from './address-space-mappings.ts';

/** Table format of an address space: kernels and native subjects use IA-32e, VM subjects EPT. */
export type AddressSpaceKind = 'ia32e' | 'ept';

/** Tables that translate for one kernel or subject. */
export interface AddressSpace {
  readonly kind: AddressSpaceKind;
  /** Top-level table: the value of CR3 (ia32e), or the address part of the EPT pointer (ept). */
  readonly root: Hpa;
  /** Policy region that holds the tables. */
  readonly region: TableRegion;
}

/** All address spaces of a system; a sibling subject has its origin's. */
export interface AddressSpaces {
  /** By subject name. */
  readonly subjects: ReadonlyMap<string, AddressSpace>;
  readonly kernels: ReadonlyMap<CpuId, AddressSpace>;
}

const finding = (code: string, node: PolicyNode, message: string, hint: string): Finding => ({
  code,
  severity: 'error',
  message,
  line: node.at.line,
  column: node.at.column,
  hint,
});

/** Explains why tables cannot be built, naming the policy line to change. */
function tableFinding(holder: string, region: MemoryRegion, error: TableError): Finding {
  const at = (line: number): PolicyNode => ({ at: { line, column: 1 } });
  switch (error.kind) {
    case 'alignment':
      return finding(
        'PAGING-ALIGNMENT',
        at(error.mapping.line),
        `${holder}: '${error.mapping.name}' is not page-aligned`,
        'virtual address, physical address and size must be multiples of 16#1000#',
      );
    case 'address-width':
      return finding(
        'PAGING-ADDRESS-WIDTH',
        at(error.mapping.line),
        `${holder}: '${error.mapping.name}' at ${formatAddress(error.mapping.virtualAddress)} is beyond the addresses that 4-level tables translate`,
        'choose a virtual address below 2^47 (native subject, kernel) or 2^48 (VM subject)',
      );
    case 'overlap':
      return finding(
        'PAGING-OVERLAP',
        at(error.second.line),
        `${holder}: '${error.second.name}' overlaps '${error.first.name}' (line ${error.first.line})`,
        'move one of the virtual addresses',
      );
    case 'region-alignment':
      return finding(
        'PAGING-ALIGNMENT',
        region,
        `page table region '${region.name}' is not page-aligned`,
        'align physicalAddress to 16#1000#',
      );
    case 'region-too-small':
      return finding(
        'PAGING-REGION-TOO-SMALL',
        region,
        `page table region '${region.name}' has ${error.regionBytes} bytes, the tables of ${holder} need ${error.neededBytes}`,
        'enlarge the region (mucfgexpand sizes it)',
      );
    case 'capacity':
      return finding(
        'PAGING-CAPACITY',
        region,
        `the tables of ${holder} need ${error.neededBytes} bytes, more than muencheck's memory holds`,
        'reduce the size of the mapped regions',
      );
    default:
      return unreachable(error);
  }
}

interface Holder {
  readonly label: string;
  readonly regionName: string;
  readonly kind: AddressSpaceKind;
  readonly node: PolicyNode;
  collect(): CollectedMappings;
}

function buildOne(
  memory: PhysicalMemory,
  document: PolicyDocument,
  paging: PagingOps,
  holder: Holder,
): Result<AddressSpace, readonly Finding[]> {
  const region = document.memory.find(
    candidate => candidate.name === holder.regionName && candidate.type === 'system_pt',
  );
  if (region === undefined) {
    return err([
      finding(
        'PAGING-REGION-MISSING',
        holder.node,
        `${holder.label} has no page table region '${holder.regionName}'`,
        `add a memory region '${holder.regionName}' of type system_pt`,
      ),
    ]);
  }
  const { mappings, findings } = holder.collect();
  if (findings.length > 0) return err(findings);
  const tableRegion = { physicalAddress: hpa(region.physicalAddress), sizeBytes: region.sizeBytes };
  const build = holder.kind === 'ept' ? buildEpt : buildIa32e;
  const built = build(memory, tableRegion, mappings, paging);
  return built.ok
    ? ok({ kind: holder.kind, root: built.value.root, region: tableRegion })
    : err([tableFinding(holder.label, region, built.error)]);
}

/** Format of a subject's tables, as its VMX controls say (SDM Vol. 3C, "Secondary Processor-Based VM-Execution Controls": enable EPT). */
export function addressSpaceKind(subject: Subject): AddressSpaceKind {
  return subject.vcpu.controls.proc2.EnableEPT === 1 ? 'ept' : 'ia32e';
}

const subjectHolder = (document: PolicyDocument, paging: PagingOps, subject: Subject): Holder => ({
  label: `subject '${subject.name}'`,
  regionName: `${subject.name}|pt`,
  kind: addressSpaceKind(subject),
  node: subject,
  collect: () => paging.collectSubjectMappings(document, subject),
});

const kernelHolder = (document: PolicyDocument, paging: PagingOps, cpu: KernelCpu): Holder => ({
  label: `kernel of CPU ${cpu.id}`,
  regionName: `kernel_${cpu.id}|pt`,
  kind: 'ia32e',
  node: cpu,
  collect: () => paging.collectKernelMappings(document, cpu),
});

/** Tables of the origin that a sibling shares (Muen: a sibling has no tables of its own). */
function originSpace(
  sibling: Subject,
  subjects: readonly Subject[],
  built: ReadonlyMap<string, AddressSpace>,
): Result<AddressSpace, Finding> {
  const origin = subjects.find(subject => subject.name === sibling.siblingOf);
  const reject = (reason: string): Result<AddressSpace, Finding> =>
    err(
      finding(
        'PAGING-SIBLING',
        sibling,
        `subject '${sibling.name}': sibling origin '${sibling.siblingOf}' ${reason}`,
        'name a subject of the same kind that is not a sibling itself',
      ),
    );
  if (origin === undefined) return reject('does not exist');
  if (origin.siblingOf !== undefined) return reject('is a sibling itself');
  if (addressSpaceKind(origin) !== addressSpaceKind(sibling)) return reject('uses another table format');
  const space = built.get(origin.name);
  return space === undefined ? reject('has no page tables') : ok(space);
}

/**
 * Builds the page tables of every kernel CPU and subject at the places that the policy allocates, from an expanded and
 * allocated policy. All defects are reported, each with its policy line (Muen: mugenpt; regions `<owner>|pt`).
 */
export function buildAddressSpaces(
  memory: PhysicalMemory,
  document: PolicyDocument,
  paging: PagingOps,
): Result<AddressSpaces, readonly Finding[]> {
  const findings: Finding[] = [];
  const kernels = new Map<CpuId, AddressSpace>();
  const subjects = new Map<string, AddressSpace>();
  for (const cpu of document.kernel.cpus) {
    const built = buildOne(memory, document, paging, kernelHolder(document, paging, cpu));
    if (built.ok) kernels.set(cpu.id, built.value);
    else findings.push(...built.error);
  }
  for (const subject of document.subjects) {
    if (subject.siblingOf !== undefined) continue;
    const built = buildOne(memory, document, paging, subjectHolder(document, paging, subject));
    if (built.ok) subjects.set(subject.name, built.value);
    else findings.push(...built.error);
  }
  for (const subject of document.subjects) {
    if (subject.siblingOf === undefined) continue;
    const shared = originSpace(subject, document.subjects, subjects);
    if (shared.ok) subjects.set(subject.name, shared.value);
    else findings.push(shared.error);
  }
  return findings.length === 0 ? ok({ subjects, kernels }) : err(findings);
}
