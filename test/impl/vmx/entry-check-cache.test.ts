import { describe, expect, it } from 'vitest';
import { FRAME_WORDS, PhysicalMemory } from '../../../src/impl/memory.ts';
import { DEFAULT_CAPABILITIES } from '../../../src/impl/vmx/capabilities.ts';
import { EntryCheckCache, isVolatile, VOLATILE_FIELDS } from '../../../src/impl/vmx/entry-check-cache.ts';
import { ENTRY_CHECK_GROUPS, failedEntryCheck } from '../../../src/impl/vmx/entry-check-table.ts';
import { EntryState } from '../../../src/impl/vmx/entry-state.ts';
import { vmcsWord } from '../../../src/impl/vmx/vmcs.ts';
import { VMCS_FIELDS } from '../../../src/impl/vmx/vmcs-fields.ts';
import { frameOf, hpa } from '../../../src/units/address.ts';
import { createRng } from '../../../src/units/rng.ts';
import { boot, sceneDocument } from '../muen/kernel-bench.ts';

const PROCESSOR = { isLongMode: true, isX2apic: true };
const RFLAGS_VM = 0x2_0000;

/** A VMCS that every check passes: that of a subject, as the kernel made it. */
const system = boot(sceneDocument({ cpus: [[[['a']]]] }));
const slot = system.kernel.at.vmcsSlots[system.kernel.tables.subjects.find(row => row.name === 'a')!.id]!;
const good = system.memory.words.slice(slot * FRAME_WORDS, (slot + 1) * FRAME_WORDS);

function state(): { readonly entry: EntryState; readonly words: Uint32Array } {
  const memory = new PhysicalMemory();
  const place = memory.slotOf(frameOf(hpa(0x10_0000)));
  const entry = new EntryState(memory, { ...system.kernel.platform.vmx.capabilities });
  const words = memory.words.subarray(place * FRAME_WORDS, (place + 1) * FRAME_WORDS);
  words.set(good);
  entry.begin(place, PROCESSOR);
  return { entry, words };
}

const again = (entry: EntryState): EntryState => {
  entry.begin(entry.slot, PROCESSOR);
  return entry;
};

describe('remembered entry checks', () => {
  it('start from a state that passes', () => {
    expect(failedEntryCheck(state().entry)).toBeUndefined();
    expect(DEFAULT_CAPABILITIES.revision).toBeGreaterThan(0);
  });

  it('have the outcome of the whole table, whatever changes between entries', () => {
    const rng = createRng(11);
    const { entry, words } = state();
    const cache = new EntryCheckCache();
    let failures = 0;
    for (let round = 0; round < 40_000; round++) {
      if (round % 4 === 0) words.set(good);
      const { name, width } = VMCS_FIELDS[rng.below(VMCS_FIELDS.length)]!;
      const word = vmcsWord(name) + (width === 64 ? rng.below(2) : 0);
      words[word]! ^= 1 << rng.below(width === 16 ? 16 : 32);
      const expected = failedEntryCheck(again(entry));
      if (expected !== undefined) failures += 1;
      expect(cache.failed(again(entry))?.check.id).toBe(expected?.check.id);
    }
    expect(failures).toBeGreaterThan(10_000);
  });

  it('ask again for everything that looks at a field which is not remembered', () => {
    const rng = createRng(5);
    const { entry, words } = state();
    const stable = ENTRY_CHECK_GROUPS.flatMap(({ checks }) => checks.filter(check => !isVolatile(check)));
    expect(stable.length).toBeGreaterThan(60);
    for (let round = 0; round < 4000; round++) {
      words.set(good);
      for (const { name, width } of VMCS_FIELDS)
        if (rng.below(6) === 0) words[vmcsWord(name)]! ^= 1 << rng.below(width === 16 ? 16 : 32);
      const before = stable.map(check => check.fails(again(entry)));
      for (const name of VOLATILE_FIELDS) {
        const word = vmcsWord(name);
        const kept = name === 'GUEST_RFLAGS' ? words[word]! & RFLAGS_VM : 0;
        words[word] = name === 'GUEST_RFLAGS' ? (rng.next() & ~RFLAGS_VM) | kept : rng.next();
      }
      expect(stable.map(check => check.fails(again(entry)))).toEqual(before);
    }
  });
});
