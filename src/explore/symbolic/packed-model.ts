import type { ModelInstance } from '../../model/model.ts';
import { defined } from '../../units/invariant.ts';
import { TWO32 } from '../../units/word.ts';
import { MODES_FIELD } from '../joint-schema.ts';
import { modelView } from '../model-system.ts';
import type { PackedSystem } from '../packed-system.ts';
import { type PackedLayout, packedLayout } from './packed-layout.ts';
import { type SymbolicModel, type SymbolicTransition, translateModel } from './symbolic-model.ts';
import { TermCode } from './term-code.ts';
import type { Term } from './terms.ts';

type Expand = (states: Uint32Array, offset: number, out: Uint32Array, labels: Uint32Array, count: number) => number;

const isConsecutive = (values: readonly number[]): boolean => values.every((value, at) => value === values[0]! + at);

/** Code of the value that an index stands for. */
function decodeIndex(values: readonly number[], index: string): string {
  const first = values[0]!;
  if (isConsecutive(values)) return first === 0 ? index : `(${index} + ${first})`;
  if (values.length === 2) return `(${index} === 0 ? ${values[0]} : ${values[1]})`;
  return `[${values.join(', ')}][${index}]`;
}

/** Code of the index that stands for a value. */
function encodeIndex(values: readonly number[], value: string): string {
  const first = values[0]!;
  if (isConsecutive(values)) return first === 0 ? value : `(${value} - ${first})`;
  const tests = values.slice(0, -1).map((its, index) => `${value} === ${its} ? ${index} : `);
  return `(${tests.join('')}${values.length - 1})`;
}

/** Code that reads a scalar of the state before. */
function readScalar(model: SymbolicModel, layout: PackedLayout, scalar: number): string {
  const field = model.shape.fields[scalar]!;
  const raw = defined(layout.scalars[scalar], `scalar ${scalar}`).map(({ word, shift, width }) => {
    const shifted = shift === 0 ? `S[o + ${word}]` : `S[o + ${word}] >>> ${shift}`;
    return width === 32 ? `(${shifted})` : `(${shifted} & ${2 ** width - 1})`;
  });
  const joined = raw.length === 2 ? `(${raw[1]} * ${TWO32} + ${raw[0]})` : (raw[0] ?? '0');
  if (field.kind === 'bool') return `(${joined} === 1)`;
  const values = layout.values[scalar];
  if (values !== undefined) return decodeIndex(values, joined);
  const base = field.kind === 'int' ? field.min : model.shape.enumBase(scalar);
  return base === 0 ? joined : `(${joined} + ${base})`;
}

/** Code of the packed parts of a scalar's new value. */
function encodeScalar(model: SymbolicModel, layout: PackedLayout, scalar: number, value: string): readonly string[] {
  const field = model.shape.fields[scalar]!;
  if (field.kind === 'bool') return [`(${value} ? 1 : 0)`];
  const values = layout.values[scalar];
  if (values !== undefined) return [encodeIndex(values, value)];
  const base = field.kind === 'int' ? field.min : model.shape.enumBase(scalar);
  const relative = base === 0 ? value : `(${value} - ${base})`;
  return layout.scalars[scalar]!.length === 2 ? [relative, `Math.floor(${relative} / ${TWO32})`] : [relative];
}

/** Statements that write the successor of one transition: words that change, then all others as they are. */
function writeSuccessor(
  model: SymbolicModel,
  layout: PackedLayout,
  { party, to, from, updates }: SymbolicTransition,
  code: TermCode,
): string[] {
  const changed = new Map<number, { mask: number; terms: string[] }>();
  const put = (word: number, shift: number, width: number, value: string): void => {
    const entry = changed.get(word) ?? { mask: 0, terms: [] };
    entry.mask |= width === 32 ? -1 : (2 ** width - 1) << shift;
    entry.terms.push(shift === 0 ? value : `(${value} << ${shift})`);
    changed.set(word, entry);
  };
  const mode = layout.modes[party]!;
  if (to !== from) put(mode.word, mode.shift, mode.width, String(to));
  for (const [scalar, term] of updates) {
    const parts = layout.scalars[scalar]!;
    const encoded = encodeScalar(model, layout, scalar, code.code(term));
    for (const [part, { word, shift, width }] of parts.entries()) put(word, shift, width, encoded[part]!);
  }
  return Array.from({ length: layout.words }, (_, word) => {
    const entry = changed.get(word);
    if (entry === undefined) return `O[q + ${word}] = S[o + ${word}];`;
    const kept = entry.mask === -1 ? [] : [`S[o + ${word}] & ${~entry.mask}`];
    return `O[q + ${word}] = ${[...kept, ...entry.terms].join(' | ')};`;
  });
}

/** Conditions under which a new value does not fit its field; empty if its bounds say that it always does. */
function boundChecks(model: SymbolicModel, updates: ReadonlyMap<number, Term>, code: TermCode): string[] {
  return [...updates].flatMap(([scalar, term]) => {
    const [low, high] = model.shape.bounds(scalar);
    const name = code.code(term);
    return [...(term.low < low ? [`${name} < ${low}`] : []), ...(term.high > high ? [`${name} > ${high}`] : [])];
  });
}

/** Function that appends the successors by one party in one mode. */
function modeFunction(
  model: SymbolicModel,
  layout: PackedLayout,
  transitions: readonly SymbolicTransition[],
  labelBase: number,
): string {
  const { terms } = model;
  const outer = new TermCode(scalar => readScalar(model, layout, scalar));
  outer.prepare(transitions.map(({ guard }) => guard));
  const blocks = transitions.map(transition => {
    const label = labelBase + transition.event;
    const inner = new TermCode(scalar => readScalar(model, layout, scalar), outer);
    inner.prepare([...transition.updates.values()]);
    const checks = boundChecks(model, transition.updates, inner);
    const body = [
      ...inner.declarations,
      ...(checks.length === 0 ? [] : [`if (${checks.join(' || ')}) return ${-1 - label};`]),
      layout.words === 1 ? 'const q = n;' : `const q = n * ${layout.words};`,
      ...writeSuccessor(model, layout, transition, inner),
      `L[n] = ${label};`,
      'n += 1;',
    ].join('\n');
    return transition.guard === terms.yes ? `{\n${body}\n}` : `if (${outer.code(transition.guard)}) {\n${body}\n}`;
  });
  return `(S, o, O, L, n) => {\n${[...outer.declarations, ...blocks].join('\n')}\nreturn n;\n}`;
}

/** Source of the whole successor function: one function per party and mode, chosen by the mode in the packed state. */
export function packedSource(model: SymbolicModel, layout: PackedLayout): string {
  let labelBase = 0;
  const declarations: string[] = [];
  const dispatch: string[] = [];
  model.instance.parties.forEach(({ compiled, alphabet }, party) => {
    const { word, shift, width } = layout.modes[party]!;
    const cases: string[] = [];
    compiled.modes.forEach((_, mode) => {
      const own = model.transitions.filter(transition => transition.party === party && transition.from === mode);
      if (own.length === 0) return;
      declarations.push(`const p${party}m${mode} = ${modeFunction(model, layout, own, labelBase)};`);
      cases.push(`case ${mode}: n = p${party}m${mode}(S, o, O, L, n); break;`);
    });
    const read = width === 0 ? '0' : `(S[o + ${word}] >>> ${shift}) & ${2 ** width - 1}`;
    dispatch.push(`switch (${read}) {\n${cases.join('\n')}\n}`, 'if (n < 0) return n;');
    labelBase += alphabet.length;
  });
  return `'use strict';\n${declarations.join('\n')}\nreturn (S, o, O, L) => {\nlet n = 0;\n${dispatch.join('\n')}\nreturn n;\n};`;
}

/** Functions between packed states and the model's own states. */
function packedCodec(model: SymbolicModel, layout: PackedLayout, view: ReturnType<typeof modelView>) {
  const { shape, instance } = model;
  const joint = view.schema.unpack(view.initial);
  const field = (path: string): string => `s.${path}`;
  const decode = shape.paths.flatMap((path, scalar) => {
    const its = shape.fields[scalar]!;
    if (layout.scalars[scalar]!.length === 0) return [];
    const value = readScalar(model, layout, scalar);
    return [`${field(path)} = ${its.kind === 'enum' ? `names[${value}]` : value};`];
  });
  const modes = layout.modes.map(
    ({ word, shift, width }, party) =>
      `s.${MODES_FIELD}[${party}] = (S[o + ${word}] >>> ${shift}) & ${2 ** width - 1};`,
  );
  const names = shape.fields.flatMap((its, scalar) =>
    its.kind === 'enum' ? its.values.map((name, index) => [shape.enumBase(scalar) + index, name] as const) : [],
  );
  const unpack = new Function('names', `'use strict'; return (S, o, s) => {\n${[...decode, ...modes].join('\n')}\n};`)(
    Object.fromEntries(names),
  ) as (states: Uint32Array, offset: number, into: typeof joint) => void;
  return { unpack, instance };
}

/** First packed state. */
function packInitial(model: SymbolicModel, layout: PackedLayout): Uint32Array {
  const packed = new Uint32Array(layout.words);
  model.instance.parties.forEach(({ compiled }, party) => {
    const { word, shift } = layout.modes[party]!;
    packed[word]! |= compiled.initialMode << shift;
  });
  model.initial.forEach((term, scalar) => {
    if (term.kind !== 'constant') return;
    const field = model.shape.fields[scalar]!;
    const base = field.kind === 'int' ? field.min : model.shape.enumBase(scalar);
    const values = layout.values[scalar];
    let value = values === undefined ? Number(term.value) - base : values.indexOf(Number(term.value));
    for (const { word, shift, width } of layout.scalars[scalar]!) {
      packed[word]! |= (value % 2 ** width) << shift;
      value = Math.floor(value / 2 ** width);
    }
  });
  return packed;
}

/** A packed system with the state of the model behind a packed state. */
export interface CompiledSystem extends PackedSystem {
  readonly model: SymbolicModel;
  /** Generated code of `expand`. */
  readonly source: string;
  /** The packed form that `modelSystem` gives the same state. */
  widen(states: Uint32Array, offset: number, into: Uint32Array): Uint32Array;
}

/**
 * A model as a packed system whose steps are compiled from the source of its guards and actions to code on packed words.
 *
 * @param sources text of the model's files, by file name.
 */
export function compileModel(instance: ModelInstance, sources: Readonly<Record<string, string>>): CompiledSystem {
  const model = translateModel(instance, sources);
  const layout = packedLayout(model);
  const view = modelView(instance);
  const source = packedSource(model, layout);
  const { unpack } = packedCodec(model, layout, view);
  const scratch = view.schema.unpack(view.initial);
  const wide = view.schema.pack(scratch);
  const other = view.schema.pack(scratch);
  // Claims and views look at states of the model, so they share the code of the plain system.
  const widen = (states: Uint32Array, offset: number, into: Uint32Array): Uint32Array => {
    unpack(states, offset, scratch);
    return view.schema.pack(scratch, into);
  };
  return {
    ...view,
    model,
    source,
    widen,
    words: layout.words,
    bits: layout.bits,
    initial: packInitial(model, layout),
    expand: new Function(source)() as Expand & PackedSystem['expand'],
    judge: (states, offset, settled, judge) => view.judge(widen(states, offset, wide), 0, settled, judge),
    view: (states, offset) => view.view(widen(states, offset, wide), 0),
    difference: (left, leftOffset, right, rightOffset) =>
      view.difference(widen(left, leftOffset, wide), 0, widen(right, rightOffset, other), 0),
  };
}
