import type { AnyStateMachine, StateValue } from 'xstate';
import { transition } from 'xstate';
import type { ModelEvent } from './define.ts';
import type { ModelState } from './schema.ts';

/** Outcome of one event in the xstate machine. */
export interface XstateStep<S> {
  /** Leaf path after the event. */
  readonly mode: string;
  readonly context: S;
}

/** xstate's nested state value of a leaf path: `a.b` is {a: 'b'}. */
export function stateValueOf(modePath: string): StateValue {
  const [head = '', ...rest] = modePath.split('.');
  return rest.length === 0 ? head : { [head]: stateValueOf(rest.join('.')) };
}

/** Leaf path of a nested state value without parallel regions. */
export function modePathOf(value: StateValue): string {
  if (typeof value === 'string') return value;
  const [key = '', inner] = Object.entries(value)[0] ?? [];
  return inner === undefined ? key : `${key}.${modePathOf(inner)}`;
}

/** Steps the machine itself by xstate's pure `transition`, from any mode and context. */
export function stepXstate<S extends ModelState>(
  machine: AnyStateMachine,
  modePath: string,
  context: S,
  event: ModelEvent,
): XstateStep<S> {
  const before = machine.resolveState({ value: stateValueOf(modePath), context });
  const [after] = transition(machine, before, event);
  return { mode: modePathOf(after.value), context: after.context as S };
}

/** True if the machine has an enabled transition, even one that changes nothing. */
export function canStepXstate<S extends ModelState>(
  machine: AnyStateMachine,
  modePath: string,
  context: S,
  event: ModelEvent,
): boolean {
  const snapshot = machine.resolveState({ value: stateValueOf(modePath), context });
  return (machine.getTransitionData(snapshot, event) ?? []).length > 0;
}
