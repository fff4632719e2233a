import { type Instruction, Size } from '../x86/instruction.ts';

/** Instructions whose information has an operand size or identity of its own. */
export type InfoKind =
  | 'descriptorTable'
  | 'systemSegment'
  | 'vmreadWrite'
  | 'invalidate'
  | 'pointer'
  | 'string'
  | 'register';

const INVALID_INDEX = 1 << 22;
const INVALID_BASE = 1 << 27;
const REGISTER_FORM = 1 << 10;

/** Fields of the memory operand: scaling, address size, segment, index, base. */
function memoryOperand(instruction: Instruction): number {
  const { scale, addressSize, segment, index, base } = instruction;
  const indexBits = index < 0 || index > 15 ? INVALID_INDEX : (index << 18) | scale;
  const baseBits = base < 0 || base > 15 ? INVALID_BASE : base << 23;
  return indexBits | ((addressSize - 1) << 7) | (segment << 15) | baseBits;
}

/** Memory operand, or the register in bits 6:3. */
const eitherOperand = (instruction: Instruction): number =>
  instruction.isMemory ? memoryOperand(instruction) : REGISTER_FORM | (instruction.rm << 3);

/**
 * VM-exit instruction information (SDM Vol. 3C, "Information for VM Exits Due to Instruction Execution", by instruction).
 *
 * `identity` is what bits 29:28 say for instructions that share an exit reason. The operand size of accesses to GDTR and IDTR
 * (bit 11) is undefined in 64-bit mode.
 */
export function instructionInformation(kind: InfoKind, instruction: Instruction, identity = 0): number {
  switch (kind) {
    case 'descriptorTable':
      return (
        (memoryOperand(instruction) |
          (instruction.operandSize === Size.dword && instruction.addressSize !== Size.qword ? 1 << 11 : 0) |
          (identity << 28)) >>>
        0
      );
    case 'systemSegment':
      return (eitherOperand(instruction) | (identity << 28)) >>> 0;
    case 'vmreadWrite':
      return (eitherOperand(instruction) | (instruction.reg << 28)) >>> 0;
    case 'invalidate':
      return (memoryOperand(instruction) | (instruction.reg << 28)) >>> 0;
    case 'pointer':
      return memoryOperand(instruction) >>> 0;
    case 'string':
      return (((instruction.addressSize - 1) << 7) | (instruction.segment << 15)) >>> 0;
    case 'register':
      return ((instruction.rm << 3) | ((instruction.operandSize - 1) << 11)) >>> 0;
  }
}

/** Displacement of the memory operand, sign-extended to the address size; with RIP-relative addressing plus the address of the next instruction. */
export function operandDisplacement(instruction: Instruction, rip: bigint): bigint {
  if (!instruction.isMemory) return 0n;
  const value = (BigInt(instruction.displacementHigh >>> 0) << 32n) | BigInt(instruction.displacementLow >>> 0);
  const sum = instruction.isRipRelative ? value + rip + BigInt(instruction.length) : value;
  return BigInt.asUintN(8 << instruction.addressSize, sum);
}
