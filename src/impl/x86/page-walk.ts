import type { Hpa } from '../../units/address.ts';
import { frameOf, pageOffset } from '../../units/address.ts';
import { TWO32 } from '../../units/word.ts';
import type { PhysicalMemory } from '../memory.ts';
import { type PagingContext, PagingMode, PHYSICAL_ADDRESS_BITS } from './paging-context.ts';

/** Entry bits (SDM Vol. 3A, "Paging", formats of paging-structure entries). */
const PRESENT = 1;
const WRITABLE = 2;
const USER = 4;
const ACCESSED = 0x20;
const DIRTY = 0x40;
const LARGE = 0x80;
const GLOBAL = 0x100;
/** Bit 63, in the high half. */
const NO_EXECUTE_HIGH = 0x8000_0000 | 0;

/** Bits of a page-fault error code. */
export const FaultCode = { present: 1, write: 2, user: 4, reserved: 8, fetch: 0x10 } as const;

/** Physical-address bits above MAXPHYADDR in an entry's high half. */
const RESERVED_HIGH = (0xf_ffff << (PHYSICAL_ADDRESS_BITS - 32)) & 0xf_ffff;

export interface WalkAccess {
  readonly isWrite: boolean;
  readonly isFetch: boolean;
  /** Access with user privilege. */
  readonly isUser: boolean;
  /** Supervisor data access that SMAP allows on user pages: explicit and EFLAGS.AC. */
  readonly isSmapAllowed: boolean;
}

/** Accesses to paging structures, in guest-physical addresses. */
export interface StructureAccess {
  /** Host-physical address of an entry that is read, or written to set accessed or dirty. */
  locate(address: number, low: number, high: number, isWrite: boolean): number;
}

/**
 * Walks the paging structures for a linear address.
 *
 * The result of a successful walk is in the fields; a failed one returns the page-fault error code. Entry bits are set
 * only when the whole access is allowed.
 */
export class PageWalker {
  /** Guest-physical address, after success. */
  address = 0;
  /** True if the page's mapping is global. */
  isGlobal = false;
  /** True if a later access of the same privilege may write the page without another walk. */
  isWritable = false;
  isUserPage = false;
  /** True if the page is larger than 4 KiB. */
  isLarge = false;
  readonly #memory: PhysicalMemory;
  readonly #structures: StructureAccess;
  readonly #entryAddresses = new Float64Array(4);
  readonly #entryLows = new Int32Array(4);
  #depth = 0;

  constructor(memory: PhysicalMemory, structures: StructureAccess) {
    this.#memory = memory;
    this.#structures = structures;
  }

  /** -1 after success, else the error code of the page fault. */
  walk(context: PagingContext, pdptes: readonly number[], low: number, high: number, access: WalkAccess): number {
    this.#depth = 0;
    switch (context.mode) {
      case PagingMode.none:
        this.address = low >>> 0;
        this.isGlobal = false;
        this.isLarge = false;
        this.isWritable = true;
        this.isUserPage = true;
        return -1;
      case PagingMode.legacy:
        return this.#walkLegacy(context, low, access);
      case PagingMode.pae: {
        const index = (low >>> 30) * 2;
        const entryLow = pdptes[index]!;
        if ((entryLow & PRESENT) === 0) return this.#code(access, context, 0);
        const table = (pdptes[index + 1]! & 0xf_ffff) * TWO32 + ((entryLow & 0xffff_f000) >>> 0);
        return this.#walkWide(context, table, 2, low, high, access);
      }
      default:
        return this.#walkWide(context, context.root, 4, low, high, access);
    }
  }

  #code(access: WalkAccess, context: PagingContext, bits: number): number {
    const tellsFetch = (context.hasNoExecute && context.mode !== PagingMode.legacy) || context.isSmep;
    return (
      bits |
      (access.isWrite ? FaultCode.write : 0) |
      (access.isUser ? FaultCode.user : 0) |
      (access.isFetch && tellsFetch ? FaultCode.fetch : 0)
    );
  }

  #word(address: number): number {
    return this.#memory.readWordAt(address as Hpa) | 0;
  }

  #walkLegacy(context: PagingContext, low: number, access: WalkAccess): number {
    let table = context.root;
    let rights = USER | WRITABLE;
    for (let level = 2; level >= 1; level--) {
      const index = level === 2 ? low >>> 22 : (low >>> 12) & 0x3ff;
      const at = this.#structures.locate(table + index * 4, low, 0, false);
      const entry = this.#word(at);
      if ((entry & PRESENT) === 0) return this.#code(access, context, 0);
      this.#entryAddresses[this.#depth] = table + index * 4;
      this.#entryLows[this.#depth++] = entry;
      rights &= entry;
      const isLarge = level === 2 && context.hasLargePages && (entry & LARGE) !== 0;
      this.isLarge = isLarge;
      if (isLarge) {
        // PSE-36: bits 20:13 hold address bits 39:32; bit 21 is reserved.
        if ((entry & 0x20_0000) !== 0) return this.#code(access, context, FaultCode.present | FaultCode.reserved);
        const upper = ((entry >>> 13) & 0xff) * TWO32;
        return this.#finish(
          context,
          upper + (((entry & 0xffc0_0000) | (low & 0x3f_ffff)) >>> 0),
          rights,
          false,
          entry,
          low,
          0,
          access,
        );
      }
      const next = (entry & 0xffff_f000) >>> 0;
      if (level === 1) return this.#finish(context, next + (low & 0xfff), rights, false, entry, low, 0, access);
      table = next;
    }
    return -1;
  }

  #walkWide(
    context: PagingContext,
    root: number,
    levels: number,
    low: number,
    high: number,
    access: WalkAccess,
  ): number {
    let table = root;
    let rights = USER | WRITABLE;
    let noExecute = 0;
    const reservedHigh = RESERVED_HIGH | (context.hasNoExecute ? 0 : NO_EXECUTE_HIGH);
    for (let level = levels; ; level--) {
      const address = table + tableIndex(level, low, high) * 8;
      const at = this.#structures.locate(address, low, high, false);
      const entryLow = this.#word(at);
      if ((entryLow & PRESENT) === 0) return this.#code(access, context, 0);
      const entryHigh = this.#word(at + 4);
      this.#entryAddresses[this.#depth] = address;
      this.#entryLows[this.#depth++] = entryLow;
      const isLeaf = level === 1 || ((entryLow & LARGE) !== 0 && level <= 3);
      const reservedLow = level === 4 ? LARGE : !isLeaf || level === 1 ? 0 : level === 2 ? 0x1f_e000 : 0x3fff_e000;
      // Under PAE paging bits 62:52 are reserved, too.
      const reservedMore = context.mode === PagingMode.pae ? 0x7ff0_0000 : 0;
      if ((entryLow & reservedLow) !== 0 || (entryHigh & (reservedHigh | reservedMore)) !== 0) {
        return this.#code(access, context, FaultCode.present | FaultCode.reserved);
      }
      rights &= entryLow;
      noExecute |= entryHigh & NO_EXECUTE_HIGH;
      const frame = (entryHigh & 0xf_ffff) * TWO32;
      if (isLeaf) {
        this.isLarge = level !== 1;
        const mask = level === 1 ? 0xffff_f000 : level === 2 ? 0xffe0_0000 : 0xc000_0000;
        const gpa = frame + (((entryLow & mask) | (low & ~mask)) >>> 0);
        return this.#finish(context, gpa, rights, noExecute !== 0, entryLow, low, high, access);
      }
      table = frame + ((entryLow & 0xffff_f000) >>> 0);
    }
  }

  /** Access rights (SDM Vol. 3A, "Determination of Access Rights"), then accessed and dirty bits. */
  #finish(
    context: PagingContext,
    gpa: number,
    rights: number,
    noExecute: boolean,
    leaf: number,
    low: number,
    high: number,
    access: WalkAccess,
  ): number {
    const isUserPage = (rights & USER) !== 0;
    const isWritable = (rights & WRITABLE) !== 0;
    const mayWrite = isWritable || (!access.isUser && !context.isWriteProtect);
    let isAllowed = true;
    if (access.isUser && !isUserPage) isAllowed = false;
    else if (access.isWrite && !mayWrite) isAllowed = false;
    else if (access.isFetch && (noExecute || (!access.isUser && isUserPage && context.isSmep))) isAllowed = false;
    else if (!access.isFetch && !access.isUser && isUserPage && context.isSmap && !access.isSmapAllowed)
      isAllowed = false;
    if (!isAllowed) return this.#code(access, context, FaultCode.present);
    const isDirty = this.#mark(access.isWrite, low, high);
    this.address = gpa;
    this.isGlobal = context.hasGlobal && (leaf & GLOBAL) !== 0;
    this.isWritable = mayWrite && isDirty;
    this.isUserPage = isUserPage;
    return -1;
  }

  /** Sets accessed bits, and the leaf's dirty bit for a write; returns whether it is set. */
  #mark(isWrite: boolean, low: number, high: number): boolean {
    const last = this.#depth - 1;
    for (let index = 0; index <= last; index++) {
      const entry = this.#entryLows[index]!;
      const marked = entry | ACCESSED | (isWrite && index === last ? DIRTY : 0);
      if (marked === entry) continue;
      const at = this.#structures.locate(this.#entryAddresses[index]!, low, high, true);
      const slot = this.#memory.slotOf(frameOf(at as Hpa));
      this.#memory.writeWord(slot, pageOffset(at) >>> 2, marked);
      this.#entryLows[index] = marked;
    }
    return (this.#entryLows[last]! & DIRTY) !== 0;
  }
}

/** Index into a table of a level, 9 bits. */
function tableIndex(level: number, low: number, high: number): number {
  switch (level) {
    case 4:
      return (high >>> 7) & 0x1ff;
    case 3:
      return ((high & 0x7f) << 2) | (low >>> 30);
    case 2:
      return (low >>> 21) & 0x1ff;
    default:
      return (low >>> 12) & 0x1ff;
  }
}
