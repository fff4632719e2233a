import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '../../../src/impl/memory.ts';
import { pagingOps } from '../../../src/impl/paging-ops.ts';
import { buildEpt, encodeEptLeaf, encodeEptTable } from '../../../src/impl/vmx/ept.ts';
import type { PageMapping } from '../../../src/impl/x86/paging-layout.ts';
import { hpa } from '../../../src/units/address.ts';

const REGION = { physicalAddress: hpa(0x10_0000), sizeBytes: 0x10_0000 };

const mapping = (virtualAddress: number): PageMapping => ({
  name: 'm',
  virtualAddress,
  physicalAddress: 0x5000,
  sizeBytes: 0x1000,
  writable: true,
  executable: true,
  caching: 'WB',
  line: 1,
});

describe('EPT entries', () => {
  it.each([
    ['read-only, WB', false, false, 'WB', '10000123456071'],
    ['writable, UC', true, false, 'UC', '10000123456043'],
    ['executable, WT', false, true, 'WT', '10000123456065'],
    ['read-only, WC', false, false, 'WC', '10000123456049'],
    ['writable and executable, WP', true, true, 'WP', '1000012345606f'],
  ] as const)('encodes a leaf: %s', (_name, writable, executable, caching, expected) => {
    const { low, high } = encodeEptLeaf(hpa(0x1_2345_6000), { writable, executable, caching });
    expect(((BigInt(high) << 32n) | BigInt(low)).toString(16)).toBe(expected);
  });

  it('encodes a table reference above 4 GiB with all rights', () => {
    expect(encodeEptTable(hpa(0xf_ffff_f000))).toEqual({ low: 0xffff_f007, high: 0x10_000f });
  });
});

describe('building EPT tables', () => {
  it('reaches up to 48 guest-physical address bits', () => {
    const memory = new PhysicalMemory();
    expect(buildEpt(memory, REGION, [mapping(2 ** 48 - 0x1000)], pagingOps).ok).toBe(true);
    expect(memory.readWordAt(hpa(0x10_0000 + 511 * 8))).toBe(0x10_3007);
    expect(memory.readWordAt(hpa(0x10_1000 + 511 * 8))).toBe(0x5077);
    const beyond = buildEpt(new PhysicalMemory(), REGION, [mapping(2 ** 48)], pagingOps);
    expect(beyond).toMatchObject({ ok: false, error: { kind: 'address-width' } });
  });
});
