import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { isDenied, loadInit } from '../../../../src/cli/commands/routes.ts';
import { SKIP_REASON, sharedPath } from '../../../policy/shared-files.ts';

const FOLDER = fileURLToPath(sharedPath('genode/configs'));

describe.skipIf(!existsSync(FOLDER))(`real init configurations (${SKIP_REASON})`, () => {
  const files = existsSync(FOLDER) ? readdirSync(FOLDER).filter(file => file.endsWith('.xml')) : [];
  const load = (file: string) => loadInit(readFileSync(`${FOLDER}/${file}`), undefined);

  test('there are as many as were collected', () => {
    expect(files).toHaveLength(87);
  });
  test.each(files)('%s loads, by the rules of its release, and every session of its components has a server', file => {
    const init = load(file);
    if (!init.ok) throw new Error(init.error.message);
    expect(init.value.era).toBe(file.startsWith('16.08') ? '2016' : '26.02');
    expect(init.value.findings.filter(finding => finding.severity === 'error')).toEqual([]);
    expect(init.value.components).toBeGreaterThan(0);
    expect(init.value.routes.filter(isDenied)).toEqual([]);
  });
  test('a configuration that names a child which it does not start says so', () => {
    const init = load('26.02__gems__trace_recorder_pcapng.xml');
    expect(init.ok && init.value.findings.map(finding => finding.code)).toEqual(['INIT-UNKNOWN-CHILD']);
  });
});
