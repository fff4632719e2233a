import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { parseTree } from '../../src/policy/tree.ts';
import { SMALL_SOURCE } from '../policy/expand/small-source.ts';
import { hasShared, SKIP_REASON, sharedPath } from '../policy/shared-files.ts';
import { systemTree } from '../policy/shared-trees.ts';
import { compareTrees } from '../policy/tree-diff.ts';
import { runCli, runHere } from './spawn.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'muencheck-build-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));
const inFolder = (name: string): string => join(FOLDER, name);
const shared = (path: string): string => fileURLToPath(sharedPath(path));

const SYSTEM = 'demo_system_vtd--qemu-kvm';
const GOLDEN = `golden/systems/${SYSTEM}`;

function treeOf(path: string): NonNullable<ReturnType<typeof systemTree>>['root'] {
  const tree = parseTree(readFileSync(path), path);
  if (!tree.ok) throw new Error(tree.error.message);
  return tree.value.root;
}

describe('policies of other formats on the command line', () => {
  test('a source policy is validated, written in each format, and read again', async () => {
    writeFileSync(inFolder('small.xml'), SMALL_SOURCE);
    const b = await runHere(['policy', inFolder('small.xml'), '--out', inFolder('b.xml')]);
    expect([b.code, b.stdout]).toEqual([0, expect.stringContaining(': valid: ')]);
    expect((await runHere(['policy', inFolder('small.xml'), '--format', 'a', '--out', inFolder('a.xml')])).code).toBe(
      0,
    );
    expect((await runHere(['policy', inFolder('a.xml'), '--out', inFolder('b2.xml')])).code).toBe(0);
    expect(readFileSync(inFolder('b2.xml'), 'utf8')).toBe(readFileSync(inFolder('b.xml'), 'utf8'));
    const back = await runHere(['policy', inFolder('b.xml'), '--format', 'a']);
    expect([back.code, back.stderr]).toEqual([2, expect.stringContaining('no way back')]);
  });

  test('findings name the file and line of the source', async () => {
    const path = inFolder('bad.xml');
    writeFileSync(path, SMALL_SOURCE.replace('<reader logical="in"', '<reader logical="inn"'));
    const { code, stdout } = await runHere(['policy', path]);
    const line = SMALL_SOURCE.split('\n').findIndex(text => text.includes('<component ref="sink">')) + 1;
    expect(code).toBe(3);
    expect(stdout).toContain(`${path}:${line}:`);
    expect(stdout).toContain('EXPAND-MAP-UNKNOWN');
  });

  test('check, flows and policy take a source policy', async () => {
    writeFileSync(inFolder('small.xml'), SMALL_SOURCE);
    const report = inFolder('report');
    const checked = await runCli(
      ['check', inFolder('small.xml'), '--property', 'isolation/subject-page-tables', '--out', report, '--jobs', '1'],
      { real: true },
    );
    expect([checked.code, checked.stdout]).toEqual([0, expect.stringContaining('proved')]);
    expect(existsSync(join(report, 'policy_b.xml'))).toBe(true);
    const flows = await runHere(['flows', inFolder('small.xml')]);
    expect([flows.code, flows.stdout]).toEqual([0, expect.stringMatching(/one +two +data +channel.*small\.xml:\d+/)]);
  });

  test('what follows from the policy is written on request', async () => {
    writeFileSync(inFolder('small.xml'), SMALL_SOURCE);
    const folder = inFolder('derived');
    expect((await runHere(['policy', inFolder('small.xml'), '--derived', folder])).code).toBe(0);
    expect(readdirSync(folder)).toEqual(
      expect.arrayContaining(['kernel_tables.json', 'one_iobm', 'one_sinfo', 'vtd_root']),
    );
  });

  test('files that memory regions name are looked for, and must fit', async () => {
    const named = SMALL_SOURCE.replace(
      '<memory caching="WB" name="own" size="16#1000#"/>',
      '<memory caching="WB" name="own" size="16#1000#"><file filename="image" offset="none"/></memory>',
    );
    expect(named).not.toBe(SMALL_SOURCE);
    writeFileSync(inFolder('files.xml'), named);
    const files = inFolder('files');
    mkdirSync(files);
    const findings = async (name: string, bytes: number) => {
      rmSync(files, { recursive: true });
      mkdirSync(files);
      writeFileSync(join(files, name), new Uint8Array(bytes));
      const { code, stdout } = await runHere(['policy', inFolder('files.xml'), '--files', files]);
      return [code, stdout.split('\n').filter(line => /LIB-FILE.*'image'/.test(line))];
    };
    expect(await findings('image', 0x1000)).toEqual([0, []]);
    const [missing, missingLines] = await findings('other', 1);
    expect([missing, missingLines]).toEqual([0, [expect.stringContaining('warning LIB-FILE-EXISTS')]]);
    const [large, largeLines] = await findings('image', 0x1001);
    expect([large, largeLines]).toEqual([
      3,
      [expect.stringMatching(/files\.xml:\d+:\d+ error LIB-FILE-SIZE .*4097 bytes/)],
    ]);
    const check = ['check', inFolder('files.xml'), '--files', files, '--property', 'isolation/subject-page-tables'];
    const checked = await runCli([...check, '--out', inFolder('report'), '--jobs', '1'], { real: true });
    expect([checked.code, checked.stdout]).toEqual([3, expect.stringContaining('LIB-FILE-SIZE')]);
  });
});

describe.skipIf(!hasShared)(`the demo system on the command line (${hasShared ? '' : SKIP_REASON})`, () => {
  test('from its system configuration to format B: as the real tools make it', async () => {
    const out = inFolder('demo_b.xml');
    const includes = ['muen/2024-11/policy', `${GOLDEN}/cspecs`].flatMap(path => ['--include', shared(path)]);
    const { code } = await runHere(['policy', shared(`${GOLDEN}/input/system_config.xml`), ...includes, '--out', out]);
    expect(code).toBe(0);
    const [ours, theirs] = [treeOf(out), systemTree(SYSTEM, 'policy_b.xml').root];
    // The real tool lists configuration variables in the order of a hash table.
    for (const { children } of [ours, theirs]) {
      children[0]!.children.sort((a, b) => (a.attributes.name! < b.attributes.name! ? -1 : 1));
    }
    expect(compareTrees(ours, theirs).flatMap(({ differing }) => differing)).toEqual([]);
  });

  test('derived files are those of the real generators', async () => {
    const folder = inFolder('demo');
    expect((await runHere(['policy', shared(`${GOLDEN}/policy_b_hashed.xml`), '--derived', folder])).code).toBe(0);
    const generated = readdirSync(sharedPath(`${GOLDEN}/generated`)).map(name => `generated/${name}`);
    const bitmaps = readdirSync(sharedPath(`${GOLDEN}/tables`))
      .filter(name => /bm\.gz$/.test(name))
      .map(name => `tables/${name}`);
    expect(generated.length).toBeGreaterThan(20);
    for (const path of [...generated, ...bitmaps]) {
      const name = path.replace(/^.*\/|\.gz$/g, '');
      const theirs = gunzipSync(readFileSync(sharedPath(`${GOLDEN}/${path}`)));
      const ours = readFileSync(join(folder, name));
      expect([name, Buffer.compare(ours, theirs.subarray(0, ours.length))]).toEqual([name, 0]);
    }
  });
});
