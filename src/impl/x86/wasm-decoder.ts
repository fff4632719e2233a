import { defined } from '../../units/invariant.ts';
import { MAX_FRAMES, type PhysicalMemory } from '../memory.ts';
import { ImageOffset, ImageRow, OPCODE_IS_LEFT } from './decode-image.ts';
import { VEX_MAP_OFFSET } from './decode-index.ts';
import { Address } from './decode-tables.ts';
import { VARIANTS_PER_ROW } from './meaning.ts';
import { RECORD_BYTES, RecordField } from './record-layout.ts';
import { PREFIX_F2, PREFIX_F3 } from './row-choice.ts';
import { Field } from './state-layout.ts';
import { encodeModule, ValueType } from './wasm-binary.ts';
import {
  add,
  add64,
  and,
  and64,
  type Code,
  eq,
  extend,
  forever,
  get,
  i32,
  i64,
  isZero,
  leave,
  lessUnsigned,
  load8,
  load16,
  load32,
  load64,
  mul,
  or,
  sar64,
  select,
  set,
  shl,
  shl64,
  shr,
  store32,
  store64,
  sub,
  when,
  xor,
} from './wasm-build.ts';

/** Set in the result of a DecodeRun if its last record ends a run. */
export const RUN_ENDED = 1;

/** Writes records of the instructions from `at`; `last` is the place behind the last record. Returns the place behind those written, and RUN_ENDED. */
export type DecodeRun = (at: number, end: number, record: number, last: number, tables: number, page: number) => number;

const PARAMETERS = ['at', 'end', 'record', 'last', 'tables', 'page'] as const;
const WORDS = [
  'place',
  'opcode',
  'operandPrefix',
  'repeat',
  'prefix',
  'rex',
  'vvvv',
  'isTwoByte',
  'isThreeByte',
  'key',
  'rule',
  'modrm',
  'form',
  'isMemory',
  'address',
  'base',
  'index',
  'scale',
  'sib',
  'bytes',
  'id',
  'row',
  'size',
  'immediateKey',
  'handler',
  'next',
] as const;
const LONGS = ['displacement', 'immediate'] as const;
type Name = (typeof PARAMETERS)[number] | (typeof WORDS)[number] | (typeof LONGS)[number];
const NAMES: readonly Name[] = [...PARAMETERS, ...WORDS, ...LONGS];

const v = (name: Name): Code => get(NAMES.indexOf(name));
const put = (name: Name, value: Code): Code => set(NAMES.indexOf(name), value);
const increase = (name: Name, by: Code): Code => put(name, add(v(name), by));
const bit = (value: Code, index: number): Code => and(shr(value, i32(index)), i32(1));
const hasBits = (value: Code, bits: number): Code => and(value, i32(bits));
const stop = leave(v('record'));

/** 66, then F2 or F3, then REX; anything else is left. */
const prefixes: readonly Code[] = [
  put('vvvv', i32(0)),
  put('place', v('at')),
  put('opcode', load8(v('place'))),
  put('operandPrefix', eq(v('opcode'), i32(0x66))),
  increase('place', v('operandPrefix')),
  put('opcode', load8(v('place'))),
  put('repeat', eq(and(v('opcode'), i32(0xfe)), i32(0xf2))),
  put('prefix', select(v('repeat'), select(bit(v('opcode'), 0), i32(PREFIX_F3), i32(PREFIX_F2)), v('operandPrefix'))),
  increase('place', v('repeat')),
  put('opcode', load8(v('place'))),
  put('rex', select(eq(and(v('opcode'), i32(0xf0)), i32(0x40)), v('opcode'), i32(0))),
  increase('place', bit(v('rex'), 6)),
];

/** Three-byte VEX with L = 0; bytes 1 and 2 pass through `sib` and `scale`. */
const vex: Code = when(
  eq(v('key'), i32(0xc4)),
  when(or(or(v('operandPrefix'), v('repeat')), v('rex')), stop),
  put('sib', load8(v('place'))),
  put('scale', load8(v('place'), 1)),
  put('key', sub(and(v('sib'), i32(0x1f)), i32(1))),
  when(or(lessUnsigned(i32(2), v('key')), hasBits(v('scale'), 4)), stop),
  put('key', or(shl(add(v('key'), i32(VEX_MAP_OFFSET + 1)), i32(8)), load8(v('place'), 2))),
  // R, X, B, W in the places of REX; those of VEX are inverted, as is vvvv.
  put('rex', or(i32(0x40), or(and(shr(v('scale'), i32(4)), i32(8)), xor(shr(v('sib'), i32(5)), i32(7))))),
  put('vvvv', and(shr(xor(v('scale'), i32(0x78)), i32(3)), i32(0xf))),
  put('prefix', and(v('scale'), i32(3))),
  increase('place', i32(3)),
);

const opcode: readonly Code[] = [
  put('opcode', load8(v('place'))),
  put('isTwoByte', eq(v('opcode'), i32(0x0f))),
  increase('place', v('isTwoByte')),
  put('opcode', load8(v('place'))),
  // 38 and 3A differ in bit 1, which says map 2 or 3.
  put('isThreeByte', and(v('isTwoByte'), eq(and(v('opcode'), i32(0xfd)), i32(0x38)))),
  put('key', add(v('isTwoByte'), add(v('isThreeByte'), and(v('isThreeByte'), bit(v('opcode'), 1))))),
  increase('place', v('isThreeByte')),
  put('opcode', load8(v('place'))),
  increase('place', i32(1)),
  put('key', or(shl(v('key'), i32(8)), v('opcode'))),
  vex,
  put('rule', load32(add(v('tables'), shl(v('key'), i32(2))), ImageOffset.opcode)),
  when(hasBits(v('rule'), OPCODE_IS_LEFT), stop),
];

/** Bytes at the place as a sign-extended value; `bytes` is not 0. */
const signedAtPlace: Code = (() => {
  const shift = extend(sub(i32(64), shl(v('bytes'), i32(3))));
  return sar64(shl64(load64(v('place')), shift), shift);
})();

const sib: Code = when(
  hasBits(v('address'), Address.hasSib),
  put('sib', load8(v('place'))),
  increase('place', i32(1)),
  put('base', add(and(v('sib'), i32(7)), i32(1))),
  when(and(eq(v('base'), i32(6)), lessUnsigned(v('form'), i32(0x40))), put('base', i32(0)), put('bytes', i32(4))),
  put('index', add(or(and(shr(v('sib'), i32(3)), i32(7)), shl(hasBits(v('rex'), 2), i32(2))), i32(1))),
  put('scale', shr(v('sib'), i32(6))),
  when(eq(v('index'), i32(5)), put('index', i32(0)), put('scale', i32(0))),
);

const modrm: readonly Code[] = [
  put('modrm', and(load8(v('place')), hasBits(v('rule'), 0xff))),
  increase('place', hasBits(v('rule'), 1)),
  put('form', or(v('modrm'), and(shr(v('rule'), i32(8)), i32(0xff)))),
  put('isMemory', lessUnsigned(v('form'), i32(0xc0))),
  put('address', load32(add(v('tables'), shl(v('form'), i32(2))), ImageOffset.address)),
  put('base', and(shr(v('address'), i32(Address.baseShift)), i32(0xff))),
  put('index', i32(0)),
  put('scale', i32(0)),
  put('bytes', hasBits(v('address'), Address.bytes)),
  sib,
  put('displacement', select(v('bytes'), signedAtPlace, i64(0n))),
  increase('place', v('bytes')),
];

const rowAndImmediate: readonly Code[] = [
  put(
    'id',
    load16(
      add(
        v('tables'),
        shl(
          or(
            or(shl(v('key'), i32(6)), shl(v('prefix'), i32(4))),
            or(and(shr(v('modrm'), i32(2)), i32(0xe)), isZero(v('isMemory'))),
          ),
          i32(1),
        ),
      ),
      ImageOffset.choice,
    ),
  ),
  when(isZero(v('id')), stop),
  put('id', sub(v('id'), i32(1))),
  put('row', load32(add(v('tables'), shl(v('id'), i32(2))), ImageOffset.row)),
  when(hasBits(v('row'), ImageRow.isLeft), stop),
  when(isZero(hasBits(v('row'), ImageRow.usesVvvv)), when(v('vvvv'), stop)),
  put(
    'size',
    load8(
      add(
        v('tables'),
        or(
          or(shl(and(shr(v('row'), i32(ImageRow.sizeShift)), i32(3)), i32(2)), shr(hasBits(v('rex'), 8), i32(2))),
          v('operandPrefix'),
        ),
      ),
      ImageOffset.operandSize,
    ),
  ),
  put('immediateKey', or(shl(hasBits(v('row'), 0xf), i32(2)), v('size'))),
  put('bytes', load8(add(v('tables'), v('immediateKey')), ImageOffset.immediateBytes)),
  put(
    'immediate',
    and64(signedAtPlace, load64(add(v('tables'), shl(v('immediateKey'), i32(3))), ImageOffset.immediateMask)),
  ),
  increase('place', v('bytes')),
];

/** Handler of the variant, see meaning.ts. */
const handler: readonly Code[] = [
  put('handler', select(hasBits(v('row'), ImageRow.isSized), sub(v('size'), i32(1)), i32(1))),
  put('handler', mul(add(shl(v('handler'), i32(1)), v('isMemory')), i32(3))),
  // No prefix, F3, F2.
  increase('handler', select(and(v('repeat'), bit(v('row'), 8)), sub(v('prefix'), i32(1)), i32(0))),
  put('handler', add(v('handler'), mul(v('id'), i32(VARIANTS_PER_ROW)))),
  put('handler', load32(add(v('tables'), shl(v('handler'), i32(2))), ImageOffset.handler)),
];

/** Byte offset of a register operand: AH .. BH without REX are bits 15:8 of the first four. */
const registerOffset = (n: Code, placeBit: number): Code =>
  sub(
    shl(n, i32(3)),
    mul(i32(31), and(and(bit(v('handler'), placeBit), isZero(v('rex'))), eq(shr(n, i32(2)), i32(1)))),
  );
const registerByte = (value: Code, rexBit: number, target: number): Code =>
  or(and(value, i32(7)), shl(hasBits(v('rex'), 1 << rexBit), i32(target - rexBit)));
const rm = registerByte(or(v('modrm'), select(hasBits(v('rule'), 1), i32(0), v('opcode'))), 0, 3);
/** A group whose destination is vvvv has its digit there. */
const reg = and(
  select(hasBits(v('rule'), 1), registerByte(shr(v('modrm'), i32(3)), 2, 3), i32(0)),
  select(hasBits(v('row'), ImageRow.isVvvvDestination), i32(7), i32(0xf)),
);
const isRipRelative = hasBits(v('address'), Address.isRipRelative);
/** Offset of an address register given as number plus one. */
const addressOffset = (name: 'base' | 'index'): Code =>
  select(v(name), shl(sub(v(name), i32(1)), i32(3)), i32(Field.zero));

const record: readonly Code[] = [
  put('next', sub(v('place'), v('page'))),
  put('base', select(v('base'), add(v('base'), shl(hasBits(v('rex'), 1), i32(3))), i32(0))),
  // From here `sib` is the segment.
  put('sib', load8(add(v('tables'), v('base')), ImageOffset.segment)),
  store32(v('record'), RecordField.handler, hasBits(v('handler'), 0xff_ffff)),
  store32(v('record'), RecordField.start, or(sub(v('at'), v('page')), shl(v('next'), i32(16)))),
  store32(v('record'), RecordField.rm, or(registerOffset(rm, 24), shl(registerOffset(reg, 25), i32(16)))),
  store32(
    v('record'),
    RecordField.vvvv,
    or(shl(v('vvvv'), i32(3)), shl(select(isRipRelative, i32(Field.codeBase), addressOffset('base')), i32(16))),
  ),
  store32(
    v('record'),
    RecordField.index,
    or(addressOffset('index'), or(shl(v('scale'), i32(16)), shl(v('sib'), i32(24)))),
  ),
  store32(v('record'), RecordField.target, i32(0)),
  store64(
    v('record'),
    RecordField.displacement,
    add64(v('displacement'), extend(select(isRipRelative, v('next'), i32(0)))),
  ),
  store64(v('record'), RecordField.immediate, v('immediate')),
  store64(v('record'), RecordField.addressMask, i64(-1n)),
  store32(v('record'), RecordField.segmentAddend, add(i32(Field.fastBase), shl(v('sib'), i32(3)))),
  store32(v('record'), RecordField.page, v('page')),
  store64(v('record'), RecordField.addressKeep, i64(0n)),
  increase('record', i32(RECORD_BYTES)),
  put('at', v('place')),
  when(hasBits(v('row'), ImageRow.endsRun), leave(or(v('record'), i32(RUN_ENDED)))),
];

const { i32: I32, i64: I64 } = ValueType;
let compiled: WebAssembly.Module | undefined;

/**
 * A decoder of 64-bit code that runs on the WebAssembly.Memory: reads the code there and writes records.
 *
 * It knows what is usual (66, F2 or F3, REX or VEX, one to three opcode bytes, immediates of one part) from the same tables
 * as `Decoder`, and stops in front of an instruction that is not: other prefixes, rows with rules of their own.
 */
export function decoderOf(memory: PhysicalMemory): DecodeRun {
  compiled ??= new WebAssembly.Module(
    encodeModule({
      types: [{ parameters: PARAMETERS.map(() => I32), results: [I32] }],
      imports: [],
      memoryPages: { initial: 1, maximum: MAX_FRAMES / 16 },
      functions: [
        {
          type: 0,
          locals: [...WORDS.map(() => I32), ...LONGS.map(() => I64)],
          code: forever(
            when(isZero(lessUnsigned(v('at'), v('end'))), stop),
            when(isZero(lessUnsigned(v('record'), v('last'))), stop),
            ...[...prefixes, ...opcode, ...modrm, ...rowAndImmediate, ...handler, ...record],
          ),
        },
      ],
      table: [],
      exports: [{ name: 'decodeRun', index: 0 }],
    }),
  );
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory: memory.store } });
  return defined(exports.decodeRun as DecodeRun | undefined, 'decodeRun');
}
