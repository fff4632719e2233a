import { CodeMode } from './code-mode.ts';
import { type Instruction, Size } from './instruction.ts';
import { hexText, memoryText, registerText, SEGMENT_NAMES, sizePrefix } from './operand-text.ts';
import { bitsOfSize, type OperandCode } from './operands.ts';
import { stringOperands } from './string-operands.ts';
import { mnemonicOf } from './table.ts';

/** Where an instruction stands. */
export interface CodePlace {
  /** CodeMode. */
  readonly mode: number;
  /** Address of its first byte. */
  readonly address: bigint;
}

const COUNT_JUMPS = ['', 'jcxz', 'jecxz', 'jrcxz'];
const mask = (value: bigint, bits: number): bigint => BigInt.asUintN(bits, value);
const immediateOf = ({ immediateLow, immediateHigh }: Instruction): bigint =>
  (BigInt(immediateHigh) << 32n) | BigInt(immediateLow >>> 0);

const SELECTOR_USERS = ['lar', 'lsl', 'sldt', 'str', 'smsw'];

/** A selector (or machine status word) in memory has 16 bits, whatever the operand size, and so has the source of a segment register. */
function isSelector(code: OperandCode, { row, isMemory }: Instruction): boolean {
  if (code.kind !== 'E') return false;
  if (row.operands[0]!.kind === 'S') return true;
  return isMemory && (SELECTOR_USERS.includes(String(row.mnemonic)) || row.operands[1]?.kind === 'S');
}

/** Bits of an operand. */
function operandBits(code: OperandCode, instruction: Instruction, mode: number): number {
  if (isSelector(code, instruction)) return 16;
  if (code.size === 'n' && mode !== CodeMode.bits64) return 32;
  return bitsOfSize(code.size, 8 << instruction.operandSize);
}

/** Bits of memory operands whose size the row does not say: 0 for those that have none. */
const MEMORY_BITS: Readonly<Record<string, (instruction: Instruction) => number>> = {
  cmpxchg8b: () => 64,
  cmpxchg16b: () => 128,
  bound: ({ operandSize }) => 16 << operandSize,
  invpcid: () => 128,
  invept: () => 128,
  invvpid: () => 128,
  sgdt: () => 48,
  sidt: () => 48,
  lgdt: () => 48,
  lidt: () => 48,
};
/** Far pointers: selector and offset of the operand size. */
const FAR_LOADS = ['les', 'lds', 'lss', 'lfs', 'lgs'];

function memoryBits(code: OperandCode, name: string, instruction: Instruction, mode: number): number {
  if (FAR_LOADS.includes(name) || (code.kind === 'M' && (name === 'call' || name === 'jmp')))
    return (8 << instruction.operandSize) + 16;
  if (code.kind === 'M' && code.size === '') return MEMORY_BITS[name]?.(instruction) ?? 0;
  return operandBits(code, instruction, mode);
}

function immediateText(code: OperandCode, instruction: Instruction): string {
  const value = immediateOf(instruction);
  const bits = code.size === 'b' && !code.isExtended ? 8 : code.size === 'w' ? 16 : 8 << instruction.operandSize;
  return hexText(mask(value, bits));
}

function targetText(instruction: Instruction, place: CodePlace): string {
  const bits = instruction.operandSize === Size.word ? 16 : place.mode === CodeMode.bits64 ? 64 : 32;
  return hexText(mask(place.address + BigInt(instruction.length) + immediateOf(instruction), bits));
}

function operandText(
  code: OperandCode,
  index: number,
  name: string,
  instruction: Instruction,
  place: CodePlace,
): string {
  const { mode } = place;
  const bits = operandBits(code, instruction, mode);
  const register = (n: number): string => registerText(n, bits, instruction.rex !== 0);
  switch (code.kind) {
    case 'E':
    case 'M':
    case 'O':
      if (!instruction.isMemory) return register(instruction.rm);
      return `${sizePrefix(memoryBits(code, name, instruction, mode))}${memoryText(instruction, {
        // LEA has no access and so no segment; the decoder has moved POP's address by what it pops.
        hasSegment: name !== 'lea',
        popped: name === 'pop' && instruction.base === 4 ? 1 << instruction.operandSize : 0,
      })}`;
    case 'R':
    case 'Z':
      return register(instruction.rm);
    case 'G':
      return register(instruction.reg);
    case 'B':
      return register(instruction.vvvv);
    case 'I':
      // The second of two immediates is that of ENTER.
      return index === 1 && name === 'enter'
        ? hexText(BigInt(instruction.immediate2))
        : immediateText(code, instruction);
    case 'J':
      return targetText(instruction, place);
    case 'A':
      return `${hexText(mask(immediateOf(instruction), 8 << instruction.operandSize))}, ${hexText(BigInt(instruction.immediate2))}`;
    case 'S':
      return SEGMENT_NAMES[instruction.reg & 7]!;
    case 'C':
      return `cr${instruction.reg}`;
    case 'D':
      return `dr${instruction.reg}`;
    case 'a':
      return register(0);
    case 'c':
      return 'cl';
    case 'd':
      return 'dx';
    default:
      return '1';
  }
}

/** Mnemonic of an instruction. */
export const mnemonicText = ({ row, addressSize, operandSize }: Instruction): string =>
  row.isNamedByAddressSize ? COUNT_JUMPS[addressSize]! : mnemonicOf(row, operandSize);

/** Segment registers that PUSH and POP name in the opcode. */
const PUSHED_SEGMENT = /^(0F )?[01A][0-9A-F]$/;

/** Operands in Intel's order and syntax, numbers as 0FFh. */
export function operandTexts(instruction: Instruction, place: CodePlace): string[] {
  const { row } = instruction;
  const name = mnemonicText(instruction);
  const implied = stringOperands(instruction);
  if (implied !== undefined) return implied;
  if ((name === 'push' || name === 'pop') && row.operands.length === 0 && PUSHED_SEGMENT.test(row.encoding))
    return [SEGMENT_NAMES[(row.opcode >> 3) & 7]!];
  return row.operands.map((code, index) => operandText(code, index, name, instruction, place));
}

/** An instruction in Intel syntax, prefixes that matter included. */
export function disassemble(instruction: Instruction, place: CodePlace): string {
  const { row, repeat } = instruction;
  const name = mnemonicText(instruction);
  const lock = instruction.isLocked ? 'lock ' : '';
  const isCompare = name.startsWith('cmps') || name.startsWith('scas');
  const repeated = row.isString && repeat !== 0 ? (repeat === 0xf2 ? 'repne ' : isCompare ? 'repe ' : 'rep ') : '';
  const operands = operandTexts(instruction, place).join(', ');
  return `${lock}${repeated}${name}${operands === '' ? '' : ` ${operands}`}`;
}
