import { type Builder, subFlags } from './builder.ts';
import {
  ADDRESS_KEEP,
  ADDRESS_MASK,
  add,
  and,
  type Expr,
  eq,
  flag,
  gpr,
  isZero,
  ltUnsigned,
  ne,
  num,
  or,
  select,
  stateField,
  sub,
  type Width,
} from './ir.ts';
import { type RowDraft, type RowOptions, row, type Semantics } from './row.ts';
import { Field, Flag, Gpr, Seg } from './state-layout.ts';

/** An index or count register reduced to the address size. */
const indexed = (register: number): Expr => and(gpr(64, register), ADDRESS_MASK);

/** Writes an index or count register as its address size says: 32 bits clear the rest, 16 bits keep it. */
function setIndexed(b: Builder, register: number, e: Expr): void {
  b.setGpr(register, or(and(e, ADDRESS_MASK), and(gpr(64, register), ADDRESS_KEEP)));
}

/** Step of the index registers: the element size, negative with DF. */
const stride = (b: Builder, w: Width): Expr =>
  b.let(
    select(ne(and(stateField(32, Field.systemFlags), num(32, Flag.df)), num(32, 0)), num(64, -(w / 8)), num(64, w / 8)),
  );

/** Element of the source at rSI, in DS or the segment of an override. */
const source = (b: Builder, w: Width): Expr => b.load(w, 'operand', indexed(Gpr.rsi));

/** One iteration, and under REP the decision whether another one follows. `again` is what REPE and REPNE add to the count. */
function iterate(b: Builder, once: () => void, again?: (repeat: number) => Expr): void {
  const { repeat } = b.variant;
  if (repeat === 0) {
    once();
    return;
  }
  const count = b.let(indexed(Gpr.rcx));
  b.if(
    isZero(count),
    () => {},
    () => {
      once();
      const left = b.let(and(sub(count, num(64, 1)), ADDRESS_MASK));
      setIndexed(b, Gpr.rcx, left);
      const goesOn = ne(left, num(64, 0));
      b.if(again === undefined ? goesOn : and(goesOn, again(repeat)), () => b.emit({ s: 'repeat' }));
    },
  );
}

const REPE = 0xf3;
const whileEqual = (repeat: number): Expr => eq(flag('zf'), num(1, repeat === REPE ? 1 : 0));

const moveString =
  (size: 'b' | 'v'): Semantics =>
  b => {
    const w = size === 'b' ? 8 : b.variant.width;
    iterate(b, () => {
      const value = source(b, w);
      b.store(w, Seg.es, indexed(Gpr.rdi), value);
      const step = stride(b, w);
      setIndexed(b, Gpr.rsi, add(gpr(64, Gpr.rsi), step));
      setIndexed(b, Gpr.rdi, add(gpr(64, Gpr.rdi), step));
    });
  };

const storeString =
  (size: 'b' | 'v'): Semantics =>
  b => {
    const w = size === 'b' ? 8 : b.variant.width;
    iterate(b, () => {
      b.store(w, Seg.es, indexed(Gpr.rdi), gpr(w, Gpr.rax));
      setIndexed(b, Gpr.rdi, add(gpr(64, Gpr.rdi), stride(b, w)));
    });
  };

const loadString =
  (size: 'b' | 'v'): Semantics =>
  b => {
    const w = size === 'b' ? 8 : b.variant.width;
    iterate(b, () => {
      const value = source(b, w);
      setIndexed(b, Gpr.rsi, add(gpr(64, Gpr.rsi), stride(b, w)));
      b.setGpr(Gpr.rax, value);
    });
  };

const compareStrings =
  (size: 'b' | 'v'): Semantics =>
  b => {
    const w = size === 'b' ? 8 : b.variant.width;
    iterate(
      b,
      () => {
        const a = source(b, w);
        const c = b.load(w, Seg.es, indexed(Gpr.rdi));
        const step = stride(b, w);
        setIndexed(b, Gpr.rsi, add(gpr(64, Gpr.rsi), step));
        setIndexed(b, Gpr.rdi, add(gpr(64, Gpr.rdi), step));
        const r = b.let(sub(a, c));
        b.flags(subFlags(a, c, r, ltUnsigned(a, c)));
      },
      whileEqual,
    );
  };

const scanString =
  (size: 'b' | 'v'): Semantics =>
  b => {
    const w = size === 'b' ? 8 : b.variant.width;
    iterate(
      b,
      () => {
        const a = b.let(gpr(w, Gpr.rax));
        const c = b.load(w, Seg.es, indexed(Gpr.rdi));
        setIndexed(b, Gpr.rdi, add(gpr(64, Gpr.rdi), stride(b, w)));
        const r = b.let(sub(a, c));
        b.flags(subFlags(a, c, r, ltUnsigned(a, c)));
      },
      whileEqual,
    );
  };

const bytes: RowOptions = { isString: true };
const sized: RowOptions = { isString: true, isSized: true };
const names = (stem: string) => [`${stem}w`, `${stem}d`, `${stem}q`] as const;

/** String instructions; one execution of a row is one iteration. */
export const STRING_ROWS: readonly RowDraft[] = [
  row('A4', 'movsb', '', moveString('b'), bytes),
  row('A5', names('movs'), '', moveString('v'), sized),
  row('A6', 'cmpsb', '', compareStrings('b'), bytes),
  row('A7', names('cmps'), '', compareStrings('v'), sized),
  row('AA', 'stosb', '', storeString('b'), bytes),
  row('AB', names('stos'), '', storeString('v'), sized),
  row('AC', 'lodsb', '', loadString('b'), bytes),
  row('AD', names('lods'), '', loadString('v'), sized),
  row('AE', 'scasb', '', scanString('b'), bytes),
  row('AF', names('scas'), '', scanString('v'), sized),
];
