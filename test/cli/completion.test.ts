import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands/registry.ts';
import { completionScript } from '../../src/cli/completion.ts';
import { catalogue } from '../../src/cli/default-catalogue.ts';
import { freshFolder, runHere } from './spawn.ts';

const script = completionScript('bash', COMMANDS, catalogue);

const isInstalled = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0;

/** What bash offers for the last of the words. */
function offered(...words: string[]): string[] {
  const last = words.length;
  const typed = ['muencheck', ...words].map(word => `'${word}'`).join(' ');
  const ask = `COMP_WORDS=(${typed}); COMP_CWORD=${last}; _muencheck muencheck '${words[last - 1]}' '${words[last - 2] ?? 'muencheck'}'`;
  const { stdout, stderr } = spawnSync('bash', ['-c', `${script}\n${ask}\nprintf '%s\\n' "\${COMPREPLY[@]}"`], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return stdout.split('\n').filter(line => line !== '');
}

describe.skipIf(!isInstalled('bash'))('completion in bash', () => {
  test('offers commands', () => {
    expect(offered('')).toEqual(COMMANDS.map(({ name }) => name));
    expect(offered('fl')).toEqual(['flows']);
  });

  test('offers the options of a command', () => {
    expect(offered('check', '--prop')).toEqual(['--property']);
    expect(offered('flows', '--d')).toEqual(['--diff', '--dot']);
  });

  test('offers the values of an option', () => {
    expect(offered('check', '--budget', '')).toEqual(['smoke', 'deep', 'exhaustive']);
    expect(offered('check', '--property', 'isolation/noni')).toEqual(['isolation/noninterference']);
    expect(offered('check', '--claims', '')).toEqual([]);
  });

  test('offers what is registered as operands', () => {
    expect(offered('check', 'log-p')).toEqual(['log-proxy']);
    expect(offered('list', 'prop')).toEqual(['properties']);
    expect(offered('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });
});

describe('scripts of other shells', () => {
  test.skipIf(!isInstalled('zsh'))('zsh reads its own', () => {
    const text = completionScript('zsh', COMMANDS, catalogue);
    expect(spawnSync('zsh', ['-n'], { input: text, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });

  test.skipIf(!isInstalled('fish'))('fish offers the same', () => {
    const file = join(freshFolder(), 'muencheck.fish');
    writeFileSync(file, completionScript('fish', COMMANDS, catalogue));
    const ask = (line: string) =>
      spawnSync('fish', ['-c', `source ${file}; complete -C '${line}'`], { encoding: 'utf8' });
    expect(ask('muencheck fl').stdout).toMatch(/^flows\t.*\n$/);
    expect(ask('muencheck check --budget e').stdout).toMatch(/^exhaustive\t.*\n$/);
    expect(ask('muencheck fl').stderr).toBe('');
  });

  test('fish gets every command and option', () => {
    const text = completionScript('fish', COMMANDS, catalogue);
    for (const { name, options } of COMMANDS) {
      expect(text).toContain(`-a ${name} -d`);
      for (const option of options) expect(text).toContain(`from ${name}' -l ${option.name}`);
    }
  });

  test('there is none for a shell that is not known', async () => {
    const result = await runHere(['completion', 'bsh']);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('no completion for "bsh". Did you mean bash?');
  });
});
