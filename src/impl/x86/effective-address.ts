import type { CpuState } from './cpu-state.ts';
import { type Instruction, Size } from './instruction.ts';

const ALL_ONES = 0xffff_ffff_ffff_ffffn;

/** Offset of the memory operand in its segment: base + index * scale + displacement within the address size (SDM Vol. 2A, "ModR/M and SIB Bytes"). */
export function effectiveAddress(state: CpuState, instruction: Instruction, nextRip: bigint): bigint {
  let address = (BigInt(instruction.displacementHigh >>> 0) << 32n) | BigInt(instruction.displacementLow >>> 0);
  if (instruction.isRipRelative) address += nextRip;
  if (instruction.base >= 0) address += state.gpr(instruction.base);
  if (instruction.index >= 0) address += state.gpr(instruction.index) << BigInt(instruction.scale);
  const size = instruction.addressSize;
  return address & (size === Size.qword ? ALL_ONES : size === Size.dword ? 0xffff_ffffn : 0xffffn);
}
