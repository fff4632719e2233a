import { type Descriptor, selectorError, setFromDescriptor } from './descriptor.ts';
import type { Processor } from './processor.ts';
import { isCanonical } from './stack-frame.ts';
import { Field, Gpr, Rights, Seg } from './state-layout.ts';
import { Vector } from './unwind.ts';

/* What transfers to another code segment and returns from it have in common. */

/** Value on the stack, `index` words of `bytes` above RSP. */
export function onStack(cpu: Processor, index: number, bytes: number): bigint {
  const { state } = cpu;
  const offset = (state.gpr(Gpr.rsp) + BigInt(index * bytes)) & state.u64(Field.stackMask);
  return cpu.readLinear(Seg.ss, offset, bytes);
}

/** True if a code segment is one of 64-bit mode. */
export const targetsLong = (cpu: Processor, code: Descriptor): boolean =>
  cpu.state.isLongMode && (code.rights & Rights.long) !== 0;

/** #GP(0) unless the target lies in the code segment. */
export function checkOffset(cpu: Processor, code: Descriptor, rip: bigint): void {
  const isValid = targetsLong(cpu, code) ? isCanonical(rip) : rip <= BigInt(code.limit);
  if (!isValid) cpu.fault(Vector.protection, 0);
}

/** #GP for a code segment with both L and D. */
export function checkLongBits(cpu: Processor, code: Descriptor): void {
  const both = Rights.long | Rights.big;
  if (cpu.state.isLongMode && (code.rights & both) === both) cpu.fault(Vector.protection, selectorError(code.selector));
}

/** Loads CS and RIP; the caller refreshes the context. */
export function enterCode(cpu: Processor, selector: number, code: Descriptor, rip: bigint): void {
  setFromDescriptor(cpu, Seg.cs, selector, code);
  cpu.state.rip = rip;
}

/** CS of real-address and virtual-8086 mode. */
export function enterParagraph(cpu: Processor, selector: number, rip: bigint): void {
  const { state } = cpu;
  state.setSegment(Seg.cs, selector, BigInt(selector) << 4n, state.limit(Seg.cs), state.rights(Seg.cs));
  state.rip = rip;
  cpu.updateContext();
}
