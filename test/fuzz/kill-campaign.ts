import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng } from '../../src/units/rng.ts';

const COMMAND = new URL('../../src/cli/muencheck.js', import.meta.url).pathname;

/** Files of a corpus folder by name. */
export function corpusOf(folder: string): ReadonlyMap<string, string> {
  const corpus = join(folder, 'corpus');
  return new Map(
    readdirSync(corpus)
      .filter(name => name.endsWith('.json'))
      .sort()
      .map(name => [name, readFileSync(join(corpus, name), 'utf8')]),
  );
}

function campaign(folder: string, executions: number, killAfterMs: number | undefined): Promise<number | null> {
  const args = ['fuzz', 'machine-code', '--executions', String(executions), '--jobs', '1', '--out', folder, '--quiet'];
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: 'ignore' });
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  return new Promise(resolve => {
    child.on('exit', code => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}

export interface KillResult {
  readonly kills: number;
  /** Files that a process had written and that were not there, or not whole, when the next one started. */
  readonly lost: number;
  /** The corpus at the end is that of a campaign without kills. */
  readonly isEqual: boolean;
}

/**
 * Kills a campaign at random moments and lets it go on each time, then compares with one that nobody killed.
 * Run by hand: npx tsx test/fuzz/kill-campaign.ts <kills> <executions>
 */
export async function killCampaign(kills: number, executions: number, maxMs: number): Promise<KillResult> {
  const root = mkdtempSync(join(tmpdir(), 'muencheck-kill-'));
  try {
    const killed = join(root, 'killed');
    const rng = createRng(kills);
    let done = 0;
    let lost = 0;
    for (; done < kills; done++) {
      const before = done === 0 ? new Map<string, string>() : safeCorpus(killed);
      await campaign(killed, executions, 500 + rng.below(maxMs));
      const after = safeCorpus(killed);
      for (const [name, text] of before) if (after.get(name) !== text) lost += 1;
      for (const text of after.values()) if (!isWhole(text)) lost += 1;
    }
    await campaign(killed, executions, undefined);
    const reference = join(root, 'reference');
    await campaign(reference, executions, undefined);
    const isEqual = JSON.stringify([...corpusOf(killed)]) === JSON.stringify([...corpusOf(reference)]);
    return { kills: done, lost, isEqual };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Corpus of a folder that may not be there yet. */
function safeCorpus(folder: string): ReadonlyMap<string, string> {
  try {
    return corpusOf(folder);
  } catch {
    return new Map();
  }
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

if (process.argv[1]?.endsWith('kill-campaign.ts') === true) {
  const [kills = '200', executions = '4096', maxMs = '4000'] = process.argv.slice(2);
  console.log(JSON.stringify(await killCampaign(Number(kills), Number(executions), Number(maxMs))));
}
