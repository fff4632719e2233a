import type { Builder } from './builder.ts';
import {
  ADDRESS_MASK,
  add,
  and,
  bit,
  clz,
  ctz,
  EA,
  type Expr,
  flag,
  isZero,
  leUnsigned,
  ltUnsigned,
  ne,
  neg,
  not,
  num,
  OPEN_RESULT,
  type OpenFlags,
  or,
  popcnt,
  remUnsigned,
  resize,
  sar,
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
import { hex2, type RowDraft, type RowOptions, row, type Semantics } from './row.ts';
import { Flag } from './state-layout.ts';

/** Shift count of operand 1 or 2: 5 bits, 6 for 64-bit operands; as 64 bits. */
const shiftCount = (b: Builder, index: number, w: number): Expr =>
  b.let(and(zext(64, b.read(index, 8)), num(64, w === 64 ? 63 : 31)));

const isNotOne = (count: Expr): Expr => ne(count, num(64, 1));
const exceeds = (count: Expr, w: number): Expr => leUnsigned(num(64, w), count);

/** Runs `body` if a count is not zero: a shift by zero changes no flag. */
const unlessZero = (b: Builder, count: Expr, body: () => void): void => b.if(isZero(count), () => {}, body);

/** A shift or rotation on its way: operand, operand in 64 bits, count, result. */
interface Shifted {
  readonly a: Expr;
  readonly wide: Expr;
  readonly count: Expr;
  readonly r: Expr;
}

/** Moves the operand, widened to 64 bits, by the count; flags change unless the count is zero. */
const shift =
  (
    widen: (w: Width, a: Expr) => Expr,
    move: (wide: Expr, count: Expr, b: Builder, w: Width) => Expr,
    setFlags: (b: Builder, shifted: Shifted) => void,
  ): Semantics =>
  b => {
    const a = b.modify(0);
    const count = shiftCount(b, 1, a.w);
    const wide = b.let(widen(64, a));
    const r = b.let(trunc(a.w, move(wide, count, b, a.w)));
    b.write(0, r);
    unlessZero(b, count, () => setFlags(b, { a, wide, count, r }));
  };

const openAfterShift = (count: Expr, w: number): OpenFlags[] => [
  { mask: Flag.af },
  { mask: Flag.of, when: isNotOne(count) },
  { mask: Flag.cf, when: exceeds(count, w) },
];

const shiftLeft = shift(zext, shl, (b, { a: { w }, wide, count, r }) => {
  const cf = b.let(w === 64 ? bit(shr(wide, sub(num(64, 64), count)), 0) : bit(shl(wide, count), w));
  b.flags({ cf, of: xor(signBit(r), cf), af: num(1, 0), result: r }, openAfterShift(count, w));
});

const shiftRight = shift(zext, shr, (b, { a, wide, count, r }) => {
  const cf = bit(shr(wide, sub(count, num(64, 1))), 0);
  b.flags({ cf, of: signBit(a), af: num(1, 0), result: r }, openAfterShift(count, a.w));
});

const shiftArithmetic = shift(sext, sar, (b, { wide, count, r }) => {
  const cf = bit(sar(wide, sub(count, num(64, 1))), 0);
  b.flags({ cf, of: num(1, 0), af: num(1, 0), result: r }, [
    { mask: Flag.af },
    { mask: Flag.of, when: isNotOne(count) },
  ]);
});

/** ROL and ROR. */
const rotate = (isLeft: boolean): Semantics =>
  shift(
    zext,
    (wide, count, b, w) => {
      const turn = b.let(and(count, num(64, w - 1)));
      const back = and(neg(turn), num(64, w - 1));
      return isLeft ? or(shl(wide, turn), shr(wide, back)) : or(shr(wide, turn), shl(wide, back));
    },
    (b, { a: { w }, count, r }) => {
      const open: OpenFlags[] = [{ mask: Flag.of, when: isNotOne(count) }];
      if (isLeft) b.flags({ cf: bit(r, 0), of: xor(signBit(r), bit(r, 0)) }, open);
      else b.flags({ cf: signBit(r), of: xor(signBit(r), bit(r, w - 2)) }, open);
    },
  );

/** RCL and RCR: the operand and CF turn as one value of w + 1 bits. */
const rotateThroughCarry =
  (isLeft: boolean): Semantics =>
  b => {
    const a = b.modify(0);
    const { w } = a;
    const masked = shiftCount(b, 1, w);
    const count = w === 8 || w === 16 ? b.let(remUnsigned(masked, num(64, w + 1))) : masked;
    const cf = b.let(zext(64, flag('cf')));
    const wide = b.let(zext(64, a));
    const isNone = b.let(isZero(count));
    const one = num(64, 1);
    let turned: Expr;
    let out: Expr;
    if (w === 64) {
      const away = sub(num(64, 64), count);
      turned = isLeft
        ? or(or(shl(wide, count), shl(cf, sub(count, one))), shr(shr(wide, one), away))
        : or(or(shr(wide, count), shl(cf, away)), shl(shl(wide, one), away));
      out = isLeft ? bit(shr(wide, away), 0) : bit(shr(wide, sub(count, one)), 0);
    } else {
      const joined = b.let(or(wide, shl(cf, num(64, w))));
      const away = sub(num(64, w + 1), count);
      turned = isLeft ? or(shl(joined, count), shr(joined, away)) : or(shr(joined, count), shl(joined, away));
      out = bit(b.let(turned), w);
    }
    const r = b.let(select(isNone, a, trunc(w, turned)));
    const carry = b.let(out);
    b.write(0, r);
    b.if(
      isNone,
      () => b.flags({}, [{ mask: Flag.of, when: ne(masked, num(64, 0)) }]),
      () => {
        const of = isLeft ? xor(signBit(r), carry) : xor(signBit(r), bit(r, w - 2));
        b.flags({ cf: carry, of }, [{ mask: Flag.of, when: isNotOne(masked) }]);
      },
    );
  };

/** SHLD and SHRD. */
const shiftDouble =
  (isLeft: boolean): Semantics =>
  b => {
    const a = b.modify(0);
    const source = b.read(1);
    const { w } = a;
    const count = shiftCount(b, 2, w);
    const one = num(64, 1);
    const wide = b.let(zext(64, a));
    const other = zext(64, source);
    let turned: Expr;
    let cf: Expr;
    if (w === 64) {
      const away = b.let(sub(num(64, 63), count));
      turned = isLeft
        ? or(shl(wide, count), shr(shr(other, one), away))
        : or(shr(wide, count), shl(shl(other, one), away));
      cf = isLeft ? bit(shr(wide, sub(num(64, 64), count)), 0) : bit(shr(wide, sub(count, one)), 0);
    } else {
      const joined = b.let(isLeft ? or(shl(wide, num(64, w)), other) : or(wide, shl(other, num(64, w))));
      // Counts above 16 of a 16-bit operand go on with the destination's own bits, as a ring would.
      turned = isLeft ? shr(shl(joined, count), num(64, w)) : shr(joined, count);
      cf = isLeft ? bit(shr(wide, sub(num(64, w), count)), 0) : bit(shr(joined, sub(count, one)), 0);
    }
    const r = b.let(trunc(w, turned));
    const carry = b.let(select(exceedsStrictly(count, w), num(1, 0), cf));
    b.write(0, select(isZero(count), a, r));
    unlessZero(b, count, () => {
      b.flags({ cf: carry, of: xor(signBit(r), signBit(a)), af: num(1, 0), result: r }, [
        { mask: Flag.af },
        { mask: Flag.of, when: isNotOne(count) },
        {
          mask: OPEN_RESULT | Flag.cf | Flag.of | Flag.sf | Flag.zf | Flag.pf,
          when: exceedsStrictly(count, w),
        },
      ]);
    });
  };
const exceedsStrictly = (count: Expr, w: number): Expr => ltUnsigned(num(64, w), count);

const SHIFTS: readonly (readonly [number, string, Semantics])[] = [
  [0, 'rol', rotate(true)],
  [1, 'ror', rotate(false)],
  [2, 'rcl', rotateThroughCarry(true)],
  [3, 'rcr', rotateThroughCarry(false)],
  [4, 'shl', shiftLeft],
  [5, 'shr', shiftRight],
  [6, 'sal', shiftLeft],
  [7, 'sar', shiftArithmetic],
];

type BitChange = 'test' | 'set' | 'reset' | 'complement';

/** BT, BTS, BTR, BTC: a register offset reaches beyond a memory operand. */
const bitTest =
  (change: BitChange): Semantics =>
  b => {
    const w = b.width(0);
    const bits = num(w, w - 1);
    const offset = b.read(1, b.variant.operands[1]!.kind === 'I' ? 8 : w);
    const position = b.let(and(resize(w, offset), bits));
    const isRegisterOffset = b.variant.operands[1]!.kind === 'G';
    let a: Expr;
    if (b.variant.isMemory && isRegisterOffset) {
      const shift = { 16: 4, 32: 5, 64: 6 }[w as 16 | 32 | 64];
      const bytes = shl(sar(sext(64, offset), num(64, shift)), num(64, shift - 3));
      a = b.load(w, 'operand', and(add(EA, bytes), ADDRESS_MASK), change === 'test' ? 'read' : 'modify');
    } else a = change === 'test' ? b.read(0) : b.modify(0);
    const mask = b.let(shl(num(w, 1), position));
    const cf = b.let(ne(and(a, mask), num(w, 0)));
    if (change !== 'test') {
      const r = change === 'set' ? or(a, mask) : change === 'reset' ? and(a, not(mask)) : xor(a, mask);
      if (b.variant.isMemory) b.storeBack(a, r);
      else b.write(0, r);
    }
    b.flags({ cf }, Flag.of | Flag.sf | Flag.af | Flag.pf);
  };

const OPEN_AFTER_SCAN = Flag.cf | Flag.of | Flag.sf | Flag.af | Flag.pf;

const widened = (e: Expr): Expr => (e.w === 16 ? zext(32, e) : e);

/** BSF and BSR: a zero source leaves the destination alone (the SDM leaves it open). */
const bitScan =
  (isForward: boolean): Semantics =>
  b => {
    const source = b.read(1);
    const { w } = source;
    const isNone = b.let(isZero(source));
    const wide = widened(source);
    const index = isForward ? ctz(wide) : sub(num(wide.w, wide.w - 1), clz(wide));
    b.if(
      isNone,
      () => b.flags({}, OPEN_RESULT),
      () => b.write(0, resize(w, index)),
    );
    b.flags({ zf: isNone }, OPEN_AFTER_SCAN);
  };

const countZeros =
  (isLeading: boolean): Semantics =>
  b => {
    const source = b.read(1);
    const { w } = source;
    const wide = widened(source);
    let count: Expr = isLeading ? clz(wide) : ctz(wide);
    if (w === 16) count = isLeading ? sub(count, num(32, 16)) : select(isZero(source), num(32, 16), count);
    const r = b.let(resize(w, count));
    b.write(0, r);
    b.flags({ cf: isZero(source), zf: isZero(r) }, Flag.of | Flag.sf | Flag.af | Flag.pf);
  };

const countOnes: Semantics = b => {
  const source = b.read(1);
  b.write(0, resize(source.w, popcnt(widened(source))));
  const no = num(1, 0);
  b.flags({ cf: no, of: no, sf: no, af: no, pf: no, zf: isZero(source) });
};

const NO = num(1, 0);

const andNot: Semantics = b => {
  const r = b.let(and(not(b.read(1)), b.read(2)));
  b.write(0, r);
  b.flags({ cf: NO, of: NO, result: r }, Flag.af | Flag.pf);
};

/** BLSI, BLSMSK, BLSR: `combine` of the source and a neighbour of it. */
const lowestBit =
  (result: (a: Expr) => Expr, carry: (a: Expr) => Expr): Semantics =>
  b => {
    const a = b.read(1);
    const r = b.let(result(a));
    b.write(0, r);
    b.flags({ cf: carry(a), of: NO, result: r }, Flag.af | Flag.pf);
  };
const minusOne = (a: Expr): Expr => sub(a, num(a.w, 1));

/** Mask of the low `count` bits, all ones from the width on; `count` has 64 bits. */
const lowMask = (count: Expr, w: number): Expr =>
  select(leUnsigned(num(64, w), count), num(64, -1), sub(shl(num(64, 1), count), num(64, 1)));

const bitFieldExtract: Semantics = b => {
  const a = b.read(1);
  const control = b.let(zext(64, b.read(2)));
  const start = b.let(and(control, num(64, 0xff)));
  const length = b.let(and(shr(control, num(64, 8)), num(64, 0xff)));
  const moved = select(leUnsigned(num(64, a.w), start), num(64, 0), shr(zext(64, a), start));
  const r = b.let(trunc(a.w, and(moved, lowMask(length, 64))));
  b.write(0, r);
  b.flags({ cf: NO, of: NO, zf: isZero(r) }, Flag.af | Flag.sf | Flag.pf);
};

const zeroHighBits: Semantics = b => {
  const a = b.read(1);
  const index = b.let(and(zext(64, b.read(2)), num(64, 0xff)));
  const r = b.let(and(a, trunc(a.w, lowMask(index, a.w))));
  b.write(0, r);
  b.flags({ cf: leUnsigned(num(64, a.w), index), of: NO, result: r }, Flag.af | Flag.pf);
};

/** PDEP and PEXT, bit by bit. */
const deposit: Semantics = b => {
  const source = b.read(1);
  let mask = b.read(2);
  const { w } = source;
  let r: Expr = num(w, 0);
  for (let index = 0; index < w; index++) {
    const lowest = b.let(and(mask, neg(mask)));
    r = b.let(or(r, select(bit(source, index), lowest, num(w, 0))));
    mask = b.let(xor(mask, lowest));
  }
  b.write(0, r);
};

const extract: Semantics = b => {
  const source = b.read(1);
  let mask = b.read(2);
  const { w } = source;
  let r: Expr = num(w, 0);
  for (let index = 0; index < w; index++) {
    const lowest = b.let(and(mask, neg(mask)));
    r = b.let(or(r, select(ne(and(source, lowest), num(w, 0)), num(w, 1n << BigInt(index)), num(w, 0))));
    mask = b.let(xor(mask, lowest));
  }
  b.write(0, r);
};

const shiftWithoutFlags =
  (op: (a: Expr, count: Expr) => Expr): Semantics =>
  b => {
    const a = b.read(1);
    b.write(0, op(a, and(b.read(2), num(a.w, a.w - 1))));
  };

const rotateWithoutFlags: Semantics = b => {
  const a = b.read(1);
  const count = b.let(and(resize(a.w, b.read(2, 8)), num(a.w, a.w - 1)));
  b.write(0, or(shr(a, count), shl(a, and(neg(count), num(a.w, a.w - 1)))));
};

const BIT_TESTS: readonly (readonly [number, string, BitChange])[] = [
  [4, 'bt', 'test'],
  [5, 'bts', 'set'],
  [6, 'btr', 'reset'],
  [7, 'btc', 'complement'],
];
const bmi1: RowOptions = { feature: 'bmi1' };
const bmi2: RowOptions = { feature: 'bmi2' };

/** Shifts, rotates, bit tests, bit scans, BMI. */
export const BIT_ROWS: readonly RowDraft[] = [
  ...SHIFTS.flatMap(([digit, name, semantics]) => [
    row(`C0 /${digit}`, name, 'Eb,Ib', semantics),
    row(`C1 /${digit}`, name, 'Ev,Ib', semantics),
    row(`D0 /${digit}`, name, 'Eb,1b', semantics),
    row(`D1 /${digit}`, name, 'Ev,1b', semantics),
    row(`D2 /${digit}`, name, 'Eb,cb', semantics),
    row(`D3 /${digit}`, name, 'Ev,cb', semantics),
  ]),
  row('0F A4 /r', 'shld', 'Ev,Gv,Ib', shiftDouble(true)),
  row('0F A5 /r', 'shld', 'Ev,Gv,cb', shiftDouble(true)),
  row('0F AC /r', 'shrd', 'Ev,Gv,Ib', shiftDouble(false)),
  row('0F AD /r', 'shrd', 'Ev,Gv,cb', shiftDouble(false)),
  ...BIT_TESTS.flatMap(([digit, name, change]) => [
    row(`0F BA /${digit}`, name, 'Ev,Ib', bitTest(change), { isLockable: change !== 'test' }),
    row(`0F ${hex2(0x83 + digit * 8)} /r`, name, 'Ev,Gv', bitTest(change), { isLockable: change !== 'test' }),
  ]),
  row('0F BC /r', 'bsf', 'Gv,Ev', bitScan(true)),
  row('0F BD /r', 'bsr', 'Gv,Ev', bitScan(false)),
  row('F3 0F BC /r', 'tzcnt', 'Gv,Ev', countZeros(false), bmi1),
  row('F3 0F BD /r', 'lzcnt', 'Gv,Ev', countZeros(true), { feature: 'lzcnt' }),
  row('F3 0F B8 /r', 'popcnt', 'Gv,Ev', countOnes, { feature: 'popcnt' }),
  row('VEX NP 0F38 F2 /r', 'andn', 'Gy,By,Ey', andNot, bmi1),
  row(
    'VEX NP 0F38 F3 /1',
    'blsr',
    'By,Ey',
    lowestBit(a => and(a, minusOne(a)), isZero),
    bmi1,
  ),
  row(
    'VEX NP 0F38 F3 /2',
    'blsmsk',
    'By,Ey',
    lowestBit(a => xor(a, minusOne(a)), isZero),
    bmi1,
  ),
  row(
    'VEX NP 0F38 F3 /3',
    'blsi',
    'By,Ey',
    lowestBit(
      a => and(a, neg(a)),
      a => ne(a, num(a.w, 0)),
    ),
    bmi1,
  ),
  row('VEX NP 0F38 F7 /r', 'bextr', 'Gy,Ey,By', bitFieldExtract, bmi1),
  row('VEX NP 0F38 F5 /r', 'bzhi', 'Gy,Ey,By', zeroHighBits, bmi2),
  row('VEX F2 0F38 F5 /r', 'pdep', 'Gy,By,Ey', deposit, bmi2),
  row('VEX F3 0F38 F5 /r', 'pext', 'Gy,By,Ey', extract, bmi2),
  row('VEX 66 0F38 F7 /r', 'shlx', 'Gy,Ey,By', shiftWithoutFlags(shl), bmi2),
  row('VEX F3 0F38 F7 /r', 'sarx', 'Gy,Ey,By', shiftWithoutFlags(sar), bmi2),
  row('VEX F2 0F38 F7 /r', 'shrx', 'Gy,Ey,By', shiftWithoutFlags(shr), bmi2),
  row('VEX F2 0F3A F0 /r', 'rorx', 'Gy,Ey,Ib', rotateWithoutFlags, bmi2),
];
