import { addFlags, type Builder, subFlags } from './builder.ts';
import { CONDITION_NAMES, condition } from './conditions.ts';
import {
  ADDRESS_MASK,
  add,
  and,
  bit,
  EA,
  type Expr,
  eq,
  flag,
  gpr,
  ltUnsigned,
  ne,
  num,
  or,
  resize,
  select,
  sext,
  shl,
  shr,
  stateField,
  sub,
  trunc,
  type Width,
  xor,
  zext,
} from './ir.ts';
import { hex2, type RowDraft, row, type Semantics } from './row.ts';
import { Field, Flag, Gpr } from './state-layout.ts';

const move: Semantics = b => b.write(0, b.read(1));
const moveZeroExtended: Semantics = b => b.write(0, resize(b.width(0), b.read(1)));
const moveSignExtended: Semantics = b => {
  const value = b.read(1);
  b.write(0, value.w > b.width(0) ? trunc(b.width(0), value) : sext(b.width(0), value));
};
const nothing: Semantics = () => {};
const loadAddress: Semantics = b => b.write(0, resize(b.width(0), EA));

const exchange: Semantics = b => {
  const a = b.modify(0);
  const c = b.read(1);
  b.write(0, c);
  b.write(1, a);
};

const exchangeAdd: Semantics = b => {
  const a = b.modify(0);
  const c = b.read(1);
  const r = b.let(add(a, c));
  // The memory operand or, where both name one register, the sum is written last.
  if (b.variant.isMemory) {
    b.write(0, r);
    b.write(1, a);
  } else {
    b.write(1, a);
    b.write(0, r);
  }
  b.flags(addFlags(a, c, r, ltUnsigned(r, a)));
};

const compareExchange: Semantics = b => {
  const a = b.modify(0);
  const source = b.read(1);
  const accumulator = b.let(gpr(a.w, Gpr.rax));
  const r = b.let(sub(accumulator, a));
  const isEqual = b.let(eq(accumulator, a));
  if (b.variant.isMemory) {
    b.write(0, select(isEqual, source, a));
    b.if(isEqual, nothingElse, () => b.setGpr(Gpr.rax, a));
  } else {
    // A 32-bit destination is written in both cases, so that its high half is cleared.
    b.if(
      isEqual,
      () => b.write(0, source),
      () => {
        b.setGpr(Gpr.rax, a);
        if (a.w !== 32) b.write(0, a);
      },
    );
  }
  b.flags(subFlags(accumulator, a, r, ltUnsigned(accumulator, a)));
};
const nothingElse = (): void => {};

/** CMPXCHG8B: one access of 64 bits. */
const compareExchange8: Semantics = b => {
  const old = b.load(64, 'operand', EA, 'modify');
  const wide = (high: number, low: number): Expr =>
    or(shl(zext(64, gpr(32, high)), num(64, 32)), zext(64, gpr(32, low)));
  const isEqual = b.let(eq(old, wide(Gpr.rdx, Gpr.rax)));
  b.storeBack(old, select(isEqual, wide(Gpr.rcx, Gpr.rbx), old));
  b.if(isEqual, nothingElse, () => {
    b.setGpr(Gpr.rax, trunc(32, old));
    b.setGpr(Gpr.rdx, trunc(32, shr(old, num(64, 32))));
  });
  b.flags({ zf: isEqual });
};

/** CMPXCHG16B: two halves that, being aligned, lie in one page. */
const compareExchange16: Semantics = b => {
  b.emit({ s: 'checkAligned', address: EA, bytes: 16 });
  const low = b.load(64, 'operand', EA, 'modify');
  const high = b.load(64, 'operand', and(add(EA, num(64, 8)), ADDRESS_MASK), 'modify');
  const isEqual = b.let(and(eq(low, gpr(64, Gpr.rax)), eq(high, gpr(64, Gpr.rdx))));
  b.storeBack(low, select(isEqual, gpr(64, Gpr.rbx), low));
  b.storeBack(high, select(isEqual, gpr(64, Gpr.rcx), high));
  b.if(isEqual, nothingElse, () => {
    b.setGpr(Gpr.rax, low);
    b.setGpr(Gpr.rdx, high);
  });
  b.flags({ zf: isEqual });
};

const conditionalMove =
  (code: number): Semantics =>
  b => {
    const value = b.read(1);
    b.write(0, select(condition(code), value, b.read(0)));
  };
const setCondition =
  (code: number): Semantics =>
  b =>
    b.write(0, zext(8, condition(code)));

const swapBytes = (b: Builder, value: Expr): Expr => {
  const bytes = value.w / 8;
  let r: Expr = num(value.w, 0);
  for (let index = 0; index < bytes; index++) {
    const byte = and(shr(value, num(value.w, index * 8)), num(value.w, 0xff));
    r = or(r, shl(byte, num(value.w, (bytes - 1 - index) * 8)));
  }
  return b.let(r);
};

/** The 16-bit form is undefined; like most processors this one clears the register. */
const byteSwap: Semantics = b => {
  const value = b.read(0);
  if (value.w === 16) {
    b.write(0, num(16, 0));
    b.flags({}, 0x4000_0000);
  } else b.write(0, swapBytes(b, value));
};
const moveSwapped: Semantics = b => b.write(0, swapBytes(b, b.read(1)));

const pushOperand: Semantics = b => {
  const { width } = b.variant;
  const value = b.read(0);
  b.push(value.w < width ? sext(width, value) : value);
};

/** The decoder has already added the operand size to an RSP-based displacement. */
const popOperand: Semantics = b => {
  const { width } = b.variant;
  const value = b.top(width);
  if (b.variant.operands[0]!.kind === 'E' && b.variant.isMemory) {
    b.write(0, value);
    b.drop(num(64, width / 8));
  } else {
    b.drop(num(64, width / 8));
    b.write(0, value);
  }
};

const pushAll: Semantics = b => {
  const w = b.variant.width;
  const bytes = w / 8;
  for (let n = 0; n < 8; n++) {
    b.store(w, 2, b.stackOffset(b.movedStack(num(64, -(n + 1) * bytes))), gpr(w, n));
  }
  b.setGpr(Gpr.rsp, b.movedStack(num(64, -8 * bytes)));
};

const popAll: Semantics = b => {
  const w = b.variant.width;
  const values = Array.from({ length: 8 }, (_, index) => b.top(w, (index * w) / 8));
  values.forEach((value, index) => {
    if (index !== 3) b.setGpr(7 - index, value);
  });
  b.drop(num(64, w));
};

/** RFLAGS as PUSHF stores it: RF and VM are clear. */
function flagImage(w: Width): Expr {
  const place = (name: Parameters<typeof flag>[0], position: number): Expr =>
    shl(zext(32, flag(name)), num(32, position));
  let image: Expr = or(and(stateField(32, Field.systemFlags), num(32, 0x3c_7700)), num(32, Flag.reserved1));
  for (const [name, position] of STATUS_POSITIONS) image = or(image, place(name, position));
  return resize(w, image);
}
const STATUS_POSITIONS = [
  ['cf', 0],
  ['pf', 2],
  ['af', 4],
  ['zf', 6],
  ['sf', 7],
  ['of', 11],
] as const;

const loadFlagsIntoAh: Semantics = b =>
  b.emit({ s: 'setGpr', n: Gpr.rax, high: true, w: 8, e: trunc(8, and(flagImage(32), num(32, 0xd7))) });

const storeAhIntoFlags: Semantics = b => {
  const ah = b.let({ k: 'gpr', w: 8, n: Gpr.rax, high: true });
  b.flags({ cf: bit(ah, 0), pf: bit(ah, 2), af: bit(ah, 4), zf: bit(ah, 6), sf: bit(ah, 7) });
};

const translateByte: Semantics = b => {
  const address = and(add(gpr(64, Gpr.rbx), zext(64, gpr(8, Gpr.rax))), ADDRESS_MASK);
  b.setGpr(Gpr.rax, b.load(8, 'operand', address));
};

const leave: Semantics = b => {
  const { width } = b.variant;
  const frame = b.let(gpr(64, Gpr.rbp));
  const value = b.load(width, 2, b.stackOffset(frame));
  const mask = stateField(64, Field.stackMask);
  const after = and(add(and(frame, mask), num(64, width / 8)), mask);
  b.setGpr(Gpr.rsp, or(after, and(gpr(64, Gpr.rsp), xor(mask, num(64, -1)))));
  b.setGpr(Gpr.rbp, value);
};

const setDirection =
  (isDown: boolean): Semantics =>
  b =>
    b.setState(
      32,
      Field.systemFlags,
      isDown
        ? or(stateField(32, Field.systemFlags), num(32, Flag.df))
        : and(stateField(32, Field.systemFlags), num(32, 0xffff_ffff ^ Flag.df)),
    );

const registers = (base: number, make: (opcode: string, n: number) => RowDraft): RowDraft[] =>
  Array.from({ length: 8 }, (_, n) => make(hex2(base + n), n));

const stack = { size64: 'default64' } as const;

/** Moves, exchanges, stack, flags as data. */
export const MOVE_ROWS: readonly RowDraft[] = [
  row('88 /r', 'mov', 'Eb,Gb', move),
  row('89 /r', 'mov', 'Ev,Gv', move),
  row('8A /r', 'mov', 'Gb,Eb', move),
  row('8B /r', 'mov', 'Gv,Ev', move),
  row('A0', 'mov', 'ab,Ob', move),
  row('A1', 'mov', 'av,Ov', move),
  row('A2', 'mov', 'Ob,ab', move),
  row('A3', 'mov', 'Ov,av', move),
  ...registers(0xb0, opcode => row(opcode, 'mov', 'Zb,Ib', move)),
  ...registers(0xb8, opcode => row(opcode, 'mov', 'Zv,Iv', move)),
  row('C6 /0', 'mov', 'Eb,Ib', move),
  row('C7 /0', 'mov', 'Ev,Iz', move),
  row('0F B6 /r', 'movzx', 'Gv,Eb', moveZeroExtended),
  row('0F B7 /r', 'movzx', 'Gv,Ew', moveZeroExtended),
  row('0F BE /r', 'movsx', 'Gv,Eb', moveSignExtended),
  row('0F BF /r', 'movsx', 'Gv,Ew', moveSignExtended),
  row('63 /r', 'movsxd', 'Gv,Ez', moveSignExtended, { modes: '64' }),
  row('8D /r', 'lea', 'Gv,M', loadAddress),
  row('86 /r', 'xchg', 'Eb,Gb', exchange, { isLockable: true }),
  row('87 /r', 'xchg', 'Ev,Gv', exchange, { isLockable: true }),
  ...registers(0x90, (opcode, n) => row(opcode, 'xchg', 'Zv,av', exchange, n === 0 ? { isNopWithoutRex: true } : {})),
  row('90', 'nop', '', nothing),
  row('0F C0 /r', 'xadd', 'Eb,Gb', exchangeAdd, { isLockable: true }),
  row('0F C1 /r', 'xadd', 'Ev,Gv', exchangeAdd, { isLockable: true }),
  row('0F B0 /r', 'cmpxchg', 'Eb,Gb', compareExchange, { isLockable: true }),
  row('0F B1 /r', 'cmpxchg', 'Ev,Gv', compareExchange, { isLockable: true }),
  row(
    '0F C7 /1',
    ['cmpxchg8b', 'cmpxchg8b', 'cmpxchg16b'],
    'M',
    b => (b.variant.width === 64 ? compareExchange16 : compareExchange8)(b),
    {
      isLockable: true,
      isSized: true,
      isWide: true,
      feature: 'cx16',
    },
  ),
  ...CONDITION_NAMES.flatMap((name, code) => [
    row(`0F ${hex2(0x40 + code)} /r`, `cmov${name}`, 'Gv,Ev', conditionalMove(code), { feature: 'cmov' }),
    row(`0F ${hex2(0x90 + code)} /r`, `set${name}`, 'Eb', setCondition(code)),
  ]),
  ...registers(0xc8, opcode => row(`0F ${opcode}`, 'bswap', 'Zv', byteSwap)),
  ...['NP', '66'].flatMap(prefix => [
    row(`${prefix} 0F38 F0 /r`, 'movbe', 'Gv,Mv', moveSwapped, { feature: 'movbe' }),
    row(`${prefix} 0F38 F1 /r`, 'movbe', 'Mv,Gv', moveSwapped, { feature: 'movbe' }),
  ]),
  row('D6', 'salc', '', b => b.setGpr(Gpr.rax, select(flag('cf'), num(8, 0xff), num(8, 0))), { modes: '32' }),
  ...registers(0x50, opcode => row(opcode, 'push', 'Zv', pushOperand, stack)),
  ...registers(0x58, opcode => row(opcode, 'pop', 'Zv', popOperand, stack)),
  row('68', 'push', 'Iz', pushOperand, stack),
  row('6A', 'push', 'Ibs', pushOperand, { ...stack, isSized: true }),
  row('FF /6', 'push', 'Ev', pushOperand, stack),
  row('8F /0', 'pop', 'Ev', popOperand, stack),
  row('60', ['pusha', 'pushad', 'pushad'], '', pushAll, { modes: '32', isSized: true }),
  row('61', ['popa', 'popad', 'popad'], '', popAll, { modes: '32', isSized: true }),
  row('C9', 'leave', '', leave, { ...stack, isSized: true }),
  row('9E', 'sahf', '', storeAhIntoFlags, { feature: 'lahf_lm' }),
  row('9F', 'lahf', '', loadFlagsIntoAh, { feature: 'lahf_lm' }),
  row('D7', 'xlatb', '', translateByte, { usesDataSegment: true }),
  row('F5', 'cmc', '', b => b.flags({ cf: xor(flag('cf'), num(1, 1)) })),
  row('F8', 'clc', '', b => b.flags({ cf: num(1, 0) })),
  row('F9', 'stc', '', b => b.flags({ cf: num(1, 1) })),
  row('FC', 'cld', '', setDirection(false)),
  row('FD', 'std', '', setDirection(true)),
  row('0F 1F /0', 'nop', 'Ev', nothing),
  // Reserved for hints: NOP on processors that lack the hint (PREFETCHWT1, MPX, CET, CLDEMOTE).
  row('0F 0D /r', 'reservednop', 'Ev,Gv', nothing, { form: 'mem' }),
  ...[0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f].map(opcode =>
    row(`0F ${hex2(opcode)} /r`, 'reservednop', 'Ev,Gv', nothing),
  ),
];

/** RFLAGS image, for PUSHF. */
export const pushFlagImage: Semantics = b => {
  // Virtual-8086 mode below IOPL 3.
  const restricted = and(stateField(32, Field.systemFlags), num(32, Flag.vm | Flag.iopl));
  b.if(and(ne(and(restricted, num(32, Flag.vm)), num(32, 0)), ne(restricted, num(32, Flag.vm | Flag.iopl))), () =>
    b.fault(13),
  );
  b.push(flagImage(b.variant.width));
};
