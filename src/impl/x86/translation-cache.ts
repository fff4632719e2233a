import type { PhysicalMemory } from '../memory.ts';
import type { PagingContext } from './paging-context.ts';
import {
  EMPTY_BANK_OFFSET,
  TLB_BANK_BYTES,
  TLB_BANKS,
  TLB_CONTEXT_BYTES,
  TLB_CONTEXTS,
  TLB_ENTRIES,
  TLB_ENTRY_BYTES,
  TLB_INVALID_LOW,
  TlbEntry,
  TlbFlag,
} from './tlb-layout.ts';
import { type TagContext, type TranslationTag, TranslationTags } from './translation-tags.ts';

/** The translation cache that the interpreter reads (`tlb-layout.ts`): what fills it and what invalidates it. */
export class TranslationCache {
  readonly #memory: PhysicalMemory;
  readonly #tlb: number;
  /** Entries in use, as byte addresses, so that a flush costs what was filled since the one before. */
  readonly #inUse = new Int32Array(TLB_ENTRIES * TLB_BANKS * TLB_CONTEXTS);
  #inUseCount = 0;
  /** Entries with a write tag since the memory's marks were reset, as byte addresses. */
  readonly #writable = new Set<number>();
  readonly #tags = new TranslationTags(context => this.#drop([context], 0));
  #vpid = 0;
  #ept = 0;
  /** Parts of larger pages may be cached. */
  #hasLarge = false;

  /** `tlb` is the byte address of TLB_FRAMES frames inside the WebAssembly.Memory. */
  constructor(memory: PhysicalMemory, tlb: number) {
    this.#memory = memory;
    this.#tlb = tlb;
    const entries = EMPTY_BANK_OFFSET / TLB_ENTRY_BYTES + TLB_ENTRIES;
    for (let index = 0, word = tlb >>> 2; index < entries; index++, word += TLB_ENTRY_BYTES >>> 2) this.#void(word);
  }

  /** VPID in use, 0 for none. */
  get vpid(): number {
    return this.#vpid;
  }

  /** VPID and EPT pointer under which linear addresses are translated from now on; 0 for none. `AddressSpace.refresh` must follow. */
  setGuest(vpid: number, ept: number): void {
    this.#vpid = vpid;
    this.#ept = ept;
  }

  /** Takes over the PCID and how paging works; drops the tag's translations if they were made under other paging. */
  select(pcid: number, paging: PagingContext): void {
    this.#tags.select(this.#vpid, pcid, this.#ept, paging);
  }

  /** Byte address of a bank of the tag in use. */
  bank(index: number): number {
    return this.#tlb + this.#tags.current.offset + index * TLB_BANK_BYTES;
  }

  get emptyBank(): number {
    return this.#tlb + EMPTY_BANK_OFFSET;
  }

  /** MOV to CR3: drops the translations of the current tag that are not global. */
  flushCurrent(): void {
    this.#drop([this.#tags.current], TlbFlag.global);
  }

  /** Drops the translations of all PCIDs of the current VPID, but global ones on demand. */
  flush(keepGlobal: boolean): void {
    const vpid = this.#vpid;
    this.flushMatching(tag => tag.vpid === vpid, keepGlobal);
  }

  /** INVPCID, INVVPID, INVEPT: drops the translations of the tags that are reached. */
  flushMatching(isReached: (tag: TranslationTag) => boolean, keepGlobal = false): void {
    this.#drop(this.#tags.matching(isReached), keepGlobal ? TlbFlag.global : 0);
  }

  /** Drops the entries of contexts, but those with one of the flags. */
  #drop(contexts: readonly TagContext[], kept: number): void {
    const inUse = this.#inUse;
    const { words } = this.#memory;
    let count = 0;
    for (let index = 0; index < this.#inUseCount; index++) {
      const at = inUse[index]!;
      const word = at >>> 2;
      const flag = word + (TlbEntry.flags >>> 2);
      const isReached = contexts.length === TLB_CONTEXTS || contexts.some(one => this.#isIn(one, at));
      if (!isReached || (words[flag]! & kept) !== 0) inUse[count++] = at;
      else {
        this.#void(word);
        words[flag] = 0;
      }
    }
    this.#inUseCount = count;
    if (count === 0) this.#writable.clear();
  }

  #isIn(context: TagContext, entry: number): boolean {
    const offset = entry - this.#tlb - context.offset;
    return offset >= 0 && offset < TLB_CONTEXT_BYTES;
  }

  #void(word: number): void {
    const { words } = this.#memory;
    words[word] = TLB_INVALID_LOW;
    words[word + 2] = TLB_INVALID_LOW;
  }

  /**
   * INVLPG and its like: drops the translations of one page in the contexts of a VPID.
   *
   * Entries hold 4 KiB each, so those that are parts of larger pages go altogether.
   */
  invalidate(low: number, vpid = this.#vpid): void {
    const reached = this.#tags.matching(tag => tag.vpid === vpid);
    for (const { offset } of reached) {
      for (let bank = 0; bank < TLB_BANKS; bank++) {
        const entry = ((low >>> 12) & (TLB_ENTRIES - 1)) * TLB_ENTRY_BYTES;
        this.#void((this.#tlb + offset + bank * TLB_BANK_BYTES + entry) >>> 2);
      }
    }
    if (this.#hasLarge) this.#dropLarge();
  }

  #dropLarge(): void {
    const { words } = this.#memory;
    for (let index = 0; index < this.#inUseCount; index++) {
      const word = this.#inUse[index]! >>> 2;
      if ((words[word + (TlbEntry.flags >>> 2)]! & TlbFlag.large) !== 0) this.#void(word);
    }
    this.#hasLarge = false;
  }

  /** Withdraws the right to write without notice: memory marks were reset, or a page now holds cached code. */
  dropWritable(): void {
    const { words } = this.#memory;
    for (const at of this.#writable) words[(at + TlbEntry.writeTag) >>> 2] = TLB_INVALID_LOW;
    this.#writable.clear();
  }

  /** Caches the page of a linear address at a place inside the WebAssembly.Memory; `flags` are TlbFlag bits. */
  fill(bank: number, low: number, high: number, host: number, flags: number, isWritable: boolean): void {
    const { words } = this.#memory;
    const at = bank + ((low >>> 12) & (TLB_ENTRIES - 1)) * TLB_ENTRY_BYTES;
    const word = at >>> 2;
    const page = (low & 0xffff_f000) >>> 0;
    const isSame = words[word] === page && words[word + 1] === high && words[word + 4] === host;
    if (!isSame && !(words[word + 2] === page && words[word + 3] === high && words[word + 4] === host)) {
      words[word + 2] = TLB_INVALID_LOW;
    }
    words[word] = page;
    words[word + 1] = high;
    words[word + 4] = host;
    if ((words[word + 5]! & TlbFlag.inUse) === 0) this.#inUse[this.#inUseCount++] = at;
    words[word + 5] = TlbFlag.inUse | flags;
    if ((flags & TlbFlag.large) !== 0) this.#hasLarge = true;
    if (isWritable) {
      words[word + 2] = page;
      words[word + 3] = high;
      this.#writable.add(at);
    }
  }
}
