import type { Failure, TaskResult } from './property.ts';
import type { PairCount, SharingReport, TableCount } from './verdict.ts';

/** Sum of the results of a property's tasks, in task order, up to and including the first failure. */
export interface MergedResult {
  readonly runs: number;
  readonly steps: number;
  readonly states: number;
  readonly witnesses: Readonly<Record<string, number>>;
  readonly unspecified: Readonly<Record<string, number>>;
  readonly pairs?: readonly PairCount[];
  readonly tables?: TableCount;
  readonly sharing?: SharingReport;
  readonly failure?: Failure;
  /** Why not all of the work was done; empty when it was. */
  readonly cut: string;
}

function addCounts(into: Map<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(counts)) into.set(key, (into.get(key) ?? 0) + value);
}

const sortedRecord = (counts: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries([...counts].sort(([left], [right]) => (left < right ? -1 : 1)));

function addPair(pairs: Map<string, PairCount>, pair: PairCount): void {
  const key = JSON.stringify([pair.high, pair.low]);
  const known = pairs.get(key);
  const excluded = known?.excluded ?? pair.excluded;
  pairs.set(key, {
    high: pair.high,
    low: pair.low,
    effectiveRuns: (known?.effectiveRuns ?? 0) + pair.effectiveRuns,
    totalRuns: (known?.totalRuns ?? 0) + pair.totalRuns,
    ...(excluded === undefined ? {} : { excluded }),
  });
}

/** Adds up whose structures were judged. */
function addTables(left: TableCount | undefined, right: TableCount | undefined): TableCount | undefined {
  if (right === undefined) return left;
  const { own, given, missing } = left ?? { own: 0, given: 0, missing: [] };
  return {
    own: own + right.own,
    given: given + right.given,
    missing: [...new Set([...missing, ...right.missing])].sort(),
  };
}

/** Merges results in the order given; results after the first failure do not count, so that the number of jobs cannot show. */
export function mergeResults(results: readonly TaskResult[], cut: string): MergedResult {
  let runs = 0;
  let steps = 0;
  let states = 0;
  let failure: Failure | undefined;
  let firstCut = '';
  const witnesses = new Map<string, number>();
  const unspecified = new Map<string, number>();
  const pairs = new Map<string, PairCount>();
  let tables: TableCount | undefined;
  let sharing: SharingReport | undefined;
  for (const result of results) {
    runs += result.runs;
    steps += result.steps;
    states += result.states;
    addCounts(witnesses, result.witnesses);
    addCounts(unspecified, result.unspecified);
    for (const pair of result.pairs ?? []) addPair(pairs, pair);
    tables = addTables(tables, result.tables);
    sharing = result.sharing ?? sharing;
    if (firstCut === '') firstCut = result.cut ?? '';
    if (result.failure !== undefined) {
      failure = result.failure;
      break;
    }
  }
  return {
    runs,
    steps,
    states,
    witnesses: sortedRecord(witnesses),
    unspecified: sortedRecord(unspecified),
    cut: firstCut === '' ? cut : firstCut,
    ...(pairs.size === 0 ? {} : { pairs: [...pairs.values()] }),
    ...(tables === undefined ? {} : { tables }),
    ...(sharing === undefined ? {} : { sharing }),
    ...(failure === undefined ? {} : { failure }),
  };
}
