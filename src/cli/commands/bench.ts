import { fileURLToPath } from 'node:url';
import { fileExists } from '../../host/files.ts';
import { array, type Decoder, decode, finite, object, record, string } from '../../trace/decode.ts';
import { toJson } from '../../trace/json.ts';
import { layoutTable } from '../../trace/text.ts';
import { suggestion } from '../../units/nearest.ts';
import { err, ok, type Result } from '../../units/result.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION } from '../options.ts';

/** What one benchmark measured; peers are other programs doing the same work, where they are installed. */
export interface Measurement {
  readonly value: number;
  readonly peers: Readonly<Record<string, number>>;
  readonly ratios: Readonly<Record<string, number>>;
}

/** One registered benchmark of bench/index.ts. */
export interface Benchmark {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  run(): Measurement | Promise<Measurement>;
}

const callable: Decoder<() => unknown> = (value, path, problems) => {
  if (typeof value !== 'function') problems.push({ path, message: 'expected a function' });
  return value as () => unknown;
};
const benchmarks = array(object({ id: string(), title: string(), unit: string(), run: callable }), 1000);
const measurement: Decoder<Measurement> = object({
  value: finite,
  peers: record(finite, 100),
  ratios: record(finite, 100),
});

async function loadBenchmarks(): Promise<Result<readonly Benchmark[], string>> {
  const url = new URL('../../../bench/index.ts', import.meta.url);
  if (!fileExists(fileURLToPath(url)))
    return err('the benchmarks are part of the source checkout, not of the installed package');
  const module = (await import(url.href)) as { readonly BENCHMARKS?: unknown };
  const decoded = decode(benchmarks, module.BENCHMARKS);
  if (!decoded.ok)
    return err(
      `bench/index.ts: ${decoded.error.map(problem => `BENCHMARKS${problem.path.slice(1)}: ${problem.message}`).join('; ')}`,
    );
  return ok(decoded.value as readonly Benchmark[]);
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const loaded = await loadBenchmarks();
  if (!loaded.ok) return usageError(environment, 'bench', loaded.error);
  const ids = loaded.value.map(benchmark => benchmark.id);
  const unknown = args.positionals.find(id => !ids.includes(id));
  if (unknown !== undefined)
    return usageError(
      environment,
      'bench',
      `there is no benchmark "${unknown}".${suggestion(unknown, ids)} There are ${ids.join(', ')}.`,
    );
  const selected =
    args.positionals.length === 0
      ? loaded.value
      : loaded.value.filter(benchmark => args.positionals.includes(benchmark.id));
  environment.interrupt.whenRequested(() => undefined);
  const rows: ({ readonly id: string; readonly unit: string } & Measurement)[] = [];
  for (const { id, unit, run: measure } of selected) {
    if (environment.interrupt.requested()) break;
    if (!args.flags.has('quiet')) environment.stderr(`${id} ...\n`);
    const decoded = decode(measurement, await measure());
    if (!decoded.ok)
      return usageError(
        environment,
        'bench',
        `${id}: ${decoded.error.map(problem => `${problem.path}: ${problem.message}`).join('; ')}`,
      );
    rows.push({ id, unit, value: decoded.value.value, peers: decoded.value.peers, ratios: decoded.value.ratios });
  }
  const list = (numbers: Readonly<Record<string, number>>): string =>
    Object.entries(numbers)
      .map(([name, value]) => `${name} ${value.toPrecision(4)}`)
      .join(', ');
  const text = layoutTable(
    [
      ['benchmark', 'value', 'unit', 'peers', 'ratios'],
      ...rows.map(row => [row.id, row.value.toPrecision(4), row.unit, list(row.peers), list(row.ratios)]),
    ],
    { right: [1] },
  );
  environment.stdout(args.flags.has('json') ? `${toJson(rows)}\n` : text.map(line => `${line}\n`).join(''));
  return environment.interrupt.requested() ? EXIT.interrupted : EXIT.holds;
}

export const benchCommand: Command = {
  name: 'bench',
  summary: 'run the benchmarks, and peers side by side where they are installed',
  operands: '[id...]',
  minOperands: 0,
  maxOperands: 100,
  options: [JSON_OPTION, ...COMMON_OPTIONS],
  examples: ['bench', 'bench kernel-steps --json'],
  run,
};
