import {
  array,
  type DecodeProblem,
  type Decoder,
  decodeJson,
  integer,
  literal,
  object,
  string,
  tagged,
} from '../trace/decode.ts';
import { toJson } from '../trace/json.ts';
import { err, ok, type Result } from '../units/result.ts';
import type { CampaignSettings, CorpusEntry } from './campaign.ts';
import type { ExitInput, FuzzInput, Surroundings } from './fuzz-input.ts';

/* Texts of the files of a corpus folder; they are read back as hostile input. */

/** Progress of a campaign, written after each round. */
export interface CampaignState {
  readonly format: 'muencheck-fuzz';
  readonly policySha256: string;
  readonly target: CampaignSettings['target'];
  readonly strategy: CampaignSettings['strategy'];
  readonly seed: number;
  readonly executions: number;
  readonly kernelSteps: number;
  readonly exits: readonly { readonly subject: string; readonly reason: number; readonly count: number }[];
  readonly findings: readonly {
    readonly group: string;
    readonly what: string;
    readonly execution: number;
    readonly count: number;
  }[];
}

const MAX_ITEMS = 10_000;
const word = integer(0, 0xffff_ffff);
const count = integer(0, Number.MAX_SAFE_INTEGER);
const name = string({ maxLength: 1000, what: 'a name' });

/** A list of exactly three numbers. */
const triple: Decoder<readonly [number, number, number]> = (value, path, problems) => {
  const read = array(word, 3)(value, path, problems);
  if (Array.isArray(read) && read.length !== 3) problems.push({ path, message: 'expected three numbers' });
  return read as unknown as readonly [number, number, number];
};

const exit: Decoder<ExitInput> = object({
  before: array(word, MAX_ITEMS),
  reason: word,
  qualification: count,
  interruptInfo: word,
  registers: array(triple, 64),
  fields: array(triple, 64),
});

const around: Decoder<Surroundings> = object({
  others: array(word, MAX_ITEMS),
  interrupts: array(word, MAX_ITEMS),
  interleavings: array(word, MAX_ITEMS),
});

const input: Decoder<FuzzInput> = tagged<FuzzInput>('kind', {
  guest: object({ kind: literal('guest'), subject: name, words: array(word, MAX_ITEMS), around }),
  bytes: object({
    kind: literal('bytes'),
    subject: name,
    hex: string({ maxLength: 100_000, pattern: /^(?:[0-9a-f]{2})*$/, what: 'bytes as hexadecimal digits' }),
  }),
  exits: object({ kind: literal('exits'), subject: name, exits: array(exit, MAX_ITEMS), around }),
});

const entry: Decoder<CorpusEntry> = object({ execution: count, newFeatures: count, input });

const state: Decoder<CampaignState> = object({
  format: literal('muencheck-fuzz'),
  policySha256: string({ maxLength: 64 }),
  target: literal('guest', 'vm-exit'),
  strategy: literal('random-bytes', 'structured', 'coverage-guided', 'recorded'),
  seed: word,
  executions: count,
  kernelSteps: count,
  exits: array(object({ subject: name, reason: word, count }), MAX_ITEMS),
  findings: array(object({ group: name, what: string({ maxLength: 10_000 }), execution: count, count }), MAX_ITEMS),
});

/** File of an entry: its execution, so that the folder is in the order in which it grew. */
export const entryFileName = ({ execution }: CorpusEntry): string => `${String(execution).padStart(10, '0')}.json`;

export const entryText = (value: CorpusEntry): string => `${toJson(value)}\n`;
export const stateText = (value: CampaignState): string => `${toJson(value)}\n`;

const first = (problems: readonly DecodeProblem[]): string =>
  `${problems[0]?.path ?? '$'}: ${problems[0]?.message ?? 'not valid'}`;

/** Reads an entry's file; the error has the place. */
export function readEntry(text: string): Result<CorpusEntry, string> {
  const read = decodeJson(entry, text);
  return read.ok ? ok(read.value) : err(first(read.error));
}

export function readState(text: string): Result<CampaignState, string> {
  const read = decodeJson(state, text);
  return read.ok ? ok(read.value) : err(first(read.error));
}
