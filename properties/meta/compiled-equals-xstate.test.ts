import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { initialTransition } from 'xstate';
import { MODELS } from '../../src/model/index.ts';
import type { ModelInstance, Party } from '../../src/model/model.ts';
import type { ModelState } from '../../src/model/schema.ts';
import { canStepXstate, modePathOf, stepXstate } from '../../src/model/step-xstate.ts';
import { deriveSeed } from '../../src/units/rng.ts';
import { explore } from '../../test/model/explore.ts';

/* The compiled stepper of every registered model does what xstate does with the same machine. */

/** Above this, xstate takes too long for all states, so they are sampled. */
const MAX_EXHAUSTIVE_STEPS = 400_000;
const RUNS = 60;
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

/** Differences between one compiled and one xstate step; empty if they agree. */
function differences(
  { schema }: ModelInstance,
  { compiled, machine, alphabet }: Party,
  mode: number,
  state: ModelState,
  event: number,
): string[] {
  const given = alphabet[event]!;
  const after = schema.clone(state);
  const next = compiled.step(mode, after, given);
  const path = compiled.modes[mode]!;
  const frozen = deepFreeze(schema.clone(state));
  const expected = stepXstate(machine, path, frozen, given);
  const reached = next < 0 ? path : compiled.modes[next]!;
  const problems = schema.diff(after, expected.context).map(line => `${line} (compiled vs xstate)`);
  if (reached !== expected.mode) problems.push(`mode: ${reached} vs ${expected.mode} (compiled vs xstate)`);
  // A step that changes something is enabled in both; only steps without visible effect need the second question.
  const changed = expected.mode !== path || !schema.equal(expected.context, state);
  if (next < 0 !== !(changed || canStepXstate(machine, path, frozen, given)))
    problems.push('enabled in one of the two only');
  return problems.map(problem => `${path}, ${JSON.stringify(given)}: ${problem}`);
}

describe.each(small)('$id, $name: over the reachable space', ({ configuration }) => {
  it('compiled and xstate steps are equal', () => {
    const instance = configuration.create();
    const { schema, parties } = instance;
    const events = parties.reduce((sum, { alphabet }) => sum + alphabet.length, 0);
    const total = explore(instance).states * events;
    const stride = Math.ceil(total / MAX_EXHAUSTIVE_STEPS);
    let compared = 0;
    let state = 0;
    explore(instance, {
      onState: (packed, modes) => {
        state += 1;
        if (state % stride !== 0) return;
        const unpacked = schema.unpack(packed);
        parties.forEach((party, index) => {
          for (let event = 0; event < party.alphabet.length; event++) {
            const found = differences(instance, party, modes[index]!, unpacked, event);
            if (found.length > 0) expect(found).toEqual([]);
            compared += 1;
          }
        });
      },
    });
    expect(compared).toBeGreaterThan(total / stride - events * stride);
    console.info(`${configuration.name}: ${compared} of ${total} steps`);
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
