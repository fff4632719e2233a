import { encode } from '../../impl/x86/encoder.ts';
import { Size } from '../../impl/x86/instruction.ts';
import { INSTRUCTIONS } from '../../impl/x86/table.ts';
import type { Rng } from '../../units/rng.ts';
import { type BlockKind, pick, value32 } from './block-kind.ts';
import { type CodeWriter, Reg } from './code-writer.ts';

/** Rows of the instruction table that user code runs without touching memory, control flow or the stack. */
const PLAIN = INSTRUCTIONS.filter(
  row =>
    row.class === 'user' &&
    row.exceptions.length === 0 &&
    !row.isString &&
    row.form !== 'mem' &&
    row.operands.length > 0 &&
    row.operands.every(({ kind }) => ['E', 'R', 'G', 'Z', 'I', 'a', 'c', '1', 'B'].includes(kind)) &&
    !/^(PUSH|POP|ENTER|LEAVE|J|CALL|RET|LOOP|XLAT|INT|BOUND|ARPL)/.test(String(row.mnemonic)),
);
const ANY = INSTRUCTIONS.filter(row => row.class !== 'unsupported');

function encodeRow(code: CodeWriter, rng: Rng, rows: typeof INSTRUCTIONS, usesMemory: boolean): boolean {
  const row = pick(rng, rows)!;
  const operandSize = pick(rng, [Size.dword, Size.qword, Size.word])!;
  // ESP stays, so that the stack does.
  const register = (): number => [0, 1, 2, 3, 5, 6, 7, 8, 15][rng.below(code.is64Bit ? 9 : 7)]!;
  const isMemory = usesMemory && row.hasModrm && rng.below(2) === 0;
  const bytes = encode({
    row,
    mode: code.mode,
    operandSize: code.is64Bit || operandSize !== Size.qword ? operandSize : Size.dword,
    addressSize: code.is64Bit ? Size.qword : Size.dword,
    reg: register(),
    rm: register(),
    ...(isMemory ? { memory: { base: Reg.bx, index: -1, scale: 0, displacement: rng.below(64) } } : {}),
    immediate: BigInt(value32(rng)),
  });
  if (bytes === undefined) return false;
  code.emit(...bytes);
  return true;
}

/** Computations, any row of the instruction table, and bytes without meaning. */
export const INSTRUCTION_BLOCKS: readonly BlockKind[] = [
  {
    id: 'plain',
    meaning: 'a computation on registers, any row of the instruction table',
    weight: 8,
    traps: false,
    emit: (code, _vocabulary, rng) => encodeRow(code, rng, PLAIN, false),
  },
  {
    id: 'instruction',
    meaning: 'any row of the instruction table, system instructions included, with random operands',
    weight: 8,
    traps: true,
    emit: (code, _vocabulary, rng) => encodeRow(code, rng, ANY, true),
  },
  {
    id: 'stack',
    meaning: 'PUSH and POP, flags included',
    weight: 3,
    traps: false,
    emit(code, _vocabulary, rng) {
      code.emit(0x50 + pick(rng, [0, 1, 2, 3])!, rng.below(2) === 0 ? 0x5e : 0x58);
      return true;
    },
  },
  {
    id: 'flags',
    meaning: 'POPF of a random value',
    weight: 2,
    traps: true,
    emit(code, _vocabulary, rng) {
      code.set(Reg.ax, (1 << rng.below(22)) | 2).emit(0x50, 0x9d);
      return true;
    },
  },
  {
    id: 'bytes',
    meaning: 'random bytes',
    weight: 2,
    traps: true,
    emit(code, _vocabulary, rng) {
      const count = 1 + rng.below(12);
      for (let index = 0; index < count; index++) code.emit(rng.below(256));
      return true;
    },
  },
];
