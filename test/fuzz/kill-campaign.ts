import { type ChildProcess, spawn } from 'node:child_process';
import { type FSWatcher, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROUND_EXECUTIONS } from '../../src/fuzz/campaign.ts';
import { readEntry, readState } from '../../src/fuzz/corpus-files.ts';
import { createRng } from '../../src/units/rng.ts';

/*
 * Kills a campaign at random moments of its whole life and lets it go on each time, then compares all that it wrote with a campaign that
 * nobody killed.
 * Run by hand: npx tsx test/fuzz/kill-campaign.ts <kills> [seed] [minutes] [id of a seeded fault, so that there are findings, too]
 */

const COMMAND = new URL('../../src/cli/muencheck.js', import.meta.url).pathname;
/** Folders of a campaign in which it writes. */
const FOLDERS = ['.', 'corpus', 'findings'] as const;
/** A campaign that no kill finds at its end. */
const ENDLESS = 1_000_000_000;
/** Executions after the last kill. */
const LAST_EXECUTIONS = 2 * ROUND_EXECUTIONS;
/** A process is killed within its first rounds: at most these many are saved before. */
const MAX_ROUNDS = 3;
/** Longest time from there to the end of a process, in milliseconds: about a round. */
const MAX_AFTER_MS = 300;
/** Writes from there to the one in the middle of which a process is killed, at most. */
const MAX_WRITES = 8;

/** When a process is killed. */
type Moment =
  /** Within the time that the process before took to its first write. */
  | { readonly kind: 'start'; readonly share: number }
  /** A time after a number of rounds, or after its first write. */
  | { readonly kind: 'running'; readonly rounds: number; readonly afterMs: number }
  /** At once when it writes a file, after a number of rounds and some files more. */
  | { readonly kind: 'writing'; readonly rounds: number; readonly writes: number };

/** Files of a campaign's folder by their path in it, those that are being written too. */
function filesOf(folder: string): ReadonlyMap<string, string> {
  return new Map(
    FOLDERS.flatMap(part => namesOf(join(folder, part)).map(name => join(part, name)))
      .sort()
      .map(path => [path, readFileSync(join(folder, path), 'utf8')]),
  );
}

/** Names of the files of a folder; none if it is not there. */
function namesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

const isPartial = (path: string): boolean => path.endsWith('.partial');
const wholeFiles = (files: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
  new Map([...files].filter(([path]) => !isPartial(path)));

/** Executions that a campaign has behind it by its state. */
function executionsOf(files: ReadonlyMap<string, string>): number {
  const state = readState(files.get('state.json') ?? '');
  return state.ok ? state.value.executions : 0;
}

/** True if a file is what the campaign reads again. */
function isReadable(path: string, text: string): boolean {
  if (path === 'state.json') return readState(text).ok;
  return !path.startsWith('corpus') || readEntry(text).ok;
}

function start(folder: string, executions: number, fault: string): ChildProcess {
  const args = ['fuzz', 'machine-code', '--executions', String(executions), '--jobs', '1', '--out', folder, '--quiet'];
  if (fault !== '') args.push('--fault', fault);
  return spawn(process.execPath, [COMMAND, ...args], { stdio: 'ignore' });
}

const ended = (child: ChildProcess): Promise<void> => new Promise(resolve => child.on('exit', () => resolve()));

/** Calls `seen` at each change of a file of the campaign. */
function watchFolders(folder: string, seen: (name: string) => void): readonly FSWatcher[] {
  return FOLDERS.map(part => {
    mkdirSync(join(folder, part), { recursive: true });
    return watch(join(folder, part), (_, name) => seen(name ?? ''));
  });
}

interface Life {
  readonly hadWritten: boolean;
  /** Milliseconds until it wrote something; those of its life if it did not. */
  readonly startMs: number;
}

/** One process, killed at its moment. */
async function killedProcess(folder: string, moment: Moment, usualStartMs: number, fault: string): Promise<Life> {
  const timers: NodeJS.Timeout[] = [];
  const begun = performance.now();
  let startMs: number | undefined;
  let rounds = 0;
  let writes = 0;
  let child: ChildProcess | undefined;
  const kill = (): void => void child?.kill('SIGKILL');
  const watchers = watchFolders(folder, name => {
    startMs ??= performance.now() - begun;
    if (moment.kind === 'start') return;
    const wasReached = rounds >= moment.rounds;
    if (name === 'state.json') rounds += 1;
    if (rounds < moment.rounds) return;
    if (moment.kind === 'running' && timers.length === 0) timers.push(setTimeout(kill, moment.afterMs));
    if (moment.kind === 'running' || !wasReached || !isPartial(name)) return;
    if (writes >= moment.writes) kill();
    writes += 1;
  });
  child = start(folder, ENDLESS, fault);
  if (moment.kind === 'start') timers.push(setTimeout(kill, moment.share * usualStartMs));
  await ended(child);
  for (const timer of timers) clearTimeout(timer);
  for (const watcher of watchers) watcher.close();
  return { hadWritten: startMs !== undefined, startMs: startMs ?? performance.now() - begun };
}

/** One in eight in the start, three in eight at a write, the others in between. */
function randomMoment(rng: ReturnType<typeof createRng>): Moment {
  const choice = rng.below(8);
  if (choice === 0) return { kind: 'start', share: rng.below(1000) / 1000 };
  const rounds = rng.below(MAX_ROUNDS + 1);
  if (choice < 4) return { kind: 'writing', rounds, writes: rng.below(MAX_WRITES) };
  return { kind: 'running', rounds, afterMs: rng.below(MAX_AFTER_MS) };
}

export interface KillResult {
  readonly kills: number;
  /** Kills before the process had written anything. */
  readonly beforeWrites: number;
  /** Kills that left a file behind that was being written. */
  readonly duringWrite: number;
  /** Kills after which the campaign was further than before, and executions that the killed processes brought it on. */
  readonly advances: number;
  readonly executions: number;
  readonly corpusFiles: number;
  readonly findingFiles: number;
  /** Files that a process had written and that were not there, other or not whole after it was killed. */
  readonly lost: number;
  /** Files in the middle of a write that were still there at the end. */
  readonly leftBehind: number;
  /** All files at the end are those of a campaign without kills. */
  readonly isEqual: boolean;
}

/** What one kill did to the files: how many are lost. */
function lostFiles(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): number {
  const gone = [...before].filter(([path, text]) => path !== 'state.json' && after.get(path) !== text);
  const broken = [...after].filter(([path, text]) => !isReadable(path, text));
  const isBack = executionsOf(after) < executionsOf(before);
  return gone.length + broken.length + (isBack ? 1 : 0);
}

/** Kills a campaign `kills` times, or as often as it can within a time; `report` gets a line for each of them. */
export async function killCampaign(
  kills: number,
  seed: number,
  report: (line: string) => void,
  maxMs = Number.POSITIVE_INFINITY,
  fault = '',
): Promise<KillResult> {
  const root = mkdtempSync(join(tmpdir(), 'muencheck-kill-'));
  try {
    const folder = join(root, 'killed');
    const rng = createRng(seed);
    const count = { kills: 0, beforeWrites: 0, duringWrite: 0, advances: 0, lost: 0 };
    let usualStartMs = 2000;
    let reached = 0;
    const begunMs = performance.now();
    while (count.kills < kills && performance.now() - begunMs < maxMs) {
      const moment = randomMoment(rng);
      const before = wholeFiles(filesOf(folder));
      const life = await killedProcess(folder, moment, usualStartMs, fault);
      const files = filesOf(folder);
      const after = wholeFiles(files);
      reached = executionsOf(after);
      count.kills += 1;
      count.lost += lostFiles(before, after);
      if (life.hadWritten) usualStartMs = life.startMs;
      else count.beforeWrites += 1;
      const partial = [...files.keys()].filter(isPartial);
      if (partial.length > 0) count.duringWrite += 1;
      if (reached > executionsOf(before)) count.advances += 1;
      const writing = partial.length === 0 ? '' : `  in the middle of ${partial.join(', ')}`;
      report(
        `kill ${count.kills} (${moment.kind}): ${reached} executions, corpus of ${after.size} files, ${count.lost} lost${writing}`,
      );
    }
    const total = reached + LAST_EXECUTIONS;
    await ended(start(folder, total, fault));
    const reference = join(root, 'reference');
    await ended(start(reference, total, fault));
    const files = filesOf(folder);
    return {
      ...count,
      executions: reached,
      corpusFiles: namesOf(join(folder, 'corpus')).length,
      findingFiles: namesOf(join(folder, 'findings')).length,
      leftBehind: [...files.keys()].filter(isPartial).length,
      isEqual: JSON.stringify([...files]) === JSON.stringify([...filesOf(reference)]),
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

if (process.argv[1]?.endsWith('kill-campaign.ts') === true) {
  const [kills = '200', seed = '1', minutes = '60', fault = ''] = process.argv.slice(2);
  const toStderr = (line: string): void => void process.stderr.write(`${line}\n`);
  console.log(
    JSON.stringify(await killCampaign(Number(kills), Number(seed), toStderr, Number(minutes) * 60_000, fault)),
  );
}
