import { type Instruction, Size } from './instruction.ts';
import type { Processor } from './processor.ts';

/** What system helpers do with a processor. */
export type Helper = (cpu: Processor) => boolean | undefined;

const MASKS: Readonly<Record<number, bigint>> = { 1: 0xffn, 2: 0xffffn, 4: 0xffff_ffffn, 8: 0xffff_ffff_ffff_ffffn };

/** Low bytes of a general-purpose register (no high-byte registers). */
export const readGpr = (cpu: Processor, n: number, sizeBytes: number): bigint => cpu.state.gpr(n) & MASKS[sizeBytes]!;

/** Writes a general-purpose register: 32 bits clear the rest, narrower sizes keep it. */
export function writeGpr(cpu: Processor, n: number, sizeBytes: number, value: bigint): void {
  const mask = MASKS[sizeBytes]!;
  cpu.state.setGpr(n, sizeBytes >= 4 ? value & mask : (cpu.state.gpr(n) & ~mask) | (value & mask));
}

/** Value of the E operand. */
export function readRm(cpu: Processor, sizeBytes: number): bigint {
  const { instruction } = cpu;
  if (!instruction.isMemory) return readGpr(cpu, instruction.rm, sizeBytes);
  return cpu.readLinear(instruction.segment, cpu.effectiveAddress(), sizeBytes);
}

export function writeRm(cpu: Processor, sizeBytes: number, value: bigint): void {
  const { instruction } = cpu;
  if (instruction.isMemory)
    cpu.writeLinear(instruction.segment, cpu.effectiveAddress(), sizeBytes, value & MASKS[sizeBytes]!);
  else writeGpr(cpu, instruction.rm, sizeBytes, value);
}

/** Bytes of the operand size. */
export const operandBytes = (instruction: Instruction): number => 1 << instruction.operandSize;

/** Bytes of a general-purpose register beside control and debug registers. */
export const controlBytes = (cpu: Processor): number => (cpu.state.is64Bit ? 8 : 4);

/** An address cut to the instruction's address size. */
export function addressMasked(instruction: Instruction, address: bigint): bigint {
  const size = instruction.addressSize;
  return address & (size === Size.qword ? MASKS[8]! : size === Size.dword ? MASKS[4]! : MASKS[2]!);
}

/** #GP(0) unless CPL is 0. */
export function requireKernel(cpu: Processor): void {
  if (cpu.state.cpl !== 0) cpu.fault(13, 0);
}

/** Asks VMX about an instruction; an exit ends it. */
export function intercepted(cpu: Processor, what: Parameters<Processor['hooks']['intercept']>[1]): void {
  if (cpu.isNonRoot && cpu.hooks.intercept(cpu, what)) cpu.abandon();
}
