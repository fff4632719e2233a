import { describe, expect, it } from 'vitest';
import { enumerateEpt } from '../../../src/impl/vmx/ept-enumerate.ts';
import { translateEpt } from '../../../src/impl/vmx/ept-walk.ts';
import {
  EXECUTE_DENIED,
  MISCONFIGURED,
  NOT_CANONICAL,
  NOT_PRESENT,
  READ_DENIED,
  WRITE_DENIED,
} from '../../../src/impl/x86/paging-walk.ts';
import { hpa } from '../../../src/units/address.ts';
import { chain, PD, PDPT, PT, put, ROOT } from '../table-chain.ts';

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
