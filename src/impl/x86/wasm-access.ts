import type { Expr, SegmentChoice, Width } from './ir.ts';
import { ExitStatus, RecordField } from './record-layout.ts';
import { Field } from './state-layout.ts';
import { TLB_ENTRIES, TlbEntry } from './tlb-layout.ts';
import { EMPTY_BLOCK, Op, ValueType } from './wasm-binary.ts';
import { lowerValue, STORES } from './wasm-expression.ts';
import { CPU, type HandlerCode, RECORD } from './wasm-handler.ts';

/** Pointer to an operand in memory, in a new local: through the TLB, else by the slow call. */
export function lowerPointer(h: HandlerCode, segment: SegmentChoice, address: Expr, w: Width, flags: number): number {
  const isWrite = flags !== 0;
  const offset = h.local(ValueType.i64);
  const linear = h.local(ValueType.i64);
  const entry = h.local(ValueType.i32);
  const pointer = h.local(ValueType.i32);
  const bytes = w / 8;
  lowerValue(h, address);
  h.tee(offset);
  if (segment === 'operand') {
    h.get(CPU);
    h.get(RECORD);
    h.memory(Op.i32Load16U, RecordField.segmentAddend);
    h.push(Op.i32Add);
    h.memory(Op.i64Load, 0);
  } else h.stateLoad(Op.i64Load, Field.fastBase + segment * 8);
  h.push(Op.i64Add);
  h.tee(linear);
  // Entry of the page: base + (page number mod entries) * 32.
  h.push(Op.i32WrapI64);
  h.i32(7);
  h.push(Op.i32ShrU);
  h.i32((TLB_ENTRIES - 1) * 32);
  h.push(Op.i32And);
  h.stateLoad(Op.i32Load, Field.tlbBase);
  h.push(Op.i32Add);
  h.tee(entry);
  h.memory(Op.i64Load, isWrite ? TlbEntry.writeTag : TlbEntry.readTag);
  h.get(linear);
  if (bytes > 1) {
    h.i64(BigInt(bytes - 1));
    h.push(Op.i64Add);
  }
  h.i64(-0x1000n);
  h.push(Op.i64And, Op.i64Eq, Op.if, EMPTY_BLOCK);
  h.get(entry);
  h.memory(Op.i32Load, TlbEntry.host);
  h.get(linear);
  h.push(Op.i32WrapI64);
  h.i32(0xfff);
  h.push(Op.i32And, Op.i32Add);
  h.set(pointer);
  h.push(Op.else);
  h.get(CPU);
  h.get(offset);
  h.memory(Op.i64Store, Field.slowOffset);
  h.get(RECORD);
  h.i32(segment === 'operand' ? -1 : segment);
  h.i32(bytes | flags);
  h.call(h.calls.slowAccess);
  h.tee(pointer);
  h.push(Op.i32Eqz, Op.if, EMPTY_BLOCK);
  h.exit(ExitStatus.unwound, false);
  h.push(Op.end, Op.end);
  return pointer;
}

/** Writes to a place that `lowerPointer` found. */
export function storeAt(h: HandlerCode, pointer: number, w: Width, e: Expr): void {
  h.get(pointer);
  lowerValue(h, e);
  h.memory(STORES[w]!, 0);
  commitBounce(h, pointer);
}

/** A pointer into the bounce buffers stands for a place that is written by a call. */
export function commitBounce(h: HandlerCode, pointer: number): void {
  h.get(pointer);
  h.get(CPU);
  h.push(Op.i32Sub);
  h.i32(Field.bounceWrite);
  h.push(Op.i32Sub);
  h.i32(0x20);
  h.push(Op.i32LtU, Op.if, EMPTY_BLOCK);
  h.get(pointer);
  h.call(h.calls.commit);
  h.push(Op.end);
}
