import type { ModelInstance } from '../model/model.ts';
import { array, int, type ModelState, type Schema, schemaOf } from '../model/schema.ts';

/** Name of the field that holds the modes of the parties; model fields cannot be called like this by accident. */
export const MODES_FIELD = 'modesOfParties';

/** State of a model together with the mode of every party. */
export type JointState = ModelState & { [MODES_FIELD]: number[] };

/** Shape of a model's whole state: its own fields, then one mode per party. */
export function jointSchema({ schema, parties }: ModelInstance): Schema<JointState> {
  const most = Math.max(1, ...parties.map(({ compiled }) => compiled.modes.length));
  const joint = schemaOf({ ...schema.root.fields, [MODES_FIELD]: array(parties.length, int(0, most - 1)) });
  return joint as unknown as Schema<JointState>;
}

/** Initial state of a model, with the initial modes. */
export function initialJoint(instance: ModelInstance, joint: Schema<JointState>): JointState {
  const state = joint.initial();
  instance.schema.copy(instance.schema.initial(), state);
  instance.parties.forEach(({ compiled }, party) => {
    state[MODES_FIELD][party] = compiled.initialMode;
  });
  return state;
}
