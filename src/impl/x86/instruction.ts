import type { InstructionRow } from './row.ts';

/** Sizes of operands and addresses as the decoder numbers them. */
export const Size = { byte: 0, word: 1, dword: 2, qword: 3 } as const;
/** Bits of a Size. */
export const sizeBits = (size: number): number => 8 << size;

/**
 * A decoded instruction: plain numbers, so that the decoder can fill one object again and again.
 *
 * Registers are encoding numbers 0 .. 15 with REX applied; -1 stands for none.
 */
export interface Instruction {
  row: InstructionRow;
  /** Bytes, prefixes included. */
  length: number;
  /** Size of 'v' operands: Size.word, dword or qword. */
  operandSize: number;
  /** Size of addresses: Size.word, dword or qword. */
  addressSize: number;
  /** REX byte, 0 for none. */
  rex: number;
  /** True with a VEX prefix. */
  isVex: boolean;
  /** VEX.vvvv, as a register number. */
  vvvv: number;
  /** True with LOCK. */
  isLocked: boolean;
  /** 0, 0xF2 or 0xF3: the last such prefix. */
  repeat: number;
  /** True with 0x66. */
  hasOperandPrefix: boolean;
  /** ModRM byte; 0 if there is none. */
  modrm: number;
  /** ModRM.mod is not 3: the E operand is in memory. */
  isMemory: boolean;
  /** ModRM.reg with REX.R; opcode digit for groups. */
  reg: number;
  /** Register of the E operand, of an opcode with a register in its low bits. */
  rm: number;
  /** Segment of the memory operand after overrides: 0 .. 5 (Seg). */
  segment: number;
  base: number;
  index: number;
  /** 0 .. 3: shift of the index. */
  scale: number;
  /** Displacement, sign-extended, in two halves; moffs64 uses both. */
  displacementLow: number;
  displacementHigh: number;
  /** True if the displacement counts from the end of the instruction. */
  isRipRelative: boolean;
  /** First immediate, sign-extended where the encoding says so. */
  immediateLow: number;
  immediateHigh: number;
  /** Second immediate (ENTER, far pointers: selector). */
  immediate2: number;
}
