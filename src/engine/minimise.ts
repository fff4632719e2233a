import { countEvents, countOperations, type RunSpec, type TraceBody, type TraceOutcome } from '../trace/trace.ts';
import type { Operation } from '../units/operation.ts';
import { removeIdle, removePairs, removeWindows, replaceWaits, stretchTime } from './minimise-time.ts';
import type { Failure } from './property.ts';
import { shrinkList } from './shrink-list.ts';
import { simplerOperations, simplerPrograms } from './shrink-values.ts';
import { mapSides, operationsOf, sidesOf, subjectsOf, withOperations, withSides } from './trace-sides.ts';

export interface MinimiseOptions {
  /** Largest number of executions of `fails`; a count, so that the result does not depend on speed. */
  readonly maxExecutions?: number;
}

/** Result of a minimisation. */
export interface Minimised extends Failure {
  readonly executions: number;
  /** False when maxExecutions ended it early. */
  readonly complete: boolean;
}

const DEFAULT_MAX_EXECUTIONS = 2000;

/** Search state: the smallest failing body so far, and the executions spent. */
interface Search {
  failure: Failure;
  executions: number;
  exhausted: boolean;
  /** Accepts `body` if it still fails. */
  accept(body: TraceBody): boolean;
}

function startSearch(
  failure: Failure,
  fails: (body: TraceBody) => TraceOutcome | undefined,
  maxExecutions: number,
): Search {
  const search: Search = {
    failure,
    executions: 0,
    exhausted: false,
    accept(body) {
      if (search.executions >= maxExecutions) {
        search.exhausted = true;
        return false;
      }
      search.executions++;
      const outcome = fails(body);
      if (outcome === undefined) return false;
      search.failure = { body, outcome };
      return true;
    },
  };
  return search;
}

/** Indexes 0 .. length-1 of the longest side. */
const indexes = (lists: readonly (readonly unknown[])[]): readonly number[] =>
  Array.from({ length: Math.max(0, ...lists.map(list => list.length)) }, (_, index) => index);

const keepIndexes = <T>(items: readonly T[], kept: ReadonlySet<number>): readonly T[] =>
  items.filter((_, index) => kept.has(index));

function removePrograms(search: Search): void {
  const base = search.failure.body;
  shrinkList(subjectsOf(base), rest =>
    search.accept(
      mapSides(base, run => ({ ...run, programs: run.programs.filter(program => rest.includes(program.subject)) })),
    ),
  );
}

type ListField = 'interrupts' | 'interleavings';

function removeInputs(search: Search, field: ListField): void {
  const together = search.failure.body;
  const filtered = (run: RunSpec, kept: ReadonlySet<number>): RunSpec => ({
    ...run,
    [field]: keepIndexes<unknown>(run[field], kept),
  });
  shrinkList(indexes(sidesOf(together).map(run => run[field])), rest =>
    search.accept(mapSides(together, run => filtered(run, new Set(rest)))),
  );
  if (together.kind !== 'pair') return;
  for (const side of [0, 1]) {
    const base = search.failure.body;
    const list = sidesOf(base)[side]?.[field] ?? [];
    shrinkList(indexes([list]), rest =>
      search.accept(mapSides(base, (run, index) => (index === side ? filtered(run, new Set(rest)) : run))),
    );
  }
}

/** Removes the same operation index from all sides; then, where the sides may differ, from each side alone. */
function removeOperations(search: Search, subject: string): void {
  const together = search.failure.body;
  const filtered = (run: RunSpec, rest: readonly number[]): RunSpec =>
    withOperations(run, subject, keepIndexes(operationsOf(run, subject), new Set(rest)));
  shrinkList(indexes(sidesOf(together).map(run => operationsOf(run, subject))), rest =>
    search.accept(mapSides(together, run => filtered(run, rest))),
  );
  if (together.kind !== 'pair' || together.high !== subject) return;
  for (const side of [0, 1]) {
    const base = search.failure.body;
    const list = operationsOf(sidesOf(base)[side] as RunSpec, subject);
    shrinkList(indexes([list]), rest =>
      search.accept(mapSides(base, (run, index) => (index === side ? filtered(run, rest) : run))),
    );
  }
}

const sameOperation = (left: Operation | undefined, right: Operation | undefined): boolean =>
  JSON.stringify(left) === JSON.stringify(right);

const replaceAt = <T>(items: readonly T[], index: number, item: T): readonly T[] =>
  items.map((old, at) => (at === index ? item : old));

/** Simplifies one operation on the given sides; repeats until no simpler one is accepted. */
function simplifyOperation(search: Search, subject: string, index: number, sides: readonly number[]): void {
  for (let changed = true; changed; ) {
    const base = search.failure.body;
    const current = operationsOf(sidesOf(base)[sides[0] ?? 0] as RunSpec, subject)[index];
    if (current === undefined) return;
    changed = simplerOperations(current).some(candidate =>
      search.accept(
        mapSides(base, (run, side) =>
          sides.includes(side)
            ? withOperations(run, subject, replaceAt(operationsOf(run, subject), index, candidate))
            : run,
        ),
      ),
    );
  }
}

function simplifyOperations(search: Search, subject: string): void {
  const count = indexes(sidesOf(search.failure.body).map(run => operationsOf(run, subject))).length;
  for (let index = 0; index < count; index++) {
    const sides = sidesOf(search.failure.body);
    const all = sides.map((_, side) => side);
    const [left, right] = sides.map(run => operationsOf(run, subject)[index]);
    if (sides.length === 1 || sameOperation(left, right)) simplifyOperation(search, subject, index, all);
    else for (const side of all) simplifyOperation(search, subject, index, [side]);
  }
}

function simplifyParameters(search: Search): void {
  for (let changed = true; changed; ) {
    const base = search.failure.body;
    const sides = sidesOf(base);
    changed = sides.some((run, side) =>
      run.programs.some((program, index) =>
        simplerPrograms(program).some(candidate => {
          const simplified = (original: RunSpec): RunSpec => ({
            ...original,
            programs: replaceAt(original.programs, index, candidate),
          });
          // Equal programs of a pair stay equal, so that only the high subject differs.
          const isShared = sides.every(other => JSON.stringify(other.programs[index]) === JSON.stringify(program));
          return search.accept(
            withSides(
              base,
              sides.map((original, at) => (isShared || at === side ? simplified(original) : original)),
            ),
          );
        }),
      ),
    );
  }
}

/** Shortens the run itself: a smaller step limit and an earlier end, by halving. */
function shortenRun(search: Search): void {
  for (const field of ['maxKernelSteps', 'endTsc'] as const) {
    for (let shorter = true; shorter; ) {
      const base = search.failure.body;
      const largest = Math.max(0, ...sidesOf(base).map(run => run[field]));
      const limit = Math.floor(largest / 2);
      shorter = limit > 0 && search.accept(mapSides(base, run => ({ ...run, [field]: Math.min(run[field], limit) })));
    }
  }
}

function onePass(search: Search): void {
  removePrograms(search);
  removeIdle(search.failure.body, body => search.accept(body));
  for (const subject of subjectsOf(search.failure.body)) removeOperations(search, subject);
  removeInputs(search, 'interrupts');
  removeInputs(search, 'interleavings');
  stretchTime(search.failure.body, body => search.accept(body));
  for (const subject of subjectsOf(search.failure.body)) {
    removeWindows(search.failure.body, subject, body => search.accept(body));
  }
  removePairs(search.failure.body, body => search.accept(body));
  shortenRun(search);
  for (const subject of subjectsOf(search.failure.body)) simplifyOperations(search, subject);
  simplifyParameters(search);
  replaceWaits(search.failure.body, body => search.accept(body));
}

const shape = (body: TraceBody): string =>
  `${subjectsOf(body).length} ${countOperations(body)} ${countEvents(body)} ${JSON.stringify(body)}`;

/**
 * Makes a failing body smaller: fewer programs, operations, interrupts and interleavings first, then smaller values.
 *
 * Deterministic: the same failure and predicate give the same result.
 *
 * @param fails runs a body; undefined when it shows no failure. Must be pure.
 */
export function minimise(
  failure: Failure,
  fails: (body: TraceBody) => TraceOutcome | undefined,
  options: MinimiseOptions = {},
): Minimised {
  const search = startSearch(failure, fails, options.maxExecutions ?? DEFAULT_MAX_EXECUTIONS);
  if (failure.body.kind !== 'static') {
    for (let before = ''; before !== shape(search.failure.body) && !search.exhausted; ) {
      before = shape(search.failure.body);
      onePass(search);
    }
  }
  return { ...search.failure, executions: search.executions, complete: !search.exhausted };
}
