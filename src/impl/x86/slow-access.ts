import { PAGE_SIZE_BYTES } from '../../units/address.ts';
import { AccessKind } from './address-space.ts';
import { AccessFlag, RecordField } from './record-layout.ts';
import { Field } from './state-layout.ts';
import { UNWIND } from './unwind.ts';
import type { X86Processor } from './x86-processor.ts';

/** A write that waits in a bounce buffer: its parts at physical addresses. */
interface PendingWrite {
  first: number;
  inFirst: number;
  second: number;
  sizeBytes: number;
}

/** Data accesses of handlers that the TLB does not serve: misses, devices, page crossings. */
export class SlowAccess {
  readonly #cpu: X86Processor;
  readonly #pending: [PendingWrite, PendingWrite] = [
    { first: 0, inFirst: 0, second: 0, sizeBytes: 0 },
    { first: 0, inFirst: 0, second: 0, sizeBytes: 0 },
  ];
  #nextBounce = 0;

  constructor(cpu: X86Processor) {
    this.#cpu = cpu;
  }

  /** An access that the TLB does not know: pointer to its bytes or to a bounce buffer, 0 if it unwound. */
  find(record: number, segment: number, access: number): number {
    const cpu = this.#cpu;
    const { state, memory, space } = cpu;
    // What leaves here may ask how long the instruction is: a VM exit for its access.
    const place = memory.words[(record >>> 2) + 1]!;
    cpu.instruction.length = (place >>> 16) - (place & 0xffff);
    try {
      const sizeBytes = access & 0xff;
      const isWrite = (access & AccessFlag.write) !== 0;
      const at = (state.base + Field.slowOffset) >>> 2;
      const chosen = segment >= 0 ? segment : memory.bytes[record + RecordField.segment]!;
      space.toLinear(chosen, memory.words[at]!, memory.words[at + 1]!, sizeBytes, isWrite);
      const low = space.linearLow;
      const high = space.linearHigh;
      const inFirst = PAGE_SIZE_BYTES - (low & 0xfff);
      if (inFirst >= sizeBytes) {
        const kind = isWrite ? AccessKind.write : AccessKind.read;
        const pointer = space.place(low, high, kind);
        if (pointer >= 0) return pointer;
        return this.#bounce(space.lastPhysical, sizeBytes, 0, sizeBytes, access);
      }
      const kind = isWrite ? AccessKind.write : AccessKind.read;
      const first = space.translate(low, high, kind);
      const sum = low + inFirst;
      const nextHigh = sum < 2 ** 32 ? high : state.isLongMode ? (high + 1) >>> 0 : 0;
      const second = space.translate(sum >>> 0, nextHigh, kind);
      return this.#bounce(first, inFirst, second, sizeBytes, access);
    } catch (error) {
      if (error !== UNWIND) throw error;
      return 0;
    }
  }

  /** Fills a bounce buffer with the bytes of an access in up to two parts. */
  #bounce(first: number, inFirst: number, second: number, sizeBytes: number, access: number): number {
    const { state, memory, space } = this.#cpu;
    const isWrite = (access & AccessFlag.write) !== 0;
    // A plain write replaces all bytes: a device is not read for it.
    const isRead = !isWrite || (access & AccessFlag.modify) !== 0;
    let value = isRead ? space.readPhysical(first, inFirst) : 0n;
    if (isRead && inFirst < sizeBytes) value |= space.readPhysical(second, sizeBytes - inFirst) << BigInt(inFirst * 8);
    let pointer = state.base + Field.bounceRead;
    if (isWrite) {
      this.#nextBounce ^= 1;
      pointer = state.base + Field.bounceWrite + this.#nextBounce * 16;
      const pending = this.#pending[this.#nextBounce as 0 | 1];
      pending.first = first;
      pending.inFirst = inFirst;
      pending.second = second;
      pending.sizeBytes = sizeBytes;
    }
    for (let index = 0; index < sizeBytes; index++) {
      memory.bytes[pointer + index] = Number(value & 0xffn);
      value >>= 8n;
    }
    return pointer;
  }

  /** Carries a bounced write out. */
  commit(pointer: number): void {
    const { state, memory, space } = this.#cpu;
    const pending = this.#pending[((pointer - state.base - Field.bounceWrite) >>> 4) as 0 | 1];
    let value = 0n;
    for (let index = pending.sizeBytes - 1; index >= 0; index--)
      value = (value << 8n) | BigInt(memory.bytes[pointer + index]!);
    space.writePhysical(pending.first, pending.inFirst, value & ((1n << BigInt(pending.inFirst * 8)) - 1n));
    const rest = pending.sizeBytes - pending.inFirst;
    if (rest > 0) space.writePhysical(pending.second, rest, value >> BigInt(pending.inFirst * 8));
  }
}
