import type { ActionFunction, EventObject } from 'xstate';
import { assign } from 'xstate';
import type { ModelState, Schema } from './schema.ts';

/** Any model event: `type` names it, other fields are plain data. */
export interface ModelEvent {
  readonly type: string;
}

/** Bivariant in the event, so that an action may take just the event that its transitions handle. */
type Handler<S, E, C, R> = { handle(state: S, event: E, config: C): R }['handle'];

/** Pure predicate over state, event and the model's immutable configuration. */
export type Guard<S, E, C> = Handler<Readonly<S>, E, C, boolean>;
/** State transformer: assigns to fields of `state` and touches nothing else. */
export type Action<S, E, C> = Handler<S, E, C, void>;

type GuardImplementation<S, E> = (args: { context: S; event: E }) => boolean;
type ActionImplementation<S extends ModelState, E extends EventObject> = ActionFunction<
  S,
  E,
  E,
  undefined,
  never,
  never,
  never,
  never,
  never
>;

/** Functions and data of one model, raw for the compiler and the translators, wrapped for xstate. */
export interface ModelDefinition<
  S extends ModelState = ModelState,
  E extends ModelEvent = ModelEvent,
  C = unknown,
  G extends string = string,
  A extends string = string,
> {
  readonly schema: Schema<S>;
  readonly config: C;
  readonly guards: Readonly<Record<G, Guard<S, E, C>>>;
  readonly actions: Readonly<Record<A, Action<S, E, C>>>;
  /** What `setup()` takes: the same functions under the same names. */
  readonly implementations: {
    readonly guards: { readonly [K in G]: GuardImplementation<S, E> };
    readonly actions: { readonly [K in A]: ActionImplementation<S, E> };
  };
}

/**
 * Joins a schema, an immutable configuration and named functions.
 *
 * The xstate action clones the context by schema and applies the raw action to the clone, so xstate sees a pure function.
 */
export function defineModel<S extends ModelState, E extends ModelEvent, C, G extends string, A extends string>(parts: {
  readonly schema: Schema<S>;
  readonly config: C;
  readonly guards: Readonly<Record<G, Guard<S, E, C>>>;
  readonly actions: Readonly<Record<A, Action<S, E, C>>>;
}): ModelDefinition<S, E, C, G, A> {
  const { schema, config } = parts;
  const wrapGuard =
    (guard: Guard<S, E, C>): GuardImplementation<S, E> =>
    ({ context, event }) =>
      guard(context, event, config);
  const wrapAction = (action: Action<S, E, C>) =>
    assign<S, E, undefined, E, never>(({ context, event }) => {
      const next = schema.clone(context);
      action(next, event, config);
      return next;
    });
  const mapValues = <T, U>(from: Readonly<Record<string, T>>, wrap: (value: T) => U): Record<string, U> =>
    Object.fromEntries(Object.entries(from).map(([name, value]) => [name, wrap(value)]));
  return {
    ...parts,
    implementations: {
      guards: mapValues(parts.guards, wrapGuard) as { [K in G]: GuardImplementation<S, E> },
      actions: mapValues(parts.actions, wrapAction) as { [K in A]: ActionImplementation<S, E> },
    },
  };
}
