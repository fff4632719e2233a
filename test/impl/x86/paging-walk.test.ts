import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '../../../src/impl/memory.ts';
import { pagingOps } from '../../../src/impl/paging-ops.ts';
import { buildEpt } from '../../../src/impl/vmx/ept.ts';
import { enumerateEpt } from '../../../src/impl/vmx/ept-enumerate.ts';
import { translateEpt } from '../../../src/impl/vmx/ept-walk.ts';
import { buildIa32e } from '../../../src/impl/x86/paging.ts';
import { type Enumeration, enumerateIa32e, type LeafRun } from '../../../src/impl/x86/paging-enumerate.ts';
import type { PageMapping } from '../../../src/impl/x86/paging-layout.ts';
import {
  type Access,
  DEFAULT_WALK,
  EXECUTE_DENIED,
  MISCONFIGURED,
  NOT_CANONICAL,
  NOT_PRESENT,
  READ_DENIED,
  translateIa32e,
  WRITE_DENIED,
} from '../../../src/impl/x86/paging-walk.ts';
import { CACHING_TYPES } from '../../../src/policy/document.ts';
import { type Hpa, hpa } from '../../../src/units/address.ts';

const ROOT = hpa(0x1000);
const PDPT = 0x2000;
const PD = 0x3000;
const PT = 0x4000;

const put = (memory: PhysicalMemory, table: number, index: number, entry: bigint): void =>
  memory.writePair(hpa(table + index * 8), Number(entry & 0xffff_ffffn), Number(entry >> 32n));

/** Hand-written chain PML4[0] -> PDPT[0] -> PD[0] -> PT. */
function chain(): PhysicalMemory {
  const memory = new PhysicalMemory();
  put(memory, ROOT, 0, 0x2007n);
  put(memory, PDPT, 0, 0x3007n);
  put(memory, PD, 0, 0x4007n);
  return memory;
}

describe('IA-32e translation', () => {
  it('keeps the offset and allows what every level allows', () => {
    const memory = chain();
    put(memory, PT, 5, 0xab_cdef_0000_3003n & 0x000f_ffff_ffff_ffffn);
    expect(translateIa32e(memory, ROOT, 0x5123, 'write')).toBe(0xb_cdef_0000_3123);
    expect(translateIa32e(memory, ROOT, 0x5123, 'execute')).toBe(0xb_cdef_0000_3123);
  });

  it('faults on absent entries and absent tables', () => {
    const memory = chain();
    expect(translateIa32e(memory, ROOT, 0x5000, 'read')).toBe(NOT_PRESENT);
    expect(translateIa32e(memory, ROOT, 2 ** 40, 'read')).toBe(NOT_PRESENT);
    expect(translateIa32e(memory, hpa(0x9_0000), 0, 'read')).toBe(NOT_PRESENT);
  });

  it.each([
    ['leaf', PT, 0x5n],
    ['PD entry', PD, 0x4005n],
    ['PDPT entry', PDPT, 0x3005n],
    ['PML4 entry', ROOT, 0x2005n],
  ])('denies writes when the %s is read-only (CR0.WP = 1)', (_name, table, entry) => {
    const memory = chain();
    put(memory, PT, 0, 0x7n);
    put(memory, table, 0, entry);
    expect(translateIa32e(memory, ROOT, 0, 'write')).toBe(WRITE_DENIED);
    expect(translateIa32e(memory, ROOT, 0, 'read')).toBe(0);
  });

  it('denies execution when any level says so (EFER.NXE = 1)', () => {
    const memory = chain();
    put(memory, PT, 0, 0x7n);
    put(memory, PDPT, 0, 0x8000_0000_0000_3007n);
    expect(translateIa32e(memory, ROOT, 0, 'execute')).toBe(EXECUTE_DENIED);
  });

  it.each([
    ['PS in a PML4 entry', ROOT, 0x2087n],
    ['low address bits of a 1 GiB leaf', PDPT, 0x4000_2087n],
    ['low address bits of a 2 MiB leaf', PD, 0x20_2087n],
  ])('faults on reserved bits: %s', (_name, table, entry) => {
    const memory = chain();
    put(memory, table, 0, entry);
    expect(translateIa32e(memory, ROOT, 0, 'read')).toBe(MISCONFIGURED);
    expect(enumerateIa32e(memory, ROOT).malformed).toHaveLength(1);
  });

  it('faults on address bits beyond the physical address width', () => {
    const memory = chain();
    put(memory, PT, 0, 0x80_0000_0003n);
    expect(translateIa32e(memory, ROOT, 0, 'read')).toBe(0x80_0000_0000);
    expect(translateIa32e(memory, ROOT, 0, 'read', { ...DEFAULT_WALK, physicalAddressBits: 39 })).toBe(MISCONFIGURED);
  });

  it('reads 2 MiB and 1 GiB leaves, with the PAT bit at its place', () => {
    const memory = chain();
    put(memory, PD, 1, 0x1_0060_1083n);
    put(memory, PDPT, 2, 0x8000_0000_c000_0081n);
    expect(translateIa32e(memory, ROOT, 0x20_0000 + 0x1f_fabc, 'write')).toBe(0x1_007f_fabc);
    expect(translateIa32e(memory, ROOT, 0x8000_0000 + 0x3fff_fabc, 'read')).toBe(0xffff_fabc);
    expect(enumerateIa32e(memory, ROOT).runs).toEqual([
      { virtualAddress: 0x20_0000, physicalAddress: 0x1_0060_0000, sizeBytes: 0x20_0000, readable: true, writable: true, executable: true, memoryType: 'WP', forcesMemoryType: true },
      { virtualAddress: 0x8000_0000, physicalAddress: 0xc000_0000, sizeBytes: 0x4000_0000, readable: true, writable: false, executable: false, memoryType: 'WB', forcesMemoryType: true },
    ]);
  });

  it('knows the canonical halves', () => {
    const memory = chain();
    put(memory, ROOT, 511, 0x2007n);
    put(memory, PDPT, 511, 0x3007n);
    put(memory, PD, 511, 0x4007n);
    put(memory, PT, 511, 0x7007n);
    expect(translateIa32e(memory, ROOT, -1, 'read')).toBe(0x7fff);
    expect(translateIa32e(memory, ROOT, 2 ** 47, 'read')).toBe(NOT_CANONICAL);
    expect(translateIa32e(memory, ROOT, -(2 ** 47) - 1, 'read')).toBe(NOT_CANONICAL);
    expect(translateIa32e(memory, ROOT, Number.NaN, 'read')).toBe(NOT_CANONICAL);
    expect(enumerateIa32e(memory, ROOT).runs.at(-1)).toMatchObject({ virtualAddress: -0x1000, physicalAddress: 0x7000 });
  });

  it('sets accessed and dirty bits only when asked to, and only along a successful translation', () => {
    const memory = chain();
    put(memory, PT, 0, 0x7005n);
    const before = memory.digest();
    const options = { ...DEFAULT_WALK, setAccessedDirty: true };
    expect(translateIa32e(memory, ROOT, 0, 'read')).toBe(0x7000);
    expect(translateIa32e(memory, ROOT, 0, 'write', options)).toBe(WRITE_DENIED);
    expect(memory.digest()).toEqual(before);
    expect(translateIa32e(memory, ROOT, 0, 'read', options)).toBe(0x7000);
    expect([ROOT, PDPT, PD, PT].map(table => memory.readWordAt(hpa(table)) & 0x60)).toEqual([0x20, 0x20, 0x20, 0x20]);
    put(memory, PT, 0, 0x7007n);
    translateIa32e(memory, ROOT, 0, 'write', options);
    expect([PD, PT].map(table => memory.readWordAt(hpa(table)) & 0x60)).toEqual([0x20, 0x60]);
  });
});

describe('EPT translation', () => {
  it('needs a right at every level', () => {
    const memory = chain();
    put(memory, PT, 0, 0x9037n);
    expect(translateEpt(memory, hpa(ROOT + 0x1e), 0xabc, 'execute')).toBe(0x9abc);
    put(memory, PD, 0, 0x4001n);
    expect(translateEpt(memory, ROOT, 0, 'read')).toBe(0x9000);
    expect(translateEpt(memory, ROOT, 0, 'write')).toBe(WRITE_DENIED);
    expect(translateEpt(memory, ROOT, 0, 'execute')).toBe(EXECUTE_DENIED);
    put(memory, PD, 0, 0x4004n);
    expect(translateEpt(memory, ROOT, 0, 'read')).toBe(READ_DENIED);
  });

  it.each([
    ['write-only leaf', PT, 0x9032n],
    ['write and execute leaf', PT, 0x9036n],
    ['memory type 2', PT, 0x9017n],
    ['memory type 3', PT, 0x901fn],
    ['memory type 7', PT, 0x903fn],
    ['bits 6:3 of a PD entry', PD, 0x400fn],
    ['bit 6 of a PDPT entry', PDPT, 0x3047n],
    ['bit 7 of a PML4 entry', ROOT, 0x2087n],
    ['low address bits of a 2 MiB leaf', PD, 0x20_10b7n],
    ['low address bits of a 1 GiB leaf', PDPT, 0x4020_00b7n],
  ])('is misconfigured: %s', (_name, table, entry) => {
    const memory = chain();
    put(memory, PT, 0, 0x9037n);
    put(memory, table, 0, entry);
    expect(translateEpt(memory, ROOT, 0, 'read')).toBe(MISCONFIGURED);
    expect(enumerateEpt(memory, ROOT).malformed).toHaveLength(1);
  });

  it('is a violation, not a misconfiguration, where nothing is present', () => {
    const memory = chain();
    put(memory, PT, 0, 0x9ff8n);
    expect(translateEpt(memory, ROOT, 0, 'read')).toBe(NOT_PRESENT);
    expect(translateEpt(memory, ROOT, 2 ** 48, 'read')).toBe(NOT_CANONICAL);
    expect(translateEpt(memory, ROOT, -1, 'read')).toBe(NOT_CANONICAL);
  });

  it('reads 2 MiB and 1 GiB leaves and sees whether the PAT of the guest counts', () => {
    const memory = chain();
    put(memory, PD, 1, 0x60_0087n);
    put(memory, PDPT, 2, 0xc000_00f3n);
    expect(translateEpt(memory, ROOT, 0x20_1234, 'execute')).toBe(0x60_1234);
    expect(translateEpt(memory, ROOT, 0x8123_4567, 'write')).toBe(0xc123_4567);
    expect(enumerateEpt(memory, ROOT).runs.map(run => [run.memoryType, run.forcesMemoryType])).toEqual([
      ['UC', false],
      ['WB', true],
    ]);
  });

  it('does not read the sign of addresses into guest-physical ones', () => {
    const memory = chain();
    put(memory, ROOT, 511, 0x2007n);
    put(memory, PT, 0, 0x9037n);
    expect(translateEpt(memory, ROOT, 511 * 2 ** 39, 'read')).toBe(0x9000);
    expect(enumerateEpt(memory, ROOT).runs.at(-1)).toMatchObject({ virtualAddress: 511 * 2 ** 39 });
  });
});

describe('enumeration of hostile tables', () => {
  it('stops at its limit for a table that references itself at every entry', () => {
    const memory = new PhysicalMemory();
    for (let index = 0; index < 512; index++) put(memory, ROOT, index, 0x1007n);
    const limits = { maxTables: 100, maxRuns: 1000, maxMalformed: 10 };
    expect(enumerateIa32e(memory, ROOT, limits).incomplete).toBe('more than 100 tables');
    expect(enumerateIa32e(memory, ROOT, { ...limits, maxTables: 1e6 }).incomplete).toBe('more than 1000 separate stretches of pages');
  });

  it('stops at its limit of malformed entries', () => {
    const memory = new PhysicalMemory();
    for (let index = 0; index < 512; index++) put(memory, ROOT, index, 0xffff_ffff_ffff_ffffn);
    const seen = enumerateEpt(memory, ROOT, { maxTables: 100, maxRuns: 1000, maxMalformed: 10 });
    expect(seen.malformed).toHaveLength(10);
    expect(seen.incomplete).toBe('more than 10 malformed entries');
  });

  it('visits a shared table once per reference and lists its frame once', () => {
    const memory = chain();
    put(memory, PD, 1, 0x4007n);
    put(memory, PT, 0, 0x9007n);
    const seen = enumerateIa32e(memory, ROOT);
    expect(seen.runs.map(run => run.virtualAddress)).toEqual([0, 0x20_0000]);
    expect(seen.tables).toEqual([ROOT, PDPT, PD, PT]);
  });
});

type Translate = (memory: PhysicalMemory, root: Hpa, address: number, access: Access) => number;

/** What a list of runs says about an access. */
function lookUp(runs: readonly LeafRun[], address: number, access: Access): number {
  const run = runs.find(candidate => address >= candidate.virtualAddress && address < candidate.virtualAddress + candidate.sizeBytes);
  if (run === undefined) return NOT_PRESENT;
  if (access === 'read' && !run.readable) return READ_DENIED;
  if (access === 'write' && !run.writable) return WRITE_DENIED;
  if (access === 'execute' && !run.executable) return EXECUTE_DENIED;
  return run.physicalAddress + (address - run.virtualAddress);
}

const ACCESSES: readonly Access[] = ['read', 'write', 'execute'];

/** Starts of mappings around the borders of tables, so that neighbours share some levels and not others. */
const pageArb = fc
  .record({ top: fc.constantFrom(0, 1, 200), giga: fc.constantFrom(0, 1, 511), mega: fc.constantFrom(0, 1, 511), page: fc.constantFrom(0, 1, 255, 510, 511) })
  .map(({ top, giga, mega, page }) => top * 2 ** 39 + giga * 2 ** 30 + mega * 2 ** 21 + page * 2 ** 12);

const mappingArb: fc.Arbitrary<PageMapping> = fc.record({
  name: fc.constant('m'),
  virtualAddress: pageArb,
  physicalAddress: fc.integer({ min: 0, max: 2 ** 31 - 1 }).map(frame => frame * 0x1000),
  sizeBytes: fc.constantFrom(1, 2, 3, 600).map(pages => pages * 0x1000),
  writable: fc.boolean(),
  executable: fc.boolean(),
  caching: fc.constantFrom(...CACHING_TYPES),
  line: fc.constant(1),
});

const withoutOverlap = (mappings: readonly PageMapping[]): PageMapping[] => {
  const sorted = [...mappings].sort((a, b) => a.virtualAddress - b.virtualAddress);
  let end = 0;
  return sorted.filter(mapping => {
    if (mapping.virtualAddress < end) return false;
    end = mapping.virtualAddress + mapping.sizeBytes;
    return true;
  });
};

describe.each([
  { name: 'IA-32e', build: buildIa32e, enumerate: enumerateIa32e as (memory: PhysicalMemory, root: Hpa) => Enumeration, translate: translateIa32e as Translate },
  { name: 'EPT', build: buildEpt, enumerate: enumerateEpt as (memory: PhysicalMemory, root: Hpa) => Enumeration, translate: translateEpt as Translate },
])('$name: builder, translation and enumeration', ({ build, enumerate, translate }) => {
  const memory = new PhysicalMemory();
  const start = memory.snapshot();
  const region = { physicalAddress: hpa(2 ** 40), sizeBytes: 0x100_0000 };

  it('agree on random mappings', () => {
    fc.assert(
      fc.property(fc.array(mappingArb, { minLength: 1, maxLength: 8 }).map(withoutOverlap), mappings => {
        memory.restore(start);
        const built = build(memory, region, mappings, pagingOps);
        if (!built.ok) throw new Error(built.error.kind);
        const seen = enumerate(memory, built.value.root);
        expect([seen.incomplete, seen.malformed.length, seen.leafCount]).toEqual(['', 0, built.value.leafCount]);
        expect(seen.tables.length * 0x1000).toBe(built.value.usedBytes);
        const probes = mappings.flatMap(({ virtualAddress, sizeBytes }) => [virtualAddress - 1, virtualAddress, virtualAddress + 0x7ff, virtualAddress + sizeBytes - 1, virtualAddress + sizeBytes]);
        for (const address of probes.filter(probe => probe >= 0)) {
          const owner = mappings.find(candidate => address >= candidate.virtualAddress && address < candidate.virtualAddress + candidate.sizeBytes);
          for (const access of ACCESSES) {
            expect(translate(memory, built.value.root, address, access)).toBe(lookUp(seen.runs, address, access));
          }
          const expected = owner === undefined ? NOT_PRESENT : owner.physicalAddress + (address - owner.virtualAddress);
          expect(translate(memory, built.value.root, address, 'read')).toBe(expected);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('agree on garbage: what is translated is enumerated, what is not is not', () => {
    const frames = [0x1000, 0x2000, 0x3000, 0x4000, 0x5000];
    const entryArb = fc.record({
      table: fc.constantFrom(...frames),
      index: fc.constantFrom(0, 1, 256, 511),
      target: fc.constantFrom(...frames, 0x4000_0000, 0xf_ffff_ffff_f000),
      flags: fc.integer({ min: 0, max: 0xfff }),
      top: fc.constantFrom(0n, 1n << 63n, 0x7ffn << 52n),
    });
    fc.assert(
      fc.property(fc.array(entryArb, { maxLength: 16 }), entries => {
        memory.restore(start);
        for (const { table, index, target, flags, top } of entries) put(memory, table, index, BigInt(target) | BigInt(flags) | top);
        const seen = enumerate(memory, ROOT);
        expect(seen.incomplete).toBe('');
        for (const page of [0, 0x1000, 2 ** 20, 2 ** 21 - 0x1000, 2 ** 21, 2 ** 29, 2 ** 30, 2 ** 30 + 2 ** 21 + 0x1234, 2 ** 39 + 2 ** 38]) {
          for (const access of ACCESSES) {
            const translated = translate(memory, ROOT, page, access);
            const enumerated = lookUp(seen.runs, page, access);
            expect(translated === MISCONFIGURED ? NOT_PRESENT : translated).toBe(enumerated);
          }
        }
      }),
      { numRuns: 400 },
    );
  });
});
