import type { InstructionRow } from './row.ts';
import { ARITHMETIC_ROWS } from './rows-arithmetic.ts';
import { BIT_ROWS } from './rows-bits.ts';
import { BRANCH_ROWS } from './rows-branch.ts';
import { MOVE_ROWS } from './rows-move.ts';
import { STRING_ROWS } from './rows-string.ts';
import { SYSTEM_ROWS } from './rows-system.ts';
import { UNSUPPORTED_ROWS } from './rows-unsupported.ts';

/** All instructions that the processor knows, and the named groups that it does not. */
export const INSTRUCTIONS: readonly InstructionRow[] = [
  ...ARITHMETIC_ROWS,
  ...MOVE_ROWS,
  ...BIT_ROWS,
  ...STRING_ROWS,
  ...BRANCH_ROWS,
  ...SYSTEM_ROWS,
  ...UNSUPPORTED_ROWS,
].map((draft, id) => ({ id, ...draft }));

/** Mnemonic of a row at an operand size (Size.word .. qword). */
export const mnemonicOf = (row: InstructionRow, operandSize: number): string =>
  typeof row.mnemonic === 'string' ? row.mnemonic : row.mnemonic[Math.max(0, operandSize - 1)]!;
