import { CodeMode } from './code-mode.ts';
import { AVX, EVEX, VEX_MAP_OFFSET, XOP } from './decode-index.ts';
import { acceptsSpecial, acceptsVex } from './decode-rules.ts';
import {
  ADDRESSES,
  Address,
  DISPLACEMENT_MASK,
  DISPLACEMENT_SHIFT,
  ESCAPE,
  IMMEDIATE_BYTES,
  IMMEDIATE_MASK,
  IS_OPERAND_PREFIX,
  IS_PREFIX,
  IS_REX,
  IS_TWO_BYTE,
  LAST_SHORT_IMMEDIATE,
  MAY_BE_VECTOR,
  MODRM,
  OPCODES,
  OPERAND_SIZES,
  ROWS,
  RowBits,
  SEGMENT_OF_BASE,
} from './decode-tables.ts';
import { type Instruction, Size } from './instruction.ts';
import { longImmediate } from './long-immediate.ts';
import type { InstructionRow } from './row.ts';
import { chooseRow, PREFIX_F2, PREFIX_F3 } from './row-choice.ts';
import { Seg } from './state-layout.ts';
import { INSTRUCTIONS } from './table.ts';

export const DecodeStatus = {
  ok: 0,
  /** #UD. */
  invalid: 1,
  /** More than 15 bytes: #GP(0). */
  tooLong: 2,
  /** The bytes given end before the instruction does. */
  truncated: 3,
} as const;

export const MAX_INSTRUCTION_BYTES = 15;
/** Bytes from the start that decoding may look at, whether they belong to the instruction or not. */
const LOOKAHEAD_BYTES = 48;

/** A fresh Instruction to decode into. */
export const newInstruction = (): Instruction => ({
  row: INSTRUCTIONS[0]!,
  length: 0,
  operandSize: Size.dword,
  addressSize: Size.qword,
  rex: 0,
  isVex: false,
  vvvv: 0,
  isLocked: false,
  repeat: 0,
  hasOperandPrefix: false,
  modrm: 0,
  isMemory: false,
  reg: 0,
  rm: 0,
  segment: Seg.ds,
  base: -1,
  index: -1,
  scale: 0,
  displacementLow: 0,
  displacementHigh: 0,
  isRipRelative: false,
  immediateLow: 0,
  immediateHigh: 0,
  immediate2: 0,
});

/**
 * Decodes one instruction of `bytes` from `at`; `end` is the first byte that does not belong to the code.
 *
 * Fills `into` completely on ok; on invalid and tooLong only `length` (what was looked at) is meaningful.
 */
export class Decoder {
  #bytes: Uint8Array = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  /** Copy of bytes that are followed by too few to look at, and zeros. */
  readonly #copy = new Uint8Array(LOOKAHEAD_BYTES * 2);
  readonly #copyView = new DataView(this.#copy.buffer);
  /** Where decoding is. */
  #at = 0;
  /** What `#prefixes` found. */
  #rex = 0;
  #segment = -1;
  #hasOperandPrefix = 0;
  #hasAddressPrefix = false;
  /** What a VEX prefix says. */
  #prefix = 0;
  #opcode = 0;
  #map = 0;

  decode(bytes: Uint8Array, at: number, end: number, mode: number, into: Instruction): number {
    const count = end - at < MAX_INSTRUCTION_BYTES ? end - at : MAX_INSTRUCTION_BYTES;
    let status: number;
    let length: number;
    if (at + LOOKAHEAD_BYTES <= bytes.length) {
      if (this.#bytes !== bytes) {
        this.#bytes = bytes;
        this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      }
      this.#at = at;
      status = this.#decode(bytes, this.#view, at + count, mode, into);
      length = this.#at - at;
    } else {
      for (let index = 0; index < LOOKAHEAD_BYTES; index++) this.#copy[index] = index < count ? bytes[at + index]! : 0;
      this.#at = 0;
      status = this.#decode(this.#copy, this.#copyView, count, mode, into);
      length = this.#at;
    }
    if (length <= count) {
      into.length = length;
      return status;
    }
    into.length = count;
    return count >= MAX_INSTRUCTION_BYTES ? DecodeStatus.tooLong : DecodeStatus.truncated;
  }

  #decode(bytes: Uint8Array, view: DataView, limit: number, mode: number, into: Instruction): number {
    const is64Bit = mode === CodeMode.bits64 ? 1 : 0;
    const modeKey = is64Bit << 8;
    let at = this.#at;
    const start = at;
    // The usual prefixes: 66, then REX.
    let opcode = bytes[at]!;
    let hasOperandPrefix = IS_OPERAND_PREFIX[opcode]!;
    at += hasOperandPrefix;
    opcode = bytes[at]!;
    const isRex = IS_REX[modeKey | opcode]!;
    let rex = opcode & -isRex;
    at += isRex;
    opcode = bytes[at]!;
    into.repeat = 0;
    into.isLocked = false;
    let prefix = hasOperandPrefix;
    let segmentOverride = -1;
    let hasAddressPrefix = false;
    if (IS_PREFIX[modeKey | opcode] !== 0) {
      at = this.#prefixes(bytes, start, limit, modeKey, into);
      if (at >= limit) {
        this.#at = limit + 1;
        return DecodeStatus.truncated;
      }
      opcode = bytes[at]!;
      rex = this.#rex;
      hasOperandPrefix = this.#hasOperandPrefix;
      hasAddressPrefix = this.#hasAddressPrefix;
      segmentOverride = this.#segment;
      prefix = into.repeat === 0 ? hasOperandPrefix : into.repeat === 0xf3 ? PREFIX_F3 : PREFIX_F2;
    }
    into.hasOperandPrefix = hasOperandPrefix !== 0;
    into.isVex = false;
    into.vvvv = 0;
    const addressSize =
      is64Bit !== 0
        ? hasAddressPrefix
          ? Size.dword
          : Size.qword
        : (mode === CodeMode.bits16) !== hasAddressPrefix
          ? Size.word
          : Size.dword;
    into.addressSize = addressSize;
    // Map and opcode.
    let map = IS_TWO_BYTE[opcode]!;
    at += map;
    opcode = bytes[at]!;
    const added = ESCAPE[(map << 8) | opcode]!;
    at += (added + 1) >> 1;
    map += added;
    opcode = bytes[at]!;
    at += 1;
    if (MAY_BE_VECTOR[(map === 0 ? 0 : 256) | opcode] !== 0) {
      this.#at = at;
      const status = this.#vector(bytes, limit, is64Bit, opcode, rex, into);
      if (status >= 0) return status;
      if (into.isVex) {
        at = this.#at;
        rex = into.rex;
        opcode = this.#opcode;
        map = this.#map;
        prefix = this.#prefix;
      }
    }
    into.rex = rex;
    // ModRM, or what stands for it.
    const opcodeKey = is64Bit * OPCODES + ((map << 8) | opcode);
    const modrmRule = MODRM[opcodeKey]!;
    const mask = modrmRule & 0xff;
    const hasModrm = mask & 1;
    const modrm = bytes[at]! & mask;
    at += hasModrm;
    const form = modrm | (modrmRule >> 8);
    const isRegister = form >= 0xc0 ? 1 : 0;
    const registers = modrm | (opcode & ~mask & 7);
    const rexBase = (rex & 1) << 3;
    into.modrm = modrm;
    into.reg = ((modrm >> 3) & 7) | ((rex & 4 & mask) << 1);
    into.rm = (registers & 7) | rexBase;
    into.isMemory = isRegister === 0;
    // Address.
    const address = ADDRESSES[((addressSize - 1) << 8) | form]!;
    let base = (address >> Address.baseShift) & 0xff;
    let index = address >> Address.indexShift;
    let displacementBytes = address & Address.bytes;
    let scale = 0;
    if ((address & Address.hasSib) !== 0) {
      const sib = bytes[at]!;
      at += 1;
      base = (sib & 7) + 1;
      if (base === 6 && form < 0x40) {
        base = 0;
        displacementBytes = 4;
      }
      index = (((sib >> 3) & 7) | ((rex & 2) << 2)) + 1;
      if (index === 5) index = 0;
      else scale = sib >> 6;
    }
    if (base !== 0) base += rexBase;
    const displacement =
      ((view.getInt32(at, true) << DISPLACEMENT_SHIFT[displacementBytes]!) >> DISPLACEMENT_SHIFT[displacementBytes]!) &
      DISPLACEMENT_MASK[displacementBytes]!;
    at += displacementBytes;
    into.base = base - 1;
    into.index = index - 1;
    into.scale = scale;
    into.displacementLow = displacement;
    into.displacementHigh = displacement >> 31;
    into.isRipRelative = (address & Address.isRipRelative & -is64Bit) !== 0;
    into.segment = segmentOverride < 0 ? SEGMENT_OF_BASE[base]! : segmentOverride;
    into.immediate2 = 0;
    // Row.
    const id = chooseRow(opcodeKey, prefix, modrm, isRegister);
    if (id < 0) {
      this.#at = at;
      return into.isVex ? this.#only(AVX, into) : DecodeStatus.invalid;
    }
    const row = ROWS[id]!;
    this.#at = at;
    if (into.isVex && !acceptsVex(row, modrm, is64Bit, into)) return DecodeStatus.invalid;
    into.row = INSTRUCTIONS[id]!;
    const operandSize =
      OPERAND_SIZES[(((row >> RowBits.sizeShift) & 3) << 4) | (mode << 2) | ((rex & 8) >> 2) | hasOperandPrefix]!;
    into.operandSize = operandSize;
    const kind = row & RowBits.immediate;
    if (kind <= LAST_SHORT_IMMEDIATE) {
      const key = (kind << 2) | operandSize;
      const count = IMMEDIATE_BYTES[key]!;
      const shift = DISPLACEMENT_SHIFT[count]!;
      const immediate = ((view.getInt32(at, true) << shift) >> shift) & IMMEDIATE_MASK[key]!;
      at += count;
      into.immediateLow = immediate;
      into.immediateHigh = immediate >> 31;
    } else at += longImmediate(view, at, kind, into);
    this.#at = at;
    if ((row & RowBits.isSpecial) !== 0 && !acceptsSpecial(row, modrm, into)) return DecodeStatus.invalid;
    if (into.isLocked && !((row & RowBits.isLockable) !== 0 && into.isMemory)) return DecodeStatus.invalid;
    return DecodeStatus.ok;
  }

  /** Reads any sequence of prefixes; returns the place behind them, `limit` if it is reached. */
  #prefixes(bytes: Uint8Array, start: number, limit: number, modeKey: number, into: Instruction): number {
    let at = start;
    let opcode = bytes[at]!;
    this.#rex = 0;
    this.#hasOperandPrefix = 0;
    this.#hasAddressPrefix = false;
    this.#segment = -1;
    while (IS_PREFIX[modeKey | opcode] !== 0) {
      if (IS_REX[modeKey | opcode] !== 0) this.#rex = opcode;
      else {
        // REX counts only in front of the opcode.
        this.#rex = 0;
        switch (opcode) {
          case 0x64:
          case 0x65:
            this.#segment = opcode - 0x60;
            break;
          case 0x66:
            this.#hasOperandPrefix = 1;
            break;
          case 0x67:
            this.#hasAddressPrefix = true;
            break;
          case 0xf0:
            into.isLocked = true;
            break;
          case 0xf2:
          case 0xf3:
            into.repeat = opcode;
            break;
          default:
            // ES, CS, SS, DS have no meaning in 64-bit mode.
            if (modeKey === 0) this.#segment = (opcode >> 3) & 3;
        }
      }
      at += 1;
      if (at >= limit) return limit;
      opcode = bytes[at]!;
    }
    return at;
  }

  /** VEX prefix, or an encoding that others announce: a status, or -1 to go on with the opcode. */
  #vector(bytes: Uint8Array, limit: number, is64Bit: number, lead: number, rex: number, into: Instruction): number {
    let at = this.#at;
    const next = at < limit ? bytes[at]! : 0;
    if (lead === 0x8f) return (next & 0x1f) >= 8 ? this.#only(XOP, into) : -1;
    if (is64Bit === 0 && next < 0xc0) return -1;
    if (lead === 0x62) return this.#only(EVEX, into);
    if (rex !== 0 || into.isLocked || into.hasOperandPrefix || into.repeat !== 0) return DecodeStatus.invalid;
    let last = next;
    let extension = ~next & 0x80;
    let vexMap = 1;
    let isWide = 0;
    at += 1;
    if (lead === 0xc4) {
      last = bytes[at]!;
      at += 1;
      extension = ~next & 0xe0;
      vexMap = next & 0x1f;
      isWide = (last >> 4) & 8 & -is64Bit;
    }
    // R, X, B, W of VEX in the places of REX.
    into.rex = is64Bit !== 0 ? 0x40 | isWide | (extension >> 5) : 0x40;
    into.isVex = true;
    into.vvvv = (~last >> 3) & 0xf;
    this.#prefix = last & 3;
    this.#opcode = bytes[at]!;
    this.#at = at + 1;
    // The general-purpose instructions have L = 0.
    if (vexMap < 1 || vexMap > 3 || (last & 4) !== 0) return this.#only(AVX, into);
    this.#map = vexMap + VEX_MAP_OFFSET;
    return -1;
  }

  /** A row without operands, whatever ModRM said. */
  #only(row: InstructionRow, into: Instruction): number {
    into.row = row;
    into.operandSize = Size.dword;
    into.isMemory = false;
    return DecodeStatus.ok;
  }
}
