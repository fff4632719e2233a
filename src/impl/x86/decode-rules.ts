import { PLAIN_NOP } from './decode-index.ts';
import { RowBits } from './decode-tables.ts';
import type { Instruction } from './instruction.ts';
import { Seg } from './state-layout.ts';

const CONTROL_REGISTERS = [0, 2, 3, 4, 8];

/** False for a VEX encoding that names registers its row does not have; moves the destination of a group to its place. */
export function acceptsVex(row: number, modrm: number, is64Bit: number, into: Instruction): boolean {
  // VEX group 17 keeps the destination in vvvv; the digit is in ModRM.reg.
  if ((row & RowBits.isVvvvDestination) !== 0) into.reg = (modrm >> 3) & 7;
  else if ((row & RowBits.usesVvvv) === 0 && into.vvvv !== 0) return false;
  if (is64Bit === 0) into.vvvv &= 7;
  return true;
}

/** False for registers that rows with rules of their own refuse; applies those rules. */
export function acceptsSpecial(row: number, modrm: number, into: Instruction): boolean {
  if ((row & RowBits.isNopWithoutRex) !== 0 && into.rm === 0) into.row = PLAIN_NOP;
  // REX.R in front of a debug register (SDM Vol. 2B, MOV to/from debug registers).
  if ((row & RowBits.hasDebug) !== 0 && into.reg >= 8) return false;
  if ((row & RowBits.hasControl) !== 0 && !CONTROL_REGISTERS.includes(into.reg)) return false;
  if ((row & RowBits.hasSegment) !== 0) {
    // ES .. GS, and not CS as a destination.
    const segment = (modrm >> 3) & 7;
    if (segment > Seg.gs || (segment === Seg.cs && (row & RowBits.hasSegmentDestination) !== 0)) return false;
  }
  if ((row & RowBits.isPopMemory) !== 0 && into.isMemory && into.base === 4) {
    // POP computes the address with the RSP after the pop (SDM Vol. 2B, POP).
    into.displacementLow = (into.displacementLow + (1 << into.operandSize)) | 0;
    into.displacementHigh = into.displacementLow >> 31;
  }
  return true;
}
