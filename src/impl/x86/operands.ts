/**
 * Operand codes of the instruction table, after SDM Vol. 2D, "Key to Abbreviations": a letter for the place and one for the size.
 *
 * E: ModRM.rm register or memory. M: memory only. R: ModRM.rm register only. G: ModRM.reg. B: VEX.vvvv. Z: register in the opcode.
 * I: immediate. J: relative target. O: memory offset. A: far pointer. S: segment register, C: control register, D: debug
 * register (ModRM.reg). a: accumulator. c: CL. d: DX. 1: the constant.
 * Sizes: b w d q; v: operand size; z: operand size, at most 32; y: 32 or 64; n: 64 in 64-bit mode, else 32; none: no size.
 * `s` after an immediate size: sign-extended to the operand size.
 */
export interface OperandCode {
  readonly kind: 'E' | 'M' | 'R' | 'G' | 'B' | 'Z' | 'I' | 'J' | 'O' | 'A' | 'S' | 'C' | 'D' | 'a' | 'c' | 'd' | '1';
  readonly size: 'b' | 'w' | 'd' | 'q' | 'v' | 'z' | 'y' | 'n' | '';
  /** Immediate that is sign-extended to the operand size. */
  readonly isExtended: boolean;
}

/** Reads a list such as "Ev,Ibs". */
export function parseOperands(text: string): OperandCode[] {
  if (text === '') return [];
  return text.split(',').map(code => ({
    kind: code[0] as OperandCode['kind'],
    size: (code[1] ?? '') as OperandCode['size'],
    isExtended: code[2] === 's',
  }));
}

/** Bits of an operand of a size code, `operandBits` being those of 'v'; of 'n' those of 64-bit mode. */
export function bitsOfSize(size: OperandCode['size'], operandBits: number): number {
  switch (size) {
    case 'b':
      return 8;
    case 'w':
      return 16;
    case 'd':
      return 32;
    case 'q':
    case 'n':
      return 64;
    case 'y':
      return operandBits === 64 ? 64 : 32;
    case 'z':
      return operandBits === 16 ? 16 : 32;
    default:
      return operandBits;
  }
}
