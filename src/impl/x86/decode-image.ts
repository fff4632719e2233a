import { CodeMode } from './code-mode.ts';
import { Immediate } from './decode-index.ts';
import {
  ADDRESSES,
  IS_PREFIX,
  MAY_BE_VECTOR,
  MODRM,
  OPCODES,
  OPERAND_SIZES,
  ROWS,
  RowBits,
  SEGMENT_OF_BASE,
} from './decode-tables.ts';
import { Size } from './instruction.ts';
import type { InterpreterModule } from './interpreter-module.ts';
import type { InstructionRow } from './row.ts';
import { chooseRow } from './row-choice.ts';
import { INSTRUCTIONS } from './table.ts';

/* The decoder's tables for 64-bit mode as bytes, for the decoder that runs on the WebAssembly.Memory. */

const KEYS = OPCODES;

/** An opcode that the WebAssembly decoder leaves to the other. */
export const OPCODE_IS_LEFT = 0x1_0000;
/** Bits of a row in the image, beside the immediate's kind in bits 3:0. */
export const ImageRow = {
  sizeShift: 4,
  isLeft: 0x40,
  isSized: 0x80,
  isString: 0x100,
  endsRun: 0x200,
  usesVvvv: 0x400,
  isVvvvDestination: 0x800,
} as const;

/** Unconditional near jumps and returns: what follows need not be code. */
export const endsRun = ({ mnemonic, class: kind }: InstructionRow): boolean =>
  kind === 'user' && (mnemonic === 'jmp' || mnemonic === 'ret' || mnemonic === 'ud2');

const opcodeEntry = (key: number): number => {
  const isLeft =
    (key < 256 && (IS_PREFIX[256 + key] !== 0 || MAY_BE_VECTOR[key] !== 0)) ||
    key === 0x0f ||
    key === 0x138 ||
    key === 0x13a;
  return MODRM[OPCODES + key]! | (isLeft ? OPCODE_IS_LEFT : 0);
};

/** Row id plus one by opcode, mandatory prefix, ModRM.reg and form; 0 if more matters, or there is none. */
function choice(key: number): number {
  const opcodeKey = OPCODES + (key >> 6);
  const digit = (key >> 1) & 7;
  const isRegister = key & 1;
  const first = chooseRow(opcodeKey, (key >> 4) & 3, (digit << 3) | (isRegister === 1 ? 0xc0 : 0), isRegister);
  for (let rm = 1; rm < 8; rm++) {
    const modrm = (digit << 3) | (isRegister === 1 ? 0xc0 : 0) | rm;
    if (chooseRow(opcodeKey, (key >> 4) & 3, modrm, isRegister) !== first) return 0;
  }
  return first + 1;
}

const imageRow = (row: InstructionRow): number => {
  const bits = ROWS[row.id]!;
  const kind = bits & RowBits.immediate;
  return (
    (bits & (RowBits.immediate | (3 << RowBits.sizeShift))) |
    (kind > Immediate.full || (bits & RowBits.isSpecial) !== 0 ? ImageRow.isLeft : 0) |
    (row.isSized ? ImageRow.isSized : 0) |
    (row.isString ? ImageRow.isString : 0) |
    (endsRun(row) ? ImageRow.endsRun : 0) |
    ((bits & RowBits.usesVvvv) !== 0 ? ImageRow.usesVvvv : 0) |
    ((bits & RowBits.isVvvvDestination) !== 0 ? ImageRow.isVvvvDestination : 0)
  );
};

/** Bytes of an immediate, by kind * 4 + operand size. */
function immediateBytes(key: number): number {
  const kind = key >> 2;
  const size = key & 3;
  if (kind === Immediate.none) return 0;
  if (kind === Immediate.byte || kind === Immediate.byteSigned) return 1;
  if (kind === Immediate.word || size === Size.word) return 2;
  return kind === Immediate.full && size === Size.qword ? 8 : 4;
}
/** What is kept of the sign-extended immediate. */
function immediateMask(key: number): bigint {
  const kind = key >> 2;
  if (kind === Immediate.byteSigned || kind === Immediate.wide) return 0xffff_ffff_ffff_ffffn;
  return (1n << BigInt(immediateBytes(key) * 8)) - 1n;
}
const IMMEDIATES = (Immediate.full + 1) * 4;

const sizes = {
  opcode: KEYS * 4,
  choice: KEYS * 64 * 2,
  row: INSTRUCTIONS.length * 4,
  address: 1024,
  operandSize: 16,
  segment: 24,
  immediateBytes: IMMEDIATES,
  immediateMask: IMMEDIATES * 8,
};

/** Offsets of the tables in the image; `handler` is the last: u32 by variant, the handler and its byte places in bits 31:24. */
export const ImageOffset = (() => {
  let end = 0;
  const place = (bytes: number): number => {
    const at = end;
    end = (end + bytes + 7) & ~7;
    return at;
  };
  return {
    /** u32 by map and opcode: MODRM, and OPCODE_IS_LEFT. */
    opcode: place(sizes.opcode),
    /** u16 by opcode, mandatory prefix, ModRM.reg and form. */
    choice: place(sizes.choice),
    /** u32 by row id, see ImageRow. */
    row: place(sizes.row),
    /** u32 by ModRM byte, see Address. */
    address: place(sizes.address),
    /** u8 by rule, W and operand prefix. */
    operandSize: place(sizes.operandSize),
    /** u8 by base + 1. */
    segment: place(sizes.segment),
    /** u8 and u64 by kind and operand size. */
    immediateBytes: place(sizes.immediateBytes),
    immediateMask: place(sizes.immediateMask),
    handler: place(0),
  };
})();

let image: Uint8Array | undefined;

/** The tables, built once per process. */
export function decodeImage(module: InterpreterModule): Uint8Array {
  image ??= build(module);
  return image;
}

function build(module: InterpreterModule): Uint8Array {
  const bytes = new Uint8Array(ImageOffset.handler + module.handlers.length * 4);
  const view = new DataView(bytes.buffer);
  const fill = (offset: number, count: number, step: number, put: (at: number, index: number) => void): void => {
    for (let index = 0; index < count; index++) put(offset + index * step, index);
  };
  const word = (offset: number, count: number, value: (index: number) => number): void => {
    fill(offset, count, 4, (at, index) => view.setUint32(at, value(index), true));
  };
  const byte = (offset: number, count: number, value: (index: number) => number): void => {
    fill(offset, count, 1, (at, index) => view.setUint8(at, value(index)));
  };
  word(ImageOffset.opcode, KEYS, opcodeEntry);
  fill(ImageOffset.choice, KEYS * 64, 2, (at, key) => view.setUint16(at, choice(key), true));
  word(ImageOffset.row, INSTRUCTIONS.length, id => imageRow(INSTRUCTIONS[id]!));
  word(ImageOffset.address, 256, modrm => ADDRESSES[((Size.qword - Size.word) << 8) | modrm]!);
  byte(ImageOffset.operandSize, 16, key => OPERAND_SIZES[((key >> 2) << 4) | (CodeMode.bits64 << 2) | (key & 3)]!);
  byte(ImageOffset.segment, SEGMENT_OF_BASE.length, base => SEGMENT_OF_BASE[base]!);
  byte(ImageOffset.immediateBytes, IMMEDIATES, immediateBytes);
  fill(ImageOffset.immediateMask, IMMEDIATES, 8, (at, key) => view.setBigUint64(at, immediateMask(key), true));
  word(ImageOffset.handler, module.handlers.length, v => module.handlers[v]! | (module.bytePlaces[v]! << 24));
  return bytes;
}
