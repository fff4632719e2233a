import { err, ok, type Result } from '../units/result.ts';

/** One parameter of a hosted software. */
export interface ParameterSpec {
  readonly kind: 'number' | 'event' | 'optional-event' | 'text' | 'list' | 'hex' | 'document';
  readonly meaning: string;
  /** Value when it is not given; without one the parameter is required, unless it is an optional event. */
  readonly fallback?: number | string;
  /** Inclusive bounds of a number; `max` also bounds the entries of a list. */
  readonly min?: number;
  readonly max?: number;
  /** The number must be a multiple of this. */
  readonly multipleOf?: number;
  /** What is wrong with a document, empty if nothing is. */
  readonly check?: (text: string) => string;
}

export type ParameterSpecs = Readonly<Record<string, ParameterSpec>>;

/** Checked parameters by kind; the getters are total for names of the specification they were read by. */
export interface Parameters {
  number(name: string): number;
  /** Event number, undefined if the software was given none. */
  event(name: string): number | undefined;
  text(name: string): string;
  /** Entries of a list, at least one, different from each other. */
  list(name: string): readonly string[];
}

/** Highest vmcall event number. */
const LAST_EVENT = 63;
/** Longest document, in characters. */
const DOCUMENT_LIMIT = 0x1_0000;
/** Longest text parameter. */
const TEXT_LIMIT = 255;
/** Most digits of a parameter of bytes. */
const HEX_LIMIT = 2 ** 25;

function readNumber(name: string, spec: ParameterSpec, value: number | string): Result<number, string> {
  const shown = JSON.stringify(value);
  const isNumeral = typeof value === 'number' || /^(0x[0-9a-f]+(_[0-9a-f]+)*|[0-9]+)$/i.test(value);
  const parsed = isNumeral ? Number(typeof value === 'number' ? value : value.replaceAll('_', '')) : Number.NaN;
  if (!Number.isSafeInteger(parsed))
    return err(`parameter ${name}: ${shown} is not an integer (decimal, or hexadecimal as "0x1000")`);
  const min = spec.min ?? 0;
  const max = spec.max ?? (spec.kind === 'number' ? 2 ** 48 - 1 : LAST_EVENT);
  if (parsed < min || parsed > max) return err(`parameter ${name}: ${shown} is not in ${min} .. ${max}`);
  if (spec.multipleOf !== undefined && parsed % spec.multipleOf !== 0)
    return err(`parameter ${name}: ${shown} is not a multiple of ${spec.multipleOf}`);
  return ok(parsed);
}

function readText(name: string, value: number | string): Result<string, string> {
  const isShown =
    typeof value === 'string' && value.length >= 1 && value.length <= TEXT_LIMIT && /^[ -~]+$/.test(value);
  if (isShown) return ok(value);
  return err(
    `parameter ${name}: ${JSON.stringify(value)} is not a text of 1 .. ${TEXT_LIMIT} printable ASCII characters`,
  );
}

function readList(name: string, spec: ParameterSpec, value: string): Result<string, string> {
  const entries = value.split(',');
  const max = spec.max ?? entries.length;
  if (entries.length > max) return err(`parameter ${name}: ${JSON.stringify(value)} has more than ${max} entries`);
  const isGood = !entries.includes('') && new Set(entries).size === entries.length;
  return isGood ? ok(value) : err(`parameter ${name}: ${JSON.stringify(value)} has empty or equal entries`);
}

function readHex(name: string, value: number | string): Result<string, string> {
  if (typeof value === 'string' && value.length <= HEX_LIMIT && /^(?:[0-9a-f]{2})*$/.test(value)) return ok(value);
  return err(`parameter ${name}: not bytes as pairs of the digits 0 .. 9, a .. f, at most ${HEX_LIMIT}`);
}

function readDocument(name: string, spec: ParameterSpec, value: number | string): Result<string, string> {
  if (typeof value !== 'string' || value.length > DOCUMENT_LIMIT)
    return err(`parameter ${name} is not a document of at most ${DOCUMENT_LIMIT} characters`);
  const wrong = spec.check?.(value) ?? '';
  return wrong === '' ? ok(value) : err(`parameter ${name}: ${wrong}`);
}

function readOne(name: string, spec: ParameterSpec, value: number | string): Result<number | string, string> {
  if (spec.kind === 'document') return readDocument(name, spec, value);
  if (spec.kind === 'hex') return readHex(name, value);
  if (spec.kind !== 'text' && spec.kind !== 'list') return readNumber(name, spec, value);
  const text = readText(name, value);
  return text.ok && spec.kind === 'list' ? readList(name, spec, text.value) : text;
}

/**
 * Checks parameters against their specification.
 * Errors: an unknown name, a missing required parameter, a value of another kind or out of range.
 */
export function readParameters(
  specs: ParameterSpecs,
  given: Readonly<Record<string, number | string>>,
): Result<Parameters, string> {
  const unknown = Object.keys(given).find(name => !Object.hasOwn(specs, name));
  if (unknown !== undefined)
    return err(`unknown parameter ${unknown}; known are ${Object.keys(specs).join(', ') || 'none'}`);
  const values = new Map<string, number | string>();
  for (const [name, spec] of Object.entries(specs)) {
    const value = Object.hasOwn(given, name) ? given[name] : spec.fallback;
    if (value === undefined) {
      if (spec.kind === 'optional-event') continue;
      return err(`parameter ${name} is missing: ${spec.meaning}`);
    }
    const read = readOne(name, spec, value);
    if (!read.ok) return read;
    values.set(name, read.value);
  }
  return ok({
    number: name => Number(values.get(name)),
    event: name => (values.has(name) ? Number(values.get(name)) : undefined),
    text: name => String(values.get(name)),
    list: name => String(values.get(name)).split(','),
  });
}
