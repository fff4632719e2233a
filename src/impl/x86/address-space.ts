import { type FrameNumber, PAGE_SIZE_BYTES } from '../../units/address.ts';
import { joinBig, TWO32 } from '../../units/word.ts';
import type { PhysicalMemory } from '../memory.ts';
import type { CpuState } from './cpu-state.ts';
import { readBytes, writeBytes } from './little-endian.ts';
import { PageWalker, type WalkAccess } from './page-walk.ts';
import { type PagingContext, PagingMode, pagingContext } from './paging-context.ts';
import type { Processor } from './processor.ts';
import { Cr0, Cr4, Field, Flag, Rights, Seg } from './state-layout.ts';
import { TlbBank, TlbFlag } from './tlb-layout.ts';
import { TranslationCache } from './translation-cache.ts';
import { Vector } from './unwind.ts';

const accessKinds = (isUser: boolean, isSmapAllowed: boolean): readonly WalkAccess[] => [
  { isWrite: false, isFetch: false, isUser, isSmapAllowed },
  { isWrite: true, isFetch: false, isUser, isSmapAllowed },
  { isWrite: false, isFetch: true, isUser, isSmapAllowed },
];
const USER = accessKinds(true, false);
const SUPERVISOR = accessKinds(false, false);
const SUPERVISOR_AC = accessKinds(false, true);

/** Kinds of access by number. */
export const AccessKind = { read: 0, write: 1, fetch: 2 } as const;
const KIND_NAMES = ['read', 'write', 'fetch'] as const;

/**
 * From an offset in a segment to bytes of memory: segmentation, paging, nested paging, devices, and the translation cache.
 *
 * Linear addresses are pairs of unsigned 32-bit halves here. Accesses that fault unwind through the processor.
 */
export class AddressSpace {
  /** Result of `toLinear`. */
  linearLow = 0;
  linearHigh = 0;
  paging: PagingContext;
  /** Frames from here on do not exist: reads give ones, writes are dropped. */
  readonly #frameLimit: number;
  readonly #cpu: Processor;
  readonly #state: CpuState;
  readonly #memory: PhysicalMemory;
  /** Cached translations; VMX tags them and invalidates them. */
  readonly cache: TranslationCache;
  readonly #walker: PageWalker;
  readonly #pdptes: number[] = [0, 0, 0, 0, 0, 0, 0, 0];
  #markEpoch = -1;
  #pageWritable = false;
  /** CR0.AM and EFLAGS.AC at CPL 3. */
  #checksAlignment = false;
  /** Each data access is looked at, and no translation of it is cached. */
  #isWatched = false;

  constructor(cpu: Processor, tlb: number, frameLimit: number) {
    this.#cpu = cpu;
    this.#state = cpu.state;
    this.#memory = cpu.memory;
    this.cache = new TranslationCache(cpu.memory, tlb);
    this.#frameLimit = frameLimit;
    this.paging = pagingContext(cpu.state);
    this.#walker = new PageWalker(cpu.memory, {
      locate: (address, low, high, isWrite) => this.#locateStructure(address, low, high, isWrite),
    });
  }

  /** Takes over CR0, CR3, CR4, EFER and the PDPTEs; drops translations of the tag in use if paging works differently now. */
  refresh(): void {
    const state = this.#state;
    const next = pagingContext(state);
    this.paging = next;
    if (next.mode === PagingMode.pae) {
      for (let index = 0; index < 8; index++) this.#pdptes[index] = state.u32(Field.pdpte + index * 4) | 0;
    }
    this.cache.select((state.u32(Field.cr4) & Cr4.pcide) === 0 ? 0 : state.u32(Field.cr3) & 0xfff, next);
    this.#checksAlignment =
      state.cpl === 3 && (state.u32(Field.systemFlags) & Flag.ac) !== 0 && (state.u32(Field.cr0) & Cr0.am) !== 0;
    this.#isWatched = this.#checksAlignment || this.#cpu.breakpoints.isActive;
    state.setU32(Field.tlbBase, this.#bank());
  }

  #bank(): number {
    if (this.#isWatched) return this.cache.emptyBank;
    if (this.#state.cpl === 3) return this.cache.bank(TlbBank.user);
    const isAllowed = (this.#state.u32(Field.systemFlags) & Flag.ac) !== 0;
    return this.cache.bank(isAllowed ? TlbBank.supervisorAc : TlbBank.supervisor);
  }

  /** Must precede a run: write translations are void once the memory's step, snapshot or restore marks changed. */
  synchronise(): void {
    if (this.#markEpoch === this.#memory.epoch) return;
    this.#markEpoch = this.#memory.epoch;
    this.cache.dropWritable();
  }

  /** Segmentation: checks an access and leaves its linear address in `linearLow`, `linearHigh`. */
  toLinear(segment: number, offsetLow: number, offsetHigh: number, sizeBytes: number, isWrite: boolean): void {
    this.#throughSegment(segment, offsetLow, offsetHigh, sizeBytes, isWrite);
    if (!this.#isWatched) return;
    // Operands of other sizes are pairs whose parts are accessed one by one.
    const isPower = (sizeBytes & (sizeBytes - 1)) === 0;
    if (this.#checksAlignment && isPower && (this.linearLow & (sizeBytes - 1)) !== 0)
      this.#cpu.fault(Vector.alignment, 0);
    this.#cpu.breakpoints.noteData(joinBig(this.linearLow, this.linearHigh), sizeBytes, isWrite);
  }

  #throughSegment(segment: number, offsetLow: number, offsetHigh: number, sizeBytes: number, isWrite: boolean): void {
    const state = this.#state;
    if (state.is64Bit) {
      let low = offsetLow;
      let high = offsetHigh;
      if (segment === Seg.fs || segment === Seg.gs) {
        const at = Field.segments + segment * 32 + 16;
        const sum = low + state.u32(at);
        low = sum >>> 0;
        high = (high + state.u32(at + 4) + (sum >= TWO32 ? 1 : 0)) >>> 0;
      }
      this.linearLow = low;
      this.linearHigh = high;
      if (!isCanonical(high)) this.#segmentFault(segment);
      const last = low + sizeBytes - 1;
      if (last >= TWO32 && !isCanonical((high + 1) >>> 0)) this.#segmentFault(segment);
      return;
    }
    const rights = state.rights(segment);
    const limit = state.limit(segment);
    if ((rights & Rights.unusable) !== 0) this.#segmentFault(segment === Seg.ss ? Seg.ss : Seg.ds);
    const isCode = (rights & Rights.code) !== 0;
    if (isWrite && (isCode || (rights & Rights.writableOrReadable) === 0)) this.#segmentFault(segment);
    if (!isWrite && isCode && (rights & Rights.writableOrReadable) === 0) this.#segmentFault(segment);
    const last = offsetLow + sizeBytes - 1;
    if (!isCode && (rights & Rights.expandDownOrConforming) !== 0) {
      const top = (rights & Rights.big) !== 0 ? 0xffff_ffff : 0xffff;
      if (offsetLow <= limit || last > top) this.#segmentFault(segment);
    } else if (last > limit) this.#segmentFault(segment);
    this.linearLow = (state.u32(Field.segments + segment * 32 + 16) + offsetLow) >>> 0;
    this.linearHigh = 0;
  }

  #segmentFault(segment: number): never {
    return this.#cpu.fault(segment === Seg.ss ? Vector.stack : Vector.protection, 0);
  }

  /** Host-physical address of a linear address for the current program's access; faults unwind. */
  translate(low: number, high: number, kind: number): number {
    const isUser = this.#state.cpl === 3;
    const kinds = isUser ? USER : (this.#state.u32(Field.systemFlags) & Flag.ac) === 0 ? SUPERVISOR : SUPERVISOR_AC;
    return this.#translateAs(low, high, kind, kinds[kind]!);
  }

  /** As `translate`, with a privilege given: implicit accesses, stacks of another level. */
  translateFor(low: number, high: number, kind: number, isUser: boolean): number {
    return this.#translateAs(low, high, kind, (isUser ? USER : SUPERVISOR)[kind]!);
  }

  #translateAs(low: number, high: number, kind: number, access: WalkAccess): number {
    const code = this.#walker.walk(this.paging, this.#pdptes, low, high, access);
    if (code >= 0) {
      // A page fault invalidates what is cached of the page (SDM Vol. 3A, "Operations that Invalidate TLBs and Paging-Structure Caches").
      this.cache.invalidate(low);
      this.#cpu.pageFault((BigInt(high) << 32n) | BigInt(low >>> 0), code);
    }
    const { address } = this.#walker;
    this.#pageWritable = this.#walker.isWritable;
    if (!this.#cpu.hasNestedPaging) return address;
    const translated = this.#cpu.hooks.translate(this.#cpu, address, {
      kind: KIND_NAMES[kind]!,
      isFinal: true,
      linear: { low, high },
      isAccessedDirty: false,
    });
    this.#pageWritable &&= translated.isWritable;
    return translated.address;
  }

  #locateStructure(address: number, low: number, high: number, isWrite: boolean): number {
    if (!this.#cpu.hasNestedPaging) return address;
    return this.#cpu.hooks.translate(this.#cpu, address, {
      kind: isWrite ? 'write' : 'read',
      isFinal: false,
      linear: { low, high },
      isAccessedDirty: isWrite,
    }).address;
  }

  /**
   * Byte address inside the WebAssembly.Memory for an access that stays in one page, or -1 if it must go through
   * `readPhysical`/`writePhysical` (devices, absent and never-touched frames). Fills the TLB.
   */
  place(low: number, high: number, kind: number): number {
    const physical = this.translate(low, high, kind);
    this.lastPhysical = physical;
    const frame = Math.floor(physical / PAGE_SIZE_BYTES);
    if (frame >= this.#frameLimit || this.#cpu.hooks.isDevice(this.#cpu, frame)) return -1;
    const isWrite = kind === AccessKind.write;
    let slot = this.#memory.findSlot(frame as FrameNumber);
    if (slot < 0) {
      if (!isWrite) return -1;
      slot = this.#memory.slotOf(frame as FrameNumber);
    }
    if (isWrite) this.#memory.touch(slot);
    const host = slot * PAGE_SIZE_BYTES;
    if (kind !== AccessKind.fetch && !this.#isWatched) this.#fill(low, high, host, isWrite);
    return host + (low & 0xfff);
  }
  /** Physical address that the last `place` found. */
  lastPhysical = 0;

  #fill(low: number, high: number, host: number, isWrite: boolean): void {
    const { isGlobal, isLarge } = this.#walker;
    const flags = (isGlobal ? TlbFlag.global : 0) | (isLarge ? TlbFlag.large : 0);
    this.cache.fill(this.#bank(), low, high, host, flags, isWrite && this.#pageWritable);
  }

  /** Reads 1 .. 16 bytes at host-physical addresses of one frame. */
  readPhysical(address: number, sizeBytes: number): bigint {
    const frame = Math.floor(address / PAGE_SIZE_BYTES);
    if (this.#cpu.hooks.isDevice(this.#cpu, frame)) return this.#cpu.hooks.readDevice(this.#cpu, address, sizeBytes);
    if (frame >= this.#frameLimit) return (1n << BigInt(sizeBytes * 8)) - 1n;
    const slot = this.#memory.findSlot(frame as FrameNumber);
    return slot < 0
      ? 0n
      : readBytes(this.#memory.bytes, slot * PAGE_SIZE_BYTES + (address % PAGE_SIZE_BYTES), sizeBytes);
  }

  writePhysical(address: number, sizeBytes: number, value: bigint): void {
    const frame = Math.floor(address / PAGE_SIZE_BYTES);
    if (this.#cpu.hooks.isDevice(this.#cpu, frame)) {
      this.#cpu.hooks.writeDevice(this.#cpu, address, sizeBytes, value);
      return;
    }
    if (frame >= this.#frameLimit) return;
    const slot = this.#memory.slotOf(frame as FrameNumber);
    const offset = address % PAGE_SIZE_BYTES;
    this.#memory.touch(slot);
    writeBytes(this.#memory.bytes, slot * PAGE_SIZE_BYTES + offset, sizeBytes, value);
  }

  /** Access at a linear address that may cross a page; `isUser` undefined: with the current privilege. */
  readAt(low: number, high: number, sizeBytes: number, isUser?: boolean): bigint {
    const inFirst = Math.min(sizeBytes, PAGE_SIZE_BYTES - (low & 0xfff));
    const first = this.#physical(low, high, AccessKind.read, isUser);
    if (inFirst === sizeBytes) return this.readPhysical(first, sizeBytes);
    const next = this.#after(low, high, inFirst);
    const second = this.#physical(next.low, next.high, AccessKind.read, isUser);
    return this.readPhysical(first, inFirst) | (this.readPhysical(second, sizeBytes - inFirst) << BigInt(inFirst * 8));
  }

  writeAt(low: number, high: number, sizeBytes: number, value: bigint, isUser?: boolean): void {
    const inFirst = Math.min(sizeBytes, PAGE_SIZE_BYTES - (low & 0xfff));
    const first = this.#physical(low, high, AccessKind.write, isUser);
    if (inFirst === sizeBytes) {
      this.writePhysical(first, sizeBytes, value);
      return;
    }
    const next = this.#after(low, high, inFirst);
    const second = this.#physical(next.low, next.high, AccessKind.write, isUser);
    this.writePhysical(first, inFirst, value & ((1n << BigInt(inFirst * 8)) - 1n));
    this.writePhysical(second, sizeBytes - inFirst, value >> BigInt(inFirst * 8));
  }

  /** Faults if a write of these bytes would. */
  probeAt(low: number, high: number, sizeBytes: number, isUser?: boolean): void {
    this.#physical(low, high, AccessKind.write, isUser);
    const inFirst = PAGE_SIZE_BYTES - (low & 0xfff);
    if (inFirst >= sizeBytes) return;
    const next = this.#after(low, high, inFirst);
    this.#physical(next.low, next.high, AccessKind.write, isUser);
  }

  #physical(low: number, high: number, kind: number, isUser: boolean | undefined): number {
    return isUser === undefined ? this.translate(low, high, kind) : this.translateFor(low, high, kind, isUser);
  }

  /** The address `count` bytes on; outside of 64-bit mode addresses wrap at 4 GiB. */
  #after(low: number, high: number, count: number): { readonly low: number; readonly high: number } {
    const sum = low + count;
    if (sum < TWO32) return { low: sum, high };
    return { low: sum - TWO32, high: this.#state.isLongMode ? (high + 1) >>> 0 : 0 };
  }

  /** Loads the PDPTEs of PAE paging from CR3; false if a reserved bit is set (SDM Vol. 3A, "PDPTE Registers"). */
  loadPdptes(): boolean {
    const table = (this.#state.u32(Field.cr3) & 0xffff_ffe0) >>> 0;
    const values: bigint[] = [];
    for (let index = 0; index < 4; index++) {
      const at = this.#cpu.hasNestedPaging
        ? this.#cpu.hooks.translate(this.#cpu, table + index * 8, {
            kind: 'read',
            isFinal: false,
            linear: undefined,
            isAccessedDirty: false,
          }).address
        : table + index * 8;
      const value = this.readPhysical(at, 8);
      if ((value & 1n) !== 0n && (value & PDPTE_RESERVED) !== 0n) return false;
      values.push(value);
    }
    values.forEach((value, index) => {
      this.#state.setU64(Field.pdpte + index * 8, value);
    });
    return true;
  }
}

/** Bits 2:1, 8:5 and those from MAXPHYADDR. */
const PDPTE_RESERVED = 0xffff_c000_0000_01e6n;

/** True if bits 63:47 of an address with this high half are equal. */
const isCanonical = (high: number): boolean => {
  const top = high >>> 15;
  return top === 0 || top === 0x1_ffff;
};
