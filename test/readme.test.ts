import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../src/cli/commands/registry.ts';
import { REPORTERS } from '../src/report/registry.ts';
import {
  BLOCKS,
  blocksIn,
  type CommandOutput,
  commandsOf,
  createSandbox,
  README,
  readReadme,
  runCommand,
  type Sandbox,
  skipReason,
} from './readme-blocks.ts';

const readme = readReadme();
const commands = commandsOf(readme);
const outputs = new Map<string, CommandOutput>();
let sandbox: Sandbox;

beforeAll(() => {
  sandbox = createSandbox();
});
afterAll(() => sandbox.remove());

describe.sequential('commands of the README, in a checkout of its own', () => {
  for (const command of commands) {
    test(command, async ({ skip }) => {
      const reason = skipReason(command);
      if (reason !== '') skip(reason);
      const output = await runCommand(sandbox, command);
      expect(output.code, output.stdout + output.stderr).toBe(0);
      outputs.set(command, output);
    });
  }

  test.each(Object.keys(BLOCKS))('block %s is what the tool prints (else: npm run docs)', name => {
    expect(blocksIn(readme).get(name)).toBe(BLOCKS[name]!(outputs));
  });

  test('the main command writes the report folder', () => {
    for (const file of ['report.html', 'report.json', 'report.txt'])
      expect(readFileSync(join(sandbox.folder, 'muencheck-report', file), 'utf8')).not.toBe('');
  });
});

describe('what the README names exists', () => {
  test('npm scripts', () => {
    const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = [...readme.matchAll(/npm (?:run (?:-s )?)?([a-z]+)/g)].map(([, name = '']) => name);
    expect(named).toEqual(expect.arrayContaining(['ci', 'start', 'test', 'muencheck']));
    for (const name of new Set(named)) if (name !== 'ci') expect(scripts).toHaveProperty(name);
  });

  test('every command and reporter is shown', () => {
    const text = commands.join('\n');
    const shown = COMMANDS.map(({ name }) => name).filter(name => !new RegExp(`-- ${name}\\b`).test(text));
    // `bench` belongs to the development of muencheck itself.
    expect(shown).toEqual(['bench']);
    for (const { name } of REPORTERS) expect(readme).toContain(`\`${name}\``);
  });

  test('relative links', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, target = '']) => target);
    expect(links.length).toBeGreaterThan(3);
    for (const target of links) expect(() => readFileSync(join(README, '..', target)), target).not.toThrow();
  });
});
