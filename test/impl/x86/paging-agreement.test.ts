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
  EXECUTE_DENIED,
  MISCONFIGURED,
  NOT_PRESENT,
  READ_DENIED,
  translateIa32e,
  WRITE_DENIED,
} from '../../../src/impl/x86/paging-walk.ts';
import { CACHING_TYPES } from '../../../src/policy/document.ts';
import { type Hpa, hpa } from '../../../src/units/address.ts';
import { put, ROOT } from '../table-chain.ts';

type Translate = (memory: PhysicalMemory, root: Hpa, address: number, access: Access) => number;

/** What a list of runs says about an access. */
function lookUp(runs: readonly LeafRun[], address: number, access: Access): number {
  const run = runs.find(
    candidate => address >= candidate.virtualAddress && address < candidate.virtualAddress + candidate.sizeBytes,
  );
  if (run === undefined) return NOT_PRESENT;
  if (access === 'read' && !run.readable) return READ_DENIED;
  if (access === 'write' && !run.writable) return WRITE_DENIED;
  if (access === 'execute' && !run.executable) return EXECUTE_DENIED;
  return run.physicalAddress + (address - run.virtualAddress);
}

const ACCESSES: readonly Access[] = ['read', 'write', 'execute'];

/** Starts of mappings around the borders of tables, so that neighbours share some levels and not others. */
const pageArb = fc
  .record({
    top: fc.constantFrom(0, 1, 200),
    giga: fc.constantFrom(0, 1, 511),
    mega: fc.constantFrom(0, 1, 511),
    page: fc.constantFrom(0, 1, 255, 510, 511),
  })
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
  {
    name: 'IA-32e',
    build: buildIa32e,
    enumerate: enumerateIa32e as (memory: PhysicalMemory, root: Hpa) => Enumeration,
    translate: translateIa32e as Translate,
  },
  {
    name: 'EPT',
    build: buildEpt,
    enumerate: enumerateEpt as (memory: PhysicalMemory, root: Hpa) => Enumeration,
    translate: translateEpt as Translate,
  },
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
        const probes = mappings.flatMap(({ virtualAddress, sizeBytes }) => [
          virtualAddress - 1,
          virtualAddress,
          virtualAddress + 0x7ff,
          virtualAddress + sizeBytes - 1,
          virtualAddress + sizeBytes,
        ]);
        for (const address of probes.filter(probe => probe >= 0)) {
          const owner = mappings.find(
            candidate =>
              address >= candidate.virtualAddress && address < candidate.virtualAddress + candidate.sizeBytes,
          );
          for (const access of ACCESSES) {
            expect(translate(memory, built.value.root, address, access)).toBe(lookUp(seen.runs, address, access));
          }
          const expected = owner === undefined ? NOT_PRESENT : owner.physicalAddress + (address - owner.virtualAddress);
          expect(translate(memory, built.value.root, address, 'read')).toBe(expected);
        }
      }),
      { numRuns: 150, seed: 150 },
    );
  });

  it('agree on garbage: what is translated is enumerated, what is not is not', () => {
    let translatedCount = 0;
    const disagreements: unknown[] = [];
    const frames = [0x1000, 0x2000, 0x3000, 0x4000, 0x5000];
    const indexes = [0, 1, 256, 511];
    const entryArb = fc.record({
      table: fc.constantFrom(...frames),
      index: fc.constantFrom(...indexes),
      target: fc.oneof(
        { weight: 5, arbitrary: fc.constantFrom(...frames) },
        { weight: 1, arbitrary: fc.constantFrom(0x4000_0000, 0xf_ffff_ffff_f000) },
      ),
      flags: fc.oneof(
        { weight: 4, arbitrary: fc.constant(0x7) },
        { weight: 3, arbitrary: fc.constantFrom(0x1, 0x3, 0x5, 0x37, 0x77, 0x87, 0xb7) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xfff }) },
      ),
      top: fc.oneof(
        { weight: 4, arbitrary: fc.constant(0n) },
        { weight: 1, arbitrary: fc.constantFrom(1n << 63n, 0x7ffn << 52n) },
      ),
    });
    const at = (top: number, giga: number, mega: number, page: number): number =>
      top * 2 ** 39 + giga * 2 ** 30 + mega * 2 ** 21 + page * 2 ** 12 + 0xabc;
    const probes = [0, 1].flatMap(top =>
      indexes.flatMap(giga => indexes.flatMap(mega => indexes.map(page => at(top, giga, mega, page)))),
    );
    fc.assert(
      fc.property(fc.array(entryArb, { minLength: 4, maxLength: 30 }), entries => {
        memory.restore(start);
        for (const { table, index, target, flags, top } of entries)
          put(memory, table, index, BigInt(target) | BigInt(flags) | top);
        const seen = enumerate(memory, ROOT);
        expect(seen.incomplete).toBe('');
        for (const page of probes) {
          for (const access of ACCESSES) {
            const translated = translate(memory, ROOT, page, access);
            if (translated >= 0) translatedCount += 1;
            const enumerated = lookUp(seen.runs, page, access);
            if ((translated === MISCONFIGURED ? NOT_PRESENT : translated) !== enumerated)
              disagreements.push([page, access, translated, enumerated]);
          }
        }
        expect(disagreements).toEqual([]);
      }),
      { numRuns: 200, seed: 200 },
    );
    expect(translatedCount).toBeGreaterThan(100);
  });
});
