import type { Expr, FlagUpdate } from './ir.ts';
import { Field } from './state-layout.ts';
import { Op, ValueType } from './wasm-binary.ts';
import { EXTENDS, lowerValue } from './wasm-expression.ts';
import { FLAG_NAMES, loadFlag, loadFlagBits, STATUS_POSITION } from './wasm-flag-read.ts';
import { CPU, type HandlerCode } from './wasm-handler.ts';

/** A one-bit value moved to a flag's position. */
function lowerBitAt(h: HandlerCode, e: Expr, position: number): void {
  // A bit taken out of a wider value is moved there at once.
  if (e.k === 'trunc' && e.a.w > 1) {
    const shifted = e.a.k === 'bin' && e.a.op === 'shr' && e.a.b.k === 'const' ? e.a : undefined;
    const from = shifted === undefined ? 0 : Number((shifted.b as { v: bigint }).v);
    lowerValue(h, shifted === undefined ? e.a : shifted.a);
    const distance = from - position;
    if (distance !== 0) {
      h.i64(BigInt(Math.abs(distance)));
      h.push(distance > 0 ? Op.i64ShrU : Op.i64Shl);
    }
    h.push(Op.i32WrapI64);
    h.i32(1 << position);
    h.push(Op.i32And);
    return;
  }
  lowerValue(h, e);
  if (position > 0) {
    h.i32(position);
    h.push(Op.i32Shl);
  }
}

/** Stores flags as bits plus a result; those that are not named keep their value. */
export function lowerFlags(h: HandlerCode, set: FlagUpdate): void {
  const given = FLAG_NAMES.filter(name => set[name] !== undefined);
  if (given.length === 0 && set.result === undefined) return;
  const mask = given.reduce((bits, name) => bits | (1 << STATUS_POSITION[name]), 0);
  const fromResult = 0xc4;
  const needsAll = set.result === undefined && (mask & fromResult) !== 0;
  const result = h.local(ValueType.i64);
  const bits = h.local(ValueType.i32);
  if (set.result !== undefined) {
    lowerValue(h, set.result);
    const extend = EXTENDS[set.result.w];
    if (extend !== undefined) h.push(extend);
    h.set(result);
  }
  const kept = (needsAll ? 0x8d5 : set.result === undefined ? 0x8d5 : 0x811) & ~mask;
  if (needsAll) {
    h.i32(0);
    for (const name of FLAG_NAMES) {
      if (set[name] !== undefined) continue;
      loadFlag(h, name);
      h.i32(STATUS_POSITION[name]);
      h.push(Op.i32Shl, Op.i32Or);
    }
  } else if (kept === 0) h.i32(0);
  else {
    loadFlagBits(h);
    h.i32(kept);
    h.push(Op.i32And);
  }
  for (const name of given) {
    const e = set[name]!;
    if (e.k === 'const' && e.v === 0n) continue;
    lowerBitAt(h, e, STATUS_POSITION[name]);
    h.push(Op.i32Or);
  }
  h.set(bits);
  h.get(CPU);
  h.get(bits);
  h.memory(Op.i32Store, Field.flagBits);
  if (set.result === undefined && !needsAll) return;
  h.get(CPU);
  if (needsAll) h.i64(1n);
  else h.get(result);
  h.memory(Op.i64Store, Field.flagResult);
}
