import { err, ok, type Result } from '../units/result.ts';

/** What is wrong with a JSON value, and where. */
export interface DecodeProblem {
  /** JSON path, for example `$.body.run.programs[0].subject`. */
  readonly path: string;
  readonly message: string;
}

const FAILED: unique symbol = Symbol('failed');
type Failed = typeof FAILED;

/** Checks one JSON value; collects problems instead of stopping at the first. */
export type Decoder<T> = (value: unknown, path: string, problems: DecodeProblem[]) => T | Failed;

function fail(problems: DecodeProblem[], path: string, message: string): Failed {
  problems.push({ path, message });
  return FAILED;
}

/** Says what a JSON value is, for messages. */
function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'string')
    return `the string ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value)}`;
  return typeof value === 'object' ? 'an object' : `${String(value)}`;
}

/** A string of at most `maxLength` UTF-16 units that matches `pattern`. */
export function string(
  options: { readonly maxLength?: number; readonly pattern?: RegExp; readonly what?: string } = {},
): Decoder<string> {
  const { maxLength = 100_000, pattern, what = 'a string' } = options;
  return (value, path, problems) => {
    if (typeof value !== 'string') return fail(problems, path, `expected ${what}, found ${describe(value)}`);
    if (value.length > maxLength) return fail(problems, path, `longer than ${maxLength} characters`);
    if (pattern !== undefined && !pattern.test(value))
      return fail(problems, path, `expected ${what}, found ${describe(value)}`);
    return value;
  };
}

/** An integer in min .. max. */
export function integer(min: number, max: number): Decoder<number> {
  return (value, path, problems) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? value
      : fail(problems, path, `expected an integer in ${min} .. ${max}, found ${describe(value)}`);
}

/** Any finite number. */
export const finite: Decoder<number> = (value, path, problems) =>
  typeof value === 'number' && Number.isFinite(value)
    ? value
    : fail(problems, path, `expected a number, found ${describe(value)}`);

/** One of the given constants. */
export function literal<const T extends string | number>(...allowed: readonly T[]): Decoder<T> {
  return (value, path, problems) => {
    const found = allowed.find(candidate => candidate === value);
    if (found !== undefined) return found;
    return fail(
      problems,
      path,
      `expected ${allowed.map(item => JSON.stringify(item)).join(' or ')}, found ${describe(value)}`,
    );
  };
}

/** An array of at most `maxLength` items. */
export function array<T>(item: Decoder<T>, maxLength: number): Decoder<readonly T[]> {
  return (value, path, problems) => {
    if (!Array.isArray(value)) return fail(problems, path, `expected an array, found ${describe(value)}`);
    if (value.length > maxLength) return fail(problems, path, `more than ${maxLength} items`);
    const items: T[] = [];
    for (let index = 0; index < value.length && problems.length < MAX_PROBLEMS; index++) {
      const decoded = item(value[index], `${path}[${index}]`, problems);
      if (decoded !== FAILED) items.push(decoded as T);
    }
    return items;
  };
}

/** A record of string keys; own property even for a key such as `__proto__`. */
export function record<T>(item: Decoder<T>, maxEntries: number): Decoder<Readonly<Record<string, T>>> {
  return (value, path, problems) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return fail(problems, path, `expected an object, found ${describe(value)}`);
    const keys = Object.keys(value);
    if (keys.length > maxEntries) return fail(problems, path, `more than ${maxEntries} entries`);
    const entries: [string, T][] = [];
    for (const key of keys) {
      const decoded = item((value as Record<string, unknown>)[key], `${path}.${key}`, problems);
      if (decoded !== FAILED) entries.push([key, decoded as T]);
    }
    return Object.fromEntries(entries);
  };
}

type Fields = Readonly<Record<string, Decoder<unknown>>>;
type Decoded<D> = D extends Decoder<infer T> ? T : never;
type Shape<Required extends Fields, Optional extends Fields> = {
  readonly [K in keyof Required]: Decoded<Required[K]>;
} & {
  readonly [K in keyof Optional]?: Decoded<Optional[K]>;
};

/** An object with exactly these fields; others are a problem, because a misspelt field must not be ignored. */
export function object<Required extends Fields, Optional extends Fields = Readonly<Record<never, never>>>(
  required: Required,
  optional?: Optional,
): Decoder<Shape<Required, Optional>> {
  const optionalFields: Fields = optional ?? {};
  return (value, path, problems) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return fail(problems, path, `expected an object, found ${describe(value)}`);
    const source = value as Record<string, unknown>;
    const result: Record<string, unknown> = {};
    for (const [key, decode] of Object.entries(required)) {
      const decoded = decode(Object.hasOwn(source, key) ? source[key] : undefined, `${path}.${key}`, problems);
      if (decoded !== FAILED) result[key] = decoded;
    }
    for (const [key, decode] of Object.entries(optionalFields)) {
      if (!Object.hasOwn(source, key)) continue;
      const decoded = decode(source[key], `${path}.${key}`, problems);
      if (decoded !== FAILED) result[key] = decoded;
    }
    for (const key of Object.keys(source)) {
      if (!Object.hasOwn(required, key) && !Object.hasOwn(optionalFields, key))
        fail(problems, `${path}.${key}`, 'unknown field');
    }
    return result as Shape<Required, Optional>;
  };
}

/** A union told apart by the string field `tag`. */
export function tagged<T>(tag: string, variants: Readonly<Record<string, Decoder<T>>>): Decoder<T> {
  return (value, path, problems) => {
    const name =
      typeof value === 'object' && value !== null && Object.hasOwn(value, tag)
        ? (value as Record<string, unknown>)[tag]
        : undefined;
    const variant = typeof name === 'string' && Object.hasOwn(variants, name) ? variants[name] : undefined;
    if (variant === undefined) {
      return fail(
        problems,
        `${path}.${tag}`,
        `expected one of ${Object.keys(variants).join(', ')}, found ${describe(name)}`,
      );
    }
    return variant(value, path, problems);
  };
}

const MAX_PROBLEMS = 20;

/** Decodes a JSON value; all problems found, at most twenty. */
export function decode<T>(decoder: Decoder<T>, value: unknown): Result<T, readonly DecodeProblem[]> {
  const problems: DecodeProblem[] = [];
  const decoded = decoder(value, '$', problems);
  if (decoded === FAILED || problems.length > 0) return err(problems.slice(0, MAX_PROBLEMS));
  return ok(decoded as T);
}

/** Parses and decodes JSON text. */
export function decodeJson<T>(decoder: Decoder<T>, text: string): Result<T, readonly DecodeProblem[]> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return err([{ path: '$', message: `not JSON: ${cause instanceof Error ? cause.message : String(cause)}` }]);
  }
  return decode(decoder, value);
}
