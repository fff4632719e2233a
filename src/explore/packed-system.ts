import type { JsonValue } from '../model/schema-describe.ts';

/** Something that the search looks for in every state. */
export interface Claim {
  readonly id: string;
  /** `invariant`: must hold in every state; `witness`: must be seen in some state. */
  readonly kind: 'invariant' | 'witness';
  readonly text: string;
}

/** Called with the index of a claim that the state decides: an invariant that it violates, a witness that it shows. */
export type Judge = (claim: number) => void;

/** A packed state in words of its domain. */
export interface StateView {
  /** Leaf path per party. */
  readonly modes: readonly string[];
  readonly state: JsonValue;
}

/** A transition system over packed states of a fixed number of 32-bit words; total and deterministic. */
export interface PackedSystem {
  /** 32-bit words of a packed state. */
  readonly words: number;
  /** Information bits of a packed state. */
  readonly bits: number;
  /** Initial states, one after the other. */
  readonly initial: Uint32Array;
  /** Most successors of one state. */
  readonly maxSuccessors: number;
  readonly claims: readonly Claim[];
  /**
   * Writes the successors of the state at `offset` of `states` to `out`, in a fixed order, and what leads to each to `labels`.
   *
   * @returns how many, or -1 - label if that step leaves the bounds of the state.
   */
  expand(states: Uint32Array, offset: number, out: Uint32Array, labels: Uint32Array): number;
  /** Looks at the claims that are not `settled` in the state at `offset`. */
  judge(states: Uint32Array, offset: number, settled: Uint8Array, judge: Judge): void;
  /** What a label means. */
  describeLabel(label: number): string;
  view(states: Uint32Array, offset: number): StateView;
  /** One line per difference between two states. */
  difference(left: Uint32Array, leftOffset: number, right: Uint32Array, rightOffset: number): readonly string[];
}
