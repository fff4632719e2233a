import type { FrameNumber } from '../../units/address.ts';
import { TWO32 } from '../../units/word.ts';
import type { PhysicalMemory } from '../memory.ts';
import type { PhysicalAccess } from '../x86/hooks.ts';
import { entryFrame, leafMask, reservedHighMask, walkIndex } from '../x86/paging-walk.ts';
import { isEptLeaf, isEptMisconfigured } from './ept-walk.ts';

/** Bits of the exit qualification of an EPT violation (SDM Vol. 3C, "Exit Qualification for EPT Violations"). */
export const EptQualification = {
  read: 1,
  write: 2,
  fetch: 4,
  readableShift: 3,
  linearValid: 1 << 7,
  finalAccess: 1 << 8,
  nmiUnblocking: 1 << 12,
} as const;

const READ = 1;
const WRITE = 2;
const EXECUTE = 4;
const ACCESSED = 1 << 8;
const DIRTY = 1 << 9;
const ACCESSED_DIRTY_ENABLED = 0x40;

/** Result of the last walk. */
export const EptOutcome = { mapped: 0, violation: 1, misconfiguration: 2 } as const;

/**
 * Walks EPT for a processor's accesses, with accessed and dirty flags (SDM Vol. 3C, "The Extended Page Table Mechanism").
 *
 * The result of the last walk is in its fields, so that a walk allocates nothing.
 */
export class EptAccess {
  /** Host-physical address, if mapped. */
  address = 0;
  /** AND of the rights of all entries that were used: read, write, execute. */
  rights = 0;
  /** False if a later write must be walked anew. */
  isWritable = false;
  /** Exit qualification of a violation, without what depends on the linear address. */
  qualification = 0;
  readonly #memory: PhysicalMemory;
  readonly #reservedHigh: number;
  readonly #entrySlots = new Int32Array(5);
  readonly #entryIndexes = new Int32Array(5);

  constructor(memory: PhysicalMemory, physicalAddressBits: number) {
    this.#memory = memory;
    this.#reservedHigh = reservedHighMask(physicalAddressBits);
  }

  /** Translates `address` through the tables of an EPT pointer given in halves. */
  walk(eptpLow: number, eptpHigh: number, address: number, access: PhysicalAccess): number {
    const memory = this.#memory;
    const hasFlags = (eptpLow & ACCESSED_DIRTY_ENABLED) !== 0;
    const needed = neededRights(access, hasFlags);
    this.rights = READ | WRITE | EXECUTE;
    this.qualification = needed;
    if (address >= 2 ** 48) return this.#violation(0);
    const low = address >>> 0;
    const high = Math.floor(address / TWO32);
    let frame = entryFrame(eptpLow, eptpHigh);
    for (let level = 4; level >= 1; level--) {
      const slot = memory.findSlot(frame as FrameNumber);
      if (slot < 0) return this.#violation(0);
      const index = walkIndex(level, low, high) * 2;
      const entry = memory.readWord(slot, index);
      if ((entry & 7) === 0) return this.#violation(0);
      const entryHigh = memory.readWord(slot, index + 1);
      if (isEptMisconfigured(level, entry, entryHigh, this.#reservedHigh)) return EptOutcome.misconfiguration;
      this.rights &= entry;
      this.#entrySlots[level] = slot;
      this.#entryIndexes[level] = index;
      if (!isEptLeaf(level, entry)) {
        frame = entryFrame(entry, entryHigh);
        continue;
      }
      if ((this.rights & needed) !== needed) return this.#violation(this.rights);
      if (hasFlags) this.#setFlags(level, (needed & WRITE) !== 0);
      const isClean = hasFlags && (memory.readWord(slot, index) & DIRTY) === 0;
      this.isWritable = (this.rights & WRITE) !== 0 && !isClean;
      const mask = leafMask(level);
      this.address = (entryHigh & 0xf_ffff) * TWO32 + (((entry & mask) | (low & ~mask)) >>> 0);
      return EptOutcome.mapped;
    }
    return this.#violation(0);
  }

  #violation(rights: number): number {
    this.qualification |= (rights & 7) << EptQualification.readableShift;
    return EptOutcome.violation;
  }

  /** Sets accessed flags of all entries used, and the dirty flag of the leaf for a write. */
  #setFlags(leaf: number, isWrite: boolean): void {
    const memory = this.#memory;
    for (let level = 4; level >= leaf; level--) {
      const slot = this.#entrySlots[level]!;
      const index = this.#entryIndexes[level]!;
      const entry = memory.readWord(slot, index);
      const wanted = entry | ACCESSED | (isWrite && level === leaf ? DIRTY : 0);
      if (wanted !== entry) memory.writeWord(slot, index, wanted >>> 0);
    }
  }
}

/** Rights that an access needs: with accessed and dirty flags, accesses to paging structures count as writes. */
function neededRights(access: PhysicalAccess, hasFlags: boolean): number {
  if (!access.isFinal) return access.isAccessedDirty || hasFlags ? READ | WRITE : READ;
  if (access.kind === 'fetch') return EXECUTE;
  return access.kind === 'write' ? WRITE : READ;
}
