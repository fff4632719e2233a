import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands/registry.ts';
import { commandHelp } from '../../src/cli/help.ts';
import { type OptionSpec, optionSyntax, parseArguments } from '../../src/cli/options.ts';
import { programName, shellWord } from '../../src/cli/shell.ts';
import { nearest } from '../../src/units/nearest.ts';

const options: readonly OptionSpec[] = [
  { name: 'seed', kind: 'seed', placeholder: 'n', help: '' },
  { name: 'runs', kind: 'count', placeholder: 'n', min: 1, max: 100, help: '' },
  { name: 'timeout', kind: 'seconds', placeholder: 's', help: '' },
  { name: 'out', kind: 'text', placeholder: 'dir', help: '' },
  { name: 'property', kind: 'list', placeholder: 'glob', help: '' },
  { name: 'budget', kind: 'choice', choices: ['smoke', 'deep'], help: '' },
  { name: 'json', short: 'j', kind: 'flag', help: '' },
];

const errorOf = (...argv: readonly string[]): string => {
  const result = parseArguments(argv, options);
  return result.ok ? '' : result.error;
};

describe('parseArguments', () => {
  test('reads every kind', () => {
    const result = parseArguments(
      [
        'a.xml',
        '--seed=0x7e57_0412',
        '--runs',
        '5',
        '--timeout',
        '1.5',
        '--out',
        'd',
        '--property',
        'a/*',
        '--property=b',
        '--budget',
        'deep',
        '-j',
        '--',
        '--x',
      ],
      options,
    );
    expect(
      result.ok && [
        result.value.positionals,
        [...result.value.flags],
        [...result.value.numbers],
        [...result.value.texts],
        [...result.value.lists],
      ],
    ).toEqual([
      ['a.xml', '--x'],
      ['json'],
      [
        ['seed', 0x7e570412],
        ['runs', 5],
        ['timeout', 1.5],
      ],
      [
        ['out', 'd'],
        ['budget', 'deep'],
      ],
      [['property', ['a/*', 'b']]],
    ]);
  });
  test.each([
    [['--sed', '1'], 'unknown option --sed. Did you mean --seed?'],
    [['--zzzzzz'], 'unknown option --zzzzzz.'],
    [['-x'], 'unknown option -x.'],
    [['--__proto__', '1'], 'unknown option --__proto__.'],
    [['--seed'], '--seed needs a value: --seed <n>'],
    [['--out', '--json'], '--out needs a value: --out <dir>'],
    [['--out='], '--out needs a value: --out <dir>'],
    [['--seed', '-1'], '--seed needs a value: --seed <n>'],
    [['--seed=-1'], '--seed must be an integer in 0 .. 0xffffffff, not "-1"'],
    [['--seed', '0x100000000'], '--seed must be an integer in 0 .. 0xffffffff, not "0x100000000"'],
    [['--runs', '0'], '--runs must be an integer in 1 .. 100, not "0"'],
    [['--runs', '1e2'], '--runs must be an integer in 1 .. 100, not "1e2"'],
    [['--timeout', '0'], '--timeout must be a number of seconds above 0, not "0"'],
    [['--budget', 'depe'], '--budget must be smoke, deep, not "depe". Did you mean deep?'],
    [['--json=yes'], '--json takes no value'],
    [['--out', 'a', '--out', 'b'], '--out is given twice'],
  ] as const)('%j is refused', (argv, message) => {
    expect(errorOf(...argv)).toBe(message);
  });
});

test('nearest: typing errors find the word, other words find nothing', () => {
  const words = ['check', 'policy', 'flows', 'replay', 'faults'];
  expect(['chekc', 'polcy', 'flow', 'rplay', 'FAULT'].map(word => nearest(word, words))).toEqual(words);
  expect(nearest('banana', words)).toBeUndefined();
  expect(nearest('x', [])).toBeUndefined();
});

test('shell words are quoted when needed', () => {
  expect(shellWord('a/b-c.json')).toBe('a/b-c.json');
  expect(shellWord("it's $(x)")).toBe("'it'\\''s $(x)'");
  expect(programName({ npm_lifecycle_event: 'muencheck' })).toBe('npm run -s muencheck --');
  expect(programName({})).toBe('muencheck');
});

test.each(COMMANDS.map(command => [command.name, command] as const))(
  'help of %s: every option and two examples that parse',
  (_, command) => {
    const help = commandHelp(command);
    for (const option of command.options) expect(help).toContain(optionSyntax(option));
    expect(new Set(command.options.map(option => option.name)).size).toBe(command.options.length);
    expect(command.examples).toHaveLength(2);
    for (const example of command.examples) {
      const [name, ...words] = example.split(' > ')[0]!.split(' ');
      expect(name).toBe(command.name);
      const parsed = parseArguments(
        words.map(word => word.replaceAll("'", '')),
        command.options,
      );
      expect(parsed.ok && parsed.value.positionals.length).toBeGreaterThanOrEqual(command.minOperands);
      expect(help).toContain(`  muencheck ${example}`);
    }
  },
);
