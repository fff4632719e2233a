import { countOperations, type RunSpec, type TraceBody } from '../trace/trace.ts';
import type { Operation } from '../units/operation.ts';
import { shrinkList } from './shrink-list.ts';
import { mapSides, operationsOf, sidesOf, subjectsOf, withOperations } from './trace-sides.ts';

/**
 * Reductions that keep a failure which depends on time.
 *
 * Removing one operation lets all later ones of its subject come earlier, so a failure that needs two subjects to meet is
 * lost. These passes remove operations of several subjects together, or let each operation take longer.
 */

/** Tries a body; true if it still fails and so is the new one. */
export type Accept = (body: TraceBody) => boolean;

interface Place {
  readonly subject: string;
  readonly index: number;
}

/** Shortest wait that is worth an interleaving. */
const LONG_WAIT = 6;
/** Kernel points and CPUs that are tried for one. */
const MAX_POINT = 200;
const CPUS = [1, 0] as const;
/** A call without an event: the kernel is entered and does nothing. */
const EMPTY_CALL: Operation = { kind: 'vmcall', low: 0xffff_ffff, high: 0, cpl: 0 };
/** Largest number of operations of a subject whose stretches are all tried: at most 1128 executions. */
const MAX_WINDOWED = 48;
/** Largest number of operations whose pairs are all tried: at most 276 executions. */
const MAX_PAIRED = 24;
/** Factors by which an operation may take longer, largest first. */
const FACTORS = [8, 4, 3, 2] as const;

/** Places of operations; a pair's sides share them. */
const placesOf = (body: TraceBody): readonly Place[] =>
  subjectsOf(body).flatMap(subject => {
    const length = Math.max(0, ...sidesOf(body).map(run => operationsOf(run, subject).length));
    return Array.from({ length }, (_, index) => ({ subject, index }));
  });

function without(body: TraceBody, removed: readonly Place[]): TraceBody {
  const drop = (run: RunSpec): RunSpec =>
    removed.reduceRight((rest, { subject, index }) => {
      const operations = operationsOf(rest, subject);
      return withOperations(rest, subject, [...operations.slice(0, index), ...operations.slice(index + 1)]);
    }, run);
  return mapSides(body, drop);
}

/** Maximal stretches of no-operations that all sides share. */
function idleStretches(body: TraceBody): readonly (readonly Place[])[] {
  const stretches: Place[][] = [];
  let before: Place | undefined;
  for (const place of placesOf(body)) {
    const isIdle = sidesOf(body).every(run => (operationsOf(run, place.subject)[place.index]?.kind ?? 'nop') === 'nop');
    if (!isIdle) {
      before = undefined;
      continue;
    }
    if (before?.subject === place.subject) stretches.at(-1)?.push(place);
    else stretches.push([place]);
    before = place;
  }
  return stretches;
}

/** Removes whole stretches of no-operations: half a stretch is often worse than none, because it lets others meet. */
export function removeIdle(body: TraceBody, accept: Accept): TraceBody {
  let current = body;
  const stretches = idleStretches(body);
  shrinkList(stretches, rest => {
    const candidate = without(body, stretches.filter(stretch => !rest.includes(stretch)).flat());
    const isAccepted = accept(candidate);
    if (isAccepted) current = candidate;
    return isAccepted;
  });
  return current;
}

/** First body that is accepted without some stretch of a subject's operations, longest stretches first. */
function removeOneWindow(body: TraceBody, subject: string, accept: Accept): TraceBody | undefined {
  const length = Math.max(0, ...sidesOf(body).map(run => operationsOf(run, subject).length));
  if (length > MAX_WINDOWED) return undefined;
  for (let size = length - 1; size > 1; size--) {
    for (let start = 0; start + size <= length; start++) {
      const window = Array.from({ length: size }, (_, index) => ({ subject, index: start + index }));
      const candidate = without(body, window);
      if (accept(candidate)) return candidate;
    }
  }
  return undefined;
}

/** Removes stretches of operations, such as whole protocol steps, which halves and quarters of the list do not line up with. */
export function removeWindows(body: TraceBody, subject: string, accept: Accept): TraceBody {
  let current = body;
  for (;;) {
    const next = removeOneWindow(current, subject, accept);
    if (next === undefined) return current;
    current = next;
  }
}

/** First body with two operations less that is accepted; the operations may belong to different subjects. */
function removeOnePair(body: TraceBody, accept: Accept): TraceBody | undefined {
  const places = placesOf(body);
  if (places.length > MAX_PAIRED) return undefined;
  for (let first = 0; first < places.length; first++) {
    for (let second = first + 1; second < places.length; second++) {
      const candidate = without(body, [places[first]!, places[second]!]);
      if (accept(candidate)) return candidate;
    }
  }
  return undefined;
}

/** Removes two operations at a time until no two can be removed. */
export function removePairs(body: TraceBody, accept: Accept): TraceBody {
  let current = body;
  for (let next = removeOnePair(current, accept); next !== undefined; next = removeOnePair(current, accept)) {
    current = next;
  }
  return current;
}

/** Operations in the order and, divided by `factor`, at the places where they were; gaps stay no-operations. */
function thinned(run: RunSpec, subject: string, factor: number): RunSpec {
  const operations = operationsOf(run, subject);
  const kept: (typeof operations)[number][] = [];
  operations.forEach((operation, index) => {
    if (operation.kind === 'nop') return;
    while (kept.length < Math.floor(index / factor)) kept.push({ kind: 'nop' });
    kept.push(operation);
  });
  return withOperations(run, subject, kept);
}

/** Lets operations take longer, so that fewer no-operations pass the same time. */
export function stretchTime(body: TraceBody, accept: Accept): TraceBody {
  for (const factor of FACTORS) {
    const candidate = mapSides(body, run => {
      const slow = { ...run, cyclesPerInstruction: run.cyclesPerInstruction * factor };
      return subjectsOf(body).reduce((rest, subject) => thinned(rest, subject, factor), slow);
    });
    if (countOperations(candidate) < countOperations(body) && accept(candidate)) return candidate;
  }
  return body;
}

/** The run with a stretch of a subject's operations replaced by one call, during which another CPU proceeds. */
function waitInKernel(run: RunSpec, stretch: readonly Place[], point: number, cpu: number): RunSpec {
  const { subject, index } = stretch[0]!;
  const operations = operationsOf(run, subject);
  const shorter = [...operations.slice(0, index), EMPTY_CALL, ...operations.slice(index + stretch.length)];
  const interleavings = [...run.interleavings, { point, cpu }].sort((a, b) => a.point - b.point);
  return { ...withOperations(run, subject, shorter), interleavings };
}

/** Lets one CPU stand inside the kernel, by an interleaving, instead of waiting for another one with many no-operations. */
export function replaceWaits(body: TraceBody, accept: Accept): TraceBody {
  if (body.kind !== 'run') return body;
  const { run } = body;
  const waits = idleStretches(body).filter(stretch => stretch.length >= LONG_WAIT);
  for (const stretch of waits) {
    for (let point = 0; point < MAX_POINT; point++) {
      if (run.interleavings.some(known => known.point === point)) continue;
      for (const cpu of CPUS) {
        const candidate: TraceBody = { ...body, run: waitInKernel(run, stretch, point, cpu) };
        if (accept(candidate)) return candidate;
      }
    }
  }
  return body;
}
