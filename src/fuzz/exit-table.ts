import { EXIT_REASONS } from '../impl/vmx/exit-reasons.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { type ExitCell, exitCells } from './exit-cells.ts';

/** One row of the exit coverage table: an exit reason over all subjects. */
export interface ExitRow {
  readonly reason: number;
  readonly name: string;
  /** What the kernel does, or the actions of the subjects' trap tables with how many subjects have them. */
  readonly action: string;
  /** Exits of this reason. */
  readonly reached: number;
  /** Subjects that can cause it, and those of them that did. */
  readonly possible: number;
  readonly done: number;
  /** Why it was not reached, by subject where they differ; empty if every subject that there is reached it. */
  readonly why: string;
}

const NOT_YET = 'not reached by this campaign';

/** `a 2, b 1`: values with how often each occurs, one that all share alone. */
function tally(values: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts.size === 1 ? (values[0] ?? '') : [...counts].map(([value, count]) => `${value} ${count}`).join(', ');
}

/** Reasons for which subjects did not get somewhere, each with those subjects unless it holds for all of them. */
function whyOf(cells: readonly ExitCell[]): string {
  const bySubject = new Map<string, string[]>();
  for (const { reached, impossible, subject } of cells) {
    if (reached > 0) continue;
    const why = impossible === '' ? NOT_YET : impossible;
    bySubject.set(why, [...(bySubject.get(why) ?? []), subject]);
  }
  return [...bySubject]
    .map(([why, subjects]) => (subjects.length === cells.length ? why : `${subjects.join(', ')}: ${why}`))
    .join('; ');
}

/**
 * Every exit reason of the manual, what kernel and trap tables do with it, and which subjects reached it; a subject that did not has
 * a reason. The denominator is `possible`: what the controls and masks of the policy allow the subject.
 */
export function exitTable(
  document: PolicyDocument,
  reached: (subject: string, reason: number) => number,
): readonly ExitRow[] {
  const cells = exitCells(document, reached);
  return EXIT_REASONS.map(({ reason, name }) => {
    const own = cells.filter(cell => cell.reason === reason);
    return {
      reason,
      name,
      action: tally(own.map(({ action }) => action)),
      reached: own.reduce((sum, cell) => sum + cell.reached, 0),
      possible: own.filter(cell => cell.impossible === '' || cell.reached > 0).length,
      done: own.filter(cell => cell.reached > 0).length,
      why: whyOf(own),
    };
  });
}
