import { type Instruction, Size } from './instruction.ts';
import type { InterpreterModule } from './interpreter-module.ts';
import { variantIndex } from './meaning.ts';
import { Field } from './state-layout.ts';

/** Byte offset of a register operand in the state; byte registers 4 .. 7 are AH .. BH without REX. A function of its own: closures are dear here. */
function registerOffset(n: number, rex: number, isByte: number): number {
  return isByte !== 0 && rex === 0 && n >= 4 && n < 8 ? (n - 4) * 8 + 1 : n * 8;
}

/** Writes the record of an instruction that was decoded at an offset of its page; `record` and `page` are byte addresses. */
export function writeRecord(
  words: Uint32Array,
  record: number,
  module: InterpreterModule,
  instruction: Instruction,
  page: number,
  offset: number,
): void {
  const variant = variantIndex(instruction);
  const bytePlaces = module.bytePlaces[variant]!;
  const at = record >>> 2;
  const next = offset + instruction.length;
  const { rex } = instruction;
  words[at] = module.handlers[variant]!;
  words[at + 1] = offset | (next << 16);
  words[at + 2] =
    registerOffset(instruction.rm, rex, bytePlaces & 1) | (registerOffset(instruction.reg, rex, bytePlaces & 2) << 16);
  const base = instruction.isRipRelative ? Field.codeBase : instruction.base < 0 ? Field.zero : instruction.base * 8;
  words[at + 3] = (instruction.vvvv * 8) | (base << 16);
  const index = instruction.index < 0 ? Field.zero : instruction.index * 8;
  words[at + 4] = index | (instruction.scale << 16) | (instruction.segment << 24);
  words[at + 5] = 0;
  let low = instruction.displacementLow >>> 0;
  let high = instruction.displacementHigh;
  if (instruction.isRipRelative) {
    const sum = low + next;
    if (sum >= 2 ** 32) high += 1;
    low = sum >>> 0;
  }
  words[at + 6] = low;
  words[at + 7] = high;
  words[at + 8] = instruction.immediateLow;
  words[at + 9] = instruction.immediateHigh;
  const size = instruction.addressSize;
  words[at + 10] = size === Size.word ? 0xffff : 0xffff_ffff;
  words[at + 11] = size === Size.qword ? 0xffff_ffff : 0;
  words[at + 12] = Field.fastBase + instruction.segment * 8;
  words[at + 13] = page;
  words[at + 14] = size === Size.word ? 0xffff_0000 : 0;
  words[at + 15] = size === Size.word ? 0xffff_ffff : 0;
}
