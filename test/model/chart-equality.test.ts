import { describe, expect, it } from 'vitest';
import { assign } from 'xstate';
import type { GuardExpression } from '../../src/model/chart.ts';
import { MODELS } from '../../src/model/index.ts';
import type { Party } from '../../src/model/model.ts';
import { isEnabled, snapshotOf, stepSnapshot } from '../../src/model/step-xstate.ts';

/*
 * Why the compiled stepper equals xstate's `transition` in every state, reachable or not, and not only in those that are enumerated: both call
 * the same guard and action functions (compileMachine insists), so they can differ only in which transition they take for given truth values
 * of the guards, and in which actions they then call in which order. That is decided here for every mode, event and combination of values.
 */

const namesOf = (guard: GuardExpression | undefined): string[] => {
  if (guard === undefined) return [];
  return guard.kind === 'name' ? [guard.name] : guard.of.flatMap(namesOf);
};

interface Probe {
  readonly [field: string]: unknown;
  readonly taken: readonly string[];
}

/** The compiled stepper and the machine of a party, with guards that say what they are told and actions that only leave their name. */
function probes({ machine, compiled }: Party) {
  const truth = new Map<string, boolean>();
  const guardNames = [...new Set(compiled.chart.transitions.flatMap(({ guard }) => namesOf(guard)))];
  const actionNames = [...new Set(compiled.chart.transitions.flatMap(({ actions }) => actions))];
  const guards = Object.fromEntries(guardNames.map(name => [name, () => truth.get(name) === true]));
  const logs = Object.fromEntries(
    actionNames.map(name => [name, (state: { taken: readonly string[] }) => (state.taken = [...state.taken, name])]),
  );
  const step = new Function('guards', 'actions', 'c', compiled.source)(guards, logs, undefined) as (
    mode: number,
    state: { taken: readonly string[] },
    event: { readonly type: string },
  ) => number;
  const actions = Object.fromEntries(
    actionNames.map(name => [
      name,
      assign(({ context }: { context: Probe }) => ({ ...context, taken: [...context.taken, name] })),
    ]),
  );
  return { truth, step, probe: machine.provide({ guards, actions } as never) };
}

/** Compares every mode, event and valuation; how many there were, and what differs. */
function compare(party: Party): { readonly compared: number; readonly different: string[] } {
  const { compiled } = party;
  const { truth, step, probe } = probes(party);
  const different: string[] = [];
  let compared = 0;
  compiled.modes.forEach((path, mode) => {
    for (const type of compiled.chart.eventTypes) {
      const candidates = compiled.chart.transitions.filter(({ from, event }) => from === mode && event === type);
      const names = [...new Set(candidates.flatMap(({ guard }) => namesOf(guard)))];
      for (let valuation = 0; valuation < 2 ** names.length; valuation++) {
        names.forEach((name, bit) => {
          truth.set(name, ((valuation >>> bit) & 1) === 1);
        });
        const state: { taken: readonly string[] } = { taken: [] };
        const next = step(mode, state, { type });
        const snapshot = snapshotOf(probe, path, { taken: [] });
        const enabled = isEnabled(probe, snapshot, { type });
        const expected = stepSnapshot<{ taken: readonly string[] }>(probe, snapshot, { type });
        const mine = `${next >= 0} ${next < 0 ? path : compiled.modes[next]} ${state.taken}`;
        const theirs = `${enabled} ${expected.mode} ${expected.context.taken}`;
        if (mine !== theirs) different.push(`${path} ${type} ${names} ${valuation}: ${mine} vs ${theirs}`);
        compared += 1;
      }
    }
  });
  return { compared, different };
}

describe.each(MODELS)('$id: compiled equals xstate for every mode, event and truth of the guards', model => {
  const parties = new Map(
    model.configurations.flatMap(({ create }) => create().parties).map(party => [party.machine.id, party]),
  );
  it.each([...parties])('%s', (_id, party) => {
    const { compared, different } = compare(party);
    expect(different).toEqual([]);
    expect(compared).toBeGreaterThan(party.compiled.modes.length);
  });
});
