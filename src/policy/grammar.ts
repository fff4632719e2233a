import type { SourcePosition } from './document.ts';
import type { ValueType } from './literal.ts';

/** What one attribute may hold. */
export interface AttributeRule<T = unknown, Required extends boolean = boolean> {
  readonly type: ValueType<T>;
  readonly required: Required;
}

/** How often a child element may stand, and what it may hold. */
export interface ChildRule<E extends ElementRule = ElementRule> {
  readonly element: E;
  readonly min: number;
  readonly max: number;
  /** Children of one choice are alternatives: at most one of all of them. */
  readonly choice?: string;
}

/**
 * What an element may hold; children stand in the order of the table, as the schema's sequences demand.
 * One row of the table is everything that reading, checking and the messages need to know.
 */
export interface ElementRule {
  readonly attributes: Readonly<Record<string, AttributeRule>>;
  readonly children: Readonly<Record<string, ChildRule>>;
  /** Type of the character data; without it only white space may stand there. */
  readonly text?: ValueType<unknown>;
}

type AttributeValues<A> = {
  readonly [K in keyof A]: A[K] extends AttributeRule<infer T, infer R> ? (R extends true ? T : T | undefined) : never;
};

/** An element that was read by its rule: values instead of text. */
export interface NodeOf<E extends ElementRule> {
  readonly at: SourcePosition;
  readonly attributes: AttributeValues<E['attributes']>;
  readonly children: { readonly [K in keyof E['children']]: readonly NodeOf<E['children'][K]['element']>[] };
  readonly text: E extends { readonly text: ValueType<infer T> } ? T : undefined;
}

/** Required attribute. */
export const needs = <T>(type: ValueType<T>): AttributeRule<T, true> => ({ type, required: true });
/** Attribute that may be absent. */
export const may = <T>(type: ValueType<T>): AttributeRule<T, false> => ({ type, required: false });

/** Exactly one child. */
export const one = <E extends ElementRule>(element: E): ChildRule<E> => ({ element, min: 1, max: 1 });
/** At most one child. */
export const optional = <E extends ElementRule>(element: E): ChildRule<E> => ({ element, min: 0, max: 1 });
/** Any number of children within the bounds. */
export const many = <E extends ElementRule>(element: E, min = 0, max = Number.POSITIVE_INFINITY): ChildRule<E> => ({
  element,
  min,
  max,
});
/** One of the alternatives of a named choice, or none of them. */
export const choice = <E extends ElementRule>(name: string, element: E): ChildRule<E> => ({
  element,
  min: 0,
  max: 1,
  choice: name,
});

/** An element with attributes only. */
export const leaf = <A extends Readonly<Record<string, AttributeRule>>>(
  attributes: A,
): { readonly attributes: A; readonly children: Record<never, never> } => ({
  attributes,
  children: {},
});

/** An element with children only. */
export const group = <C extends Readonly<Record<string, ChildRule>>>(
  children: C,
): { readonly attributes: Record<never, never>; readonly children: C } => ({
  attributes: {},
  children,
});
