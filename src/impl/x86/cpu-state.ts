import { PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { PhysicalMemory } from '../memory.ts';
import {
  Efer,
  Field,
  Flag,
  Rights,
  SEGMENT_BYTES,
  Seg,
  SegmentField,
  STATUS_FLAGS,
  SYSTEM_FLAGS,
} from './state-layout.ts';

const PARITY_EVEN = Uint8Array.from({ length: 256 }, (_, byte) => {
  let bits = byte;
  bits ^= bits >> 4;
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  return (bits & 1) ^ 1;
});

/** Frames that hold a processor's state in front of its TLB. */
export const STATE_FRAMES = 1;

/**
 * Typed access to a processor's state (`state-layout.ts`) in the memory of PhysicalMemory.
 *
 * 64-bit values are unsigned bigints; 32-bit ones unsigned numbers. `base` is the state's byte address inside the
 * WebAssembly.Memory and never changes. Writes here do not refresh what is derived: Processor.updateContext() does.
 */
export class CpuState {
  readonly base: number;
  readonly #memory: PhysicalMemory;
  #view: DataView;
  /** The bytes that the view was made for. */
  #seen: Uint8Array;

  /** `slot` is the first of the reserved slots that hold the state. */
  constructor(memory: PhysicalMemory, slot: number) {
    this.#memory = memory;
    this.base = slot * PAGE_SIZE_BYTES;
    this.#seen = memory.bytes;
    this.#view = this.#newView();
  }

  #newView(): DataView {
    return new DataView(this.#memory.bytes.buffer, this.base, STATE_FRAMES * PAGE_SIZE_BYTES);
  }

  /** View over the state, renewed when the memory has grown. */
  get view(): DataView {
    const { bytes } = this.#memory;
    if (this.#seen !== bytes) {
      this.#seen = bytes;
      this.#view = this.#newView();
    }
    return this.#view;
  }

  u32(offset: number): number {
    return this.view.getUint32(offset, true);
  }

  setU32(offset: number, value: number): void {
    this.view.setUint32(offset, value, true);
  }

  u64(offset: number): bigint {
    return this.view.getBigUint64(offset, true);
  }

  setU64(offset: number, value: bigint): void {
    this.view.setBigUint64(offset, value, true);
  }

  /** Writes a 64-bit field as two unsigned halves. */
  setPair(offset: number, low: number, high: number): void {
    const { view } = this;
    view.setUint32(offset, low, true);
    view.setUint32(offset + 4, high, true);
  }

  gpr(index: number): bigint {
    return this.u64(index * 8);
  }

  setGpr(index: number, value: bigint): void {
    this.setU64(index * 8, value);
  }

  get rip(): bigint {
    return this.u64(Field.rip);
  }

  set rip(value: bigint) {
    this.setU64(Field.rip, value);
  }

  /**
   * RFLAGS as software sees it, bit 1 set.
   *
   * The status flags are kept as bits plus a result: CF, AF, OF are bits; ZF, SF, PF are the bits XORed (ZF: ORed) with
   * those of the result. Result 1 contributes nothing, so that any combination can be stored.
   */
  get rflags(): number {
    const { view } = this;
    const low = view.getUint32(Field.flagResult, true);
    const high = view.getUint32(Field.flagResult + 4, true);
    let bits = view.getUint32(Field.flagBits, true);
    if (low === 0 && high === 0) bits |= Flag.zf;
    bits ^= (high >>> 31) * Flag.sf;
    bits ^= PARITY_EVEN[low & 0xff]! * Flag.pf;
    return (bits | view.getUint32(Field.systemFlags, true) | Flag.reserved1) >>> 0;
  }

  set rflags(value: number) {
    const { view } = this;
    view.setUint32(Field.flagBits, value & STATUS_FLAGS, true);
    view.setUint32(Field.flagResult, 1, true);
    view.setUint32(Field.flagResult + 4, 0, true);
    view.setUint32(Field.systemFlags, value & SYSTEM_FLAGS, true);
  }

  selector(segment: number): number {
    return this.u32(Field.segments + segment * SEGMENT_BYTES + SegmentField.selector);
  }

  rights(segment: number): number {
    return this.u32(Field.segments + segment * SEGMENT_BYTES + SegmentField.rights);
  }

  limit(segment: number): number {
    return this.u32(Field.segments + segment * SEGMENT_BYTES + SegmentField.limit);
  }

  segmentBase(segment: number): bigint {
    return this.u64(Field.segments + segment * SEGMENT_BYTES + SegmentField.base);
  }

  setSegment(segment: number, selector: number, base: bigint, limit: number, rights: number): void {
    const { view } = this;
    const at = Field.segments + segment * SEGMENT_BYTES;
    view.setUint32(at + SegmentField.selector, selector, true);
    view.setUint32(at + SegmentField.rights, rights, true);
    view.setUint32(at + SegmentField.limit, limit, true);
    view.setBigUint64(at + SegmentField.base, base, true);
  }

  setSegmentBase(segment: number, base: bigint): void {
    this.setU64(Field.segments + segment * SEGMENT_BYTES + SegmentField.base, base);
  }

  /** Current privilege level: the DPL of SS (SDM Vol. 3C, "Guest Register State": SS.DPL is the CPL). */
  get cpl(): number {
    return (this.rights(Seg.ss) >>> Rights.dplShift) & 3;
  }

  /** True in IA-32e mode, which is 64-bit or compatibility mode. */
  get isLongMode(): boolean {
    return (this.u32(Field.efer) & Efer.lma) !== 0;
  }

  /** True in 64-bit mode. */
  get is64Bit(): boolean {
    return this.isLongMode && (this.rights(Seg.cs) & Rights.long) !== 0;
  }
}
