import { defined } from '../../units/invariant.ts';
import type { InstructionRow } from './row.ts';
import { INSTRUCTIONS } from './table.ts';

/** Legacy opcode maps 0 .. 3, then the VEX maps 1 .. 3 as 4 .. 6. */
export const MAPS = 7;
export const VEX_MAP_OFFSET = 3;

/** Bytes of immediate that follow the ModRM part, as the decoder reads them. */
export const Immediate = {
  none: 0,
  /** One byte, zero-extended; sign-extended. */
  byte: 1,
  byteSigned: 2,
  word: 3,
  /** Operand size, at most 32 bits, sign-extended. */
  wide: 4,
  /** Operand size, up to 64 bits. */
  full: 5,
  /** Word, then byte (ENTER). */
  wordByte: 6,
  /** Address of the address size. */
  offset: 7,
  /** Offset of operand size, then selector. */
  far: 8,
} as const;

function immediateOf(row: InstructionRow): number {
  const kinds = row.operands.filter(({ kind }) => 'IJOA'.includes(kind));
  const first = kinds[0];
  if (first === undefined) return Immediate.none;
  if (kinds.length === 2) return Immediate.wordByte;
  if (first.kind === 'O') return Immediate.offset;
  if (first.kind === 'A') return Immediate.far;
  if (first.size === 'b') return first.kind === 'J' || first.isExtended ? Immediate.byteSigned : Immediate.byte;
  if (first.size === 'w') return Immediate.word;
  return first.size === 'v' ? Immediate.full : Immediate.wide;
}

/** Immediate kind of each row, by id. */
export const IMMEDIATE_OF: Uint8Array = Uint8Array.from(INSTRUCTIONS, immediateOf);

/** Rows that an opcode may be, the most specific first. */
function candidates(is64Bit: boolean, map: number, opcode: number): readonly InstructionRow[] {
  const isVex = map >= 4;
  const legacyMap = isVex ? map - VEX_MAP_OFFSET : map;
  const found = INSTRUCTIONS.filter(
    row =>
      row.opcode === opcode && row.map === legacyMap && row.isVex === isVex && row.modes !== (is64Bit ? '32' : '64'),
  );
  const rank = (row: InstructionRow): number =>
    (row.class === 'unsupported' ? 8 : 0) +
    (row.prefix === 'any' ? 4 : 0) +
    (row.modrm >= 0 ? -16 : 0) +
    (row.digit >= 0 ? 0 : 1);
  return found.sort((a, b) => rank(a) - rank(b));
}

const build = (is64Bit: boolean): readonly (readonly InstructionRow[])[] =>
  Array.from({ length: MAPS * 256 }, (_, index) => candidates(is64Bit, index >> 8, index & 0xff));

/** Candidates by `map * 256 + opcode`, outside of and in 64-bit mode. */
export const DECODE_INDEX = { legacy: build(false), long: build(true) };

const only = (name: string): InstructionRow =>
  defined(
    INSTRUCTIONS.find(row => row.class === 'unsupported' && row.mnemonic === name),
    name,
  );
/** Rows for encodings that whole prefixes announce. */
export const AVX = only('avx');
export const EVEX = only('evex');
export const XOP = only('xop');
/** 90 without REX.B. */
export const PLAIN_NOP = defined(
  INSTRUCTIONS.find(row => row.encoding === '90' && row.mnemonic === 'nop'),
  'nop',
);
