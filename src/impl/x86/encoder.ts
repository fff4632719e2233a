import { CodeMode } from './code-mode.ts';
import { IMMEDIATE_OF, Immediate } from './decode-index.ts';
import { Size } from './instruction.ts';
import type { InstructionRow } from './row.ts';

/** A memory operand; registers are encoding numbers, -1 for none. */
export interface MemoryOperand {
  readonly base: number;
  readonly index: number;
  /** 0 .. 3. */
  readonly scale: number;
  readonly displacement: number;
  /** Displacement from the end of the instruction; 64-bit mode, without base and index. */
  readonly isRipRelative?: boolean;
}

/** What to encode of a row. */
export interface EncodeRequest {
  readonly row: InstructionRow;
  /** CodeMode.bits32 or bits64. */
  readonly mode: number;
  readonly operandSize: number;
  /** Size.dword or qword; other than the mode's own adds 67. */
  readonly addressSize: number;
  /** ModRM.reg (for groups the digit is used). */
  readonly reg: number;
  /** ModRM.rm register, or the register in the opcode. */
  readonly rm: number;
  readonly memory?: MemoryOperand;
  readonly vvvv?: number;
  readonly immediate: bigint;
  readonly immediate2?: number;
  readonly isLocked?: boolean;
  /** 0xF2 or 0xF3 for string instructions. */
  readonly repeat?: number;
  /** Segment override prefix byte. */
  readonly segmentPrefix?: number;
  /** Emits a REX prefix even if no bit of it is needed (byte registers SPL .. DIL). */
  readonly forcesRex?: boolean;
}

/** Bytes of an instruction, or undefined if the request cannot be encoded in its mode. */
export function encode(request: EncodeRequest): Uint8Array | undefined {
  const { row, mode, memory } = request;
  const is64Bit = mode === CodeMode.bits64;
  if (row.modes === (is64Bit ? '32' : '64')) return undefined;
  const bytes: number[] = [];
  const isWide = needsWide(row, request.operandSize, is64Bit);
  if (isWide && !is64Bit) return undefined;
  const ownAddressSize = is64Bit ? Size.qword : Size.dword;
  if (request.segmentPrefix !== undefined) bytes.push(request.segmentPrefix);
  if (request.isLocked === true) bytes.push(0xf0);
  if (request.addressSize !== ownAddressSize) bytes.push(0x67);
  if (!row.isVex) {
    if (row.isSized && !row.isWide && request.operandSize === Size.word) bytes.push(0x66);
    else if (row.prefix === '66') bytes.push(0x66);
    if (row.prefix === 'f2' || row.prefix === 'f3') bytes.push(row.prefix === 'f2' ? 0xf2 : 0xf3);
    if (request.repeat !== undefined && request.repeat !== 0) bytes.push(request.repeat);
  }
  const reg = row.digit >= 0 ? row.digit : request.reg;
  const base = memory === undefined ? request.rm : Math.max(0, memory.base);
  const index = memory === undefined ? 0 : Math.max(0, memory.index);
  const extensions = (isWide ? 8 : 0) | (reg >= 8 ? 4 : 0) | (index >= 8 ? 2 : 0) | (base >= 8 ? 1 : 0);
  if (!is64Bit && extensions !== 0) return undefined;
  const hasVvvv = row.operands.some(({ kind }) => kind === 'B');
  if (row.isVex) pushVex(bytes, row, extensions, hasVvvv ? (request.vvvv ?? 0) : 0);
  else {
    if (extensions !== 0 || request.forcesRex === true) {
      if (!is64Bit) return undefined;
      bytes.push(0x40 | extensions);
    }
    if (row.map > 0) bytes.push(0x0f);
    if (row.map > 1) bytes.push(row.map === 2 ? 0x38 : 0x3a);
  }
  const isInOpcode = row.operands.some(({ kind }) => kind === 'Z');
  bytes.push(isInOpcode ? (row.opcode & 0xf8) | (request.rm & 7) : row.opcode);
  if (isInOpcode && (row.opcode & 7) !== (request.rm & 7)) return undefined;
  if (row.hasModrm) {
    if (row.modrm >= 0) bytes.push(row.modrm);
    else if (memory === undefined) {
      if (row.form === 'mem') return undefined;
      bytes.push(0xc0 | ((reg & 7) << 3) | (request.rm & 7));
    } else if (row.form === 'reg' || !pushMemory(bytes, reg, memory, is64Bit)) return undefined;
  }
  pushImmediate(bytes, request);
  return Uint8Array.from(bytes);
}

function needsWide(row: InstructionRow, operandSize: number, is64Bit: boolean): boolean {
  if (!row.isSized || operandSize !== Size.qword) return false;
  return !(is64Bit && row.size64 !== 'usual');
}

const VEX_PREFIXES: Readonly<Record<string, number>> = { np: 0, '66': 1, f3: 2, f2: 3, any: 0 };

/** Three-byte VEX with L = 0. */
function pushVex(bytes: number[], row: InstructionRow, extensions: number, vvvv: number): void {
  bytes.push(0xc4, ((~extensions & 7) << 5) | row.map);
  bytes.push(((extensions & 8) << 4) | ((~vvvv & 0xf) << 3) | VEX_PREFIXES[row.prefix]!);
}

const fitsByte = (value: number): boolean => value >= -128 && value <= 127;

function pushMemory(bytes: number[], reg: number, memory: MemoryOperand, is64Bit: boolean): boolean {
  const { base, index, scale, displacement } = memory;
  const field = (reg & 7) << 3;
  if (index === 4) return false;
  if (memory.isRipRelative === true) {
    if (!is64Bit) return false;
    bytes.push(field | 5);
    pushLittle(bytes, BigInt(displacement), 4);
    return true;
  }
  const isPlain = index < 0 && base >= 0 && (base & 7) !== 4;
  const hasShort = base >= 0 && fitsByte(displacement);
  const mod = base < 0 ? 0 : displacement === 0 && (base & 7) !== 5 ? 0 : hasShort ? 1 : 2;
  if (isPlain) bytes.push((mod << 6) | field | (base & 7));
  else {
    bytes.push((mod << 6) | field | 4);
    bytes.push((scale << 6) | ((index < 0 ? 4 : index & 7) << 3) | (base < 0 ? 5 : base & 7));
  }
  if (mod === 1) pushLittle(bytes, BigInt(displacement), 1);
  else if (mod === 2 || base < 0) pushLittle(bytes, BigInt(displacement), 4);
  return true;
}

function pushLittle(bytes: number[], value: bigint, count: number): void {
  for (let index = 0; index < count; index++) bytes.push(Number((value >> BigInt(8 * index)) & 0xffn));
}

function pushImmediate(bytes: number[], request: EncodeRequest): void {
  const { row, operandSize, immediate } = request;
  const wide = operandSize === Size.word ? 2 : 4;
  switch (IMMEDIATE_OF[row.id]) {
    case Immediate.byte:
    case Immediate.byteSigned:
      pushLittle(bytes, immediate, 1);
      break;
    case Immediate.word:
      pushLittle(bytes, immediate, 2);
      break;
    case Immediate.wide:
      pushLittle(bytes, immediate, wide);
      break;
    case Immediate.full:
      pushLittle(bytes, immediate, operandSize === Size.qword ? 8 : wide);
      break;
    case Immediate.wordByte:
      pushLittle(bytes, immediate, 2);
      pushLittle(bytes, BigInt(request.immediate2 ?? 0), 1);
      break;
    case Immediate.offset:
      pushLittle(bytes, immediate, request.addressSize === Size.qword ? 8 : 4);
      break;
    case Immediate.far:
      pushLittle(bytes, immediate, wide);
      pushLittle(bytes, BigInt(request.immediate2 ?? 0), 2);
      break;
    default:
  }
}
