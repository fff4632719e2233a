import type { PhysicalMemory } from '../../impl/memory.ts';
import { addressSpaceKind } from '../../impl/muen/address-spaces.ts';
import { dmaSources } from '../../model/dma-grants.ts';
import { kernelGrants, subjectGrants } from '../../model/grants.ts';
import { storedMsrGrants } from '../../model/msr-grants.ts';
import type { PolicyDocument, Subject } from '../../policy/document.ts';
import { formatAddress, hpa } from '../../units/address.ts';
import { checkSpace, type SpaceUnderTest } from '../spatial.ts';
import type { PhysicalAtlas } from '../spatial-atlas.ts';
import { checkContexts } from './contexts.ts';
import { checkDma } from './dma.ts';
import { checkRemapping } from './interrupts.ts';
import { checkMsrStore } from './msr-store.ts';
import { checkMsrs } from './msrs.ts';
import { checkPorts } from './ports.ts';
import { type StructureReport, structureReport } from './report.ts';
import { checkSubjectInfo } from './subject-info.ts';

/** Memory that holds structures, and the policy that they are judged by. */
export interface StructureMemory {
  readonly document: PolicyDocument;
  readonly memory: PhysicalMemory;
  readonly atlas: PhysicalAtlas;
  /** Bytes that a region's structure really has; the region's size unless a file is shorter. */
  sizeOf(region: string): number;
}

/** One structure that can be judged by itself. */
export interface StructureItem {
  /** For example "subject 'vt'". */
  readonly holder: string;
  /** Regions that the hardware, the kernel or the subject reads for it. */
  readonly regions: readonly string[];
  /** What is looked at, as the first sentence of an explanation. */
  readonly setting: (world: StructureMemory, report: StructureReport) => string;
  judge(world: StructureMemory): StructureReport;
}

/** What the items of one property are. */
export type StructureKind =
  | 'subject-page-tables'
  | 'kernel-page-tables'
  | 'io-bitmaps'
  | 'msr-bitmaps'
  | 'msr-stores'
  | 'vtd-tables'
  | 'interrupt-remapping'
  | 'subject-info';

const hasRegion = (document: PolicyDocument, name: string): boolean =>
  document.memory.some(region => region.name === name);

function judgeSpace(world: StructureMemory, space: Omit<SpaceUnderTest, 'space'>, name: string, kind: 'ept' | 'ia32e') {
  const region = world.document.memory.find(candidate => candidate.name === name);
  const base = hpa(region?.physicalAddress ?? 0);
  const report = checkSpace(world.memory, world.atlas, {
    ...space,
    space: { kind, root: base, region: { physicalAddress: base, sizeBytes: world.sizeOf(name) } },
  });
  return structureReport(
    report.differences,
    {
      entries: report.leafCount,
      tables: report.tableCount,
      seen: {
        leaf: report.pages,
        'writable-leaf': report.writablePages,
        'read-only-leaf': report.readOnlyPages,
        'no-execute-leaf': report.noExecutePages,
        'executable-leaf': report.executablePages,
      },
    },
    report.differenceCount,
  );
}

function pageTableItem(
  holder: string,
  region: string,
  kind: 'ept' | 'ia32e',
  space: (document: PolicyDocument) => Omit<SpaceUnderTest, 'space'>,
): StructureItem {
  return {
    holder,
    regions: [region],
    setting: ({ document }, { tables, entries }) => {
      const root = document.memory.find(candidate => candidate.name === region)?.physicalAddress ?? 0;
      return `Let ${holder} run on the ${kind === 'ept' ? 'EPT' : 'IA-32e'} tables at hpa ${formatAddress(root)}, of which ${tables} tables with ${entries} leaves were enumerated.`;
    },
    judge: world => judgeSpace(world, space(world.document), region, kind),
  };
}

const subjectHolder = ({ name }: Subject): string => `subject '${name}'`;

const simpleItem = (
  holder: string,
  regions: readonly string[],
  what: string,
  judge: (world: StructureMemory) => StructureReport,
): StructureItem => ({
  holder,
  regions,
  setting: (_world, { entries }) => `Let ${what}, of which ${entries} entries were compared with the policy.`,
  judge,
});

const perSubject = (
  document: PolicyDocument,
  suffix: string,
  what: string,
  check: (memory: PhysicalMemory, document: PolicyDocument, subject: Subject) => StructureReport,
  applies: (subject: Subject) => boolean = () => true,
): readonly StructureItem[] =>
  document.subjects
    .filter(applies)
    .map(subject =>
      simpleItem(
        subjectHolder(subject),
        [`${subject.name}|${suffix}`],
        `${subjectHolder(subject)} be confined by ${what}`,
        world => check(world.memory, world.document, subject),
      ),
    );

function vtdItems(document: PolicyDocument): readonly StructureItem[] {
  if (!hasRegion(document, 'vtd_root')) return [];
  const sources = dmaSources(document);
  const contexts = (buses: readonly number[]): readonly string[] => [
    'vtd_root',
    ...[...new Set(buses)].sort((a, b) => a - b).map(bus => `vtd_context_bus_${bus}`),
  ];
  return [
    simpleItem(
      'all devices',
      contexts(sources.map(({ bus }) => bus)),
      'the IOMMUs translate by the root and context tables',
      ({ memory, document: policy }) => checkContexts(memory, policy),
    ),
    ...document.deviceDomains.map(domain =>
      simpleItem(
        `device domain '${domain.name}'`,
        [
          ...contexts(sources.filter(source => source.domain === domain).map(({ bus }) => bus)),
          `vtd_${domain.name}_pt`,
        ],
        `the devices of domain '${domain.name}' do DMA through its second-level tables`,
        ({ memory, document: policy }) => checkDma(memory, policy, domain),
      ),
    ),
  ];
}

const ITEMS: Readonly<Record<StructureKind, (document: PolicyDocument) => readonly StructureItem[]>> = {
  'subject-page-tables': document =>
    document.subjects.map(subject =>
      pageTableItem(
        subjectHolder(subject),
        `${subject.siblingOf ?? subject.name}|pt`,
        addressSpaceKind(subject),
        policy => ({
          holder: subjectHolder(subject),
          holderKind: 'subject',
          grants: subjectGrants(policy, subject),
        }),
      ),
    ),
  'kernel-page-tables': document =>
    document.kernel.cpus.map(cpu =>
      pageTableItem(`kernel of CPU ${cpu.id}`, `kernel_${cpu.id}|pt`, 'ia32e', policy => ({
        holder: `kernel of CPU ${cpu.id}`,
        holderKind: 'kernel',
        grants: kernelGrants(policy, cpu),
      })),
    ),
  'io-bitmaps': document => perSubject(document, 'iobm', 'its I/O bitmaps', checkPorts),
  'msr-bitmaps': document => perSubject(document, 'msrbm', 'its MSR bitmap', checkMsrs),
  'msr-stores': document =>
    perSubject(
      document,
      'msrstore',
      'its MSR store',
      checkMsrStore,
      subject => storedMsrGrants(subject).length > 0 || hasRegion(document, `${subject.name}|msrstore`),
    ),
  'vtd-tables': vtdItems,
  'interrupt-remapping': document =>
    hasRegion(document, 'vtd_ir')
      ? [
          simpleItem(
            'all devices',
            ['vtd_ir'],
            'the IOMMUs remap interrupts by the interrupt-remapping table',
            ({ memory, document: policy }) => checkRemapping(memory, policy),
          ),
        ]
      : [],
  'subject-info': document =>
    perSubject(document, 'sinfo', 'what its subject information says', checkSubjectInfo, subject =>
      hasRegion(document, `${subject.name}|sinfo`),
    ),
};

const cache = new WeakMap<PolicyDocument, Map<StructureKind, readonly StructureItem[]>>();

/** Structures of one kind that a policy has, in document order. */
export function structureItems(document: PolicyDocument, kind: StructureKind): readonly StructureItem[] {
  const known = cache.get(document) ?? new Map<StructureKind, readonly StructureItem[]>();
  cache.set(document, known);
  const items = known.get(kind) ?? ITEMS[kind](document);
  known.set(kind, items);
  return items;
}
