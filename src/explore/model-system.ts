import type { ModelInstance } from '../model/model.ts';
import { initialJoint, type JointState, jointSchema, MODES_FIELD } from './joint-schema.ts';
import type { Claim, Judge, PackedSystem, StateView } from './packed-system.ts';

/** Claims of a model: its invariants, then its witnesses. */
export function modelClaims({ invariants, witnesses }: ModelInstance): Claim[] {
  return [
    ...invariants.map(({ id, claim }): Claim => ({ id, kind: 'invariant', text: claim })),
    ...witnesses.map(({ id, description }): Claim => ({ id, kind: 'witness', text: description })),
  ];
}

/** What every packed form of a model has in common: reading states, judging claims, naming steps. */
export type ModelView = Omit<PackedSystem, 'expand'> & {
  readonly schema: ReturnType<typeof jointSchema>;
  /** Party and alphabet index of each label. */
  readonly steps: readonly { readonly party: number; readonly event: number }[];
};

/** The part of a packed model that does not step. */
export function modelView(instance: ModelInstance): ModelView {
  const { parties, invariants, witnesses } = instance;
  const schema = jointSchema(instance);
  const scratch = schema.initial();
  const other = schema.initial();
  const paths: string[] = parties.map(() => '');
  const steps = parties.flatMap(({ alphabet }, party) => alphabet.map((_, event) => ({ party, event })));
  const readModes = (state: JointState): void => {
    for (let party = 0; party < parties.length; party++)
      paths[party] = parties[party]!.compiled.modes[state[MODES_FIELD][party]!]!;
  };
  return {
    schema,
    steps,
    words: schema.words,
    bits: schema.bits,
    initial: schema.pack(initialJoint(instance, schema)),
    maxSuccessors: steps.length,
    claims: modelClaims(instance),
    judge(states, offset, settled, judge: Judge) {
      schema.unpack(states, offset, scratch);
      readModes(scratch);
      for (let index = 0; index < invariants.length; index++)
        if (settled[index] === 0 && !invariants[index]!.holds(scratch, paths)) judge(index);
      for (let index = 0; index < witnesses.length; index++) {
        const claim = invariants.length + index;
        if (settled[claim] === 0 && witnesses[index]!.seen(scratch, paths)) judge(claim);
      }
    },
    describeLabel(label) {
      const { party, event } = steps[label]!;
      return `${parties[party]!.id} ${JSON.stringify(parties[party]!.alphabet[event])}`;
    },
    view(states, offset): StateView {
      const { [MODES_FIELD]: modes, ...state } = schema.unpack(states, offset, scratch);
      return {
        modes: modes.map((mode, party) => parties[party]!.compiled.modes[mode]!),
        state: instance.schema.toJson(state),
      };
    },
    difference(left, leftOffset, right, rightOffset) {
      schema.unpack(left, leftOffset, scratch);
      schema.unpack(right, rightOffset, other);
      const moved = parties.flatMap(({ id, compiled }, party) => {
        const [from, to] = [scratch[MODES_FIELD][party]!, other[MODES_FIELD][party]!];
        return from === to ? [] : [`${id}: ${compiled.modes[from]} -> ${compiled.modes[to]}`];
      });
      return [...moved, ...instance.schema.diff(scratch, other).map(line => line.replace(' vs ', ' -> '))];
    },
  };
}

/** A model as a packed system, stepped by its compiled charts on unpacked states: works for every model, whatever it is written in. */
export function modelSystem(instance: ModelInstance): PackedSystem {
  const view = modelView(instance);
  const { schema, steps } = view;
  const { parties } = instance;
  const before = schema.initial();
  const after = schema.initial();
  const check = schema.initial();
  return {
    ...view,
    expand(states, offset, out, labels) {
      schema.unpack(states, offset, before);
      let count = 0;
      for (let label = 0; label < steps.length; label++) {
        const { party, event } = steps[label]!;
        const { compiled, alphabet } = parties[party]!;
        schema.copy(before, after);
        const mode = compiled.step(before[MODES_FIELD][party]!, after, alphabet[event]!);
        if (mode < 0) continue;
        after[MODES_FIELD][party] = mode;
        schema.pack(after, out, count * schema.words);
        // What does not survive packing is out of bounds.
        if (!schema.equal(schema.unpack(out, count * schema.words, check), after)) return -1 - label;
        labels[count] = label;
        count += 1;
      }
      return count;
    },
  };
}
