import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Fault } from '../../src/faults/fault.ts';
import { FAULTS } from '../../src/faults/index.ts';
import { STRATEGIES, type Strategy } from '../../src/fuzz/fuzz-input.ts';
import { defaultSeams } from '../../src/impl/seams.ts';
import { executionsToKill, isFuzzable, targetOf } from './executions-to-kill.ts';
import { type OnFound, type Search, type SoughtFault, TouchedExecutions } from './touched-executions.ts';

/*
 * Kill matrix by strategy: executions until each fault is found, over several seeds.
 * Run by hand: npx tsx test/fuzz/kill-matrix.ts <results.ndjson> [minutes] [seeds] [cap] [cap of random bytes]; it goes on where it
 * stopped. Caps are reached in rounds that double them; faults that no strategy has found with a seed within its cap are looked for
 * further, by all but random bytes, up to 100,000 executions in all. With the word "document" in place of the minutes, and the
 * commit that was measured if it is not the present one, it writes docs/fuzz-kill-matrix.md from the results.
 */

const FIRST_CAP = 64;
/** Executions for a fault and a seed by all strategies together. */
const TOTAL_CAP = 100_000;

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

/** Caps that every cell is measured with. */
interface Caps {
  readonly seeds: readonly number[];
  readonly random: number;
  readonly others: number;
}

const capOf = ({ random, others }: Caps, strategy: Strategy): number => (strategy === 'random-bytes' ? random : others);

/** Strategies that look further: what needs many executions of the one takes few of the other. */
const FURTHER: readonly Strategy[] = ['structured', 'coverage-guided', 'recorded'];

/** The most that one of the strategies that look further may execute. */
function furthestCap(caps: Caps): number {
  const others = STRATEGIES.filter(strategy => !FURTHER.includes(strategy));
  const spent = others.reduce((sum, strategy) => sum + capOf(caps, strategy), 0);
  return Math.floor((TOTAL_CAP - spent) / FURTHER.length);
}

/** The results so far, and what is still to be measured. */
class Matrix {
  readonly rows: Map<string, Row>;
  readonly #path: string;
  readonly #caps: Caps;

  constructor(path: string, caps: Caps) {
    this.#path = path;
    this.#caps = caps;
    this.rows = readRows(path);
  }

  add(row: Row): void {
    this.rows.set(key(row), row);
    appendFileSync(this.#path, `${JSON.stringify(row)}\n`);
  }

  #isFound(fault: string, seed: number): boolean {
    return STRATEGIES.some(strategy => this.rows.get(key({ fault, strategy, seed }))?.executions !== undefined);
  }

  /** Those of `faults` that a strategy must still look for up to `cap` executions. */
  sought(faults: readonly Fault[], strategy: Strategy, seed: number, cap: number): readonly SoughtFault[] {
    return faults.flatMap(fault => {
      const row = this.rows.get(key({ fault: fault.id, strategy, seed }));
      if (row?.executions !== undefined || (row !== undefined && row.cap >= cap)) return [];
      const isFurther = cap > capOf(this.#caps, strategy);
      if (isFurther && (!FURTHER.includes(strategy) || this.#isFound(fault.id, seed))) return [];
      return [{ fault, from: row?.cap ?? 0 }];
    });
  }
}

/** Keeps state outside of what a snapshot brings back: each campaign needs a system that has executed nothing. */
const isKept = ({ id }: Fault): boolean => id === 'state-outside-snapshot';

function measureKept(fault: Fault, strategy: Strategy, seed: number, cap: number, onFound: OnFound): void {
  const found = executionsToKill(targetOf(scenarioOf(fault), fault.apply(defaultSeams)), strategy, seed, cap);
  if (found !== undefined) onFound(fault, found.executions, found.what);
}

/** Measures what is missing, in rounds of ever higher caps. */
function measure(path: string, minutes: number, caps: Caps): void {
  const end = Date.now() + minutes * 60_000;
  const matrix = new Matrix(path, caps);
  const faults = FAULTS.filter(isFuzzable);
  const systems = [...new Set(faults.map(scenarioOf))].map(scenario => {
    const own = faults.filter(fault => scenarioOf(fault) === scenario && !isKept(fault));
    return { own, executions: new TouchedExecutions(scenario, own), searches: new Map<string, Search>() };
  });
  const report = (cap: number, text: string): void => {
    const found = [...matrix.rows.values()].filter(({ executions }) => executions !== undefined).length;
    console.error(`cap ${cap}, ${text}: ${found} of ${matrix.rows.size} cells found`);
  };
  for (let round = FIRST_CAP; round <= 2 * furthestCap(caps); round *= 2) {
    for (const seed of caps.seeds) {
      for (const strategy of STRATEGIES) {
        if (Date.now() > end) {
          report(round, 'time is over');
          return;
        }
        const own = capOf(caps, strategy);
        const cap = Math.min(round > own && round < 2 * own ? own : round, furthestCap(caps));
        const onFound = (fault: Fault, executions: number, what: string): void =>
          matrix.add({ fault: fault.id, strategy, seed, cap, executions, what });
        const close = (sought: readonly SoughtFault[]): void => {
          for (const { fault } of sought)
            if (matrix.rows.get(key({ fault: fault.id, strategy, seed }))?.executions === undefined)
              matrix.add({ fault: fault.id, strategy, seed, cap });
        };
        for (const { own: ownFaults, executions, searches } of systems) {
          const sought = matrix.sought(ownFaults, strategy, seed, cap);
          if (sought.length === 0) continue;
          const name = `${strategy} ${seed}`;
          const search = searches.get(name) ?? executions.search(strategy, seed);
          searches.set(name, search);
          search.run(sought, cap, onFound);
          close(sought);
        }
        const kept = matrix.sought(faults.filter(isKept), strategy, seed, cap);
        for (const { fault } of kept) measureKept(fault, strategy, seed, cap, onFound);
        close(kept);
      }
      report(round, `seed ${seed}`);
    }
  }
  report(furthestCap(caps), 'complete');
}

const rounded = (value: number): string => (value < 10 ? value.toFixed(1) : String(Math.round(value)));

/** Mean executions if the fault was found with every seed, else what the mean is at least; the share of seeds; the lowest cap of the others. */
function cell(rows: readonly Row[], fault: string, strategy: Strategy): string {
  const own = rows.filter(row => row.fault === fault && row.strategy === strategy);
  if (own.length === 0) return '';
  const mean = own.reduce((sum, { executions, cap }) => sum + (executions ?? cap), 0) / own.length;
  const missed = own.filter(({ executions }) => executions === undefined);
  const share = `${own.length - missed.length}/${own.length}`;
  if (missed.length === 0) return `${rounded(mean)} (${share})`;
  return `≥ ${rounded(mean)} (${share}, cap ${Math.min(...missed.map(({ cap }) => cap))})`;
}

/** Executions that found a fault, by seed, of the strategy that took the fewest; undefined where none has found it. */
function fewest(rows: readonly Row[], fault: string): ReadonlyMap<number, number | undefined> {
  const best = new Map<number, number | undefined>();
  for (const { fault: id, seed, executions } of rows) {
    if (id !== fault) continue;
    const known = best.get(seed);
    best.set(seed, executions === undefined || (known ?? Number.POSITIVE_INFINITY) < executions ? known : executions);
  }
  return best;
}

/** Seeds with which no strategy has found a fault, with the executions of all strategies together. */
function missing(rows: readonly Row[], faults: readonly Fault[]): readonly string[] {
  return faults.flatMap(({ id }) =>
    [...fewest(rows, id)]
      .filter(([, executions]) => executions === undefined)
      .map(([seed]) => {
        const own = rows.filter(row => row.fault === id && row.seed === seed);
        return `${id} with seed ${seed} (${own.reduce((sum, { cap }) => sum + cap, 0)} executions)`;
      }),
  );
}

function summary(rows: readonly Row[], faults: readonly Fault[]): readonly string[] {
  const pairs = faults.flatMap(({ id }) => [...fewest(rows, id).values()]);
  const found = pairs.filter(executions => executions !== undefined);
  const missed = missing(rows, faults);
  const most = Math.max(...found);
  return [
    `Of ${pairs.length} pairs of a fault and a seed, ${found.length} were found by at least one strategy; the slowest took ${most} executions of the fastest strategy for it.`,
    missed.length === 0 ? 'None is left.' : `Not found: ${missed.join('; ')}.`,
    '',
    '| strategy | cells | found | faults found with every seed | faults found with some | faults not found |',
    '|---|--:|--:|--:|--:|--:|',
    ...STRATEGIES.map(strategy => {
      const own = rows.filter(row => row.strategy === strategy);
      const shares = faults.map(({ id }) => {
        const cells = own.filter(({ fault }) => fault === id);
        const count = cells.filter(({ executions }) => executions !== undefined).length;
        return { isAll: count > 0 && count === cells.length, isSome: count > 0 && count < cells.length };
      });
      const all = shares.filter(({ isAll }) => isAll).length;
      const some = shares.filter(({ isSome }) => isSome).length;
      const count = own.filter(({ executions }) => executions !== undefined).length;
      return `| ${strategy} | ${own.length} | ${count} | ${all} | ${some} | ${faults.length - all - some} |`;
    }),
  ];
}

function document(path: string, commit: string): void {
  const rows = [...readRows(path).values()];
  const faults = FAULTS.filter(isFuzzable);
  const lines = [
    '# Kill matrix of the fuzzer by strategy',
    '',
    `Executions until each seeded fault is found; measured on commit ${commit} by`,
    '`npx tsx test/fuzz/kill-matrix.ts results.ndjson`, written by `npx tsx test/fuzz/kill-matrix.ts results.ndjson document`.',
    'An execution runs one input from the booted system, up to 60 VM exits; counts are exact, the execution that finds the fault included.',
    '',
    '`12 (20/20)`: found with 20 of 20 seeds, after 12 executions on average. `≥ 310 (15/20, cap 512)`: found with 15 of them, the others ended',
    'after 512 executions or more, so that the mean is not known; it is at least 310. Faults that no strategy had found with a seed within',
    `its first cap were looked for further by all but random bytes, up to ${TOTAL_CAP} executions of all strategies together.`,
    'Results of several processes were joined: a campaign comes to the same however its executions are shared out.',
    '',
    'One campaign on the system without faults serves all faults: an input in which nothing that the fault changes is called, or decides',
    'otherwise, has the same course on the faulty system, since every execution starts from the same snapshot; only the others are executed there',
    '(`test/fuzz/touched-executions.test.ts` compares both ways). So the guidance of coverage-guided and recorded is what the system without',
    'faults shows. `state-outside-snapshot` breaks just that; it is measured by campaigns on the faulty system.',
    '',
    `Faults are those at the seams kernel, compile, paging and machine that a running subject can express (none of the boot, of DMA and of memory types): ${faults.length}.`,
    '',
    ...summary(rows, faults),
    '',
    `| fault | seam | system | seeds found | ${STRATEGIES.join(' | ')} |`,
    `|---|---|---|--:|${STRATEGIES.map(() => '--:').join('|')}|`,
    ...faults.map(fault => {
      const best = [...fewest(rows, fault.id).values()];
      const share = `${best.filter(executions => executions !== undefined).length}/${best.length}`;
      const cells = STRATEGIES.map(strategy => cell(rows, fault.id, strategy)).join(' | ');
      return `| ${fault.id} | ${fault.seam} | ${scenarioOf(fault)} | ${share} | ${cells} |`;
    }),
    '',
  ];
  writeFileSync(new URL('../../docs/fuzz-kill-matrix.md', import.meta.url), lines.join('\n'));
}

/** Seeds up to a number, or from one to another ("11-20"), so that two processes can share the work. */
function seedsOf(text: string): readonly number[] {
  const [first = 1, last = first] = text.split('-').map(Number);
  const from = text.includes('-') ? first : 1;
  return Array.from({ length: last - from + 1 }, (_, index) => from + index);
}

const headCommit = (): string => execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim();

if (process.argv[1]?.endsWith('kill-matrix.ts') === true) {
  const [path = 'kill-matrix.ndjson', minutes = '14', seeds = '20', others = '256', random = '64'] =
    process.argv.slice(2);
  if (minutes === 'document') document(path, process.argv[4] ?? headCommit());
  else measure(path, Number(minutes), { seeds: seedsOf(seeds), others: Number(others), random: Number(random) });
}
