import { err, ok, type Result } from '../units/result.ts';
import { array, type DecodeProblem, type Decoder, decodeJson, object, record, string } from './decode.ts';
import { toJson } from './json.ts';
import type { TimelineRow, Trace } from './trace.ts';

/** An informal trace as Apalache's ADR-015 describes it: one record of variables per state. */
export interface ItfTrace {
  readonly vars: readonly string[];
  readonly states: readonly Readonly<Record<string, unknown>>[];
}

const MAX_STATES = 1_000_000;
/** Depth of values in a state: hostile input may not exhaust the stack. */
const MAX_DEPTH = 64;

/** Integers beyond 2^53 - 1 are written as {"#bigint": "..."}; ours are smaller, so a plain number is exact. */
const rowState = (row: TimelineRow, index: number): Readonly<Record<string, unknown>> => ({
  '#meta': { index },
  step: row.step,
  tsc: row.tsc,
  cpu: row.cpu,
  subject: row.subject,
  event: row.event,
  note: row.note ?? '',
  'mbt::actionTaken': row.event.replace(/[ :].*$/, ''),
});

/** The timeline of a trace in the Informal Trace Format, a state per row. */
export function traceToItf(trace: Trace): string {
  const { summary, timeline } = trace.outcome;
  return `${toJson({
    '#meta': { format: 'ITF', source: trace.tool, property: trace.property, description: summary },
    params: [],
    vars: ['step', 'tsc', 'cpu', 'subject', 'event', 'note', 'mbt::actionTaken'],
    states: timeline.map(rowState),
  })}\n`;
}

/** Plain value of an ITF value: big integers as bigint, tuples and sets as arrays, maps as arrays of pairs. */
function plainValue(value: unknown, depth: number): Result<unknown, string> {
  if (depth > MAX_DEPTH) return err('values are nested too deeply');
  if (Array.isArray(value)) return plainArray(value, depth);
  if (typeof value !== 'object' || value === null) return ok(value);
  const entries = Object.entries(value);
  const [tag = '', inner] = entries[0] ?? [];
  if (entries.length === 1 && tag.startsWith('#')) {
    if (tag === '#bigint')
      return typeof inner === 'string' && /^-?[0-9]{1,4000}$/.test(inner)
        ? ok(BigInt(inner))
        : err('#bigint is not digits');
    if (tag === '#unserializable') return ok(String(inner));
    if (!['#tup', '#set', '#map'].includes(tag) || !Array.isArray(inner)) return err(`${tag} is not a known form`);
    return plainArray(inner, depth);
  }
  const result: Record<string, unknown> = Object.create(null);
  for (const [name, part] of entries) {
    const plain = plainValue(part, depth + 1);
    if (!plain.ok) return plain;
    result[name] = plain.value;
  }
  return ok(result);
}

function plainArray(values: readonly unknown[], depth: number): Result<unknown, string> {
  const parts: unknown[] = [];
  for (const value of values) {
    const plain = plainValue(value, depth + 1);
    if (!plain.ok) return plain;
    parts.push(plain.value);
  }
  return ok(parts);
}

const anything: Decoder<unknown> = value => value;
const file = object(
  { vars: array(string(), 10_000), states: array(record(anything, 10_000), MAX_STATES) },
  { '#meta': anything, params: anything, loop: anything },
);

/** Reads an ITF trace as hostile input; every variable must be in every state. */
export function readItf(text: string): Result<ItfTrace, readonly DecodeProblem[]> {
  const decoded = decodeJson(file, text);
  if (!decoded.ok) return decoded;
  const { vars, states } = decoded.value as {
    vars: readonly string[];
    states: readonly Readonly<Record<string, unknown>>[];
  };
  const problems: DecodeProblem[] = [];
  const plain = states.map((state, index) => {
    const result: Record<string, unknown> = Object.create(null);
    for (const name of vars) {
      const path = `$.states[${index}].${name}`;
      if (!Object.hasOwn(state, name)) {
        problems.push({ path, message: 'the variable is missing' });
        continue;
      }
      const value = plainValue(state[name], 0);
      if (value.ok) result[name] = value.value;
      else problems.push({ path, message: value.error });
    }
    return result;
  });
  return problems.length === 0 ? ok({ vars, states: plain }) : err(problems);
}
