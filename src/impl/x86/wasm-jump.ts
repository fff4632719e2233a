import type { Expr } from './ir.ts';
import { ExitStatus, RecordField } from './record-layout.ts';
import { Field } from './state-layout.ts';
import { EMPTY_BLOCK, Op, ValueType } from './wasm-binary.ts';
import { lowerValue } from './wasm-expression.ts';
import { CPU, type HandlerCode, RECORD } from './wasm-handler.ts';

/** #GP(0) unless a branch target is canonical, or within the CS limit. */
export function checkTarget(h: HandlerCode, target: Expr): void {
  lowerValue(h, target);
  h.stateLoad(Op.i64Load, Field.ripBias);
  h.push(Op.i64Add);
  h.stateLoad(Op.i64Load, Field.ripLimit);
  h.push(Op.i64GtU, Op.if, EMPTY_BLOCK);
  h.fault(13);
  h.push(Op.end);
}

/** Goes on at the record that a relative branch is linked to: it lies in the same page, all of which is a valid target. */
export function lowerLinkedJump(h: HandlerCode, target: Expr): void {
  const linked = h.local(ValueType.i32);
  h.get(RECORD);
  h.memory(Op.i32Load, RecordField.target);
  h.tee(linked);
  h.push(Op.if, EMPTY_BLOCK);
  h.countDown(() => {
    h.get(CPU);
    lowerValue(h, target);
    h.memory(Op.i64Store, Field.rip);
  });
  h.get(linked);
  h.set(RECORD);
  h.dispatch();
  h.push(Op.end);
}

/** Goes on at a target by the jump cache, or by a lookup. */
export function lowerJump(h: HandlerCode, target: Expr): void {
  const rip = h.local(ValueType.i64);
  const entry = h.local(ValueType.i32);
  lowerValue(h, target);
  h.set(rip);
  h.countDown(() => {
    h.get(CPU);
    h.get(rip);
    h.memory(Op.i64Store, Field.rip);
  });
  goToCached(h, rip, entry);
}

/** Goes on behind the end of a run. */
export function lowerOnward(h: HandlerCode): void {
  const rip = h.local(ValueType.i64);
  const entry = h.local(ValueType.i32);
  h.startRip();
  h.set(rip);
  goToCached(h, rip, entry);
}

/** Goes on at the address in a local by the jump cache, whose entries of 16 bytes are found by its low bits, or by a lookup. */
function goToCached(h: HandlerCode, rip: number, entry: number): void {
  h.get(rip);
  h.push(Op.i32WrapI64);
  h.i32(0xff);
  h.push(Op.i32And);
  h.i32(4);
  h.push(Op.i32Shl);
  h.stateLoad(Op.i32Load, Field.jumpCache);
  h.push(Op.i32Add);
  h.tee(entry);
  h.memory(Op.i64Load, 0);
  h.get(rip);
  h.push(Op.i64Eq, Op.if, EMPTY_BLOCK);
  h.get(entry);
  h.memory(Op.i32Load, 8);
  h.set(RECORD);
  // Where the record's page begins as an instruction pointer: not at a multiple of its size if CS has a base.
  h.get(CPU);
  h.get(rip);
  h.get(RECORD);
  h.memory(Op.i64Load16U, RecordField.start);
  h.push(Op.i64Sub);
  h.memory(Op.i64Store, Field.codeBase);
  h.dispatch();
  h.push(Op.end);
  h.get(CPU);
  h.get(rip);
  h.memory(Op.i64Store, Field.rip);
  h.exit(ExitStatus.lookup, false);
}
