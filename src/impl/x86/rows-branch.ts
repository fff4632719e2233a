import type { Builder } from './builder.ts';
import { CONDITION_NAMES, condition } from './conditions.ts';
import {
  ADDRESS_KEEP,
  ADDRESS_MASK,
  add,
  and,
  type Expr,
  flag,
  gpr,
  isZero,
  ltSigned,
  NEXT_RIP,
  ne,
  not,
  num,
  or,
  resize,
  sub,
  trunc,
} from './ir.ts';
import { hex2, type RowDraft, type RowOptions, row, type Semantics } from './row.ts';
import { Gpr } from './state-layout.ts';

/** Target of a relative branch. */
const relativeTarget = (b: Builder): Expr => b.target(add(NEXT_RIP, { k: 'imm', w: 64 }));

function jumpRelative(b: Builder): void {
  const target = b.cutTarget(add(NEXT_RIP, { k: 'imm', w: 64 }));
  b.checkTarget(target);
  b.jump(target, true);
}

const jumpShort: Semantics = jumpRelative;

const jumpIf =
  (code: number): Semantics =>
  b =>
    b.if(condition(code), () => jumpRelative(b));

const callRelative: Semantics = b => {
  const target = relativeTarget(b);
  b.checkTarget(target);
  b.push(trunc(b.variant.width, NEXT_RIP));
  b.jump(target, true);
};

const jumpNear: Semantics = b => {
  const target = b.target(resize(64, b.read(0)));
  b.checkTarget(target);
  b.jump(target);
};

const callNear: Semantics = b => {
  const target = b.target(resize(64, b.read(0)));
  b.checkTarget(target);
  b.push(trunc(b.variant.width, NEXT_RIP));
  b.jump(target);
};

const returnNear: Semantics = b => {
  const { width, operands } = b.variant;
  const target = b.target(resize(64, b.top(width)));
  b.checkTarget(target);
  const extra = operands.length === 0 ? num(64, 0) : resize(64, b.read(0, 16));
  b.drop(add(num(64, width / 8), extra));
  b.jump(target);
};

/** LOOP, LOOPE, LOOPNE: the count is the address size's part of RCX. */
const loop =
  (again: Expr | undefined): Semantics =>
  b => {
    const left = b.let(and(sub(gpr(64, Gpr.rcx), num(64, 1)), ADDRESS_MASK));
    const goesOn = ne(left, num(64, 0));
    const kept = or(left, and(gpr(64, Gpr.rcx), ADDRESS_KEEP));
    const isTaken = b.let(again === undefined ? goesOn : and(goesOn, again));
    const target = relativeTarget(b);
    b.if(isTaken, () => b.checkTarget(target));
    b.setGpr(Gpr.rcx, kept);
    b.if(isTaken, () => b.jump(target, true));
  };

const jumpIfCountZero: Semantics = b => b.if(isZero(and(gpr(64, Gpr.rcx), ADDRESS_MASK)), () => jumpRelative(b));

const bound: Semantics = b => {
  const { width } = b.variant;
  const index = b.let(b.read(0));
  const low = b.load(width, 'operand', { k: 'ea', w: 64 });
  const high = b.load(width, 'operand', and(add({ k: 'ea', w: 64 }, num(64, width / 8)), ADDRESS_MASK));
  b.if(or(ltSigned(index, low), ltSigned(high, index)), () => b.fault(5));
};

const near: RowOptions = { size64: 'force64', isSized: true };

/** Near branches and their kin. */
export const BRANCH_ROWS: readonly RowDraft[] = [
  ...CONDITION_NAMES.flatMap((name, code) => [
    row(hex2(0x70 + code), `j${name}`, 'Jb', jumpIf(code), near),
    row(`0F ${hex2(0x80 + code)}`, `j${name}`, 'Jz', jumpIf(code), near),
  ]),
  row('E0', 'loopne', 'Jb', loop(not(flag('zf'))), near),
  row('E1', 'loope', 'Jb', loop(flag('zf')), near),
  row('E2', 'loop', 'Jb', loop(undefined), near),
  row('E3', 'jcxz', 'Jb', jumpIfCountZero, { ...near, isNamedByAddressSize: true }),
  row('E8', 'call', 'Jz', callRelative, near),
  row('E9', 'jmp', 'Jz', jumpShort, near),
  row('EB', 'jmp', 'Jb', jumpShort, near),
  row('FF /2', 'call', 'Ev', callNear, near),
  row('FF /4', 'jmp', 'Ev', jumpNear, near),
  row('C2', 'ret', 'Iw', returnNear, near),
  row('C3', 'ret', '', returnNear, near),
  row('62 /r', 'bound', 'Gv,M', bound, { modes: '32', exceptions: ['#BR'], isSized: true }),
];
