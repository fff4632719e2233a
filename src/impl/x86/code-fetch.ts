import { PAGE_SIZE_BYTES } from '../../units/address.ts';
import { TWO32 } from '../../units/word.ts';
import { AccessKind } from './address-space.ts';
import { CodeMode } from './code-mode.ts';
import { DecodeStatus, MAX_INSTRUCTION_BYTES } from './decoder.ts';
import { isCanonical } from './stack-frame.ts';
import { Seg } from './state-layout.ts';
import { Vector } from './unwind.ts';
import type { X86Processor } from './x86-processor.ts';

/** Reads and decodes the instruction at RIP of a processor, one that crosses a page or lies in a device included. */
export class CodeFetch {
  readonly #cpu: X86Processor;
  readonly #window = new Uint8Array(32);

  constructor(cpu: X86Processor) {
    this.#cpu = cpu;
  }

  /**
   * Decodes the instruction at RIP into `instruction`; faults unwind.
   *
   * Returns the place of its part in a second page, -1 if it has none or that page is no plain memory.
   */
  fetch(): number {
    const { state, memory, space, decoder, codeMode, instruction } = this.#cpu;
    const { rip } = state;
    let low = Number(rip & 0xffff_ffffn);
    let high = Number(rip >> 32n);
    let within = MAX_INSTRUCTION_BYTES;
    if (codeMode === CodeMode.bits64) {
      if (!isCanonical(rip)) this.#cpu.fault(Vector.protection, 0);
    } else {
      const left = state.limit(Seg.cs) - Number(rip);
      if (left < 0) this.#cpu.fault(Vector.protection, 0);
      within = Math.min(within, left + 1);
      low = Number((state.segmentBase(Seg.cs) + rip) & 0xffff_ffffn);
      high = 0;
    }
    const first = space.place(low, high, AccessKind.fetch);
    const inPage = PAGE_SIZE_BYTES - (low & 0xfff);
    if (first >= 0 && inPage >= within) {
      this.#checkDecoded(decoder.decode(memory.bytes, first, first + within, codeMode, instruction));
      return -1;
    }
    const count = Math.min(inPage, within);
    this.#copyCode(first, 0, count);
    let second = -1;
    let status = decoder.decode(this.#window, 0, count, codeMode, instruction);
    if (status === DecodeStatus.truncated && count < within) {
      second = this.#placeBehind(low + inPage, high);
      this.#copyCode(second, count, within - count);
      status = decoder.decode(this.#window, 0, within, codeMode, instruction);
    }
    this.#checkDecoded(status);
    return second;
  }

  /** Place of the page behind an instruction's first one; its address may carry. */
  #placeBehind(sum: number, high: number): number {
    const is64Bit = this.#cpu.codeMode === CodeMode.bits64;
    const nextHigh = sum >= TWO32 && is64Bit ? (high + 1) >>> 0 : high;
    if (is64Bit && !isCanonical((BigInt(nextHigh) << 32n) | BigInt(sum >>> 0))) this.#cpu.fault(Vector.protection, 0);
    return this.#cpu.space.place(sum >>> 0, nextHigh, AccessKind.fetch);
  }

  /** Bytes beyond the limit of CS end an instruction as its fifteenth does. */
  #checkDecoded(status: number): void {
    if (status === DecodeStatus.tooLong || status === DecodeStatus.truncated) this.#cpu.fault(Vector.protection, 0);
    if (status !== DecodeStatus.ok) this.#cpu.fault(Vector.invalidOpcode);
  }

  /** Copies code bytes to the decoding window; places below 0 are read at their physical address. */
  #copyCode(place: number, to: number, count: number): void {
    const { memory, space } = this.#cpu;
    if (place >= 0) {
      this.#window.set(memory.bytes.subarray(place, place + count), to);
      return;
    }
    const from = space.lastPhysical;
    for (let index = 0; index < count; index++) {
      this.#window[to + index] = Number(space.readPhysical(from + index, 1));
    }
  }
}
