import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { standIns } from '../../../src/impl/components/registry.ts';
import { type RegionContent, regionContents } from '../../../src/impl/loader/region-contents.ts';
import { unstatedHashes } from '../../../src/impl/loader/unstated-hashes.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import { bootFiles } from '../../../src/policy/derive/boot-files.ts';
import type { MemoryRegion, PolicyDocument } from '../../../src/policy/document.ts';
import { TestBench } from '../../../src/refinement/test-bench.ts';
import { hpa } from '../../../src/units/address.ts';
import { goldenDocument, goldenMissing } from '../golden.ts';

const LOADER = 'nic_sl';
const SOURCE = 'nic_linux|zp';
const READ_ONLY = 'nic_linux|acpi_xsdt';
const RUNNING = { state: 9n, diagnostics: 0n };
const ERROR = 1n << 63n;
const PREPARING = 4n;
const VALIDATING = 6n;

describe.skipIf(goldenMissing !== '')(`the loader of the demo system ${goldenMissing}`, () => {
  const golden = goldenMissing === '' ? goldenDocument('systems/demo_system_vtd--qemu-kvm') : undefined!;
  const contents: readonly RegionContent[] =
    goldenMissing !== ''
      ? []
      : regionContents(
          golden,
          bootFiles(golden).files.map(({ filename, bytes }) => ({ name: filename, bytes })),
        ).contents;
  const given = new Set(contents.map(({ region }) => region));

  const hashOf = ({ name, sizeBytes }: MemoryRegion): string => {
    const bytes = new Uint8Array(sizeBytes);
    bytes.set(contents.find(({ region }) => region === name)!.bytes);
    return createHash('sha256').update(bytes).digest('hex');
  };
  /** The policy with the hashes of the given files, of which some are other ones. */
  const hashed = (wrong: readonly string[]): PolicyDocument => ({
    ...golden,
    memory: golden.memory.map(region =>
      given.has(region.name)
        ? { ...region, hash: wrong.includes(region.name) ? '0'.repeat(64) : hashOf(region) }
        : region,
    ),
  });
  /** Number of a region in the subject information of the loader. */
  const resourceOf = (document: PolicyDocument, physical: string): bigint => {
    const loader = document.subjects.find(({ name }) => name === LOADER)!;
    return BigInt(loader.memory.findIndex(row => row.physical === physical) + 1);
  };

  /** What the status page says when the loader has done with its subject. */
  function load(document: PolicyDocument): { readonly state: bigint; readonly diagnostics: bigint } {
    const created = TestBench.create(document, defaultSeams, contents);
    if (!created.ok) throw new Error(created.error[0]!.message);
    const { time, kernel } = created.value.system;
    const loaded = created.value.load({
      cyclesPerInstruction: 100_000,
      endTsc: time.startTsc + 14 * kernel.tables.majorFrames[0]!.periodCycles,
      maxKernelSteps: 100_000,
      programs: standIns(document, given),
      interrupts: [],
      interleavings: [],
    });
    if (!loaded.ok) throw new Error(loaded.error);
    const system = loaded.value;
    const status = document.memory.find(({ name }) => name === 'status_linux_1')!.physicalAddress;
    const wide = (at: number): bigint => {
      const [low, high] = [system.memory.readWordAt(hpa(at)), system.memory.readWordAt(hpa(at + 4))];
      return (BigInt(high) << 32n) | BigInt(low);
    };
    const read = () => ({ state: wide(status), diagnostics: wide(status + 16) });
    const isDone = (): boolean => read().state === RUNNING.state || read().diagnostics !== 0n;
    while (!isDone() && system.step());
    return read();
  }

  it('validates what it restored, and what is read only, by their hashes', () => {
    const document = hashed([]);
    const parameters = standIns(document, given).find(({ subject }) => subject === LOADER)!.parameters;
    expect(String(parameters.hashes).split('\n').length).toBeGreaterThan(5);
    expect(load(document)).toEqual(RUNNING);
  });

  it.each([
    ['a copy', SOURCE, 'nic_linux|zp_nic_linux'],
    ['a read-only region', READ_ONLY, READ_ONLY],
  ])('stops with an error when %s has another hash', (_, wrong, seenAs) => {
    const document = hashed([wrong]);
    expect(load(document)).toEqual({ state: ERROR | VALIDATING, diagnostics: resourceOf(document, seenAs) });
  });

  it('stops with an error when the source of a copy is nowhere', () => {
    const document = hashed([]);
    const subjects = document.subjects.map(subject =>
      subject.name === LOADER
        ? { ...subject, memory: subject.memory.filter(({ physical }) => physical !== SOURCE) }
        : subject,
    );
    const without = { ...document, subjects };
    const resource = resourceOf(without, 'nic_linux|zp_nic_linux');
    expect(load(without)).toEqual({ state: ERROR | PREPARING, diagnostics: resource });
  });

  it('names what it cannot validate', () => {
    const { parameters } = standIns(golden, given).find(({ subject }) => subject === LOADER)!;
    const rows = String(parameters.unvalidated).split('\n');
    expect(rows.filter(row => row.endsWith('unstated')).length).toBeGreaterThan(3);
    expect(rows.filter(row => row.endsWith('absent')).length).toBeGreaterThan(3);
    expect(unstatedHashes(golden, given).map(({ code, message }) => `${code} ${message}`)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^LOAD-HASH .*'nic_linux\|zp_nic_linux' is restored from/)]),
    );
    expect(unstatedHashes(hashed([]), given)).toEqual([]);
  });
});
