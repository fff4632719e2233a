import { Builder } from './builder.ts';
import type { Instruction } from './instruction.ts';
import { Size, sizeBits } from './instruction.ts';
import type { Stmt, Width } from './ir.ts';
import type { InstructionRow } from './row.ts';
import { INSTRUCTIONS } from './table.ts';

/** Variants of a row: three operand sizes, register or memory, three repeat prefixes. */
export const VARIANTS_PER_ROW = 18;

const REPEATS = [0, 0xf3, 0xf2];

/** Which variant of its row an instruction is: an index over all rows. */
export function variantIndex(instruction: Instruction): number {
  const { row } = instruction;
  const size = row.isSized ? instruction.operandSize - Size.word : 1;
  const repeat = row.isString ? (instruction.repeat === 0 ? 0 : instruction.repeat === 0xf3 ? 1 : 2) : 0;
  return row.id * VARIANTS_PER_ROW + (size * 2 + (instruction.isMemory ? 1 : 0)) * 3 + repeat;
}

/** Variants of a row that a decoder can produce. */
export function variantsOf(row: InstructionRow): number[] {
  const sizes = row.isSized ? (row.isWide ? [1, 2] : [0, 1, 2]) : [1];
  const hasMemory = row.hasModrm || row.operands.some(({ kind }) => kind === 'O');
  const forms = hasMemory ? (row.form === 'mem' ? [1] : row.form === 'reg' ? [0] : [0, 1]) : [0];
  const offsets = row.operands.some(({ kind }) => kind === 'O') ? [1] : forms;
  const repeats = row.isString ? [0, 1, 2] : [0];
  return sizes.flatMap(size =>
    offsets.flatMap(form => repeats.map(repeat => row.id * VARIANTS_PER_ROW + (size * 2 + form) * 3 + repeat)),
  );
}

/** Builds what a variant means. */
export function buildMeaning(index: number): readonly Stmt[] {
  const row = INSTRUCTIONS[Math.floor(index / VARIANTS_PER_ROW)]!;
  const variant = index % VARIANTS_PER_ROW;
  const builder = new Builder({
    width: sizeBits(Math.floor(variant / 6) + Size.word) as Width,
    isMemory: Math.floor(variant / 3) % 2 === 1,
    repeat: REPEATS[variant % 3]!,
    operands: row.operands,
  });
  row.semantics(builder);
  return builder.statements;
}

const meanings: (readonly Stmt[] | undefined)[] = [];

/** What a variant means, built once. */
export function meaningOf(index: number): readonly Stmt[] {
  const known = meanings[index];
  if (known !== undefined) return known;
  const built = buildMeaning(index);
  meanings[index] = built;
  return built;
}
