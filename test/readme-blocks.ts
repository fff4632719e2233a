import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { EXIT_CODES } from '../src/cli/exit-codes.ts';
import { VERDICT_MEANINGS } from '../src/cli/verdict-words.ts';
import { defined } from '../src/units/invariant.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** Reference data beside the checkout; absent in a plain clone. */
const SHARED = fileURLToPath(new URL('../../shared/', import.meta.url));
export const README = join(ROOT, 'README.md');
export const hasShared = existsSync(SHARED);

/** What the README's commands need of a checkout. */
const PARTS = ['src', 'properties', 'scenarios', 'examples', 'package.json'];

/** A fresh checkout without tests, so that commands leave nothing behind in this one. */
export interface Sandbox {
  readonly folder: string;
  remove(): void;
}

export function createSandbox(): Sandbox {
  const parent = mkdtempSync(join(tmpdir(), 'muencheck-readme-'));
  const folder = join(parent, 'main');
  mkdirSync(folder);
  for (const part of PARTS) cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  if (hasShared) symlinkSync(SHARED, join(parent, 'shared'));
  return { folder, remove: () => rmSync(parent, { recursive: true, force: true }) };
}

/** Command lines of all `sh` blocks, in order. */
export function commandsOf(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.trimEnd().split('\n'));
}

export interface CommandOutput {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line in a shell, without the `npm ci` that this checkout has behind it. */
export function runCommand(sandbox: Sandbox, command: string): Promise<CommandOutput> {
  const { NO_COLOR: _noColor, FORCE_COLOR: _forceColor, GITHUB_STEP_SUMMARY: _summary, ...env } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command.replace(/^npm ci && /, '')], {
      cwd: sandbox.folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', code => resolve({ code, stdout, stderr }));
  });
}

const fenced = (lines: readonly string[]): string => ['```', ...lines, '```'].join('\n');
const linesOf = (text: string): string[] => text.trimEnd().split('\n');

/** The report without npm's own header and without the list of witnesses. */
function shortCheck(stdout: string): string {
  const lines = linesOf(stdout);
  const start = lines.findIndex(line => line.startsWith('muencheck '));
  const witnesses = lines.findIndex(line => line.startsWith('witnesses '));
  const afterWitnesses = lines.indexOf('', witnesses);
  return fenced([...lines.slice(start, witnesses), ...lines.slice(afterWitnesses + 1)]);
}

const SHOWN_ROWS = 6;

/** A counterexample with the end of its timeline only. */
function shortTrace(stdout: string): string {
  const lines = linesOf(stdout);
  const head = lines.findIndex(line => /^ +step +tsc /.test(line));
  const end = lines.indexOf('', head);
  return fenced([...lines.slice(0, head + 1), '  ...', ...lines.slice(end - SHOWN_ROWS)]);
}

const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  [header, header.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');

/** Output of the first command that starts like this. */
function outputOf(outputs: ReadonlyMap<string, CommandOutput>, start: string): string {
  const command = [...outputs.keys()].find(line => line.startsWith(start));
  return defined(outputs.get(command ?? ''), `output of ${start}`).stdout;
}

/** The generated blocks of the README, by name. */
export const BLOCKS: Readonly<Record<string, (outputs: ReadonlyMap<string, CommandOutput>) => string>> = {
  check: outputs => shortCheck(outputOf(outputs, 'npm ci && npm start')),
  'verdict-words': () =>
    table(
      ['verdict', 'meaning'],
      Object.entries(VERDICT_MEANINGS).map(([word, meaning]) => [`\`${word}\``, meaning]),
    ),
  flows: outputs => fenced(linesOf(outputOf(outputs, 'npm run -s muencheck -- flows two-subjects'))),
  faults: outputs => fenced(linesOf(outputOf(outputs, 'npm run -s muencheck -- faults --from'))),
  replay: outputs => shortTrace(outputOf(outputs, 'npm run -s muencheck -- replay')),
  'exit-codes': () =>
    table(
      ['code', 'meaning'],
      EXIT_CODES.map(({ code, meaning }) => [String(code), meaning]),
    ),
};

const BLOCK = /(<!-- generated: ([a-z-]+) -->\n)(.*?)(<!-- end -->)/gs;

/** Names and contents of the blocks in a text. */
export const blocksIn = (markdown: string): ReadonlyMap<string, string> =>
  new Map([...markdown.matchAll(BLOCK)].map(([, , name = '', content = '']) => [name, content.trimEnd()]));

/** The text with every block written anew. */
export function withBlocks(markdown: string, outputs: ReadonlyMap<string, CommandOutput>): string {
  return markdown.replace(BLOCK, (_, head: string, name: string, __: string, end: string) => {
    return `${head}${defined(BLOCKS[name], `block ${name}`)(outputs)}\n${end}`;
  });
}

export const readReadme = (): string => readFileSync(README, 'utf8');

/** Reason why a command is not run here; empty if it is. */
export function skipReason(command: string): string {
  if (/(^|&& )npm test$/.test(command)) return 'this is a part of it';
  return command.includes('../shared/') && !hasShared ? 'needs ../shared' : '';
}
