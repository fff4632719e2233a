import type { AnyMachineSnapshot, AnyStateMachine, StateValue } from 'xstate';
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

/** Snapshot of the machine in any mode and context. */
export function snapshotOf<S extends ModelState>(
  machine: AnyStateMachine,
  modePath: string,
  context: S,
): AnyMachineSnapshot {
  return machine.resolveState({ value: stateValueOf(modePath), context });
}

/** True if the machine has an enabled transition, even one that changes nothing. */
export function isEnabled(machine: AnyStateMachine, snapshot: AnyMachineSnapshot, event: ModelEvent): boolean {
  return (machine.getTransitionData(snapshot, event) ?? []).length > 0;
}

/** Steps the machine itself by xstate's pure `transition`. */
export function stepSnapshot<S extends ModelState>(
  machine: AnyStateMachine,
  snapshot: AnyMachineSnapshot,
  event: ModelEvent,
): XstateStep<S> {
  const [after] = transition(machine, snapshot, event);
  return { mode: modePathOf(after.value), context: after.context as S };
}

/** `stepSnapshot` from a mode and a context. */
export function stepXstate<S extends ModelState>(
  machine: AnyStateMachine,
  modePath: string,
  context: S,
  event: ModelEvent,
): XstateStep<S> {
  return stepSnapshot(machine, snapshotOf(machine, modePath, context), event);
}

/** `isEnabled` in a mode and a context. */
export function canStepXstate<S extends ModelState>(
  machine: AnyStateMachine,
  modePath: string,
  context: S,
  event: ModelEvent,
): boolean {
  return isEnabled(machine, snapshotOf(machine, modePath, context), event);
}
