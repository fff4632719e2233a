import type { AddressSpace } from './address-space.ts';
import type { Processor } from './processor.ts';
import { Rights, Seg } from './state-layout.ts';
import { Vector } from './unwind.ts';

/** A stack that pushes go to before the processor switches to it, so that a fault leaves the state alone. */
export class StackFrame {
  /** Offset of the top. */
  pointer: bigint;
  readonly #cpu: Processor;
  readonly #space: AddressSpace;
  readonly #is64Bit: boolean;
  readonly #base: bigint;
  readonly #limit: number;
  readonly #rights: number;
  readonly #isUser: boolean;
  /** Error code of the #SS that a bad push raises. */
  readonly #error: number;

  constructor(
    cpu: Processor,
    space: AddressSpace,
    stack: {
      is64Bit: boolean;
      base: bigint;
      limit: number;
      rights: number;
      pointer: bigint;
      cpl: number;
      error: number;
    },
  ) {
    this.#cpu = cpu;
    this.#space = space;
    this.#is64Bit = stack.is64Bit;
    this.#base = stack.base;
    this.#limit = stack.limit;
    this.#rights = stack.rights;
    this.pointer = stack.pointer;
    this.#isUser = stack.cpl === 3;
    this.#error = stack.error;
  }

  /** The current stack. */
  static current(cpu: Processor, space: AddressSpace): StackFrame {
    const { state } = cpu;
    return new StackFrame(cpu, space, {
      is64Bit: state.is64Bit,
      base: state.segmentBase(Seg.ss),
      limit: state.limit(Seg.ss),
      rights: state.rights(Seg.ss),
      pointer: state.gpr(4),
      cpl: state.cpl,
      error: 0,
    });
  }

  get #mask(): bigint {
    if (this.#is64Bit) return 0xffff_ffff_ffff_ffffn;
    return (this.#rights & Rights.big) !== 0 ? 0xffff_ffffn : 0xffffn;
  }

  push(value: bigint, sizeBytes: number): void {
    const mask = this.#mask;
    const moved = (this.pointer - BigInt(sizeBytes)) & mask;
    this.#write(moved, sizeBytes, value & ((1n << BigInt(sizeBytes * 8)) - 1n));
    this.pointer = (this.pointer & ~mask & 0xffff_ffff_ffff_ffffn) | moved;
  }

  #write(offset: bigint, sizeBytes: number, value: bigint): void {
    let linear = offset;
    if (this.#is64Bit) {
      const last = offset + BigInt(sizeBytes - 1);
      if (!isCanonical(offset) || !isCanonical(last)) this.#cpu.fault(Vector.stack, this.#error);
    } else {
      const first = Number(offset);
      const last = first + sizeBytes - 1;
      const isDown = (this.#rights & Rights.expandDownOrConforming) !== 0;
      const top = (this.#rights & Rights.big) !== 0 ? 0xffff_ffff : 0xffff;
      if (isDown ? first <= this.#limit || last > top : last > this.#limit) this.#cpu.fault(Vector.stack, this.#error);
      linear = (this.#base + offset) & 0xffff_ffffn;
    }
    this.#space.writeAt(Number(linear & 0xffff_ffffn), Number(linear >> 32n), sizeBytes, value, this.#isUser);
  }
}

/** True if bits 63:47 are equal. */
export const isCanonical = (address: bigint): boolean => {
  const top = address >> 47n;
  return top === 0n || top === 0x1_ffffn;
};
