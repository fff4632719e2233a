import type { AnyStateMachine } from 'xstate';
import type { CompiledMachine } from './compile.ts';
import { compileMachine } from './compile.ts';
import type { ModelDefinition, ModelEvent } from './define.ts';
import type { ModelState, Schema } from './schema.ts';

/** One sequential participant: a chart whose mode is its program counter, over state that all parties share. */
export interface Party<S extends ModelState = ModelState, E extends ModelEvent = ModelEvent> {
  /** Domain name, for example `writer`. */
  readonly id: string;
  readonly machine: AnyStateMachine;
  readonly definition: ModelDefinition<S, E>;
  readonly compiled: CompiledMachine<S, E>;
  /** Every event this party can be given: finite, so that trying all of them in each state is exhaustive. */
  readonly alphabet: readonly E[];
  /** Top-level state fields that its steps may change; what is missing here is out of its reach. */
  readonly writes: readonly string[];
}

/** A claim about every reachable state. */
export interface ModelInvariant<S extends ModelState = ModelState> {
  readonly id: string;
  readonly claim: string;
  /** `modes[i]` is the leaf path of party i. */
  holds(state: Readonly<S>, modes: readonly string[]): boolean;
}

/** Something that must be reachable, so that the invariants are not vacuous. */
export interface ModelWitness<S extends ModelState = ModelState> {
  readonly id: string;
  readonly description: string;
  seen(state: Readonly<S>, modes: readonly string[]): boolean;
}

/** Security domains of a model: who acts, who may influence whom, what each can see. */
export interface Domains<S extends ModelState = ModelState> {
  readonly names: readonly string[];
  /** Domain that takes a step; -1 for the kernel, which may influence everyone. */
  domainOf(party: number, event: ModelEvent, modes: readonly string[]): number;
  mayFlow(from: number, to: number): boolean;
  /** Everything that the domain can see; equal text, equal view. */
  view(domain: number, state: Readonly<S>, modes: readonly string[]): string;
}

/** A model with its parameters fixed: parties interleave in any order, one event of one party at a time. */
export interface ModelInstance<S extends ModelState = ModelState, E extends ModelEvent = ModelEvent> {
  readonly schema: Schema<S>;
  readonly parties: readonly Party<S, E>[];
  readonly invariants: readonly ModelInvariant<S>[];
  readonly witnesses: readonly ModelWitness<S>[];
  /** Flow policy that an unwinding decides; absent where the model is not about domains. */
  readonly domains?: Domains<S>;
}

/** Parameters under which a model is explored or sampled. */
export interface ModelConfiguration {
  /** Describes the parameters, for example `2 elements, 3 writes`. */
  readonly name: string;
  /** True if the reachable space is finite and small enough to enumerate in a test. */
  readonly exhaustive: boolean;
  /** Reachable states (modes of all parties and shared state), if exhaustive: a number that changes when the model does. */
  readonly states?: number;
  create(): ModelInstance;
}

/** A statement about the state and the modes, written in the model subset: what an induction can prove and use. */
export interface Lemma {
  readonly id: string;
  readonly claim: string;
  /** `claim` is what the model is for; `help` only makes the induction go through. */
  readonly purpose: 'claim' | 'help';
  /** Subset function of the state, the modes of the parties and the configuration. */
  readonly holds: (...args: never[]) => boolean;
}

/** Values of an event's field in an induction: every integer from low to high, or both truth values. */
export type FreeField = readonly [low: number, high: number] | 'truth';

/** A size at which the invariants are proved by induction, for runs of any length. */
export interface ModelProof {
  /** Describes the parameters; they may be far too large to enumerate. */
  readonly name: string;
  /** Files of the lemmas besides those of the model. */
  readonly sources: readonly string[];
  readonly lemmas: readonly Lemma[];
  /** The proof is about runs that stay within the bounds of the fields, as time is not bounded; else it shows that all do. */
  readonly assumesBounds?: boolean;
  /** Fields of events that can have any value, whatever the alphabet says. */
  readonly free?: Readonly<Record<string, FreeField>>;
  create(): ModelInstance;
}

/** A model that deviates from the right one in one place: an exploration must refute it. */
export interface ModelFault {
  readonly id: string;
  readonly title: string;
  /** The real mistake that it is modelled on. */
  readonly precedent: string;
  /** Ids of invariants that it violates. */
  readonly violates: readonly string[];
  create(): ModelInstance;
}

/** A registered model. */
export interface Model {
  readonly id: string;
  readonly title: string;
  /** Files with the guard and action functions, relative to `src/model`; all of them are in the model subset. */
  readonly sources: readonly string[];
  readonly configurations: readonly ModelConfiguration[];
  readonly faults?: readonly ModelFault[];
  readonly proofs?: readonly ModelProof[];
}

/** Compiles one party; by default it may write every field. */
export function party<S extends ModelState, E extends ModelEvent, C, G extends string, A extends string>(
  id: string,
  machine: AnyStateMachine,
  definition: ModelDefinition<S, E, C, G, A>,
  alphabet: readonly E[],
  writes: readonly (keyof S & string)[] = Object.keys(definition.schema.root.fields),
): Party<S, E> {
  const erased = definition as unknown as ModelDefinition<S, E>;
  return { id, machine, definition: erased, compiled: compileMachine(machine, erased), alphabet, writes };
}

/** Forgets the state and event types, for registries of different models. */
export function eraseInstance<S extends ModelState, E extends ModelEvent>(
  instance: ModelInstance<S, E>,
): ModelInstance {
  return instance as unknown as ModelInstance;
}
