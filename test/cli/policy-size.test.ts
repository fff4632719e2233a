import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freshFolder, runCli } from './spawn.ts';

test('a policy file of 100 MB is a finding with a hint', async () => {
  const file = join(freshFolder(), 'large.xml');
  writeFileSync(file, '<system/>');
  truncateSync(file, 100_000_000);
  const result = await runCli(['policy', file, '--json'], { real: true });
  expect(result.code).toBe(3);
  const report = JSON.parse(result.stdout) as { findings: { code: string; severity: string; hint: string }[] };
  expect(report.findings).toMatchObject([{ code: 'XML-TOO-LARGE', severity: 'error' }]);
  expect(report.findings[0]?.hint).not.toBe('');
});
