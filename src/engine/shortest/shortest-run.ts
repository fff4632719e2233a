import type { ExternalInterrupt, Interleaving, RunSpec, SubjectProgram } from '../../trace/trace.ts';
import type { Operation } from '../../units/operation.ts';

/** What a run is made of, one at a time: an operation at the end of a subject's program, an interrupt, a change of the CPU that proceeds. */
export type RunElement =
  | { readonly kind: 'operation'; readonly subject: string; readonly operation: Operation }
  | { readonly kind: 'interrupt'; readonly interrupt: ExternalInterrupt }
  | { readonly kind: 'interleaving'; readonly interleaving: Interleaving };

/** What one run showed. */
export interface RunProbe {
  readonly fails: boolean;
  /** State of the whole system when the last element took effect, and what may still be added; empty if it is not told apart. */
  readonly key: string;
  /** The last element took effect within the run. */
  readonly hasEffect: boolean;
  /** Subjects whose program ends after the last element took effect: they can be given one more operation. */
  readonly open: readonly string[];
  readonly interrupts: readonly ExternalInterrupt[];
  readonly interleavings: readonly Interleaving[];
}

/** A system on which runs are tried. */
export interface RunSearchTarget {
  /** Operations by subject. */
  readonly alphabet: ReadonlyMap<string, readonly Operation[]>;
  /**
   * @param last the element that was added last, and so takes effect last.
   * @param isKnown whether a state was met before: what follows from it need not be run again.
   * @param isExtended false if nothing will be added: what could be need not be found out.
   */
  probe(run: RunSpec, last: RunElement | undefined, isKnown: (key: string) => boolean, isExtended: boolean): RunProbe;
}

/** Where a breadth-first search over runs ends. */
export interface RunSearchBounds {
  /** Most elements of a run that is tried. */
  readonly maxElements: number;
  readonly maxRuns: number;
}

export interface RunSearchResult {
  /** A failing run with the fewest elements; absent if none was found. */
  readonly run?: RunSpec;
  /** Every run with fewer elements, over the alphabet and within the time of the given one, is known not to fail. */
  readonly isComplete: boolean;
  readonly runs: number;
}

/** The run with one element more, in the order in which elements take effect. */
export function withElement(run: RunSpec, element: RunElement): RunSpec {
  switch (element.kind) {
    case 'interrupt':
      return { ...run, interrupts: [...run.interrupts, element.interrupt] };
    case 'interleaving':
      return { ...run, interleavings: [...run.interleavings, element.interleaving] };
    default:
      return { ...run, programs: withOperation(run.programs, element) };
  }
}

function withOperation(
  programs: readonly SubjectProgram[],
  { subject, operation }: Extract<RunElement, { kind: 'operation' }>,
): readonly SubjectProgram[] {
  const known = programs.find(program => program.subject === subject);
  if (known === undefined) return [...programs, { subject, operations: [operation] }];
  return programs.map(program =>
    program === known && 'operations' in program
      ? { subject, operations: [...program.operations, operation] }
      : program,
  );
}

function* elementsAfter(target: RunSearchTarget, probe: RunProbe): Generator<RunElement> {
  for (const subject of probe.open) {
    for (const operation of target.alphabet.get(subject) ?? []) yield { kind: 'operation', subject, operation };
  }
  for (const interrupt of probe.interrupts) yield { kind: 'interrupt', interrupt };
  for (const interleaving of probe.interleavings) yield { kind: 'interleaving', interleaving };
}

/**
 * Breadth-first search over runs on the implementation, fewest elements first.
 *
 * Elements are added in the order in which they take effect, so that each run is built in one way; of runs that lead to the same state with
 * the same things still to be added, one is kept.
 *
 * @param empty a run without elements: its length in time and the cost of operations are those of the search.
 */
export function shortestRun(
  target: RunSearchTarget,
  empty: RunSpec,
  { maxElements, maxRuns }: RunSearchBounds,
): RunSearchResult {
  const seen = new Set<string>();
  const isKnown = (key: string): boolean => seen.has(key);
  const first = target.probe(empty, undefined, isKnown, maxElements > 0);
  if (first.fails) return { run: empty, isComplete: true, runs: 1 };
  let runs = 1;
  let frontier: { readonly run: RunSpec; readonly probe: RunProbe }[] = [{ run: empty, probe: first }];
  for (let length = 1; length <= maxElements; length++) {
    const next: typeof frontier = [];
    for (const { run, probe } of frontier) {
      for (const element of elementsAfter(target, probe)) {
        if (runs >= maxRuns) return { isComplete: false, runs };
        runs += 1;
        const longer = withElement(run, element);
        const found = target.probe(longer, element, isKnown, length < maxElements);
        if (found.fails) return { run: longer, isComplete: true, runs };
        if (!found.hasEffect || isKnown(found.key)) continue;
        if (found.key !== '') seen.add(found.key);
        if (length < maxElements) next.push({ run: longer, probe: found });
      }
    }
    frontier = next;
  }
  return { isComplete: true, runs };
}
