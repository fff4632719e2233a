import { InvariantError, invariant, unreachable } from '../../units/invariant.ts';
import { type BinaryOp, type Expr, maskOf, type UnaryOp, type Width } from './ir.ts';
import { RecordField } from './record-layout.ts';
import { Op } from './wasm-binary.ts';
import { loadFlag } from './wasm-flag-read.ts';
import { CPU, type HandlerCode, RECORD } from './wasm-handler.ts';

/** Loads and stores by width. */
export const LOADS: Readonly<Record<number, number>> = {
  8: Op.i64Load8U,
  16: Op.i64Load16U,
  32: Op.i64Load32U,
  64: Op.i64Load,
};
export const STORES: Readonly<Record<number, number>> = {
  8: Op.i64Store8,
  16: Op.i64Store16,
  32: Op.i64Store32,
  64: Op.i64Store,
};
/** Sign extensions in place. */
export const EXTENDS: Readonly<Record<number, number>> = {
  8: Op.i64Extend8S,
  16: Op.i64Extend16S,
  32: Op.i64Extend32S,
};

function maskTo(h: HandlerCode, w: Width): void {
  if (w === 64) return;
  h.i64(maskOf(w));
  h.push(Op.i64And);
}

/** Pushes the value of an expression: i64 with clear upper bits, i32 for a single bit. */
export function lowerValue(h: HandlerCode, e: Expr): void {
  switch (e.k) {
    case 'const':
      if (e.w === 1) h.i32(Number(e.v));
      else h.i64(e.v);
      return;
    case 'tmp': {
      const local = h.temporaries.get(e.id);
      invariant(local !== undefined, 'a temporary is set before it is used');
      h.get(local);
      return;
    }
    case 'gpr':
      h.stateLoad(LOADS[e.w]!, e.n * 8 + (e.high ? 1 : 0));
      return;
    case 'reg':
      h.registerAddress(e.place);
      h.memory(LOADS[e.w]!, 0);
      return;
    case 'imm':
      h.get(RECORD);
      h.memory(LOADS[e.w]!, RecordField.immediate);
      return;
    case 'ea':
      effectiveAddress(h);
      return;
    case 'addressMask':
      h.get(RECORD);
      h.memory(Op.i64Load, RecordField.addressMask);
      return;
    case 'addressKeep':
      h.get(RECORD);
      h.memory(Op.i64Load, RecordField.addressKeep);
      return;
    case 'nextRip':
      h.nextRip();
      return;
    case 'state':
      h.stateLoad(LOADS[e.w]!, e.offset);
      return;
    case 'bin':
      lowerBinary(h, e.op, e.w, e.a, e.b);
      return;
    case 'cmp':
      lowerCompare(h, e.op, e.a, e.b);
      return;
    case 'un':
      lowerUnary(h, e.op, e.w, e.a);
      return;
    case 'zext':
      lowerValue(h, e.a);
      if (e.a.w === 1) h.push(Op.i64ExtendI32U);
      return;
    case 'sext': {
      lowerValue(h, e.a);
      const extend = EXTENDS[e.a.w];
      if (extend === undefined) throw new InvariantError('a sign extension of an odd width');
      h.push(extend);
      maskTo(h, e.w);
      return;
    }
    case 'trunc':
      if (e.w === 1) {
        lowerValue(h, e.a);
        h.push(Op.i32WrapI64);
        h.i32(1);
        h.push(Op.i32And);
        return;
      }
      lowerValue(h, e.a);
      maskTo(h, e.w);
      return;
    case 'select':
      lowerValue(h, e.a);
      lowerValue(h, e.b);
      lowerValue(h, e.c);
      h.push(Op.select);
      return;
    case 'div128':
      lowerValue(h, e.high);
      lowerValue(h, e.low);
      lowerValue(h, e.d);
      h.call(h.calls.divide);
      return;
    case 'flag':
      loadFlag(h, e.flag);
      return;
    default:
      unreachable(e);
  }
}

function effectiveAddress(h: HandlerCode): void {
  for (const field of [RecordField.base, RecordField.index]) {
    h.get(CPU);
    h.get(RECORD);
    h.memory(Op.i32Load16U, field);
    h.push(Op.i32Add);
    h.memory(Op.i64Load, 0);
  }
  h.get(RECORD);
  h.memory(Op.i64Load8U, RecordField.scale);
  h.push(Op.i64Shl, Op.i64Add);
  h.get(RECORD);
  h.memory(Op.i64Load, RecordField.displacement);
  h.push(Op.i64Add);
  h.get(RECORD);
  h.memory(Op.i64Load, RecordField.addressMask);
  h.push(Op.i64And);
}

function lowerBinary(h: HandlerCode, op: BinaryOp, w: Width, a: Expr, b: Expr): void {
  if (w === 1) {
    lowerValue(h, a);
    lowerValue(h, b);
    const ops = { and: Op.i32And, or: Op.i32Or, xor: Op.i32Xor } as const;
    invariant(op === 'and' || op === 'or' || op === 'xor', 'one-bit values have only logic');
    h.push(ops[op]);
    return;
  }
  lowerValue(h, a);
  if (op === 'sar') {
    const extend = EXTENDS[w];
    if (extend !== undefined) h.push(extend);
  }
  lowerValue(h, b);
  switch (op) {
    case 'add':
      h.push(Op.i64Add);
      break;
    case 'sub':
      h.push(Op.i64Sub);
      break;
    case 'mul':
      h.push(Op.i64Mul);
      break;
    case 'and':
      h.push(Op.i64And);
      return;
    case 'or':
      h.push(Op.i64Or);
      return;
    case 'xor':
      h.push(Op.i64Xor);
      return;
    case 'shl':
      h.push(Op.i64Shl);
      break;
    case 'shr':
      h.push(Op.i64ShrU);
      return;
    case 'sar':
      h.push(Op.i64ShrS);
      break;
    case 'mulHighUnsigned':
      h.call(h.calls.mulHigh);
      return;
    case 'mulHighSigned':
      h.call(h.calls.mulHigh);
      for (const [negative, other] of [
        [a, b],
        [b, a],
      ] as const) {
        lowerValue(h, negative);
        h.i64(63n);
        h.push(Op.i64ShrS);
        lowerValue(h, other);
        h.push(Op.i64And, Op.i64Sub);
      }
      return;
    case 'divUnsigned':
      h.push(Op.i64DivU);
      return;
    case 'divSigned':
      h.push(Op.i64DivS);
      return;
    case 'remUnsigned':
      h.push(Op.i64RemU);
      return;
    case 'remSigned':
      h.push(Op.i64RemS);
      return;
    default:
      unreachable(op);
  }
  maskTo(h, w);
}

function lowerCompare(h: HandlerCode, op: Extract<Expr, { k: 'cmp' }>['op'], a: Expr, b: Expr): void {
  const signedValue = (e: Expr): void => {
    lowerValue(h, e);
    const extend = op === 'ltSigned' ? EXTENDS[e.w] : undefined;
    if (extend !== undefined) h.push(extend);
  };
  signedValue(a);
  signedValue(b);
  if (a.w === 1) {
    invariant(op === 'eq' || op === 'ne', 'one-bit values have no order');
    h.push(op === 'eq' ? Op.i32Eq : Op.i32Ne);
    return;
  }
  const ops = { eq: Op.i64Eq, ne: Op.i64Ne, ltUnsigned: Op.i64LtU, leUnsigned: Op.i64LeU, ltSigned: Op.i64LtS };
  h.push(ops[op]);
}

function lowerUnary(h: HandlerCode, op: UnaryOp, w: Width, a: Expr): void {
  if (w === 1) {
    invariant(op === 'not', 'one-bit values have only NOT');
    lowerValue(h, a);
    h.push(Op.i32Eqz);
    return;
  }
  switch (op) {
    case 'not':
      lowerValue(h, a);
      h.i64(maskOf(w));
      h.push(Op.i64Xor);
      return;
    case 'neg':
      h.i64(0n);
      lowerValue(h, a);
      h.push(Op.i64Sub);
      maskTo(h, w);
      return;
    case 'clz':
      lowerValue(h, a);
      h.push(Op.i64Clz);
      if (w < 64) {
        h.i64(BigInt(64 - w));
        h.push(Op.i64Sub);
      }
      return;
    case 'ctz':
      lowerValue(h, a);
      if (w < 64) {
        h.i64(1n << BigInt(w));
        h.push(Op.i64Or);
      }
      h.push(Op.i64Ctz);
      return;
    case 'popcnt':
      lowerValue(h, a);
      h.push(Op.i64Popcnt);
      return;
    default:
      unreachable(op);
  }
}
