import type { CheckContext, Failure, Property, Task, TaskResult, Witness } from '../../src/engine/property.ts';
import { PhysicalMemory } from '../../src/impl/memory.ts';
import { type AddressSpaces, buildAddressSpaces } from '../../src/impl/muen/address-spaces.ts';
import { kernelGrants, subjectGrants } from '../../src/model/grants.ts';
import type { Finding } from '../../src/policy/finding.ts';
import { checkSpace, type SpaceUnderTest, type SpatialReport } from '../../src/refinement/spatial.ts';
import { createAtlas, type PhysicalAtlas } from '../../src/refinement/spatial-atlas.ts';
import type { Trace, TraceOutcome } from '../../src/trace/trace.ts';
import { formatAddress } from '../../src/units/address.ts';
import { formatDigest } from '../../src/units/digest.ts';
import type { Result } from '../../src/units/result.ts';

/** Address spaces judged per task. */
const CHUNK = 8;
/** Differences that an explanation lists. */
const EXPLAINED = 12;

interface BuiltSystem {
  readonly memory: PhysicalMemory;
  readonly atlas: PhysicalAtlas;
  readonly spaces: Result<AddressSpaces, readonly Finding[]>;
}

/** Tables are built once per context and only read afterwards; tasks of one context share them. */
const builtSystems = new WeakMap<CheckContext, BuiltSystem>();

function builtSystem(context: CheckContext): BuiltSystem {
  const known = builtSystems.get(context);
  if (known !== undefined) return known;
  const memory = new PhysicalMemory();
  const spaces = buildAddressSpaces(memory, context.document, context.seams.paging);
  const built = { memory, atlas: createAtlas(context.document), spaces };
  builtSystems.set(context, built);
  return built;
}

type HolderKind = SpaceUnderTest['holderKind'];

/** Number of address spaces of one kind that the policy asks for. */
const holderCount = (context: CheckContext, kind: HolderKind): number =>
  kind === 'subject' ? context.document.subjects.length : context.document.kernel.cpus.length;

/** The `index`-th subject or kernel with its tables and grants; undefined if it has no tables. */
function underTest(
  context: CheckContext,
  spaces: AddressSpaces,
  kind: HolderKind,
  index: number,
): SpaceUnderTest | undefined {
  if (kind === 'subject') {
    const subject = context.document.subjects[index];
    const space = subject === undefined ? undefined : spaces.subjects.get(subject.name);
    if (subject === undefined || space === undefined) return undefined;
    return {
      holder: `subject '${subject.name}'`,
      holderKind: kind,
      space,
      grants: subjectGrants(context.document, subject),
    };
  }
  const cpu = context.document.kernel.cpus[index];
  const space = cpu === undefined ? undefined : spaces.kernels.get(cpu.id);
  if (cpu === undefined || space === undefined) return undefined;
  return { holder: `kernel of CPU ${cpu.id}`, holderKind: kind, space, grants: kernelGrants(context.document, cpu) };
}

const uniqueLines = (lines: readonly number[]): readonly number[] =>
  [...new Set(lines)].filter(line => line > 0).sort((a, b) => a - b);

function staticOutcome(
  summary: string,
  explanation: readonly string[],
  policyLines: readonly number[],
  digests: readonly string[],
): TraceOutcome {
  return { summary, explanation, policyLines: uniqueLines(policyLines), timeline: [], digests };
}

/** Outcome when the tables cannot be built at all. */
function buildOutcome(findings: readonly Finding[]): TraceOutcome {
  const lines = findings.map(
    finding => `Then ${finding.message} because of policy line ${finding.line} (${finding.code}).`,
  );
  const summary = `page tables cannot be built: ${findings[0]?.message ?? 'unknown reason'}`;
  return staticOutcome(
    summary,
    lines.slice(0, EXPLAINED),
    findings.map(finding => finding.line),
    [],
  );
}

/** Outcome of an address space that differs from the policy. */
function differenceOutcome(memory: PhysicalMemory, subject: SpaceUnderTest, report: SpatialReport): TraceOutcome {
  const shown = report.differences.slice(0, EXPLAINED);
  const rest = report.differenceCount - shown.length;
  const { kind, root } = subject.space;
  const explanation = [
    `Let ${subject.holder} run on the ${kind === 'ept' ? 'EPT' : 'IA-32e'} tables at hpa ${formatAddress(root)}, of which ${report.tableCount} tables with ${report.leafCount} leaves were enumerated.`,
    ...shown.map(difference => `Then ${difference.message}.`),
    ...(rest > 0 ? [`Then ${rest} more differences of ${subject.holder}.`] : []),
  ];
  const lines = shown.flatMap(difference => difference.policyLines);
  return staticOutcome(shown[0]?.message ?? '', explanation, lines, [formatDigest(memory.digest())]);
}

interface Judgement {
  readonly report?: SpatialReport;
  readonly outcome?: TraceOutcome;
}

/** Judges one address space. */
function judge(context: CheckContext, kind: HolderKind, index: number): Judgement {
  const { memory, atlas, spaces } = builtSystem(context);
  if (!spaces.ok) return { outcome: buildOutcome(spaces.error) };
  const space = underTest(context, spaces.value, kind, index);
  if (space === undefined) {
    return { outcome: staticOutcome(`${kind} number ${index} of the policy has no page tables`, [], [], []) };
  }
  const report = checkSpace(memory, atlas, space);
  return report.differenceCount === 0 ? { report } : { report, outcome: differenceOutcome(memory, space, report) };
}

/** Judges a slice of the address spaces, ascending, up to its first failure. */
function runSlice(context: CheckContext, kind: HolderKind, first: number, count: number): TaskResult {
  const seen = { leaf: 0, 'writable-leaf': 0, 'read-only-leaf': 0, 'no-execute-leaf': 0, 'executable-leaf': 0 };
  let runs = 0;
  let steps = 0;
  let states = 0;
  let failure: Failure | undefined;
  for (let index = first; index < first + count && failure === undefined; index++) {
    const { report, outcome } = judge(context, kind, index);
    runs += 1;
    if (report !== undefined) {
      steps += report.leafCount;
      states += report.tableCount;
      seen.leaf += report.pages;
      seen['writable-leaf'] += report.writablePages;
      seen['read-only-leaf'] += report.readOnlyPages;
      seen['no-execute-leaf'] += report.noExecutePages;
      seen['executable-leaf'] += report.executablePages;
    }
    if (outcome !== undefined) failure = { body: { kind: 'static' }, outcome };
  }
  return { runs, steps, states, witnesses: seen, unspecified: {}, ...(failure === undefined ? {} : { failure }) };
}

/** Outcome of the first failing address space, or of the one whose failure was recorded. */
function replayStatic(context: CheckContext, kind: HolderKind, recordedSummary: string): TraceOutcome | undefined {
  let firstFailure: TraceOutcome | undefined;
  for (let index = 0; index < holderCount(context, kind); index++) {
    const { outcome } = judge(context, kind, index);
    if (outcome?.summary === recordedSummary) return outcome;
    firstFailure ??= outcome;
  }
  return firstFailure;
}

const WITNESSES: readonly Witness[] = [
  { id: 'leaf', description: 'a page that the tables map' },
  { id: 'writable-leaf', description: 'a writable page' },
  { id: 'read-only-leaf', description: 'a page that may be read but not written' },
  { id: 'no-execute-leaf', description: 'a page that may not be executed' },
];

function pageTableProperty(kind: HolderKind, claim: string, killedBy: readonly string[]): Property {
  const id = `isolation/${kind}-page-tables` as const;
  return {
    id,
    area: 'isolation',
    claim,
    method: 'enumeration',
    passes: 'proved',
    witnesses: WITNESSES,
    killedBy,
    notApplicable: context => (holderCount(context, kind) > 0 ? '' : `the policy has no ${kind}s`),
    tasks: context => {
      const count = holderCount(context, kind);
      return Array.from({ length: Math.ceil(count / CHUNK) }, (_, index): Task => {
        const first = index * CHUNK;
        return { property: id, index, slice: { first, count: Math.min(CHUNK, count - first) } };
      });
    },
    runTask: (context, task) => runSlice(context, kind, Number(task.slice.first), Number(task.slice.count)),
    replay: (context, trace: Trace) => replayStatic(context, kind, trace.outcome.summary),
  };
}

/** Every subject's tables against the policy's declarations, leaf by leaf. */
export const subjectPageTables = pageTableProperty(
  'subject',
  'Every page that a subject can reach through its EPT or page tables is granted by the policy with exactly these rights and this memory type, and every granted page is mapped',
  [
    'paging-ept-leaf-writable',
    'paging-ept-leaf-executable',
    'paging-ia32e-leaf-writable',
    'paging-ia32e-leaf-executable',
    'paging-index-alias',
    'paging-neighbour-mapping',
  ],
);

/** Every kernel CPU's tables against the policy's declarations, leaf by leaf. */
export const kernelPageTables = pageTableProperty(
  'kernel',
  "every page that the kernel of a CPU maps is declared for that CPU with exactly these rights and this memory type, every declared page is mapped, and no table or VMX structure of type 'system' is mapped",
  ['paging-ia32e-leaf-writable', 'paging-ia32e-leaf-executable', 'paging-device-cached'],
);
