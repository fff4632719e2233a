import type { Operation } from '../units/operation.ts';
import type { Result } from '../units/result.ts';
import { SHA256_BLOCK_BYTES } from '../units/sha256.ts';
import {
  array,
  type DecodeProblem,
  type Decoder,
  decodeJson,
  integer,
  literal,
  object,
  record,
  string,
  tagged,
} from './decode.ts';
import { toJson } from './json.ts';
import {
  type RunSpec,
  type SubjectProgram,
  TRACE_VERSION,
  type Trace,
  type TraceBody,
  type TraceOutcome,
} from './trace.ts';

const MAX_ITEMS = 1_000_000;
const word = integer(0, 0xffff_ffff);
const count = integer(0, Number.MAX_SAFE_INTEGER);
const address = integer(0, Number.MAX_SAFE_INTEGER);
const name = string({ maxLength: 1000, what: 'a name' });
const sizeBytes = literal(1, 2, 4, 8);
/** Places of the extended state that an operation can name, at most. */
const MAX_PLACE = 255;

/** Bytes of one to 64 blocks of SHA-256. */
const wholeBlocks: Decoder<number> = (value, path, problems) => {
  const read = integer(SHA256_BLOCK_BYTES, 4096)(value, path, problems);
  if (typeof read === 'number' && read % SHA256_BLOCK_BYTES !== 0)
    problems.push({ path, message: `expected a multiple of ${SHA256_BLOCK_BYTES}` });
  return read;
};

const operation: Decoder<Operation> = tagged<Operation>('kind', {
  read: object({ kind: literal('read'), address, sizeBytes }),
  write: object({ kind: literal('write'), address, sizeBytes, low: word, high: word }),
  copy: object({ kind: literal('copy'), from: address, to: address, sizeBytes: integer(1, 4096) }),
  fill: object({ kind: literal('fill'), address, sizeBytes: integer(1, 4096), pattern: integer(0, 255) }),
  hash: object({ kind: literal('hash'), address, sizeBytes: wholeBlocks, state: address }),
  vmcall: object({ kind: literal('vmcall'), low: word, high: word, cpl: literal(0, 3) }),
  exit: object({ kind: literal('exit'), reason: word, qualification: count, interruptInfo: word }),
  hlt: object({ kind: literal('hlt') }),
  rdtsc: object({ kind: literal('rdtsc') }),
  timedEvent: object({ kind: literal('timedEvent'), low: word, high: word, event: word }),
  load: object({ kind: literal('load'), register: integer(0, 15), low: word, high: word }),
  readFpu: object({ kind: literal('readFpu'), place: integer(0, MAX_PLACE) }),
  writeFpu: object({ kind: literal('writeFpu'), place: integer(0, MAX_PLACE), low: word, high: word }),
  rdmsr: object({ kind: literal('rdmsr'), index: word }),
  wrmsr: object({ kind: literal('wrmsr'), index: word, low: word, high: word }),
  in: object({ kind: literal('in'), port: integer(0, 0xffff), sizeBytes: literal(1, 2, 4) }),
  out: object({ kind: literal('out'), port: integer(0, 0xffff), sizeBytes: literal(1, 2, 4), value: word }),
  readCr: object({ kind: literal('readCr'), register: literal(0, 3, 4) }),
  writeCr: object({ kind: literal('writeCr'), register: literal(0, 3, 4), low: word, high: word }),
  guestState: object({ kind: literal('guestState'), field: integer(0, 255), low: word, high: word }),
  sti: object({ kind: literal('sti') }),
  cli: object({ kind: literal('cli') }),
  nop: object({ kind: literal('nop') }),
});

const parameter: Decoder<string | number> = (value, path, problems) =>
  typeof value === 'string'
    ? string({ maxLength: 2 ** 25 })(value, path, problems)
    : integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)(value, path, problems);

const scriptProgram = object({ subject: name, operations: array(operation, MAX_ITEMS) });
const softwareProgram = object({ subject: name, software: name, parameters: record(parameter, 1000) });
const hex = string({ maxLength: 100_000_000, pattern: /^(?:[0-9a-f]{2})*$/, what: 'bytes as hexadecimal digits' });
const codeProgram = object({ subject: name, machineCode: array(object({ address, hex }), 100_000) });
const program: Decoder<SubjectProgram> = (value, path, problems) => {
  const has = (field: string): boolean => typeof value === 'object' && value !== null && Object.hasOwn(value, field);
  if (has('software')) return softwareProgram(value, path, problems);
  return has('machineCode') ? codeProgram(value, path, problems) : scriptProgram(value, path, problems);
};

const run: Decoder<RunSpec> = object({
  cyclesPerInstruction: integer(1, Number.MAX_SAFE_INTEGER),
  endTsc: count,
  maxKernelSteps: integer(0, 100_000_000),
  programs: array(program, 10_000),
  interrupts: array(object({ tsc: count, cpu: integer(0, 255), vector: integer(0, 255) }), MAX_ITEMS),
  interleavings: array(object({ point: count, cpu: integer(0, 255) }), MAX_ITEMS),
});

const base64 = string({ maxLength: 100_000_000, pattern: /^[A-Za-z0-9+/]*={0,2}$/, what: 'base64' });

const digest = string({ pattern: /^[0-9a-f]{64}$/, what: 'a SHA-256 digest (64 hexadecimal digits)' });

const body: Decoder<TraceBody> = tagged<TraceBody>('kind', {
  run: object({ kind: literal('run'), run }),
  pair: object({ kind: literal('pair'), high: name, low: name, left: run, right: run }),
  static: object(
    { kind: literal('static') },
    {
      tables: array(object({ name, gzipBase64: base64 }), 10_000),
      claims: object({ path: string({ maxLength: 10_000 }), text: string({ maxLength: 2_000_000 }) }),
    },
  ),
  script: object({
    kind: literal('script'),
    steps: array(
      object({
        operation: name,
        operands: array(integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER), 100),
      }),
      MAX_ITEMS,
    ),
  }),
});

const outcome: Decoder<TraceOutcome> = object({
  summary: string(),
  explanation: array(string(), 10_000),
  policyLines: array(integer(0, 100_000_000), 100_000),
  timeline: array(
    object({ step: count, tsc: count, cpu: integer(0, 255), subject: name, event: string() }, { note: string() }),
    MAX_ITEMS,
  ),
  digests: array(string({ maxLength: 64, pattern: /^[0-9a-f]*$/, what: 'a hexadecimal digest' }), MAX_ITEMS),
});

const trace: Decoder<Trace> = object(
  {
    format: literal('muencheck-trace'),
    version: literal(TRACE_VERSION),
    tool: name,
    policy: object({
      path: string({ maxLength: 10_000 }),
      sha256: digest,
      gzipBase64: base64,
    }),
    property: name,
    seed: word,
    body,
    outcome,
  },
  {
    fault: object({ id: name }, { from: string({ maxLength: 10_000 }) }),
    files: array(object({ name, sha256: digest }, { gzipBase64: base64 }), 10_000),
  },
);

/** Reads a trace file as hostile input; every problem names its JSON path. */
export function readTrace(text: string): Result<Trace, readonly DecodeProblem[]> {
  return decodeJson(trace, text);
}

/** Serialises a trace: two-space JSON with a final newline. */
export function writeTrace(value: Trace): string {
  return `${toJson(value)}\n`;
}
