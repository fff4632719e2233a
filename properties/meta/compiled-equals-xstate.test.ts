import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { initialTransition } from 'xstate';
import { MODELS } from '../../src/model/index.ts';
import type { ModelInstance, Party } from '../../src/model/model.ts';
import type { ModelState } from '../../src/model/schema.ts';
import { isEnabled, modePathOf, snapshotOf, stepSnapshot } from '../../src/model/step-xstate.ts';
import { deriveSeed } from '../../src/units/rng.ts';
import { explore } from '../../test/model/explore.ts';

/* The compiled stepper of every registered model does what xstate does with the same machine. */

/**
 * Above this, xstate takes too long for all states: every n-th state is taken, evenly over the breadth-first order. `explore <model> --charts`
 * takes all.
 */
const MAX_EXHAUSTIVE_STEPS = 12_000;
const RUNS = 12;
const MAX_SEQUENCE = 120;

const configurations = MODELS.flatMap(model =>
  model.configurations.map(configuration => ({ id: model.id, name: configuration.name, configuration })),
);
const small = configurations.filter(({ configuration }) => configuration.exhaustive);

/** Freezes a state, so that a guard or a wrapped action that writes to it throws. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

/** Compares all (or the given) events of one party in one mode and state; empty if compiled and xstate agree. */
function differences(
  { schema }: ModelInstance,
  party: Party,
  mode: number,
  state: ModelState,
  only?: number,
): string[] {
  const { compiled, machine, alphabet } = party;
  const path = compiled.modes[mode]!;
  const snapshot = snapshotOf(machine, path, deepFreeze(schema.clone(state)));
  const after = schema.clone(state);
  return alphabet.flatMap((event, index) => {
    if (only !== undefined && only !== index) return [];
    schema.copy(state, after);
    const next = compiled.step(mode, after, event);
    const label = `${path}, ${JSON.stringify(event)}, compiled vs xstate`;
    const enabled = isEnabled(machine, snapshot, event);
    if (next < 0 === enabled) return [`${label}: ${next >= 0} vs ${enabled}`];
    const expected = stepSnapshot(machine, snapshot, event);
    const reached = next < 0 ? path : compiled.modes[next]!;
    const lines = schema.equal(after, expected.context) ? [] : schema.diff(after, expected.context);
    return [...lines, ...(reached === expected.mode ? [] : [`mode: ${reached} vs ${expected.mode}`])].map(
      line => `${label}: ${line}`,
    );
  });
}

describe.each(small)('$id, $name: over the reachable space', ({ configuration }) => {
  const instance = configuration.create();
  it('compiled and xstate steps are equal', () => {
    const { schema, parties } = instance;
    const events = parties.reduce((sum, { alphabet }) => sum + alphabet.length, 0);
    const total = configuration.states! * events;
    const stride = Math.ceil(total / MAX_EXHAUSTIVE_STEPS);
    let compared = 0;
    let state = 0;
    explore(instance, {
      onState: (packed, modes) => {
        state += 1;
        if (state % stride !== 0) return;
        const unpacked = schema.unpack(packed);
        parties.forEach((party, index) => {
          const found = differences(instance, party, modes[index]!, unpacked);
          if (found.length > 0) expect(found).toEqual([]);
          compared += party.alphabet.length;
        });
      },
    });
    expect(compared).toBe(Math.floor(total / events / stride) * events);
  });
});

describe.each(configurations)('$id, $name: over random event sequences', ({ id, name, configuration }) => {
  const instance = configuration.create();
  const { schema, parties } = instance;

  it('both start in the same mode and state', () => {
    for (const { machine, compiled } of parties) {
      const [snapshot] = initialTransition(machine);
      expect(modePathOf(snapshot.value)).toBe(compiled.modes[compiled.initialMode]);
      expect(snapshot.context).toEqual(schema.initial());
    }
  });

  it('compiled and xstate steps are equal', () => {
    const choice = fc
      .nat(parties.length - 1)
      .chain(party => fc.record({ party: fc.constant(party), event: fc.nat(parties[party]!.alphabet.length - 1) }));
    const sequences = fc.array(choice, { maxLength: MAX_SEQUENCE, size: 'max' });
    fc.assert(
      fc.property(sequences, sequence => {
        const state = schema.initial();
        const modes = parties.map(({ compiled }) => compiled.initialMode);
        for (const { party, event } of sequence) {
          const { compiled, alphabet } = parties[party]!;
          expect(differences(instance, parties[party]!, modes[party]!, state, event)).toEqual([]);
          const next = compiled.step(modes[party]!, state, alphabet[event]!);
          if (next >= 0) modes[party] = next;
        }
      }),
      { numRuns: RUNS, seed: deriveSeed(0x7e57_0412, `${id}/${name}`) | 0 },
    );
  });
});
