import { PAGE_SIZE_BYTES } from '../../units/address.ts';
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

  /** Decodes the instruction at RIP into `instruction`; faults unwind. */
  fetch(): void {
    const { state, memory, space, decoder, codeMode, instruction } = this.#cpu;
    const rip = state.rip;
    // An exit in the page walk must not see the length of an earlier instruction.
    instruction.length = 0;
    let low = Number(rip & 0xffff_ffffn);
    let high = Number(rip >> 32n);
    if (codeMode === CodeMode.bits64) {
      if (!isCanonical(rip)) this.#cpu.fault(Vector.protection, 0);
    } else {
      if (rip > BigInt(state.limit(Seg.cs))) this.#cpu.fault(Vector.protection, 0);
      const linear = (state.segmentBase(Seg.cs) + rip) & 0xffff_ffffn;
      low = Number(linear);
      high = 0;
    }
    const first = space.place(low, high, AccessKind.fetch);
    const inPage = PAGE_SIZE_BYTES - (low & 0xfff);
    let status: number;
    if (first >= 0 && inPage >= MAX_INSTRUCTION_BYTES) {
      status = decoder.decode(memory.bytes, first, first + MAX_INSTRUCTION_BYTES, codeMode, instruction);
    } else {
      const count = Math.min(inPage, MAX_INSTRUCTION_BYTES);
      this.#copyCode(first, 0, count);
      status = decoder.decode(this.#window, 0, count, codeMode, instruction);
      if (status === DecodeStatus.truncated) {
        const nextLow = (low + inPage) >>> 0;
        const carried = nextLow === 0 && codeMode === CodeMode.bits64 ? (high + 1) >>> 0 : high;
        const second = space.place(nextLow, carried, AccessKind.fetch);
        this.#copyCode(second, count, MAX_INSTRUCTION_BYTES - count);
        status = decoder.decode(this.#window, 0, MAX_INSTRUCTION_BYTES, codeMode, instruction);
      }
    }
    this.#checkDecoded(status, rip);
  }

  #checkDecoded(status: number, rip: bigint): void {
    const { codeMode, state, instruction } = this.#cpu;
    const { length } = instruction;
    if (status === DecodeStatus.tooLong) this.#cpu.fault(Vector.protection, 0);
    if (codeMode !== CodeMode.bits64 && rip + BigInt(length - 1) > BigInt(state.limit(Seg.cs))) {
      this.#cpu.fault(Vector.protection, 0);
    }
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
