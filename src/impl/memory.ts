import { type FrameNumber, frameOf, type Hpa, PAGE_SIZE_BYTES, pageOffset } from '../units/address.ts';
import { type Digest, digestWords } from '../units/digest.ts';
import { invariant } from '../units/invariant.ts';

/** 32-bit words in a frame. */
export const FRAME_WORDS = PAGE_SIZE_BYTES / 4;
/** Most frames that one memory materialises: 1 GiB. */
export const MAX_FRAMES = 0x40000;

/** Point to which the memory can be rolled back; taking an older one invalidates all newer ones. */
export interface MemorySnapshot {
  readonly depth: number;
}

interface UndoLog {
  readonly slots: number[];
  readonly copies: Uint32Array[];
  /** Two words a slot: its part of the digest, if that was up to date. */
  readonly contributions: number[];
  readonly isDigested: boolean[];
}

/** What the digest knows of a slot: its present content; an older one, with the slot in the list; the present one, with the slot still in the list. */
const [DIGEST_CLEAN, DIGEST_DIRTY, DIGEST_LISTED] = [0, 1, 2] as const;

/** Word accesses of one stretch of kernel code, far beyond what the longest one makes. */
const ACCESS_LIMIT = 0x40_0000;

/** Code accesses memory again and again without coming to an end. */
export class EndlessError extends Error {
  constructor() {
    super(`more than ${ACCESS_LIMIT} memory accesses without an end`);
  }
}

/**
 * Sparse host-physical memory: 4 KiB frames inside one WebAssembly.Memory, materialised on first touch.
 *
 * A frame's place inside the WebAssembly memory is its *slot*; slots never move, so callers may cache them. A frame that
 * was never touched reads as zero and costs nothing. Writes mark the slot as touched in the current step (for the frame
 * condition) and save its content once per snapshot (so that restore costs what was dirtied).
 */
export class PhysicalMemory {
  /** Views over all slots; replaced when the memory grows, so always read them through this object. */
  words: Uint32Array;
  bytes: Uint8Array;
  /** Changes whenever writes must be announced by `touch` anew: after beginStep, snapshot and restore. */
  epoch = 0;
  /** The WebAssembly.Memory that holds the slots, for code that runs on it. */
  readonly store: WebAssembly.Memory;
  /** Told when a watched slot is about to change; it is not watched any more then. */
  onWatchedWrite: (slot: number) => void = () => {};
  #watched = new Uint8Array(1024);
  /** Accesses of words until a bounded stretch of code counts as endless. */
  #accessesLeft = ACCESS_LIMIT;
  #isBounded = false;
  readonly #slotOfFrame = new Map<number, number>();
  #frameOfSlot = new Float64Array(1024);
  #slotCount = 0;
  #stepStamp = 1;
  #stepMark = new Uint32Array(1024);
  #listedMark = new Uint32Array(1024);
  #touched = new Int32Array(2048);
  #touchedCount = 0;
  #undoStamp = 0;
  #undoMark = new Uint32Array(1024);
  readonly #undoLogs: UndoLog[] = [];
  readonly #pool: Uint32Array[] = [];
  #digestMark = new Uint8Array(1024);
  readonly #digestDirty: number[] = [];
  #contribution = new Uint32Array(2048);
  #digestHigh = 0;
  #digestLow = 0;

  constructor() {
    this.store = new WebAssembly.Memory({ initial: 64, maximum: (MAX_FRAMES * PAGE_SIZE_BYTES) / 0x10000 });
    this.words = new Uint32Array(this.store.buffer);
    this.bytes = new Uint8Array(this.store.buffer);
  }

  /** Number of materialised frames. */
  get frameCount(): number {
    return this.#slotCount;
  }

  /** Slot of `frame`, materialised (zero-filled) if needed. */
  slotOf(frame: FrameNumber): number {
    const known = this.#slotOfFrame.get(frame);
    return known === undefined ? this.#materialise(frame) : known;
  }

  /** Slot of `frame`, or -1 if it was never touched and so reads as zero. */
  findSlot(frame: FrameNumber): number {
    const known = this.#slotOfFrame.get(frame);
    return known === undefined ? -1 : known;
  }

  /**
   * Sets `count` consecutive slots apart for a processor's own state: no frame maps to them, and digests, snapshots and
   * touched slots leave them out. Returns the first.
   */
  reserve(count: number): number {
    const first = this.#slotCount;
    for (let index = 0; index < count; index++) this.#takeSlot(-1);
    return first;
  }

  /** Frame that a slot holds, -1 for a reserved one. */
  frameOfSlot(slot: number): FrameNumber {
    return this.#frameOfSlot[slot] as FrameNumber;
  }

  /** Unsigned 32-bit word `index` (0 .. 1023) of a slot. */
  readWord(slot: number, index: number): number {
    if (this.#accessesLeft-- === 0) this.#renewAccesses();
    return this.words[slot * FRAME_WORDS + index]!;
  }

  /** Writes an unsigned 32-bit word. */
  writeWord(slot: number, index: number, value: number): void {
    if (this.#accessesLeft-- === 0) this.#renewAccesses();
    if (this.#stepMark[slot] !== this.#stepStamp) this.#touch(slot);
    this.words[slot * FRAME_WORDS + index] = value;
  }

  readByte(slot: number, offset: number): number {
    return this.bytes[slot * PAGE_SIZE_BYTES + offset]!;
  }

  writeByte(slot: number, offset: number, value: number): void {
    if (this.#stepMark[slot] !== this.#stepStamp) this.#touch(slot);
    this.bytes[slot * PAGE_SIZE_BYTES + offset] = value;
  }

  /** Fills `count` words of a slot from `index`. */
  fillWords(slot: number, index: number, count: number, value: number): void {
    if (this.#stepMark[slot] !== this.#stepStamp) this.#touch(slot);
    const start = slot * FRAME_WORDS + index;
    this.words.fill(value, start, start + count);
  }

  /** Unsigned 32-bit little-endian word at a 4-byte-aligned address. */
  readWordAt(address: Hpa): number {
    const slot = this.findSlot(frameOf(address));
    return slot < 0 ? 0 : this.readWord(slot, pageOffset(address) >>> 2);
  }

  /** Writes two halves at an 8-byte-aligned address. */
  writePair(address: Hpa, low: number, high: number): void {
    const slot = this.slotOf(frameOf(address));
    const index = pageOffset(address) >>> 2;
    this.writeWord(slot, index, low);
    this.writeWord(slot, index + 1, high);
  }

  /** Copies `data` to physical memory from `address`. */
  writeBytes(address: Hpa, data: Uint8Array): void {
    let done = 0;
    while (done < data.length) {
      const at = (address + done) as Hpa;
      const slot = this.slotOf(frameOf(at));
      const count = Math.min(data.length - done, PAGE_SIZE_BYTES - pageOffset(at));
      if (this.#stepMark[slot] !== this.#stepStamp) this.#touch(slot);
      this.bytes.set(data.subarray(done, done + count), slot * PAGE_SIZE_BYTES + pageOffset(at));
      done += count;
    }
  }

  /** Until `endBounded` an endless row of word accesses ends in an `EndlessError`. */
  beginBounded(): void {
    this.#isBounded = true;
    this.#accessesLeft = ACCESS_LIMIT;
  }

  endBounded(): void {
    this.#isBounded = false;
  }

  #renewAccesses(): void {
    this.#accessesLeft = ACCESS_LIMIT;
    if (this.#isBounded) throw new EndlessError();
  }

  /** Starts a new step: afterwards `touchedSlots` lists what was written since. */
  beginStep(): void {
    this.epoch += 1;
    this.#stepStamp = (this.#stepStamp + 1) >>> 0;
    this.#touchedCount = 0;
  }

  /** Asks for `onWatchedWrite` before the next write that is announced by the methods of this class or by restore. */
  watch(slot: number): void {
    this.#watched[slot] = 1;
    this.#stepMark[slot] = 0;
    this.epoch += 1;
  }

  #unwatch(slot: number): void {
    this.#watched[slot] = 0;
    this.onWatchedWrite(slot);
  }

  /** Number of slots written since beginStep. */
  get touchedCount(): number {
    return this.#touchedCount;
  }

  /** The `index`-th slot written since beginStep, each stands once, in order of first write. */
  touchedSlot(index: number): number {
    return this.#touched[index]!;
  }

  /** Announces that the caller is about to write words of a slot directly through `words` or `bytes`. */
  touch(slot: number): void {
    if (this.#stepMark[slot] !== this.#stepStamp) this.#touch(slot);
  }

  /** Makes the next write of a slot announce itself again, so that `isSettled` tells whether there was one. */
  settle(slot: number): void {
    this.#stepMark[slot] = 0;
  }

  /** True if nothing wrote the slot since `settle`; rolling back is not a write. */
  isSettled(slot: number): boolean {
    return this.#stepMark[slot] === 0;
  }

  /** Marks the present content; later writes can be rolled back to it. */
  snapshot(): MemorySnapshot {
    this.#undoLogs.push({ slots: [], copies: [], contributions: [], isDigested: [] });
    this.#undoStamp += 1;
    this.beginStep();
    return { depth: this.#undoLogs.length };
  }

  /** Rolls back to `snapshot`, which stays valid; newer snapshots do not. Costs the frames written since. */
  restore(snapshot: MemorySnapshot): void {
    invariant(
      snapshot.depth >= 1 && snapshot.depth <= this.#undoLogs.length,
      'snapshot is older than the memory keeps',
    );
    for (let depth = this.#undoLogs.length; depth >= snapshot.depth; depth--) {
      const log = this.#undoLogs[depth - 1]!;
      for (let index = log.slots.length - 1; index >= 0; index--) {
        const slot = log.slots[index]!;
        const copy = log.copies[index]!;
        if (this.#watched[slot] === 1) this.#unwatch(slot);
        this.words.set(copy, slot * FRAME_WORDS);
        if (log.isDigested[index] === true) {
          this.#replaceContribution(slot, log.contributions[2 * index]!, log.contributions[2 * index + 1]!);
          if (this.#digestMark[slot] === DIGEST_DIRTY) this.#digestMark[slot] = DIGEST_LISTED;
        } else this.#markDigest(slot);
        this.#pool.push(copy);
      }
      log.slots.length = 0;
      log.copies.length = 0;
      log.contributions.length = 0;
      log.isDigested.length = 0;
    }
    this.#undoLogs.length = snapshot.depth;
    this.#undoStamp += 1;
    this.beginStep();
  }

  /** Slots written since the latest snapshot. */
  changedSlots(): readonly number[] {
    return this.#undoLogs[this.#undoLogs.length - 1]?.slots ?? [];
  }

  /** Digest of all memory; equal contents give equal digests whatever was materialised. Costs the frames written since the last call. */
  digest(): Digest {
    const dirty = this.#digestDirty;
    let kept = 0;
    for (const slot of dirty) {
      const isDirty = this.#digestMark[slot] === DIGEST_DIRTY;
      this.#digestMark[slot] = DIGEST_CLEAN;
      if (!isDirty) continue;
      this.#updateContribution(slot);
      // A further write of this step is not announced again, so the slot stays dirty until the step is over.
      if (this.#stepMark[slot] !== this.#stepStamp) continue;
      this.#digestMark[slot] = DIGEST_DIRTY;
      dirty[kept] = slot;
      kept += 1;
    }
    dirty.length = kept;
    return { high: this.#digestHigh, low: this.#digestLow };
  }

  #updateContribution(slot: number): void {
    const start = slot * FRAME_WORDS;
    let isZero = true;
    for (let index = start; index < start + FRAME_WORDS; index++) {
      if (this.words[index] !== 0) {
        isZero = false;
        break;
      }
    }
    const frame = this.#frameOfSlot[slot]!;
    const hash = isZero
      ? { high: 0, low: 0 }
      : digestWords(this.words, start, FRAME_WORDS, (frame % 0xffff_fffb) >>> 0);
    this.#replaceContribution(slot, hash.high, hash.low);
  }

  #replaceContribution(slot: number, high: number, low: number): void {
    this.#digestHigh = (this.#digestHigh - this.#contribution[slot * 2]! + high) >>> 0;
    this.#digestLow = (this.#digestLow - this.#contribution[slot * 2 + 1]! + low) >>> 0;
    this.#contribution[slot * 2] = high;
    this.#contribution[slot * 2 + 1] = low;
  }

  #touch(slot: number): void {
    if (this.#watched[slot] === 1) this.#unwatch(slot);
    this.#stepMark[slot] = this.#stepStamp;
    if (this.#listedMark[slot] !== this.#stepStamp) {
      this.#listedMark[slot] = this.#stepStamp;
      this.#touched[this.#touchedCount++] = slot;
    }
    const isDigested = this.#digestMark[slot] !== DIGEST_DIRTY;
    this.#markDigest(slot);
    const log = this.#undoLogs[this.#undoLogs.length - 1];
    if (log !== undefined && this.#undoMark[slot] !== this.#undoStamp) {
      this.#undoMark[slot] = this.#undoStamp;
      const copy = this.#pool.pop() ?? new Uint32Array(FRAME_WORDS);
      const start = slot * FRAME_WORDS;
      copy.set(this.words.subarray(start, start + FRAME_WORDS));
      log.slots.push(slot);
      log.copies.push(copy);
      log.contributions.push(this.#contribution[slot * 2]!, this.#contribution[slot * 2 + 1]!);
      log.isDigested.push(isDigested);
    }
  }

  #markDigest(slot: number): void {
    if (this.#digestMark[slot] === DIGEST_CLEAN) this.#digestDirty.push(slot);
    this.#digestMark[slot] = DIGEST_DIRTY;
  }

  #materialise(frame: FrameNumber): number {
    const slot = this.#takeSlot(frame);
    this.#slotOfFrame.set(frame, slot);
    return slot;
  }

  #takeSlot(frame: number): number {
    const slot = this.#slotCount;
    invariant(slot < MAX_FRAMES, `more than ${MAX_FRAMES} frames touched`);
    this.#slotCount += 1;
    const neededBytes = this.#slotCount * PAGE_SIZE_BYTES;
    const haveBytes = this.store.buffer.byteLength;
    if (neededBytes > haveBytes) {
      const wanted = Math.min(haveBytes * 2, MAX_FRAMES * PAGE_SIZE_BYTES);
      this.store.grow((wanted - haveBytes) / 0x10000);
      this.words = new Uint32Array(this.store.buffer);
      this.bytes = new Uint8Array(this.store.buffer);
    }
    if (slot >= this.#stepMark.length) this.#growMarks();
    this.#frameOfSlot[slot] = frame;
    return slot;
  }

  #growMarks(): void {
    const size = this.#stepMark.length * 2;
    const grow = <T extends Uint32Array | Int32Array | Float64Array | Uint8Array>(old: T, larger: T): T => {
      larger.set(old);
      return larger;
    };
    this.#frameOfSlot = grow(this.#frameOfSlot, new Float64Array(size));
    this.#stepMark = grow(this.#stepMark, new Uint32Array(size));
    this.#undoMark = grow(this.#undoMark, new Uint32Array(size));
    this.#listedMark = grow(this.#listedMark, new Uint32Array(size));
    this.#watched = grow(this.#watched, new Uint8Array(size));
    this.#touched = grow(this.#touched, new Int32Array(size * 2));
    this.#digestMark = grow(this.#digestMark, new Uint8Array(size));
    this.#contribution = grow(this.#contribution, new Uint32Array(size * 2));
  }
}
