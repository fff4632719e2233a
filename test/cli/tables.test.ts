import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { check } from '../../src/index.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { asGiven, ownTables } from '../properties/isolation/own-tables.ts';
import { freshFolder, ROOT, runCli } from './spawn.ts';

const POLICY = join(ROOT, 'scenarios/device-domains/policy.xml');
const policyBytes = readFileSync(POLICY);
const parsed = parsePolicy(policyBytes);
if (!parsed.ok) throw new Error('the scenario does not parse');
const { document } = parsed.value;

const STRUCTURES = [
  'isolation/*-page-tables',
  'isolation/*-bitmaps',
  'isolation/msr-stores',
  'isolation/vtd-tables',
  'isolation/interrupt-remapping',
  'isolation/subject-info',
];

/** Verdicts over changed tables, in the library. */
async function verdicts(change: (files: Map<string, Uint8Array>) => void) {
  const files = ownTables(document);
  change(files);
  const report = await check(policyBytes, { properties: STRUCTURES, tables: asGiven(files) });
  expect(report.errors).toEqual([]);
  return Object.fromEntries(
    report.properties.map(({ id, verdict, reason, tables }) => [id, { verdict, reason, tables }]),
  );
}

const changed = (bytes: Uint8Array, offset: number, value: number): Uint8Array => {
  const copy = bytes.slice();
  copy[offset] = value;
  return copy;
};

describe('given tables', () => {
  test('that are right: proved, and the verdict says whose they are', async () => {
    const all = await verdicts(() => undefined);
    expect(Object.values(all).map(({ verdict }) => verdict)).toEqual(Array(8).fill('proved'));
    expect(all['isolation/subject-page-tables']!.tables).toEqual({ own: 3, given: 3, missing: [] });
    expect(all['isolation/vtd-tables']!.tables).toEqual({ own: 3, given: 3, missing: [] });
  });

  test('that are missing: inconclusive and named, or said to be own tables only', async () => {
    const all = await verdicts(files => {
      files.delete('disk_pt');
      for (const name of files.keys()) if (name.endsWith('_sinfo')) files.delete(name);
    });
    expect(all['isolation/subject-page-tables']).toMatchObject({
      verdict: 'inconclusive',
      reason: 'not among the given tables: disk_pt',
      tables: { own: 3, given: 2, missing: ['disk_pt'] },
    });
    expect(all['isolation/subject-info']).toMatchObject({ verdict: 'proved', tables: { own: 3, given: 0 } });
    expect(all['isolation/subject-info']!.reason).toBe(
      'own tables only; not given: console_sinfo, disk_sinfo, net_sinfo',
    );
  });

  /** One change each: the file, what happens to it, the property that finds it, and what the finding says. */
  const HOSTILE: readonly (readonly [string, string, (bytes: Uint8Array) => Uint8Array, string, RegExp])[] = [
    ['truncated page tables', 'net_pt', bytes => bytes.slice(0, 0x2000), 'subject-page-tables', /given file net_pt/],
    [
      'page tables cut inside of an entry',
      'net_pt',
      bytes => bytes.slice(0, 0x2003),
      'subject-page-tables',
      /net_pt ends at offset 0x2003/,
    ],
    ['empty page tables', 'net_pt', () => new Uint8Array(), 'subject-page-tables', /net_pt ends at offset 0x0/],
    [
      'page tables longer than their region',
      'net_pt',
      bytes => new Uint8Array([...bytes, 1]),
      'subject-page-tables',
      /net_pt goes on at offset 0x[0-9a-f]+/,
    ],
    [
      'garbage page tables',
      'disk_pt',
      bytes => bytes.map((_, index) => (index * 167 + 13) & 0xff),
      'subject-page-tables',
      /given file disk_pt, offset 0x/,
    ],
    [
      'page tables full of ones',
      'disk_pt',
      bytes => bytes.fill(0xff),
      'subject-page-tables',
      /given file disk_pt, offset 0x/,
    ],
    [
      'a root that points to itself',
      'disk_pt',
      bytes => selfReference(bytes),
      'subject-page-tables',
      /given file disk_pt, offset 0x/,
    ],
    [
      'truncated I/O bitmaps',
      'net_iobm',
      bytes => bytes.slice(0, 0x1fff),
      'io-bitmaps',
      /net_iobm ends at offset 0x1fff/,
    ],
    [
      'I/O bitmaps that are too long',
      'net_iobm',
      bytes => new Uint8Array([...bytes, 0]),
      'io-bitmaps',
      /net_iobm goes on at offset 0x2000/,
    ],
    [
      'an open port',
      'disk_iobm',
      bytes => changed(bytes, 0x60 >>> 3, 0xfe),
      'io-bitmaps',
      /0x60 do not exit.*given file disk_iobm, offset 0xc\)/,
    ],
    [
      'a writable read-only MSR',
      'net_msrbm',
      bytes => changed(bytes, 2048 + (0xce >> 3), 0xbf),
      'msr-bitmaps',
      /0xce can be written.*line \d+.*given file net_msrbm, offset 0x819/,
    ],
    [
      'a truncated MSR store',
      'net_msrstore',
      bytes => bytes.slice(0, 64),
      'msr-stores',
      /MSR 0x[0-9a-f]+, which the policy lets it write.*given file net_msrstore/,
    ],
    [
      'a root entry into nowhere',
      'vtd_root',
      bytes => changed(bytes, 2, 0xff),
      'vtd-tables',
      /given file vtd_root, offset 0x0/,
    ],
    [
      'a context entry of another function',
      'vtd_context_bus_0',
      bytes => changed(bytes, 16, 1),
      'vtd-tables',
      /00:00\.1.*given file vtd_context_bus_0, offset 0x10/,
    ],
    [
      'a domain with more rights',
      'vtd_disk_domain_pt',
      bytes => moreRights(bytes),
      'vtd-tables',
      /read-only.*given file vtd_disk_domain_pt, offset 0x/,
    ],
    [
      'an interrupt from any source',
      'vtd_ir',
      bytes => changed(bytes, 19 * 16 + 10, 0),
      'interrupt-remapping',
      /accepts every source.*given file vtd_ir, offset 0x130/,
    ],
    ['garbage subject information', 'disk_sinfo', bytes => bytes.fill(0xa5), 'subject-info', /given file disk_sinfo/],
    [
      'subject information of another subject',
      'disk_sinfo',
      bytes => changed(bytes, 13, 0x78),
      'subject-info',
      /names 'xisk'.*offset 0xc/,
    ],
  ];

  test.each(HOSTILE)('%s: refuted, with file and offset', async (_title, file, change, property, expected) => {
    const all = await verdicts(files => {
      files.set(file, change(files.get(file)!.slice()));
    });
    const { verdict, reason } = all[`isolation/${property}`]!;
    expect([verdict, reason]).toEqual(['refuted', expect.stringMatching(expected)]);
  });
});

/** Makes the first entry of the top table refer to the top table. */
function selfReference(bytes: Uint8Array): Uint8Array {
  const region = document.memory.find(({ name }) => name === 'disk|pt')!;
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, region.physicalAddress + 0x807, true);
  return bytes;
}

/** Sets the write bit of every present entry. */
const moreRights = (bytes: Uint8Array): Uint8Array =>
  bytes.map((byte, index) => (index % 8 === 0 && (byte & 1) !== 0 ? byte | 2 : byte));

describe('the command line', () => {
  test('reads raw and packed files, names those that it cannot use, and its counterexample replays', async () => {
    const tables = freshFolder();
    const out = freshFolder();
    mkdirSync(join(tables, 'a folder'));
    for (const [name, bytes] of ownTables(document)) {
      const wrong = name === 'disk_iobm' ? changed(bytes, 0x64 >>> 3, 0) : bytes;
      if (name.endsWith('_msrbm')) writeFileSync(join(tables, name), wrong);
      else writeFileSync(join(tables, `${name}.gz`), gzipSync(wrong));
    }
    writeFileSync(join(tables, 'net_pt.gz'), 'not gzip');
    writeFileSync(join(tables, 'notes'), 'mine');
    const args = ['check', POLICY, '--tables', tables, '--out', out, '--jobs', '1', '--json'];
    const result = await runCli([...args, ...STRUCTURES.flatMap(glob => ['--property', glob])], { real: true });
    expect(result.code).toBe(1);
    const report = JSON.parse(result.stdout) as Awaited<ReturnType<typeof check>>;
    const byId = new Map(report.properties.map(property => [String(property.id), property]));
    expect(byId.get('isolation/io-bitmaps')).toMatchObject({ verdict: 'refuted' });
    expect(byId.get('isolation/msr-bitmaps')).toMatchObject({ verdict: 'proved', tables: { own: 3, given: 3 } });
    expect(byId.get('isolation/subject-page-tables')).toMatchObject({ verdict: 'inconclusive' });
    expect(report.findings.map(({ code, severity }) => `${code} ${severity}`)).toEqual([
      'TABLE-FILE error',
      'TABLE-UNKNOWN warning',
    ]);
    const replayed = await runCli(['replay', join(out, 'isolation-io-bitmaps.trace.json')], { real: true });
    expect(replayed.stderr).toContain('reproduced exactly');
    expect(replayed.stdout).toContain('given file disk_iobm, offset 0xc');
  });

  test('a folder that is not there is a usage error', async () => {
    const result = await runCli(['check', POLICY, '--tables', 'no such folder'], { real: true });
    expect([result.code, result.stderr]).toEqual([2, expect.stringContaining('no such folder')]);
  });
});
