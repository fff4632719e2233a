import { addFlags, type Builder, subFlags } from './builder.ts';
import {
  add,
  and,
  bit,
  div128,
  divSigned,
  divUnsigned,
  type Expr,
  eq,
  flag,
  gpr,
  isZero,
  leUnsigned,
  ltUnsigned,
  mul,
  mulHighSigned,
  mulHighUnsigned,
  ne,
  neg,
  not,
  num,
  or,
  remSigned,
  remUnsigned,
  resize,
  select,
  sext,
  shl,
  shr,
  signBit,
  sub,
  trunc,
  type Width,
  xor,
  zext,
} from './ir.ts';
import { hex2, type RowDraft, row, type Semantics } from './row.ts';
import { Flag, Gpr } from './state-layout.ts';

const NO = num(1, 0);
const DIVIDE_ERROR = 0;

const addition =
  (withCarry: boolean): Semantics =>
  b => {
    const a = b.modify(0);
    const c = b.read(1);
    const w = a.w;
    const partial = b.let(add(a, c));
    if (!withCarry) {
      b.write(0, partial);
      b.flags(addFlags(a, c, partial, ltUnsigned(partial, a)));
      return;
    }
    const carry = b.let(flag('cf'));
    const r = b.let(add(partial, zext(w, carry)));
    b.write(0, r);
    b.flags(addFlags(a, c, r, or(ltUnsigned(partial, a), ltUnsigned(r, partial))));
  };

const subtraction =
  (withBorrow: boolean, isCompare: boolean): Semantics =>
  b => {
    const a = isCompare ? b.read(0) : b.modify(0);
    const c = b.read(1);
    const partial = b.let(sub(a, c));
    if (!withBorrow) {
      if (!isCompare) b.write(0, partial);
      b.flags(subFlags(a, c, partial, ltUnsigned(a, c)));
      return;
    }
    const borrow = b.let(zext(a.w, flag('cf')));
    const r = b.let(sub(partial, borrow));
    b.write(0, r);
    b.flags(subFlags(a, c, r, or(ltUnsigned(a, c), ltUnsigned(partial, borrow))));
  };

/** Flags after AND, OR, XOR, TEST. */
const logicFlags = (b: Builder, result: Expr): void => b.flags({ cf: NO, of: NO, af: NO, result }, Flag.af);

const logic =
  (op: (a: Expr, b: Expr) => Expr, isTest = false): Semantics =>
  b => {
    const a = isTest ? b.read(0) : b.modify(0);
    const r = b.let(op(a, b.read(1)));
    if (!isTest) b.write(0, r);
    logicFlags(b, r);
  };

const ALU: readonly (readonly [string, Semantics])[] = [
  ['add', addition(false)],
  ['or', logic(or)],
  ['adc', addition(true)],
  ['sbb', subtraction(true, false)],
  ['and', logic(and)],
  ['sub', subtraction(false, false)],
  ['xor', logic(xor)],
  ['cmp', subtraction(false, true)],
];

const aluRows = ALU.flatMap(([name, semantics], index): RowDraft[] => {
  const lock = { isLockable: name !== 'cmp' };
  const opcode = (low: number): string => hex2(index * 8 + low);
  return [
    row(`${opcode(0)} /r`, name, 'Eb,Gb', semantics, lock),
    row(`${opcode(1)} /r`, name, 'Ev,Gv', semantics, lock),
    row(`${opcode(2)} /r`, name, 'Gb,Eb', semantics),
    row(`${opcode(3)} /r`, name, 'Gv,Ev', semantics),
    row(opcode(4), name, 'ab,Ib', semantics),
    row(opcode(5), name, 'av,Iz', semantics),
    row(`80 /${index}`, name, 'Eb,Ib', semantics, lock),
    row(`81 /${index}`, name, 'Ev,Iz', semantics, lock),
    row(`82 /${index}`, name, 'Eb,Ib', semantics, { ...lock, modes: '32' }),
    row(`83 /${index}`, name, 'Ev,Ibs', semantics, lock),
  ];
});

const increment: Semantics = b => {
  const a = b.modify(0);
  const one = num(a.w, 1);
  const r = b.let(add(a, one));
  b.write(0, r);
  const { af, of, result } = addFlags(a, one, r, NO);
  b.flags({ af: af!, of: of!, result: result! });
};

const decrement: Semantics = b => {
  const a = b.modify(0);
  const one = num(a.w, 1);
  const r = b.let(sub(a, one));
  b.write(0, r);
  const { af, of, result } = subFlags(a, one, r, NO);
  b.flags({ af: af!, of: of!, result: result! });
};

const negate: Semantics = b => {
  const a = b.modify(0);
  const zero = num(a.w, 0);
  const r = b.let(neg(a));
  b.write(0, r);
  b.flags(subFlags(zero, a, r, ne(a, zero)));
};

const complement: Semantics = b => b.write(0, not(b.modify(0)));

const OPEN_AFTER_MUL = Flag.sf | Flag.zf | Flag.af | Flag.pf;

/** Low and high half of a product. */
function product(a: Expr, c: Expr, isSigned: boolean): readonly [Expr, Expr] {
  const { w } = a;
  if (w === 64) return [mul(a, c), isSigned ? mulHighSigned(a, c) : mulHighUnsigned(a, c)];
  const widen = isSigned ? sext : zext;
  const wide = mul(widen(64, a), widen(64, c));
  return [trunc(w, wide), trunc(w, shr(wide, num(64, w)))];
}

const multiply =
  (isSigned: boolean): Semantics =>
  b => {
    const c = b.read(0);
    const { w } = c;
    const a = b.let(gpr(w, Gpr.rax));
    const halves = product(a, c, isSigned);
    const low = b.let(halves[0]);
    const high = b.let(halves[1]);
    if (w === 8) b.setGpr(Gpr.rax, or(zext(16, low), shl(zext(16, high), num(16, 8))));
    else {
      b.setGpr(Gpr.rax, low);
      b.setGpr(Gpr.rdx, high);
    }
    const isWide = b.let(isSigned ? ne(high, select(signBit(low), num(w, -1), num(w, 0))) : ne(high, num(w, 0)));
    b.flags({ cf: isWide, of: isWide }, OPEN_AFTER_MUL);
  };

/** IMUL with two or three operands. */
const multiplyInto =
  (left: number, right: number): Semantics =>
  b => {
    const a = b.read(left);
    const c = b.read(right);
    const { w } = a;
    const halves = product(a, c, true);
    const low = b.let(halves[0]);
    const high = b.let(halves[1]);
    b.write(0, low);
    const isWide = b.let(ne(high, select(signBit(low), num(w, -1), num(w, 0))));
    b.flags({ cf: isWide, of: isWide }, OPEN_AFTER_MUL);
  };

const OPEN_AFTER_DIV = Flag.cf | Flag.of | Flag.sf | Flag.zf | Flag.af | Flag.pf;

/** Dividend of a division of less than 64 bits, as 64 bits. */
function dividend(b: Builder, w: Width, widen: (w: Width, e: Expr) => Expr): Expr {
  if (w === 8) return b.let(widen(64, gpr(16, Gpr.rax)));
  const low = zext(64, gpr(w, Gpr.rax));
  return b.let(or(low, shl(widen(64, gpr(w, Gpr.rdx)), num(64, w))));
}

function writeDivision(b: Builder, w: Width, quotient: Expr, remainder: Expr): void {
  const q = b.let(trunc(w, quotient));
  const r = b.let(trunc(w, remainder));
  if (w === 8) b.setGpr(Gpr.rax, or(zext(16, q), shl(zext(16, r), num(16, 8))));
  else {
    b.setGpr(Gpr.rax, q);
    b.setGpr(Gpr.rdx, r);
  }
  b.flags({}, OPEN_AFTER_DIV);
}

const divideUnsigned: Semantics = b => {
  const d = b.read(0);
  const { w } = d;
  if (w === 64) {
    const high = b.let(gpr(64, Gpr.rdx));
    const low = b.let(gpr(64, Gpr.rax));
    b.if(leUnsigned(d, high), () => b.fault(DIVIDE_ERROR));
    const q = b.let(div128(high, low, d));
    writeDivision(b, w, q, sub(low, mul(q, d)));
    return;
  }
  b.if(isZero(d), () => b.fault(DIVIDE_ERROR));
  const n = dividend(b, w, zext);
  const wide = b.let(zext(64, d));
  const q = b.let(divUnsigned(n, wide));
  b.if(ne(shr(q, num(64, w)), num(64, 0)), () => b.fault(DIVIDE_ERROR));
  writeDivision(b, w, q, remUnsigned(n, wide));
};

/** 128 by 64 bits, by magnitudes. */
function divideSigned64(b: Builder, d: Expr): void {
  const high = b.let(gpr(64, Gpr.rdx));
  const low = b.let(gpr(64, Gpr.rax));
  const isNegative = b.let(signBit(high));
  const zero = num(64, 0);
  const lowMagnitude = b.let(select(isNegative, neg(low), low));
  const borrow = zext(64, and(isNegative, ne(low, zero)));
  const highMagnitude = b.let(select(isNegative, sub(neg(high), borrow), high));
  const divisor = b.let(select(signBit(d), neg(d), d));
  b.if(leUnsigned(divisor, highMagnitude), () => b.fault(DIVIDE_ERROR));
  const q = b.let(div128(highMagnitude, lowMagnitude, divisor));
  const isQuotientNegative = b.let(xor(isNegative, signBit(d)));
  const limit = num(64, 1n << 63n);
  b.if(select(isQuotientNegative, ltUnsigned(limit, q), leUnsigned(limit, q)), () => b.fault(DIVIDE_ERROR));
  const r = b.let(sub(lowMagnitude, mul(q, divisor)));
  writeDivision(b, 64, select(isQuotientNegative, neg(q), q), select(isNegative, neg(r), r));
}

const divideSignedSemantics: Semantics = b => {
  const d = b.read(0);
  const { w } = d;
  if (w === 64) {
    divideSigned64(b, d);
    return;
  }
  b.if(isZero(d), () => b.fault(DIVIDE_ERROR));
  const n = dividend(b, w, sext);
  const wide = b.let(sext(64, d));
  // The one quotient of 64 bits that does not fit: the smallest dividend by -1.
  b.if(and(eq(n, num(64, 1n << 63n)), eq(wide, num(64, -1))), () => b.fault(DIVIDE_ERROR));
  const q = b.let(divSigned(n, wide));
  b.if(ne(q, sext(64, trunc(w, q))), () => b.fault(DIVIDE_ERROR));
  writeDivision(b, w, q, remSigned(n, wide));
};

const ONE_OPERAND: readonly (readonly [number, string, Semantics, boolean])[] = [
  [2, 'not', complement, true],
  [3, 'neg', negate, true],
  [4, 'mul', multiply(false), false],
  [5, 'imul', multiply(true), false],
  [6, 'div', divideUnsigned, false],
  [7, 'idiv', divideSignedSemantics, false],
];

/** ADCX and ADOX: one flag is carry in and out. */
const addWithFlag =
  (name: 'cf' | 'of'): Semantics =>
  b => {
    const a = b.read(0);
    const partial = b.let(add(a, b.read(1)));
    const r = b.let(add(partial, zext(a.w, flag(name))));
    const carry = b.let(or(ltUnsigned(partial, a), ltUnsigned(r, partial)));
    b.write(0, r);
    b.flags(name === 'cf' ? { cf: carry } : { of: carry });
  };

const multiplyNoFlags: Semantics = b => {
  const a = b.let(gpr(b.width(2), Gpr.rdx));
  const halves = product(a, b.read(2), false);
  const low = b.let(halves[0]);
  const high = b.let(halves[1]);
  b.write(1, low);
  b.write(0, high);
};

/* Decimal adjustment (SDM Vol. 2A, AAA .. DAS). */

const AL = gpr(8, Gpr.rax);
const lowNibbleCarry = (al: Expr): Expr => or(ltUnsigned(num(8, 9), and(al, num(8, 0xf))), flag('af'));

const decimalAdjust =
  (op: (a: Expr, b: Expr) => Expr, isSubtraction: boolean): Semantics =>
  b => {
    const al = b.let(AL);
    const cf = b.let(flag('cf'));
    const half = b.let(lowNibbleCarry(al));
    const full = b.let(or(ltUnsigned(num(8, 0x99), al), cf));
    const first = b.let(select(half, op(al, num(8, 6)), al));
    const r = b.let(select(full, op(first, num(8, 0x60)), first));
    // DAS keeps the borrow of the low digit even where the high digit is in range.
    const carry = isSubtraction ? or(full, and(half, ltUnsigned(al, num(8, 6)))) : full;
    const carryOut = b.let(carry);
    b.setGpr(Gpr.rax, r);
    b.flags({ cf: carryOut, af: half, result: r }, Flag.of);
  };

const asciiAdjust =
  (op: (a: Expr, b: Expr) => Expr): Semantics =>
  b => {
    const ax = b.let(gpr(16, Gpr.rax));
    const half = b.let(lowNibbleCarry(trunc(8, ax)));
    const moved = b.let(select(half, op(ax, num(16, 0x106)), ax));
    b.setGpr(Gpr.rax, and(moved, num(16, 0xff0f)));
    b.flags({ cf: half, af: half }, Flag.of | Flag.sf | Flag.zf | Flag.pf);
  };

const asciiAfterMultiply: Semantics = b => {
  const base = b.let(b.read(0));
  b.if(isZero(base), () => b.fault(DIVIDE_ERROR));
  const al = b.let(zext(64, AL));
  const divisor = b.let(zext(64, base));
  const high = b.let(trunc(8, divUnsigned(al, divisor)));
  const low = b.let(trunc(8, remUnsigned(al, divisor)));
  b.setGpr(Gpr.rax, or(shl(zext(16, high), num(16, 8)), zext(16, low)));
  b.flags({ result: low }, Flag.of | Flag.af | Flag.cf);
};

const asciiBeforeDivide: Semantics = b => {
  const ax = b.let(gpr(16, Gpr.rax));
  const r = b.let(add(trunc(8, ax), mul(trunc(8, shr(ax, num(16, 8))), b.read(0))));
  b.setGpr(Gpr.rax, zext(16, r));
  b.flags({ result: r }, Flag.of | Flag.af | Flag.cf);
};

/** CBW, CWDE, CDQE. */
const widenAccumulator: Semantics = b => {
  const { width } = b.variant;
  b.setGpr(Gpr.rax, sext(width, gpr((width / 2) as Width, Gpr.rax)));
};

/** CWD, CDQ, CQO. */
const signIntoDx: Semantics = b => {
  const { width } = b.variant;
  b.setGpr(Gpr.rdx, select(signBit(gpr(width, Gpr.rax)), num(width, -1), num(width, 0)));
};

/** CRC32 with the polynomial 11EDC6F41H, reflected (SDM Vol. 2A, CRC32). */
const crc32: Semantics = b => {
  const source = b.read(1);
  let crc = b.let(resize(32, b.read(0)));
  const steps = source.w / 8;
  for (let byte = 0; byte < steps; byte++) {
    const part = resize(32, trunc(8, byte === 0 ? source : shr(source, num(source.w, byte * 8))));
    crc = b.let(xor(crc, part));
    for (let index = 0; index < 8; index++) {
      crc = b.let(xor(shr(crc, num(32, 1)), select(bit(crc, 0), num(32, 0x82f63b78), num(32, 0))));
    }
  }
  b.write(0, zext(b.width(0), crc));
};

const in32 = { modes: '32' } as const;

/** Arithmetic and logic. */
export const ARITHMETIC_ROWS: readonly RowDraft[] = [
  ...aluRows,
  row('84 /r', 'test', 'Eb,Gb', logic(and, true)),
  row('85 /r', 'test', 'Ev,Gv', logic(and, true)),
  row('A8', 'test', 'ab,Ib', logic(and, true)),
  row('A9', 'test', 'av,Iz', logic(and, true)),
  ...[0, 1].flatMap(digit => [
    row(`F6 /${digit}`, 'test', 'Eb,Ib', logic(and, true)),
    row(`F7 /${digit}`, 'test', 'Ev,Iz', logic(and, true)),
  ]),
  ...ONE_OPERAND.flatMap(([digit, name, semantics, isLockable]) => [
    row(`F6 /${digit}`, name, 'Eb', semantics, { isLockable, exceptions: digit >= 6 ? ['#DE'] : [] }),
    row(`F7 /${digit}`, name, 'Ev', semantics, { isLockable, exceptions: digit >= 6 ? ['#DE'] : [] }),
  ]),
  row('FE /0', 'inc', 'Eb', increment, { isLockable: true }),
  row('FF /0', 'inc', 'Ev', increment, { isLockable: true }),
  row('FE /1', 'dec', 'Eb', decrement, { isLockable: true }),
  row('FF /1', 'dec', 'Ev', decrement, { isLockable: true }),
  ...Array.from({ length: 8 }, (_, n) => row(hex2(0x40 + n), 'inc', 'Zv', increment, in32)),
  ...Array.from({ length: 8 }, (_, n) => row(hex2(0x48 + n), 'dec', 'Zv', decrement, in32)),
  row('0F AF /r', 'imul', 'Gv,Ev', multiplyInto(0, 1)),
  row('69 /r', 'imul', 'Gv,Ev,Iz', multiplyInto(1, 2)),
  row('6B /r', 'imul', 'Gv,Ev,Ibs', multiplyInto(1, 2)),
  row('66 0F38 F6 /r', 'adcx', 'Gy,Ey', addWithFlag('cf'), { feature: 'adx' }),
  row('F3 0F38 F6 /r', 'adox', 'Gy,Ey', addWithFlag('of'), { feature: 'adx' }),
  row('VEX F2 0F38 F6 /r', 'mulx', 'Gy,By,Ey', multiplyNoFlags, { feature: 'bmi2' }),
  row('27', 'daa', '', decimalAdjust(add, false), in32),
  row('2F', 'das', '', decimalAdjust(sub, true), in32),
  row('37', 'aaa', '', asciiAdjust(add), in32),
  row('3F', 'aas', '', asciiAdjust(sub), in32),
  row('D4', 'aam', 'Ib', asciiAfterMultiply, { ...in32, exceptions: ['#DE'] }),
  row('D5', 'aad', 'Ib', asciiBeforeDivide, in32),
  row('98', ['cbw', 'cwde', 'cdqe'], '', widenAccumulator, { isSized: true }),
  row('99', ['cwd', 'cdq', 'cqo'], '', signIntoDx, { isSized: true }),
  row('F2 0F38 F0 /r', 'crc32', 'Gy,Eb', crc32, { feature: 'sse4_2' }),
  row('F2 0F38 F1 /r', 'crc32', 'Gy,Ev', crc32, { feature: 'sse4_2', isWide: false }),
];
