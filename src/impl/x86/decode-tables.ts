import { CodeMode } from './code-mode.ts';
import { DECODE_INDEX, IMMEDIATE_OF, Immediate, MAPS } from './decode-index.ts';
import { Size } from './instruction.ts';
import type { InstructionRow } from './row.ts';
import { Seg } from './state-layout.ts';
import { INSTRUCTIONS } from './table.ts';

/*
 * What the decoder looks up instead of asking: random code makes every branch that depends on its bytes a mispredicted one.
 */

/** Entries of tables by map and opcode, for one mode. */
export const OPCODES = MAPS * 256;

const byteTable = (isIn: (byte: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => (isIn(byte) ? 1 : 0));

export const IS_OPERAND_PREFIX = byteTable(byte => byte === 0x66);
export const IS_TWO_BYTE = byteTable(byte => byte === 0x0f);
const isRex = (byte: number): boolean => byte >= 0x40 && byte <= 0x4f;
const LEGACY_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];
/** 256 entries outside of, then 256 in 64-bit mode. */
const byMode = (legacy: Uint8Array, long: Uint8Array): Uint8Array => Uint8Array.from([...legacy, ...long]);
export const IS_REX = byMode(new Uint8Array(256), byteTable(isRex));
export const IS_PREFIX = byMode(
  byteTable(byte => LEGACY_PREFIXES.includes(byte)),
  byteTable(byte => LEGACY_PREFIXES.includes(byte) || isRex(byte)),
);
/** Map that 0F 38 and 0F 3A add, by map 0 or 1 and opcode. */
export const ESCAPE = byMode(
  new Uint8Array(256),
  Uint8Array.from({ length: 256 }, (_, byte) => (byte === 0x38 ? 1 : byte === 0x3a ? 2 : 0)),
);
/** Opcodes that may begin a VEX, EVEX or XOP prefix, by map 0 or 1. */
export const MAY_BE_VECTOR = byMode(
  byteTable(byte => byte === 0xc4 || byte === 0xc5 || byte === 0x62 || byte === 0x8f),
  new Uint8Array(256),
);

/** MOV to and from control and debug registers: ModRM.mod counts as 3. */
const isModIgnored = (opcodeIndex: number): boolean => opcodeIndex >= 0x120 && opcodeIndex <= 0x123;

/** By mode, map and opcode: bits 7:0 are kept of the byte behind the opcode as ModRM, bits 15:8 are set in its addressing form. */
export const MODRM = Uint16Array.from({ length: 2 * OPCODES }, (_, key) => {
  const found = (key >= OPCODES ? DECODE_INDEX.long : DECODE_INDEX.legacy)[key % OPCODES]!;
  if (found.length === 0 || !found[0]!.hasModrm) return 0xc000;
  return isModIgnored(key % OPCODES) ? 0xc0ff : 0x00ff;
});

/** Fields of ADDRESSES. */
export const Address = { bytes: 7, hasSib: 8, isRipRelative: 0x10, baseShift: 8, indexShift: 16 } as const;

/** 16-bit addressing: base and index by ModRM.rm (SDM Vol. 2A, table 2-1). */
const BASE16 = [3, 3, 5, 5, 6, 7, 5, 3];
const INDEX16 = [6, 7, 6, 7, -1, -1, -1, -1];

/** Bytes of displacement, base + 1, index + 1 of a ModRM byte. */
function addressForm(addressSize: number, modrm: number): number {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  if (mod === 3) return 0;
  const isBare = mod === 0 && rm === (addressSize === Size.word ? 6 : 5);
  const longest = addressSize === Size.word ? 2 : 4;
  const bytes = isBare || mod === 2 ? longest : mod;
  if (isBare) return bytes | (addressSize === Size.word ? 0 : Address.isRipRelative);
  if (addressSize === Size.word)
    return bytes | ((BASE16[rm]! + 1) << Address.baseShift) | ((INDEX16[rm]! + 1) << Address.indexShift);
  return bytes | ((rm + 1) << Address.baseShift) | (rm === 4 ? Address.hasSib : 0);
}
/** By address size (from Size.word) and ModRM byte, see Address. */
export const ADDRESSES = Int32Array.from({ length: 3 * 256 }, (_, key) =>
  addressForm((key >> 8) + Size.word, key & 0xff),
);
/** Default segment by base + 1. */
export const SEGMENT_OF_BASE = Uint8Array.from({ length: 17 }, (_, base) =>
  base === 5 || base === 6 ? Seg.ss : Seg.ds,
);
/** Sign-extending shifts and masks by bytes of displacement. */
export const DISPLACEMENT_SHIFT = Uint8Array.of(0, 24, 16, 0, 0);
export const DISPLACEMENT_MASK = Int32Array.of(0, -1, -1, -1, -1);

/** Bits of ROWS. */
export const RowBits = {
  /** Immediate. */
  immediate: 0xf,
  /** How W, prefix and mode choose the operand size: 0 .. 3. */
  sizeShift: 4,
  isLockable: 0x40,
  /** VEX.vvvv is an operand, or the destination of a group. */
  usesVvvv: 0x80,
  isVvvvDestination: 0x100,
  /** Any of the following. */
  isSpecial: 0x200,
  hasControl: 0x400,
  hasSegment: 0x800,
  hasSegmentDestination: 0x1000,
  isPopMemory: 0x2000,
  isNopWithoutRex: 0x4000,
  hasDebug: 0x8000,
} as const;

const SIZE_RULES = ['usual', 'default64', 'force64'];
const WIDE_RULE = 3;

function rowBits(row: InstructionRow): number {
  const has = (kinds: string): boolean => row.operands.some(({ kind }) => kinds.includes(kind));
  const special =
    (has('C') ? RowBits.hasControl : 0) |
    (has('D') ? RowBits.hasDebug : 0) |
    (has('S') ? RowBits.hasSegment : 0) |
    (row.operands[0]?.kind === 'S' ? RowBits.hasSegmentDestination : 0) |
    (row.encoding === '8F /0' ? RowBits.isPopMemory : 0) |
    (row.isNopWithoutRex ? RowBits.isNopWithoutRex : 0);
  return (
    IMMEDIATE_OF[row.id]! |
    ((row.isWide ? WIDE_RULE : SIZE_RULES.indexOf(row.size64)) << RowBits.sizeShift) |
    (row.isLockable ? RowBits.isLockable : 0) |
    (has('B') ? RowBits.usesVvvv : 0) |
    (row.operands[0]?.kind === 'B' ? RowBits.isVvvvDestination : 0) |
    (special === 0 ? 0 : special | RowBits.isSpecial)
  );
}
export const ROWS = Int32Array.from(INSTRUCTIONS, rowBits);

function operandSize(rule: number, mode: number, isWide: boolean, hasPrefix: boolean): number {
  if (rule === WIDE_RULE) return isWide ? Size.qword : Size.dword;
  if (mode !== CodeMode.bits64) return (mode === CodeMode.bits16) !== hasPrefix ? Size.word : Size.dword;
  if (SIZE_RULES[rule] === 'force64' || isWide) return Size.qword;
  if (hasPrefix) return Size.word;
  return SIZE_RULES[rule] === 'default64' ? Size.qword : Size.dword;
}
/** By rule * 16 + mode * 4 + wide * 2 + operand prefix. */
export const OPERAND_SIZES = Uint8Array.from({ length: 64 }, (_, key) =>
  operandSize(key >> 4, (key >> 2) & 3, (key & 2) !== 0, (key & 1) !== 0),
);

/** Immediates up to this kind are at most four bytes of one value. */
export const LAST_SHORT_IMMEDIATE = Immediate.wide;
const shortBytes = (kind: number, size: number): number =>
  kind === Immediate.none
    ? 0
    : kind === Immediate.word || (kind === Immediate.wide && size === Size.word)
      ? 2
      : kind === Immediate.wide
        ? 4
        : 1;
/** By kind * 4 + operand size. */
export const IMMEDIATE_BYTES = Uint8Array.from({ length: 20 }, (_, key) => shortBytes(key >> 2, key & 3));
export const IMMEDIATE_MASK = Int32Array.from({ length: 20 }, (_, key) => {
  const kind = key >> 2;
  return kind === Immediate.none ? 0 : kind === Immediate.byte ? 0xff : kind === Immediate.word ? 0xffff : -1;
});
