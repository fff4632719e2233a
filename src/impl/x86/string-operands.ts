import { type Instruction, Size } from './instruction.ts';
import { indirectText, SEGMENT_NAMES } from './operand-text.ts';
import { Seg } from './state-layout.ts';

type Texts = (destination: string, source: string) => string[];

const STRINGS: Readonly<Record<string, Texts>> = {
  movs: (destination, source) => [destination, source],
  cmps: (destination, source) => [source, destination],
  stos: destination => [destination],
  lods: (_destination, source) => [source],
  scas: destination => [destination],
  ins: destination => [destination, 'dx'],
  outs: (_destination, source) => ['dx', source],
};

/** Operands of string instructions and XLAT, which no byte of the encoding names; undefined for others. */
export function stringOperands(instruction: Instruction): string[] | undefined {
  const { row, addressSize, segment } = instruction;
  const override = segment === Seg.ds ? '' : `${SEGMENT_NAMES[segment]!}:`;
  if (row.mnemonic === 'xlatb') return [indirectText('bx', 8, addressSize, override)];
  if (!row.isString) return undefined;
  const name = typeof row.mnemonic === 'string' ? row.mnemonic : row.mnemonic[0]!;
  const stem = name.slice(0, -1);
  // Ports are at most 32 bits wide.
  const widest = stem === 'ins' || stem === 'outs' ? Size.dword : Size.qword;
  const bits = typeof row.mnemonic === 'string' ? 8 : 8 << Math.min(instruction.operandSize, widest);
  return STRINGS[stem]?.(indirectText('di', bits, addressSize), indirectText('si', bits, addressSize, override));
}
