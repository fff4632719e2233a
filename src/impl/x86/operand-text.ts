import { type Instruction, Size } from './instruction.ts';
import { Seg } from './state-layout.ts';

/* Texts of registers, numbers and addresses in Intel syntax. */

export const SEGMENT_NAMES = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const WORD_NAMES = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const BYTE_NAMES = ['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh'];
const NEW_BYTE_NAMES = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const SUFFIXES: Readonly<Record<number, string>> = { 8: 'b', 16: 'w', 32: 'd', 64: '' };
const LETTERS: Readonly<Record<number, string>> = { 16: '', 32: 'e', 64: 'r' };

/** Name of a general-purpose register; with REX byte registers 4 .. 7 are SPL .. DIL. */
export function registerText(n: number, bits: number, hasRex: boolean): string {
  if (n >= 8) return `r${n}${SUFFIXES[bits]!}`;
  if (bits === 8) return (hasRex ? NEW_BYTE_NAMES : BYTE_NAMES)[n]!;
  return `${LETTERS[bits]!}${WORD_NAMES[n]!}`;
}

/** A number: decimal below ten, else hexadecimal with a leading zero in front of a letter. */
export function hexText(value: bigint): string {
  if (value < 10n) return value.toString();
  const digits = value.toString(16).toUpperCase();
  return `${/^[A-F]/.test(digits) ? '0' : ''}${digits}h`;
}

const SIZE_NAMES: Readonly<Record<number, string>> = {
  8: 'byte',
  16: 'word',
  32: 'dword',
  48: 'fword',
  64: 'qword',
  80: 'tbyte',
  128: 'xmmword',
};
/** "dword ptr ", empty for 0 bits. */
export const sizePrefix = (bits: number): string => (bits === 0 ? '' : `${SIZE_NAMES[bits]!} ptr `);

/** Address of a memory operand, its segment in front if it is not the one that the address registers mean. */
export function memoryText(
  instruction: Instruction,
  options: { readonly hasSegment: boolean; readonly popped: number },
): string {
  const { base, index, scale, addressSize, segment, isRipRelative } = instruction;
  const bits = 8 << addressSize;
  const displacement =
    ((BigInt(instruction.displacementHigh) << 32n) | BigInt(instruction.displacementLow >>> 0)) -
    BigInt(options.popped);
  const usual = base === 4 || base === 5 ? Seg.ss : Seg.ds;
  // 16-bit addresses have no scale to tell an index from a base.
  const hasBase = base >= 0 || addressSize === Size.word;
  const parts: string[] = [];
  if (isRipRelative) parts.push(addressSize === Size.qword ? 'rip' : 'eip');
  if (base >= 0) parts.push(registerText(base, bits, false));
  if (index >= 0) parts.push(`${registerText(index, bits, false)}${scale === 0 && hasBase ? '' : `*${1 << scale}`}`);
  let text = parts.join('+');
  if (text === '') text = hexText(BigInt.asUintN(bits, displacement));
  else if (displacement !== 0n) {
    const signed = BigInt.asIntN(bits, displacement);
    text += signed < 0n ? `-${hexText(-signed)}` : `+${hexText(signed)}`;
  }
  return `${segment === usual || !options.hasSegment ? '' : `${SEGMENT_NAMES[segment]!}:`}[${text}]`;
}

/** Address in a register, as string instructions use it. */
export const indirectText = (name: string, bits: number, addressSize: number, segment = ''): string =>
  `${sizePrefix(bits)}${segment}[${LETTERS[8 << addressSize]!}${name}]`;
