import type { ModelInstance } from '../model/model.ts';
import { isEnabled, snapshotOf, stepSnapshot } from '../model/step-xstate.ts';
import { jointSchema, MODES_FIELD } from './joint-schema.ts';
import { breadthFirst, type SearchOptions } from './search.ts';
import { type CompiledSystem, compileModel } from './symbolic/packed-model.ts';

/** What a comparison of a compiled model with its charts showed. */
export interface ChartComparison {
  /** Reachable states that were stepped in both ways. */
  readonly states: number;
  /** Steps of one party by one event, allowed or not. */
  readonly steps: number;
  /** Why not all reachable states were compared; empty if they were. */
  readonly cut: string;
  /** First difference, empty if there is none. */
  readonly difference: string;
}

/** Bounds of the search for states; `stop` ends the comparison, too. */
export type ComparisonOptions = Pick<SearchOptions, 'maxStates' | 'maxBytes' | 'stop'>;

const STATES_BETWEEN_STOPS = 256;

/**
 * Steps every reachable state of a model by its compiled form and by xstate's `transition()` on its own charts: the same events are enabled
 * and lead to the same mode and the same state.
 *
 * @param sources text of the model's files by name.
 */
export function compareWithCharts(
  instance: ModelInstance,
  sources: Readonly<Record<string, string>>,
  options: ComparisonOptions,
): ChartComparison {
  const system = compileModel(instance, sources);
  const { table, complete, reason } = breadthFirst({ ...system, claims: [] }, options);
  const compare = comparer(instance, system);
  let states = 0;
  let steps = 0;
  for (let state = 0; state < table.size; state++) {
    if (state % STATES_BETWEEN_STOPS === 0 && options.stop?.() === true)
      return { states, steps, cut: 'stopped', difference: '' };
    const { count, difference } = compare(table.states, state * system.words);
    states += 1;
    steps += count;
    if (difference !== '') return { states, steps, cut: '', difference };
  }
  return { states, steps, cut: complete ? '' : reason, difference: '' };
}

/** Compares the successors of one packed state. */
function comparer(instance: ModelInstance, system: CompiledSystem) {
  const { parties } = instance;
  const schema = jointSchema(instance);
  const out = new Uint32Array(system.maxSuccessors * system.words);
  const labels = new Uint32Array(system.maxSuccessors);
  const wide = new Uint32Array(schema.words);
  const state = schema.initial();
  const after = schema.initial();
  return (states: Uint32Array, offset: number): { readonly count: number; readonly difference: string } => {
    schema.unpack(system.widen(states, offset, wide), 0, state);
    const successors = system.expand(states, offset, out, labels);
    let next = 0;
    let label = 0;
    for (const [index, { id, machine, compiled, alphabet }] of parties.entries()) {
      const mode = compiled.modes[state[MODES_FIELD][index]!]!;
      const { [MODES_FIELD]: _modes, ...context } = state;
      for (const event of alphabet) {
        // A fresh copy each time: what an action writes must not be seen by the next event.
        const snapshot = snapshotOf(machine, mode, instance.schema.clone(context));
        const expected = isEnabled(machine, snapshot, event) ? stepSnapshot(machine, snapshot, event) : undefined;
        const isTaken = next < successors && labels[next] === label;
        const where = (): string => `${id} in mode ${mode}, ${JSON.stringify(event)}, state ${JSON.stringify(context)}`;
        if (isTaken !== (expected !== undefined))
          return {
            count: label,
            difference: `${where()}: ${isTaken ? 'only the compiled form' : 'only xstate'} has a step`,
          };
        if (expected !== undefined) {
          schema.unpack(system.widen(out, next * system.words, wide), 0, after);
          const reached = compiled.modes[after[MODES_FIELD][index]!]!;
          const lines = instance.schema.diff(after, expected.context);
          if (reached !== expected.mode) lines.unshift(`mode ${reached} vs ${expected.mode}`);
          if (lines.length > 0)
            return { count: label, difference: `${where()}, compiled vs xstate: ${lines.join('; ')}` };
          next += 1;
        }
        label += 1;
      }
    }
    return { count: label, difference: '' };
  };
}
