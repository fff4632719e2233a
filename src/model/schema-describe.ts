import type { Field } from './schema.ts';

/** Plain JSON data. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

type Plain = Readonly<Record<string, unknown>>;

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const childPath = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

const elementPath = (path: string, names: readonly string[], index: number): string =>
  `${path}[${names[index] ?? index}]`;

/** Members of a bit set by name, or by number where unnamed. */
function members(width: number, names: readonly string[], word: number): (string | number)[] {
  const found: (string | number)[] = [];
  for (let bit = 0; bit < width; bit++) if ((word >>> bit) & 1) found.push(names[bit] ?? bit);
  return found;
}

function formatScalar(field: Field, value: unknown): string {
  if (field.kind === 'bits' && typeof value === 'number')
    return `{${members(field.width, field.names, value).join(', ')}}`;
  return String(value);
}

/** One "path: left vs right" line per scalar that differs between two states of the same shape. */
export function describeDifference(field: Field, left: unknown, right: unknown, path = ''): string[] {
  if (field.kind === 'record' && isPlain(left) && isPlain(right)) {
    return Object.entries(field.fields).flatMap(([name, of]) =>
      describeDifference(of, left[name], right[name], childPath(path, name)),
    );
  }
  if (field.kind === 'array' && Array.isArray(left) && Array.isArray(right)) {
    return Array.from({ length: field.length }, (_, index) =>
      describeDifference(field.of, left[index], right[index], elementPath(path, field.names, index)),
    ).flat();
  }
  return Object.is(left, right) ? [] : [`${path}: ${formatScalar(field, left)} vs ${formatScalar(field, right)}`];
}

function scalarProblem(field: Field, value: unknown): string {
  if (field.kind === 'bool') return typeof value === 'boolean' ? '' : 'is not a boolean';
  if (field.kind === 'enum') {
    return typeof value === 'string' && field.values.includes(value) ? '' : `is not one of ${field.values.join(', ')}`;
  }
  const min = field.kind === 'int' ? field.min : 0;
  const max = field.kind === 'int' ? field.max : 0xffff_ffff >>> (32 - (field.kind === 'bits' ? field.width : 32));
  const inRange = typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
  return inRange ? '' : `is not an integer in ${min} .. ${max}`;
}

/** One line per place where `value` is not a state of this shape; accepts anything. */
export function checkValue(field: Field, value: unknown, path = ''): string[] {
  const where = path === '' ? 'state' : path;
  if (field.kind === 'record') {
    if (!isPlain(value)) return [`${where}: is not a record`];
    const unknown = Object.keys(value).filter(name => !Object.hasOwn(field.fields, name));
    return [
      ...Object.entries(field.fields).flatMap(([name, of]) => checkValue(of, value[name], childPath(path, name))),
      ...unknown.map(name => `${childPath(path, name)}: is not a field`),
    ];
  }
  if (field.kind === 'array') {
    if (!Array.isArray(value) || value.length !== field.length) return [`${where}: is not an array of ${field.length}`];
    return value.flatMap((element, index) => checkValue(field.of, element, elementPath(path, field.names, index)));
  }
  const problem = scalarProblem(field, value);
  return problem === '' ? [] : [`${where}: ${String(value)} ${problem}`];
}

/** State as JSON with domain names: bit sets as lists of members, arrays with names as objects. */
export function toJsonValue(field: Field, value: unknown): JsonValue {
  if (field.kind === 'record' && isPlain(value)) {
    return Object.fromEntries(Object.entries(field.fields).map(([name, of]) => [name, toJsonValue(of, value[name])]));
  }
  if (field.kind === 'array' && Array.isArray(value)) {
    const elements = value.map(element => toJsonValue(field.of, element));
    if (field.names.length === 0) return elements;
    return Object.fromEntries(elements.map((element, index) => [field.names[index] ?? String(index), element]));
  }
  if (field.kind === 'bits' && typeof value === 'number') return members(field.width, field.names, value);
  return value as JsonValue;
}
