import { parseArgs } from 'node:util';
import { suggestion } from '../units/nearest.ts';
import { err, ok, type Result } from '../units/result.ts';

interface OptionBase {
  /** Long name without dashes. */
  readonly name: string;
  readonly short?: string;
  readonly help: string;
}

/** One option; the same table parses, checks and documents it. */
export type OptionSpec =
  | (OptionBase & { readonly kind: 'flag' })
  | (OptionBase & { readonly kind: 'text' | 'list'; readonly placeholder: string })
  /** Integer in min .. max. */
  | (OptionBase & { readonly kind: 'count'; readonly placeholder: string; readonly min: number; readonly max: number })
  | (OptionBase & { readonly kind: 'seed' | 'seconds'; readonly placeholder: string })
  | (OptionBase & { readonly kind: 'choice'; readonly choices: readonly string[] });

/** Checked command line of one command. */
export interface Arguments {
  readonly positionals: readonly string[];
  readonly flags: ReadonlySet<string>;
  readonly texts: ReadonlyMap<string, string>;
  readonly lists: ReadonlyMap<string, readonly string[]>;
  readonly numbers: ReadonlyMap<string, number>;
}

/** Options of every command. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { name: 'help', short: 'h', kind: 'flag', help: 'show this help' },
  { name: 'quiet', short: 'q', kind: 'flag', help: 'no progress and no prose on stderr' },
  { name: 'verbose', short: 'v', kind: 'flag', help: 'show the stack of an internal error' },
  { name: 'no-color', kind: 'flag', help: 'no colour (NO_COLOR=1 does the same)' },
];

/** Options of commands that run properties. */
export const RUN_OPTIONS: readonly OptionSpec[] = [
  { name: 'seed', kind: 'seed', placeholder: 'n', help: 'seed, decimal or 0x..., 32 bits (default 1)' },
  {
    name: 'runs',
    kind: 'count',
    placeholder: 'n',
    min: 1,
    max: 1_000_000_000,
    help: 'runs per sampled property instead of its own default',
  },
  {
    name: 'max-steps',
    kind: 'count',
    placeholder: 'n',
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    help: 'steps per property; what is left is inconclusive',
  },
  {
    name: 'budget',
    kind: 'choice',
    choices: ['smoke', 'deep', 'exhaustive'],
    help: 'size of the default budgets (default smoke)',
  },
  {
    name: 'search',
    kind: 'count',
    placeholder: 'n',
    min: 0,
    max: 1_000_000_000,
    help: 'executions of the search for a shorter counterexample than the minimised one (default 500)',
  },
  { name: 'timeout', kind: 'seconds', placeholder: 'seconds', help: 'what is left after this time is inconclusive' },
  {
    name: 'property',
    kind: 'list',
    placeholder: 'glob',
    help: 'only properties that match; * stays within an area, ** does not; repeatable',
  },
  {
    name: 'jobs',
    kind: 'count',
    placeholder: 'n',
    min: 1,
    max: 64,
    help: 'worker threads; never changes the result (default: CPUs, at most 8)',
  },
];

export const JSON_OPTION: OptionSpec = { name: 'json', kind: 'flag', help: 'print JSON' };

/** Where an option stands in a usage line: `--seed <n>`. */
export function optionSyntax(option: OptionSpec): string {
  const long = `--${option.name}`;
  if (option.kind === 'flag') return long;
  return option.kind === 'choice' ? `${long} <${option.choices.join('|')}>` : `${long} <${option.placeholder}>`;
}

function parseNumber(option: OptionSpec, text: string): Result<number, string> {
  const name = `--${option.name}`;
  if (option.kind === 'seed') {
    const value = /^(0x[0-9a-f_]+|[0-9]+)$/i.test(text) ? Number(text.replaceAll('_', '')) : Number.NaN;
    return value >= 0 && value <= 0xffff_ffff
      ? ok(value)
      : err(`${name} must be an integer in 0 .. 0xffffffff, not "${text}"`);
  }
  if (option.kind === 'seconds') {
    const value = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
    return value > 0 && value <= 10_000_000
      ? ok(value)
      : err(`${name} must be a number of seconds above 0, not "${text}"`);
  }
  if (option.kind !== 'count') return err(`${name} takes no number`);
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  return value >= option.min && value <= option.max
    ? ok(value)
    : err(`${name} must be an integer in ${option.min} .. ${option.max}, not "${text}"`);
}

interface Collected {
  readonly positionals: string[];
  readonly flags: Set<string>;
  readonly texts: Map<string, string>;
  readonly lists: Map<string, string[]>;
  readonly numbers: Map<string, number>;
}

function collectOption(option: OptionSpec, value: string | undefined, inlineValue: boolean, into: Collected): string {
  const name = `--${option.name}`;
  if (option.kind === 'flag') {
    if (value !== undefined) return `${name} takes no value`;
    into.flags.add(option.name);
    return '';
  }
  if (value === undefined || value === '' || (!inlineValue && value.startsWith('-') && value !== '-'))
    return `${name} needs a value: ${optionSyntax(option)}`;
  if (option.kind === 'list') {
    into.lists.set(option.name, [...(into.lists.get(option.name) ?? []), value]);
    return '';
  }
  if (into.texts.has(option.name) || into.numbers.has(option.name)) return `${name} is given twice`;
  if (option.kind === 'text' || option.kind === 'choice') {
    if (option.kind === 'choice' && !option.choices.includes(value)) {
      return `${name} must be ${option.choices.join(', ')}, not "${value}".${suggestion(value, option.choices)}`;
    }
    into.texts.set(option.name, value);
    return '';
  }
  const number = parseNumber(option, value);
  if (number.ok) into.numbers.set(option.name, number.value);
  return number.ok ? '' : number.error;
}

/** Parses a command's arguments by its option table; the error is one sentence for the user. */
export function parseArguments(argv: readonly string[], options: readonly OptionSpec[]): Result<Arguments, string> {
  const table = Object.fromEntries(
    options.map(option => [
      option.name,
      {
        type: option.kind === 'flag' ? ('boolean' as const) : ('string' as const),
        multiple: true,
        ...(option.short === undefined ? {} : { short: option.short }),
      },
    ]),
  );
  const { tokens } = parseArgs({
    args: [...argv],
    options: table,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const into: Collected = { positionals: [], flags: new Set(), texts: new Map(), lists: new Map(), numbers: new Map() };
  for (const token of tokens) {
    if (token.kind === 'positional') into.positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = options.find(candidate => candidate.name === token.name);
    if (option === undefined) {
      const known = options.map(candidate => `--${candidate.name}`);
      return err(`unknown option ${token.rawName}.${suggestion(token.rawName, known)}`);
    }
    const problem = collectOption(option, token.value, token.inlineValue === true, into);
    if (problem !== '') return err(problem);
  }
  return ok(into);
}
