import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '../../../src/impl/memory.ts';
import { pagingOps } from '../../../src/impl/paging-ops.ts';
import { buildIa32e, encodeIa32eLeaf, encodeIa32eTable } from '../../../src/impl/x86/paging.ts';
import { type PageMapping, tableIndex } from '../../../src/impl/x86/paging-layout.ts';
import { hpa } from '../../../src/units/address.ts';

const REGION = { physicalAddress: hpa(0x10_0000), sizeBytes: 0x10_0000 };

const mapping = (
  virtualAddress: number,
  physicalAddress: number,
  sizeBytes = 0x1000,
  rest: Partial<PageMapping> = {},
): PageMapping => ({
  name: 'm',
  virtualAddress,
  physicalAddress,
  sizeBytes,
  writable: true,
  executable: false,
  caching: 'WB',
  line: 1,
  ...rest,
});

const entryAt = (memory: PhysicalMemory, table: number, index: number): string => {
  const low = memory.readWordAt(hpa(table + index * 8));
  const high = memory.readWordAt(hpa(table + index * 8 + 4));
  return ((BigInt(high) << 32n) | BigInt(low)).toString(16);
};

describe('IA-32e entries', () => {
  it.each([
    ['read-only, no execute, WB', false, false, 'WB', '8000000123456805'],
    ['writable, no execute, UC', true, false, 'UC', '800000012345681f'],
    ['executable, WT', false, true, 'WT', '12345680d'],
    ['executable, WC', false, true, 'WC', '123456815'],
    ['writable and executable, WP', true, true, 'WP', '123456887'],
  ] as const)('encodes a leaf: %s', (_name, writable, executable, caching, expected) => {
    const { low, high } = encodeIa32eLeaf(hpa(0x1_2345_6000), { writable, executable, caching });
    expect(((BigInt(high) << 32n) | BigInt(low)).toString(16)).toBe(expected);
  });

  it('encodes a table reference above 4 GiB with all rights', () => {
    expect(encodeIa32eTable(hpa(0xf_ffff_f000))).toEqual({ low: 0xffff_f807, high: 0xf });
  });

  it('takes nine address bits per level', () => {
    const address = 3 * 2 ** 39 + 5 * 2 ** 30 + 7 * 2 ** 21 + 11 * 2 ** 12 + 0xabc;
    expect(([4, 3, 2, 1] as const).map(level => tableIndex(address, level))).toEqual([3, 5, 7, 11]);
  });
});

describe('building IA-32e tables', () => {
  it('places the root first, then all PTs, PDs and PDPTs by ascending address', () => {
    const memory = new PhysicalMemory();
    const built = buildIa32e(
      memory,
      REGION,
      [mapping(2 ** 39, 0x7000), mapping(0x20_0000, 0x6000), mapping(0, 0x5000)],
      pagingOps,
    );
    expect(built).toEqual({ ok: true, value: { root: 0x10_0000, usedBytes: 8 * 0x1000, leafCount: 3 } });
    const page = (index: number): number => REGION.physicalAddress + index * 0x1000;
    expect(entryAt(memory, page(1), 0)).toBe('8000000000005807');
    expect(entryAt(memory, page(2), 0)).toBe('8000000000006807');
    expect(entryAt(memory, page(3), 0)).toBe('8000000000007807');
    expect([entryAt(memory, page(4), 0), entryAt(memory, page(4), 1), entryAt(memory, page(5), 0)]).toEqual([
      '101807',
      '102807',
      '103807',
    ]);
    expect([entryAt(memory, page(6), 0), entryAt(memory, page(7), 0)]).toEqual(['104807', '105807']);
    expect([entryAt(memory, page(0), 0), entryAt(memory, page(0), 1)]).toEqual(['106807', '107807']);
  });

  it('erases what stood in the pages of the tables before', () => {
    const memory = new PhysicalMemory();
    memory.writeBytes(REGION.physicalAddress, new Uint8Array(0x4000).fill(0xff));
    expect(buildIa32e(memory, REGION, [mapping(0x3000, 0x5000)], pagingOps).ok).toBe(true);
    expect(entryAt(memory, 0x10_1000, 2)).toBe('0');
    expect(entryAt(memory, 0x10_1000, 3)).toBe('8000000000005807');
    expect(entryAt(memory, 0x10_0000, 511)).toBe('0');
  });

  it('maps nothing for no mapping and for a mapping of size 0', () => {
    const memory = new PhysicalMemory();
    const built = buildIa32e(memory, REGION, [mapping(0x1000, 0x5000, 0)], pagingOps);
    expect(built).toEqual({ ok: true, value: { root: 0x10_0000, usedBytes: 0x1000, leafCount: 0 } });
  });

  it('says how many bytes are missing when the region is too small, and writes nothing', () => {
    const memory = new PhysicalMemory();
    const region = { physicalAddress: hpa(0x10_0000), sizeBytes: 0x3000 };
    const built = buildIa32e(memory, region, [mapping(0, 0x5000)], pagingOps);
    expect(built).toEqual({ ok: false, error: { kind: 'region-too-small', neededBytes: 0x4000, regionBytes: 0x3000 } });
    expect(memory.frameCount).toBe(0);
  });

  it.each([
    ['a virtual address inside a page', mapping(0x1800, 0x5000), 'alignment'],
    ['a physical address inside a page', mapping(0x1000, 0x5010), 'alignment'],
    ['a size that is no multiple of a page', mapping(0x1000, 0x5000, 0x1001), 'alignment'],
    ['an address that is no number', mapping(Number.NaN, 0x5000), 'alignment'],
    ['the non-canonical hole', mapping(2 ** 47 - 0x1000, 0x5000, 0x2000), 'address-width'],
    ['more than 52 physical address bits', mapping(0, 2 ** 52 - 0x1000, 0x2000), 'address-width'],
  ])('refuses %s', (_name, wrong, kind) => {
    expect(buildIa32e(new PhysicalMemory(), REGION, [wrong], pagingOps)).toMatchObject({ ok: false, error: { kind } });
  });

  it('refuses overlapping mappings', () => {
    const built = buildIa32e(
      new PhysicalMemory(),
      REGION,
      [mapping(0x1000, 0x9000), mapping(0, 0x5000, 0x2000)],
      pagingOps,
    );
    expect(built).toMatchObject({
      ok: false,
      error: { kind: 'overlap', first: { virtualAddress: 0 }, second: { virtualAddress: 0x1000 } },
    });
  });

  it('refuses tables that muencheck cannot hold instead of materialising them', () => {
    const region = { physicalAddress: hpa(0x10_0000), sizeBytes: 2 ** 45 };
    const built = buildIa32e(new PhysicalMemory(), region, [mapping(0, 0, 2 ** 46)], pagingOps);
    expect(built).toMatchObject({ ok: false, error: { kind: 'capacity' } });
  });
});
