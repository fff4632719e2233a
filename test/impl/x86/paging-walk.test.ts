import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '../../../src/impl/memory.ts';
import { enumerateEpt } from '../../../src/impl/vmx/ept-enumerate.ts';
import { enumerateIa32e } from '../../../src/impl/x86/paging-enumerate.ts';
import {
  DEFAULT_WALK,
  EXECUTE_DENIED,
  MISCONFIGURED,
  NOT_CANONICAL,
  NOT_PRESENT,
  translateIa32e,
  WRITE_DENIED,
} from '../../../src/impl/x86/paging-walk.ts';
import { hpa } from '../../../src/units/address.ts';
import { chain, PD, PDPT, PT, put, ROOT } from '../table-chain.ts';

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
      {
        virtualAddress: 0x20_0000,
        physicalAddress: 0x1_0060_0000,
        sizeBytes: 0x20_0000,
        readable: true,
        writable: true,
        executable: true,
        memoryType: 'WP',
        forcesMemoryType: true,
      },
      {
        virtualAddress: 0x8000_0000,
        physicalAddress: 0xc000_0000,
        sizeBytes: 0x4000_0000,
        readable: true,
        writable: false,
        executable: false,
        memoryType: 'WB',
        forcesMemoryType: true,
      },
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
    expect(enumerateIa32e(memory, ROOT).runs.at(-1)).toMatchObject({
      virtualAddress: -0x1000,
      physicalAddress: 0x7000,
    });
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

describe('enumeration of hostile tables', () => {
  it('stops at its limit for a table that references itself at every entry', () => {
    const memory = new PhysicalMemory();
    for (let index = 0; index < 512; index++) put(memory, ROOT, index, 0x1007n);
    const limits = { maxTables: 4, maxRuns: 1000, maxMalformed: 10 };
    expect(enumerateIa32e(memory, ROOT, limits).incomplete).toBe('more than 4 tables');
    expect(enumerateIa32e(memory, ROOT, { ...limits, maxTables: 1e6 }).incomplete).toBe(
      'more than 1000 separate stretches of pages',
    );
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
