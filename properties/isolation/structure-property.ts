import type { CheckContext, Failure, Property, Task, TaskResult, Witness } from '../../src/engine/property.ts';
import type { TableCount } from '../../src/engine/verdict.ts';
import type { Finding } from '../../src/policy/finding.ts';
import { fileNameOf } from '../../src/refinement/structures/given.ts';
import {
  type StructureItem,
  type StructureKind,
  type StructureMemory,
  structureItems,
} from '../../src/refinement/structures/items.ts';
import type { StructureDifference, StructureReport } from '../../src/refinement/structures/report.ts';
import type { TraceOutcome } from '../../src/trace/trace.ts';
import { digestWords, formatDigest } from '../../src/units/digest.ts';
import { type StructureWorlds, structureWorlds } from './structure-worlds.ts';

/** Structures judged per task. */
const CHUNK = 8;
/** Differences that an explanation lists. */
const EXPLAINED = 12;

/** What one property says about one kind of structure. */
export interface StructureClaim {
  readonly kind: StructureKind;
  readonly claim: string;
  readonly witnesses: readonly Witness[];
  readonly killedBy: readonly string[];
  /** Why a policy may have no structure of this kind. */
  readonly absence: string;
  /** Counts that are no witness but steps left open, by the name that the report gives them. */
  readonly open?: Readonly<Record<string, string>>;
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

/** Outcome when our own structures cannot be built at all. */
function buildOutcome(kind: StructureKind, findings: readonly Finding[]): TraceOutcome {
  const lines = findings.map(
    finding => `Then ${finding.message} because of policy line ${finding.line} (${finding.code}).`,
  );
  const summary = `${kind.endsWith('page-tables') ? 'page tables' : 'structures'} cannot be built: ${findings[0]?.message ?? 'unknown reason'}`;
  return staticOutcome(
    summary,
    lines.slice(0, EXPLAINED),
    findings.map(finding => finding.line),
    [],
  );
}

/** Outcome of a structure that differs from the policy. */
function differenceOutcome(
  world: StructureMemory,
  item: StructureItem,
  report: StructureReport,
  where: (difference: StructureDifference) => string,
  digests: readonly string[],
): TraceOutcome {
  const shown = report.differences.slice(0, EXPLAINED);
  const rest = report.differenceCount - shown.length;
  const messages = shown.map(difference => `${difference.message}${where(difference)}`);
  const explanation = [
    item.setting(world, report),
    ...messages.map(message => `Then ${message}.`),
    ...(rest > 0 ? [`Then ${rest} more differences of ${item.holder}.`] : []),
  ];
  const lines = shown.flatMap(difference => difference.policyLines);
  const places = lines.length > 0 ? lines : linesOf(world, item);
  return staticOutcome(messages[0] ?? '', explanation, places, digests);
}

/** Where the policy speaks about a structure as such: who is confined by it, and the region that holds it. */
function linesOf({ document }: StructureMemory, { holder, regions }: StructureItem): readonly number[] {
  const subjects = document.subjects.filter(({ name }) => holder === `subject '${name}'`);
  const memory = document.memory.filter(({ name }) => regions.includes(name));
  return [...subjects, ...memory].map(({ at }) => at.line);
}

interface Judgement {
  /** Absent if the structure was not judged. */
  readonly report?: StructureReport;
  readonly outcome?: TraceOutcome;
  /** Files that the user's tables lack for it. */
  readonly missing: readonly string[];
  /** Files that show the outcome. */
  readonly files: readonly string[];
}

function judgeOwn(worlds: StructureWorlds, kind: StructureKind, item: StructureItem): Judgement {
  const { world, findings } = kind.endsWith('page-tables') ? worlds.pageTables() : worlds.others();
  if (findings.length > 0) return { outcome: buildOutcome(kind, findings), missing: [], files: [] };
  const report = item.judge(world);
  if (report.differenceCount === 0) return { report, missing: [], files: [] };
  const digests = [formatDigest(world.memory.digest())];
  return { report, outcome: differenceOutcome(world, item, report, () => '', digests), missing: [], files: [] };
}

function digestOf(bytes: Uint8Array): string {
  const words = new Uint32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  return formatDigest(digestWords(words, 0, words.length, bytes.length));
}

function judgeGiven({ given }: StructureWorlds, item: StructureItem): Judgement | undefined {
  if (given === undefined) return undefined;
  const { placed, world } = given;
  const missing = item.regions.filter(region => !placed.files.has(region));
  const files = item.regions.flatMap(region => placed.files.get(region)?.name ?? []);
  if (missing.length > 0) return { missing: missing.map(fileNameOf), files };
  const judged = item.judge(world);
  const sizes = item.regions.flatMap(region => placed.problems.get(region) ?? []);
  const report = {
    ...judged,
    differences: [...sizes, ...judged.differences],
    differenceCount: sizes.length + judged.differenceCount,
  };
  if (report.differenceCount === 0) return { report, missing: [], files };
  const where = ({ kind, entry }: StructureDifference): string => {
    const place = entry === undefined ? '' : placed.locate(entry);
    if (place !== '') return ` (given ${place})`;
    return kind === 'wrong-size' ? ' (given)' : ` (given ${files.join(', ')})`;
  };
  const digests = item.regions.map(region => digestOf(placed.files.get(region)!.bytes));
  return { report, outcome: differenceOutcome(world, item, report, where, digests), missing: [], files };
}

/** Judges a slice of the structures, ours before the given ones, up to the first failure. */
function runSlice(context: CheckContext, claim: StructureClaim, first: number, count: number): TaskResult {
  const worlds = structureWorlds(context);
  const items = structureItems(context.document, claim.kind).slice(first, first + count);
  const seen: Record<string, number> = Object.fromEntries(claim.witnesses.map(({ id }) => [id, 0]));
  const open: Record<string, number> = {};
  const tables = { own: 0, given: 0, missing: [] as string[] };
  let runs = 0;
  let steps = 0;
  let states = 0;
  const done = (failure?: Failure): TaskResult => ({
    runs,
    steps,
    states,
    witnesses: seen,
    unspecified: open,
    tables: tables satisfies TableCount,
    ...(failure === undefined ? {} : { failure }),
  });
  for (const item of items) {
    for (const judgement of [judgeOwn(worlds, claim.kind, item), judgeGiven(worlds, item)]) {
      if (judgement === undefined) continue;
      tables.missing.push(...judgement.missing);
      if (judgement.missing.length > 0) continue;
      tables[judgement.files.length > 0 ? 'given' : 'own'] += 1;
      runs += 1;
      const { report, outcome, files } = judgement;
      steps += report?.entries ?? 0;
      states += report?.tables ?? 0;
      for (const [id, times] of Object.entries(report?.seen ?? {})) {
        const reason = claim.open?.[id];
        if (times === 0) continue;
        if (reason === undefined) seen[id] = (seen[id] ?? 0) + times;
        else open[reason] = (open[reason] ?? 0) + times;
      }
      if (outcome !== undefined) return done({ body: { kind: 'static' }, outcome, tables: files });
    }
  }
  return done();
}

/** Outcome of the first failing structure, or of the one whose failure was recorded. */
function replayStatic(context: CheckContext, kind: StructureKind, recordedSummary: string): TraceOutcome | undefined {
  const worlds = structureWorlds(context);
  let firstFailure: TraceOutcome | undefined;
  for (const item of structureItems(context.document, kind)) {
    for (const judgement of [judgeOwn(worlds, kind, item), judgeGiven(worlds, item)]) {
      if (judgement?.outcome?.summary === recordedSummary) return judgement.outcome;
      firstFailure ??= judgement?.outcome;
    }
  }
  return firstFailure;
}

/** Property that enumerates every structure of one kind, ours and the given ones, and compares it with the policy. */
export function structureProperty(claim: StructureClaim): Property {
  const id = `isolation/${claim.kind}` as const;
  return {
    id,
    area: 'isolation',
    claim: claim.claim,
    method: 'enumeration',
    passes: 'proved',
    witnesses: claim.witnesses,
    killedBy: claim.killedBy,
    notApplicable: context => (structureItems(context.document, claim.kind).length > 0 ? '' : claim.absence),
    tasks: context => {
      const count = structureItems(context.document, claim.kind).length;
      return Array.from({ length: Math.ceil(count / CHUNK) }, (_, index): Task => {
        const first = index * CHUNK;
        return { property: id, index, slice: { first, count: Math.min(CHUNK, count - first) } };
      });
    },
    runTask: (context, task) => runSlice(context, claim, Number(task.slice.first), Number(task.slice.count)),
    replay: (context, trace) => replayStatic(context, claim.kind, trace.outcome.summary),
  };
}
