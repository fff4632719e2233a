import { AVX, DECODE_INDEX, EVEX, IMMEDIATE_OF, Immediate, PLAIN_NOP, VEX_MAP_OFFSET, XOP } from './decode-index.ts';
import { type Instruction, Size } from './instruction.ts';
import type { InstructionRow } from './row.ts';
import { Seg } from './state-layout.ts';
import { INSTRUCTIONS } from './table.ts';

/** How code is decoded: the D and L bits of CS. */
export const CodeMode = { bits16: 0, bits32: 1, bits64: 2 } as const;

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

/** 16-bit addressing: base and index by ModRM.rm (SDM Vol. 2A, table 2-1). */
const BASE16 = [3, 3, 5, 5, 6, 7, 5, 3];
const INDEX16 = [6, 7, 6, 7, -1, -1, -1, -1];

/** In the order of VEX.pp. */
const PREFIX_NONE = 0;
const PREFIX_66 = 1;
const PREFIX_F3 = 2;
const PREFIX_F2 = 3;
const PREFIX_CODES: Readonly<Record<string, number>> = {
  np: PREFIX_NONE,
  '66': PREFIX_66,
  f3: PREFIX_F3,
  f2: PREFIX_F2,
  any: -1,
};
const ROW_PREFIX = Int8Array.from(INSTRUCTIONS, row => PREFIX_CODES[row.prefix]!);
/** 0 any, 1 memory, 2 register. */
const ROW_FORM = Uint8Array.from(INSTRUCTIONS, row => (row.form === 'any' ? 0 : row.form === 'mem' ? 1 : 2));
const IS_POP_MEMORY = Uint8Array.from(INSTRUCTIONS, row => (row.encoding === '8F /0' ? 1 : 0));
const HAS_SEGMENT = Uint8Array.from(INSTRUCTIONS, row => (row.operands.some(({ kind }) => kind === 'S') ? 1 : 0));
const USES_VVVV = Uint8Array.from(INSTRUCTIONS, row => (row.operands.some(({ kind }) => kind === 'B') ? 1 : 0));
const HAS_CONTROL = Uint8Array.from(INSTRUCTIONS, row => (row.operands.some(({ kind }) => kind === 'C') ? 1 : 0));
const CONTROL_REGISTERS = [0, 2, 3, 4, 8];
/** MOV to and from control and debug registers: ModRM.mod counts as 3. */
const isModIgnored = (opcodeIndex: number): boolean => opcodeIndex >= 0x120 && opcodeIndex <= 0x123;

/**
 * Decodes one instruction of `bytes` from `at`; `end` is the first byte that may not be read.
 *
 * Fills `into` completely on ok; on invalid and tooLong only `length` (what was looked at) is meaningful.
 */
export class Decoder {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #limit = 0;
  #isTruncated = false;

  #u8(): number {
    if (this.#at >= this.#limit) {
      this.#isTruncated = true;
      return 0;
    }
    return this.#bytes[this.#at++]!;
  }

  #u16(): number {
    const low = this.#u8();
    return low | (this.#u8() << 8);
  }

  #i32(): number {
    const low = this.#u16();
    return low | (this.#u16() << 16);
  }

  decode(bytes: Uint8Array, at: number, end: number, mode: number, into: Instruction): number {
    this.#bytes = bytes;
    this.#at = at;
    this.#limit = Math.min(end, at + MAX_INSTRUCTION_BYTES);
    this.#isTruncated = false;
    const status = this.#decodeBytes(mode, into);
    into.length = this.#at - at;
    if (this.#isTruncated)
      return this.#limit - at >= MAX_INSTRUCTION_BYTES ? DecodeStatus.tooLong : DecodeStatus.truncated;
    return status;
  }

  #decodeBytes(mode: number, into: Instruction): number {
    const is64Bit = mode === CodeMode.bits64;
    let rex = 0;
    let hasOperandPrefix = false;
    let hasAddressPrefix = false;
    let repeat = 0;
    let isLocked = false;
    let segmentOverride = -1;
    let opcode = 0;
    let prefixes = true;
    while (prefixes) {
      opcode = this.#u8();
      switch (opcode) {
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
          // ES, CS, SS, DS have no meaning in 64-bit mode.
          if (!is64Bit) segmentOverride = (opcode >> 3) & 3;
          rex = 0;
          break;
        case 0x64:
        case 0x65:
          segmentOverride = opcode - 0x60;
          rex = 0;
          break;
        case 0x66:
          hasOperandPrefix = true;
          rex = 0;
          break;
        case 0x67:
          hasAddressPrefix = true;
          rex = 0;
          break;
        case 0xf0:
          isLocked = true;
          rex = 0;
          break;
        case 0xf2:
        case 0xf3:
          repeat = opcode;
          rex = 0;
          break;
        default:
          if (is64Bit && opcode >= 0x40 && opcode <= 0x4f) rex = opcode;
          else prefixes = false;
      }
      if (this.#isTruncated) return DecodeStatus.truncated;
    }
    into.rex = rex;
    into.repeat = repeat;
    into.isLocked = isLocked;
    into.hasOperandPrefix = hasOperandPrefix;
    into.isVex = false;
    into.vvvv = 0;
    into.base = -1;
    into.index = -1;
    into.scale = 0;
    into.displacementLow = 0;
    into.displacementHigh = 0;
    into.isRipRelative = false;
    into.immediateLow = 0;
    into.immediateHigh = 0;
    into.immediate2 = 0;
    into.isMemory = false;
    into.modrm = 0;
    into.reg = 0;
    into.segment = segmentOverride < 0 ? Seg.ds : segmentOverride;
    into.addressSize =
      mode === CodeMode.bits64
        ? hasAddressPrefix
          ? Size.dword
          : Size.qword
        : (mode === CodeMode.bits16) !== hasAddressPrefix
          ? Size.word
          : Size.dword;
    let map = 0;
    let prefix = repeat === 0xf3 ? PREFIX_F3 : repeat === 0xf2 ? PREFIX_F2 : hasOperandPrefix ? PREFIX_66 : PREFIX_NONE;
    let isWide = (rex & 8) !== 0;
    if (opcode === 0x0f) {
      opcode = this.#u8();
      map = 1;
      if (opcode === 0x38 || opcode === 0x3a) {
        map = opcode === 0x38 ? 2 : 3;
        opcode = this.#u8();
      }
    } else if ((opcode === 0xc4 || opcode === 0xc5) && (is64Bit || this.#peekIsRegisterForm())) {
      if (rex !== 0 || isLocked || hasOperandPrefix || repeat !== 0) return DecodeStatus.invalid;
      const first = this.#u8();
      let last = first;
      let extension = ~first & 0x80;
      let vexMap = 1;
      if (opcode === 0xc4) {
        last = this.#u8();
        extension = ~first & 0xe0;
        vexMap = first & 0x1f;
        isWide = (last & 0x80) !== 0 && is64Bit;
      }
      if (this.#isTruncated) return DecodeStatus.truncated;
      // R, X, B, W of VEX in the places of REX.
      rex = is64Bit ? 0x40 | (isWide ? 8 : 0) | (extension >> 5) : 0x40;
      into.rex = rex;
      into.isVex = true;
      into.vvvv = (~last >> 3) & 0xf;
      prefix = last & 3;
      opcode = this.#u8();
      if (vexMap < 1 || vexMap > 3) return this.#only(AVX, into);
      map = vexMap + VEX_MAP_OFFSET;
      // The general-purpose instructions have L = 0.
      if ((last & 4) !== 0) return this.#only(AVX, into);
    } else if (opcode === 0x62 && (is64Bit || this.#peekIsRegisterForm())) {
      return this.#only(EVEX, into);
    } else if (opcode === 0x8f && (this.#peek() & 0x1f) >= 8) {
      return this.#only(XOP, into);
    }
    if (this.#isTruncated) return DecodeStatus.truncated;
    const opcodeIndex = (map << 8) | opcode;
    const found = (is64Bit ? DECODE_INDEX.long : DECODE_INDEX.legacy)[opcodeIndex]!;
    if (found.length === 0) {
      if (into.isVex) return this.#only(AVX, into);
      return DecodeStatus.invalid;
    }
    let row: InstructionRow = found[0]!;
    into.rm = (opcode & 7) | ((rex & 1) << 3);
    if (row.hasModrm) {
      const modrm = this.#u8();
      if (this.#isTruncated) return DecodeStatus.truncated;
      const isRegister = modrm >= 0xc0 || isModIgnored(opcodeIndex);
      into.modrm = modrm;
      into.reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
      into.rm = (modrm & 7) | ((rex & 1) << 3);
      into.isMemory = !isRegister;
      const chosen = chooseCached(found, opcodeIndex, is64Bit, modrm, isRegister, prefix);
      if (!isRegister) this.#decodeAddress(mode, modrm, rex, segmentOverride, into);
      if (chosen === undefined) {
        if (into.isVex) return this.#only(AVX, into);
        return DecodeStatus.invalid;
      }
      row = chosen;
      if (into.isVex && row.operands[0]!.kind === 'B') {
        // VEX group 17 keeps the destination in vvvv; the digit is in ModRM.reg.
        into.reg = (modrm >> 3) & 7;
      } else if (into.isVex && USES_VVVV[row.id] === 0 && into.vvvv !== 0) return DecodeStatus.invalid;
      if (!is64Bit) into.vvvv &= 7;
      if (HAS_CONTROL[row.id] === 1 && !CONTROL_REGISTERS.includes(into.reg)) return DecodeStatus.invalid;
      if (HAS_SEGMENT[row.id] === 1 && !isSegmentOperand(row, modrm)) return DecodeStatus.invalid;
    } else if (found.length > 1) {
      const chosen = chooseCached(found, opcodeIndex, is64Bit, 0, true, prefix);
      if (chosen === undefined) return DecodeStatus.invalid;
      row = chosen;
    }
    if (row.isNopWithoutRex && into.rm === 0) row = PLAIN_NOP;
    into.row = row;
    into.operandSize = operandSize(row, mode, isWide, hasOperandPrefix);
    this.#decodeImmediate(IMMEDIATE_OF[row.id]!, into);
    if (isLocked && !(row.isLockable && into.isMemory)) return DecodeStatus.invalid;
    if (into.isMemory && IS_POP_MEMORY[row.id] === 1 && into.base === 4) {
      // POP computes the address with the RSP after the pop (SDM Vol. 2B, POP).
      into.displacementLow = (into.displacementLow + (1 << into.operandSize)) | 0;
      into.displacementHigh = into.displacementLow >> 31;
    }
    return DecodeStatus.ok;
  }

  #only(row: InstructionRow, into: Instruction): number {
    if (row.isNopWithoutRex && into.rm === 0) row = PLAIN_NOP;
    into.row = row;
    into.operandSize = Size.dword;
    // Such a row has no operands, whatever ModRM said.
    into.isMemory = false;
    return DecodeStatus.ok;
  }

  #peek(): number {
    if (this.#at >= this.#limit) {
      this.#isTruncated = true;
      return 0;
    }
    return this.#bytes[this.#at]!;
  }

  #peekIsRegisterForm(): boolean {
    return this.#peek() >= 0xc0;
  }

  #decodeAddress(mode: number, modrm: number, rex: number, segmentOverride: number, into: Instruction): void {
    const mod = modrm >> 6;
    const rm = modrm & 7;
    let segment: number = Seg.ds;
    let displacement = 0;
    if (into.addressSize === Size.word) {
      if (mod === 0 && rm === 6) displacement = (this.#u16() << 16) >> 16;
      else {
        into.base = BASE16[rm]!;
        into.index = INDEX16[rm]!;
        if (into.base === 5) segment = Seg.ss;
        if (mod === 1) displacement = (this.#u8() << 24) >> 24;
        else if (mod === 2) displacement = (this.#u16() << 16) >> 16;
      }
    } else {
      let base = rm;
      let hasBase = true;
      if (rm === 4) {
        const sib = this.#u8();
        const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
        if (index !== 4) {
          into.index = index;
          into.scale = sib >> 6;
        }
        base = sib & 7;
        if (base === 5 && mod === 0) {
          hasBase = false;
          displacement = this.#i32();
        }
      } else if (rm === 5 && mod === 0) {
        hasBase = false;
        displacement = this.#i32();
        into.isRipRelative = mode === CodeMode.bits64;
      }
      if (hasBase) {
        into.base = base | ((rex & 1) << 3);
        if (into.base === 4 || into.base === 5) segment = Seg.ss;
      }
      if (mod === 1) displacement = (this.#u8() << 24) >> 24;
      else if (mod === 2) displacement = this.#i32();
    }
    into.displacementLow = displacement;
    into.displacementHigh = displacement >> 31;
    if (segmentOverride < 0) into.segment = segment;
  }

  #decodeImmediate(kind: number, into: Instruction): void {
    switch (kind) {
      case Immediate.none:
        return;
      case Immediate.byte:
        into.immediateLow = this.#u8();
        return;
      case Immediate.byteSigned:
        into.immediateLow = (this.#u8() << 24) >> 24;
        break;
      case Immediate.word:
        into.immediateLow = this.#u16();
        return;
      case Immediate.wide:
        into.immediateLow = into.operandSize === Size.word ? (this.#u16() << 16) >> 16 : this.#i32();
        break;
      case Immediate.full:
        if (into.operandSize === Size.word) {
          into.immediateLow = this.#u16();
          return;
        }
        into.immediateLow = this.#i32();
        if (into.operandSize === Size.qword) into.immediateHigh = this.#i32();
        return;
      case Immediate.wordByte:
        into.immediateLow = this.#u16();
        into.immediate2 = this.#u8();
        return;
      case Immediate.offset:
        into.isMemory = true;
        if (into.addressSize === Size.word) into.displacementLow = this.#u16();
        else {
          into.displacementLow = this.#i32();
          if (into.addressSize === Size.qword) into.displacementHigh = this.#i32();
        }
        return;
      default:
        into.immediateLow = into.operandSize === Size.word ? this.#u16() : this.#i32();
        into.immediate2 = this.#u16();
        return;
    }
    into.immediateHigh = into.immediateLow >> 31;
  }
}

/** ModRM.reg names ES .. GS, and not CS as a destination. */
const isSegmentOperand = (row: InstructionRow, modrm: number): boolean => {
  const segment = (modrm >> 3) & 7;
  return segment <= Seg.gs && !(segment === Seg.cs && row.operands[0]!.kind === 'S');
};

/** Row ids plus one of choices made before: by mode, opcode, prefix, digit and form; 0 for none yet, -1 where whole ModRM bytes matter. */
const choices = new Int16Array(2 * 0x700 * 64);

function chooseCached(
  found: readonly InstructionRow[],
  opcodeIndex: number,
  is64Bit: boolean,
  modrm: number,
  isRegister: boolean,
  prefix: number,
): InstructionRow | undefined {
  const key =
    (((is64Bit ? 0x700 : 0) + opcodeIndex) << 6) | (prefix << 4) | (((modrm >> 3) & 7) << 1) | (isRegister ? 1 : 0);
  const known = choices[key]!;
  if (known > 0) return INSTRUCTIONS[known - 1]!;
  const chosen = choose(found, modrm, isRegister, prefix);
  if (known === 0) {
    const isExact = found.some(row => row.modrm >= 0);
    choices[key] = isExact || chosen === undefined ? -1 : chosen.id + 1;
  }
  return chosen;
}

function choose(
  found: readonly InstructionRow[],
  modrm: number,
  isRegister: boolean,
  prefix: number,
): InstructionRow | undefined {
  for (const row of found) {
    const wanted = ROW_PREFIX[row.id]!;
    if (wanted >= 0 && wanted !== prefix) continue;
    if (row.digit >= 0 && row.digit !== ((modrm >> 3) & 7)) continue;
    if (row.modrm >= 0 && row.modrm !== modrm) continue;
    const form = ROW_FORM[row.id]!;
    if (form !== 0 && (form === 2) !== isRegister) continue;
    return row;
  }
  return undefined;
}

function operandSize(row: InstructionRow, mode: number, isWide: boolean, hasOperandPrefix: boolean): number {
  if (row.isWide) return isWide ? Size.qword : Size.dword;
  if (mode === CodeMode.bits64) {
    if (row.size64 === 'force64') return Size.qword;
    if (isWide) return Size.qword;
    if (hasOperandPrefix) return Size.word;
    return row.size64 === 'default64' ? Size.qword : Size.dword;
  }
  return (mode === CodeMode.bits16) !== hasOperandPrefix ? Size.word : Size.dword;
}
