import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Fault } from '../../src/faults/fault.ts';
import { FAULTS } from '../../src/faults/index.ts';
import { STRATEGIES, type Strategy } from '../../src/fuzz/fuzz-input.ts';
import { defaultSeams } from '../../src/impl/seams.ts';
import { executionsToKill, isFuzzable, targetOf } from './executions-to-kill.ts';

/*
 * Kill matrix by strategy: executions until each fault is found, over several seeds.
 * Run by hand: npx tsx test/fuzz/kill-matrix.ts <results.ndjson> [minutes] [seeds] [cap] [rest]; it goes on where it stopped. With
 * "rest", faults that no strategy has found with a seed are tried again with a higher cap. With the word "document" in place of the
 * minutes it writes docs/fuzz-kill-matrix.md from the results.
 */

const ALL = ['structured', 'recorded', 'coverage-guided', 'random-bytes'] as const;
/** Strategies that are given more executions where none has found a fault yet. */
const RESTED = ['recorded', 'coverage-guided', 'structured'] as const;

/** Systems in which a fault shows, where it is not the one with machine code. */
const SCENARIOS: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(new URL('./kill-matrix-scenarios.json', import.meta.url), 'utf8'),
);
const scenarioOf = (fault: Fault): string => SCENARIOS[fault.id] ?? 'machine-code';

interface Row {
  readonly fault: string;
  readonly strategy: Strategy;
  readonly seed: number;
  readonly cap: number;
  /** Absent if the fault was not found. */
  readonly executions?: number;
  readonly what?: string;
}

const key = ({ fault, strategy, seed }: Pick<Row, 'fault' | 'strategy' | 'seed'>): string =>
  `${fault} ${strategy} ${seed}`;

/** Rows of earlier chunks; of a cell that was measured again with a higher cap, the later one. */
function readRows(path: string): Map<string, Row> {
  if (!existsSync(path)) return new Map();
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line !== '');
  return new Map(lines.map(line => JSON.parse(line) as Row).map(row => [key(row), row]));
}

/**
 * Measures cells that were not measured yet. With `isRest`, only those of faults and seeds that no strategy has found yet, again if
 * the cap is higher now.
 */
function measure(path: string, minutes: number, seeds: number, cap: number, isRest: boolean): void {
  const rows = readRows(path);
  const end = Date.now() + minutes * 60_000;
  const isFound = (fault: string, seed: number): boolean =>
    STRATEGIES.some(strategy => rows.get(key({ fault, strategy, seed }))?.executions !== undefined);
  const isMissing = (fault: string, strategy: Strategy, seed: number): boolean => {
    const known = rows.get(key({ fault, strategy, seed }));
    if (!isRest) return known === undefined;
    return !isFound(fault, seed) && (known === undefined || known.cap < cap);
  };
  let done = 0;
  for (const fault of FAULTS.filter(isFuzzable)) {
    for (const strategy of isRest ? RESTED : ALL) {
      const missing = Array.from({ length: seeds }, (_, index) => index + 1).filter(seed =>
        isMissing(fault.id, strategy, seed),
      );
      if (missing.length === 0) continue;
      let target = targetOf(scenarioOf(fault), fault.apply(defaultSeams));
      for (const seed of missing) {
        // A fault that keeps state outside of the snapshot shows once.
        if (fault.id === 'state-outside-snapshot') target = targetOf(scenarioOf(fault), fault.apply(defaultSeams));
        if (Date.now() > end) {
          console.log(`${done} cells measured, ${rows.size} in all`);
          return;
        }
        const row: Row = {
          fault: fault.id,
          strategy,
          seed,
          cap,
          ...(executionsToKill(target, strategy, seed, cap) ?? {}),
        };
        rows.set(key(row), row);
        appendFileSync(path, `${JSON.stringify(row)}\n`);
        done += 1;
      }
    }
  }
  console.log(`${done} cells measured, complete with ${rows.size}`);
}

/** Mean executions, the seeds that it is the mean of, and the cap of those with which the fault was not found. */
function cell(rows: readonly Row[], fault: string, strategy: Strategy): string {
  const own = rows.filter(row => row.fault === fault && row.strategy === strategy);
  if (own.length === 0) return '';
  const found = own.flatMap(({ executions }) => (executions === undefined ? [] : [executions]));
  const share = `${found.length}/${own.length}`;
  const caps = own.filter(({ executions }) => executions === undefined).map(({ cap }) => cap);
  const bound = caps.length === 0 ? '' : `, cap ${Math.min(...caps)}`;
  if (found.length === 0) return `not found (${share}${bound})`;
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length;
  return `${mean < 10 ? mean.toFixed(1) : Math.round(mean)} (${share}${bound})`;
}

function document(path: string): void {
  const rows = [...readRows(path).values()];
  const faults = FAULTS.filter(isFuzzable);
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim();
  const isFound = (id: string): boolean => rows.some(row => row.fault === id && row.executions !== undefined);
  const isMeasured = (id: string): boolean => rows.some(row => row.fault === id);
  const names = (list: readonly Fault[]): string =>
    list.length === 0 ? '' : `: ${list.map(({ id }) => id).join(', ')}`;
  const missed = faults.filter(({ id }) => isMeasured(id) && !isFound(id));
  const open = faults.filter(({ id }) => !isMeasured(id));
  const cells = rows.length;
  const lines = [
    '# Kill matrix of the fuzzer by strategy',
    '',
    `Executions until each seeded fault is found; measured on commit ${commit} by`,
    '`npx tsx test/fuzz/kill-matrix.ts results.ndjson`, written by `npx tsx test/fuzz/kill-matrix.ts results.ndjson document`.',
    'An execution runs one input from the booted system, up to 60 VM exits; counts are exact, the execution that finds the fault included.',
    '`12 (20/20)`: found with 20 of 20 seeds, after 12 executions on average. `12 (3/20, cap 1000)`: found with three of them, the others ended after 1000',
    'executions. An empty cell was not measured.',
    '',
    `Faults are those at the seams kernel, compile, paging and machine that a running subject can express (none of the boot, of DMA and of memory types): ${faults.length}.`,
    `${faults.filter(({ id }) => isFound(id)).length} were found, ${missed.length} were looked for and not found${names(missed)}.`,
    `${open.length} were not measured${names(open)}.`,
    `${cells} cells of fault, strategy and seed were measured.`,
    '',
    `| fault | seam | system | ${STRATEGIES.join(' | ')} |`,
    `|---|---|---|${STRATEGIES.map(() => '--:').join('|')}|`,
    ...faults.map(
      fault =>
        `| ${fault.id} | ${fault.seam} | ${scenarioOf(fault)} | ${STRATEGIES.map(strategy => cell(rows, fault.id, strategy)).join(' | ')} |`,
    ),
    '',
  ];
  writeFileSync(new URL('../../docs/fuzz-kill-matrix.md', import.meta.url), lines.join('\n'));
}

if (process.argv[1]?.endsWith('kill-matrix.ts') === true) {
  const [path = 'kill-matrix.ndjson', minutes = '14', seeds = '20', cap = '2000', rest = ''] = process.argv.slice(2);
  if (minutes === 'document') document(path);
  else measure(path, Number(minutes), Number(seeds), Number(cap), rest === 'rest');
}
