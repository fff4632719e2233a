import { invariant } from '../units/invariant.ts';
import type { PackedSystem } from './packed-system.ts';
import type { StateTable } from './state-table.ts';

/** One step of a shortest trace. */
export interface TraceStep {
  readonly label: number;
  /** Index of the state that the step leads to. */
  readonly state: number;
}

/** Number of initial states: they come first and have themselves as parents. */
const isInitial = (system: PackedSystem, state: number): boolean => state * system.words < system.initial.length;

/** Label of the first step from `parent` to `child`; steps are not stored, so it is computed again. */
function labelBetween(system: PackedSystem, table: StateTable, parent: number, child: number): number {
  const { words } = system;
  const out = new Uint32Array(Math.max(1, system.maxSuccessors) * words);
  const labels = new Uint32Array(Math.max(1, system.maxSuccessors));
  const count = system.expand(table.states, parent * words, out, labels);
  for (let index = 0; index < count; index++) {
    let word = 0;
    while (word < words && out[index * words + word] === table.states[child * words + word]) word += 1;
    if (word === words) return labels[index]!;
  }
  invariant(false, `state ${child} is no successor of its parent ${parent}`);
}

/** A shortest trace from an initial state to `state`, by the parent links. */
export function traceTo(system: PackedSystem, table: StateTable, state: number): TraceStep[] {
  const steps: TraceStep[] = [];
  for (let at = state; !isInitial(system, at); at = table.parents[at]!)
    steps.push({ label: labelBetween(system, table, table.parents[at]!, at), state: at });
  return steps.reverse();
}
