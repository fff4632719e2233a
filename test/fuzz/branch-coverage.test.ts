import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { coverageMarkdown, sums } from './coverage-report.ts';

const MEASURE = fileURLToPath(new URL('./branch-sample/measure.ts', import.meta.url));

it('counts both ways of every decision, by the lines of the source', { timeout: 120_000 }, () => {
  const printed = execFileSync(process.execPath, ['--import', 'tsx', MEASURE], { encoding: 'utf8' });
  const { answers, files } = JSON.parse(printed);
  expect(answers).toEqual(['large', 'low', 'few']);
  expect(files).toEqual([
    {
      path: 'decisions.ts',
      // Two ways of 3 ifs, 2 conditional expressions and 2 logical operators, and 3 clauses with statements.
      total: 17,
      covered: 12,
      uncovered: [
        { line: 4, what: 'if: true' },
        { line: 6, what: 'if: true' },
        { line: 7, what: '?: true' },
        { line: 15, what: '?: false' },
        { line: 16, what: 'default' },
      ],
    },
  ]);
});

it('is reported by file and folder', () => {
  const files = [
    { path: 'src/impl/muen/a.ts', total: 4, covered: 3, uncovered: [{ line: 7, what: '|| short' }] },
    { path: 'src/impl/vmx/b.ts', total: 6, covered: 6, uncovered: [] },
  ];
  expect(sums(files, 'src/impl/')).toEqual({ covered: 9, total: 10 });
  const part = { name: 'boots', meaning: 'policies', executions: 5, unit: 'boots', text: 'booted 5', findings: 0 };
  const text = coverageMarkdown({ command: 'x', commit: 'c', seed: 1, parts: [part], files }, [
    'src/impl/muen/',
    'src/impl/vmx/',
  ]);
  expect(text).toContain('| both | 9 | 10 | 90.0 % |');
  expect(text).toContain('| muen/a.ts | 3 | 4 | 75.0 % | 7 \\|\\| short |');
  expect(text).toContain('5 executions in one process');
});
