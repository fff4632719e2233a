import { InvariantError, invariant, unreachable } from '../../units/invariant.ts';
import {
  type BinaryOp,
  type Expr,
  type FlagUpdate,
  maskOf,
  type RegisterPlace,
  type Stmt,
  type UnaryOp,
  type Width,
} from './ir.ts';
import { AccessFlag, ExitStatus, RECORD_BYTES, RecordField } from './record-layout.ts';
import { Field } from './state-layout.ts';
import { TLB_ENTRIES, TlbEntry } from './tlb-layout.ts';
import { EMPTY_BLOCK, Op, pushSigned, pushUnsigned, ValueType } from './wasm-binary.ts';

/** Indices of the functions that handlers call. */
export interface HandlerCalls {
  /** (record, segment or -1, size | AccessFlag) to a pointer, 0 if it unwound; the offset is in Field.slowOffset. */
  readonly slowAccess: number;
  /** (pointer): carries a write in a bounce buffer out. */
  readonly commit: number;
  /** (record, vector): raises a fault. */
  readonly raise: number;
  /** (record, helper, budget) to an ExitStatus; budget for "go on". */
  readonly helper: number;
  /** (high, low, divisor) to a quotient. */
  readonly divide: number;
  /** (a, b) to the high half of the unsigned product. */
  readonly mulHigh: number;
}

/** Parameters of a handler. */
const RECORD = 0;
const BUDGET = 1;
const CPU = 2;
const PARAMETERS = 3;

const PLACE_FIELDS: Readonly<Record<RegisterPlace, number>> = {
  rm: RecordField.rm,
  reg: RecordField.reg,
  vvvv: RecordField.vvvv,
};

const STATUS_POSITION = { cf: 0, pf: 2, af: 4, zf: 6, sf: 7, of: 11 } as const;
const FLAG_NAMES = ['cf', 'pf', 'af', 'zf', 'sf', 'of'] as const;

const LOADS: Readonly<Record<number, number>> = {
  8: Op.i64Load8U,
  16: Op.i64Load16U,
  32: Op.i64Load32U,
  64: Op.i64Load,
};
const STORES: Readonly<Record<number, number>> = {
  8: Op.i64Store8,
  16: Op.i64Store16,
  32: Op.i64Store32,
  64: Op.i64Store,
};
const EXTENDS: Readonly<Record<number, number>> = { 8: Op.i64Extend8S, 16: Op.i64Extend16S, 32: Op.i64Extend32S };

/**
 * Lowers the meaning of an instruction variant to the body of a WebAssembly function.
 *
 * Values of 8 .. 64 bits are i64 with clear upper bits, single bits are i32. A handler ends in a tail call of the next one
 * or returns an ExitStatus.
 */
export class HandlerLowering {
  readonly code: number[] = [];
  readonly locals: number[] = [];
  readonly #calls: HandlerCalls;
  readonly #helperIndex: (name: string) => number;
  readonly #temporaries = new Map<number, number>();
  readonly #places = new Map<number, number>();

  constructor(calls: HandlerCalls, helperIndex: (name: string) => number) {
    this.#calls = calls;
    this.#helperIndex = helperIndex;
  }

  lower(statements: readonly Stmt[]): void {
    this.#statements(statements);
    if (!endsControl(statements)) this.next();
    else this.code.push(Op.unreachable);
  }

  /** Tail call of the record behind this one, with one instruction less. */
  next(): void {
    this.#countDown(() => {
      this.#get(CPU);
      this.#nextRip();
      this.#store(Op.i64Store, Field.rip);
    });
    this.#get(RECORD);
    this.#i32(RECORD_BYTES);
    this.code.push(Op.i32Add);
    this.#set(RECORD);
    this.dispatch();
  }

  /** Tail call of the handler of the record in the local. */
  dispatch(): void {
    this.#get(RECORD);
    this.#get(BUDGET);
    this.#get(CPU);
    this.#get(RECORD);
    this.#memory(Op.i32Load, RecordField.handler);
    this.code.push(Op.returnCallIndirect, 0, 0);
  }

  /** Leaves for a lookup of the record's own address. */
  leaveForLookup(): void {
    this.#get(CPU);
    this.#startRip();
    this.#store(Op.i64Store, Field.rip);
    this.#exit(ExitStatus.lookup, false);
  }

  /** Goes on at the record's target. */
  followTarget(): void {
    this.#get(RECORD);
    this.#memory(Op.i32Load, RecordField.target);
    this.#set(RECORD);
    this.dispatch();
  }

  /* Small pieces. */

  #get(local: number): void {
    this.code.push(Op.localGet);
    pushUnsigned(this.code, local);
  }

  #set(local: number): void {
    this.code.push(Op.localSet);
    pushUnsigned(this.code, local);
  }

  #tee(local: number): void {
    this.code.push(Op.localTee);
    pushUnsigned(this.code, local);
  }

  #i32(value: number): void {
    this.code.push(Op.i32Const);
    pushSigned(this.code, BigInt(value | 0));
  }

  #i64(value: bigint): void {
    this.code.push(Op.i64Const);
    pushSigned(this.code, BigInt.asIntN(64, value));
  }

  /** Load or store with its immediate offset; alignment hints are 1 byte. */
  #memory(op: number, offset: number): void {
    this.code.push(op, 0);
    pushUnsigned(this.code, offset);
  }

  #store(op: number, offset: number): void {
    this.#memory(op, offset);
  }

  #call(index: number): void {
    this.code.push(Op.call);
    pushUnsigned(this.code, index);
  }

  #local(type: number): number {
    this.locals.push(type);
    return PARAMETERS + this.locals.length - 1;
  }

  #stateLoad(op: number, offset: number): void {
    this.#get(CPU);
    this.#memory(op, offset);
  }

  /** RIP of the record, or of the one behind it. */
  #ripAt(field: number): void {
    this.#stateLoad(Op.i64Load, Field.codeBase);
    this.#get(RECORD);
    this.#memory(Op.i64Load16U, field);
    this.code.push(Op.i64Add);
  }

  #nextRip(): void {
    this.#ripAt(RecordField.next);
  }

  #startRip(): void {
    this.#ripAt(RecordField.start);
  }

  /** Returns a status; the budget counts the instruction at hand as done if `isDone`. */
  #exit(status: number, isDone: boolean): void {
    this.#get(CPU);
    this.#get(BUDGET);
    if (isDone) {
      this.#i32(1);
      this.code.push(Op.i32Sub);
    }
    this.#store(Op.i32Store, Field.budget);
    this.#get(CPU);
    this.#get(RECORD);
    this.#store(Op.i32Store, Field.stoppedAt);
    this.#i32(status);
    this.code.push(Op.return);
  }

  /** One instruction less; at zero `setRip` runs and the chain ends. */
  #countDown(setRip: () => void): void {
    this.#get(BUDGET);
    this.#i32(1);
    this.code.push(Op.i32Sub);
    this.#tee(BUDGET);
    this.code.push(Op.i32Eqz, Op.if, EMPTY_BLOCK);
    setRip();
    this.#exit(ExitStatus.budget, false);
    this.code.push(Op.end);
  }

  /* Statements. */

  #statements(statements: readonly Stmt[]): void {
    for (const statement of statements) this.#statement(statement);
  }

  #statement(statement: Stmt): void {
    switch (statement.s) {
      case 'let': {
        this.#value(statement.e);
        this.#setTemporary(statement.id, statement.e.w);
        return;
      }
      case 'load': {
        const flags = statement.intent === 'modify' ? AccessFlag.write | AccessFlag.modify : 0;
        const pointer = this.#pointer(statement.segment, statement.address, statement.w, flags);
        if (statement.intent === 'modify') this.#places.set(statement.id, pointer);
        this.#get(pointer);
        this.#memory(LOADS[statement.w]!, 0);
        this.#setTemporary(statement.id, statement.w);
        return;
      }
      case 'storeBack': {
        const pointer = this.#places.get(statement.id);
        invariant(pointer !== undefined, 'a place is loaded before it is stored');
        this.#storeAt(pointer, statement.w, statement.e);
        return;
      }
      case 'store': {
        const value = this.#local(ValueType.i64);
        this.#value(statement.e);
        this.#set(value);
        const pointer = this.#pointer(statement.segment, statement.address, statement.w, AccessFlag.write);
        this.#get(pointer);
        this.#get(value);
        this.#store(STORES[statement.w]!, 0);
        this.#commit(pointer);
        return;
      }
      case 'setGpr':
        this.#get(CPU);
        this.#value(statement.e);
        this.#store(registerStore(statement.w), statement.n * 8 + (statement.high ? 1 : 0));
        return;
      case 'setReg':
        this.#registerAddress(statement.place);
        this.#value(statement.e);
        this.#store(registerStore(statement.w), 0);
        return;
      case 'setState':
        this.#get(CPU);
        this.#value(statement.e);
        this.#store(STORES[statement.w]!, statement.offset);
        return;
      case 'flags':
        this.#flags(statement.set);
        return;
      case 'checkTarget':
        this.#checkTarget(statement.target);
        return;
      case 'checkAligned':
        this.#value(statement.address);
        this.#i64(BigInt(statement.bytes - 1));
        this.code.push(Op.i64And, Op.i64Eqz, Op.i32Eqz, Op.if, EMPTY_BLOCK);
        this.#fault(13);
        this.code.push(Op.end);
        return;
      case 'jump':
        this.#jump(statement.target, statement.isRelative);
        return;
      case 'repeat':
        this.#countDown(() => {
          this.#get(CPU);
          this.#startRip();
          this.#store(Op.i64Store, Field.rip);
        });
        this.dispatch();
        return;
      case 'if':
        this.#value(statement.c);
        this.code.push(Op.if, EMPTY_BLOCK);
        this.#statements(statement.yes);
        if (statement.no.length > 0) {
          this.code.push(Op.else);
          this.#statements(statement.no);
        }
        this.code.push(Op.end);
        return;
      case 'fault':
        this.#fault(statement.vector);
        return;
      case 'helper':
        this.#helper(statement.name);
        return;
      default:
        unreachable(statement);
    }
  }

  #setTemporary(id: number, w: Width): void {
    let local = this.#temporaries.get(id);
    if (local === undefined) {
      local = this.#local(w === 1 ? ValueType.i32 : ValueType.i64);
      this.#temporaries.set(id, local);
    }
    this.#set(local);
  }

  #fault(vector: number): void {
    this.#get(RECORD);
    this.#i32(vector);
    this.#call(this.#calls.raise);
    this.#exit(ExitStatus.unwound, false);
  }

  #helper(name: string): void {
    const status = this.#local(ValueType.i32);
    this.#get(RECORD);
    this.#i32(this.#helperIndex(name));
    this.#get(BUDGET);
    this.#call(this.#calls.helper);
    this.#tee(status);
    this.code.push(Op.if, EMPTY_BLOCK);
    this.#get(status);
    this.#i32(ExitStatus.unwound);
    this.code.push(Op.i32Eq, Op.if, EMPTY_BLOCK);
    this.#exit(ExitStatus.unwound, false);
    this.code.push(Op.end);
    this.#exit(ExitStatus.left, true);
    this.code.push(Op.end);
  }

  /** Pointer to an operand in memory, in a new local: through the TLB, else by the slow call. */
  #pointer(segment: number | 'operand', address: Expr, w: Width, flags: number): number {
    const isWrite = flags !== 0;
    const offset = this.#local(ValueType.i64);
    const linear = this.#local(ValueType.i64);
    const entry = this.#local(ValueType.i32);
    const pointer = this.#local(ValueType.i32);
    const bytes = w / 8;
    this.#value(address);
    this.#tee(offset);
    if (segment === 'operand') {
      this.#get(CPU);
      this.#get(RECORD);
      this.#memory(Op.i32Load16U, RecordField.segmentAddend);
      this.code.push(Op.i32Add);
      this.#memory(Op.i64Load, 0);
    } else this.#stateLoad(Op.i64Load, Field.fastBase + segment * 8);
    this.code.push(Op.i64Add);
    this.#tee(linear);
    // Entry of the page: base + (page number mod entries) * 32.
    this.code.push(Op.i32WrapI64);
    this.#i32(7);
    this.code.push(Op.i32ShrU);
    this.#i32((TLB_ENTRIES - 1) * 32);
    this.code.push(Op.i32And);
    this.#stateLoad(Op.i32Load, Field.tlbBase);
    this.code.push(Op.i32Add);
    this.#tee(entry);
    this.#memory(Op.i64Load, isWrite ? TlbEntry.writeTag : TlbEntry.readTag);
    this.#get(linear);
    if (bytes > 1) {
      this.#i64(BigInt(bytes - 1));
      this.code.push(Op.i64Add);
    }
    this.#i64(-0x1000n);
    this.code.push(Op.i64And, Op.i64Eq, Op.if, EMPTY_BLOCK);
    this.#get(entry);
    this.#memory(Op.i32Load, TlbEntry.host);
    this.#get(linear);
    this.code.push(Op.i32WrapI64);
    this.#i32(0xfff);
    this.code.push(Op.i32And, Op.i32Add);
    this.#set(pointer);
    this.code.push(Op.else);
    this.#get(CPU);
    this.#get(offset);
    this.#store(Op.i64Store, Field.slowOffset);
    this.#get(RECORD);
    this.#i32(segment === 'operand' ? -1 : segment);
    this.#i32(bytes | flags);
    this.#call(this.#calls.slowAccess);
    this.#tee(pointer);
    this.code.push(Op.i32Eqz, Op.if, EMPTY_BLOCK);
    this.#exit(ExitStatus.unwound, false);
    this.code.push(Op.end, Op.end);
    return pointer;
  }

  #storeAt(pointer: number, w: Width, e: Expr): void {
    this.#get(pointer);
    this.#value(e);
    this.#store(STORES[w]!, 0);
    this.#commit(pointer);
  }

  /** A pointer into the bounce buffers stands for a place that is written by a call. */
  #commit(pointer: number): void {
    this.#get(pointer);
    this.#get(CPU);
    this.code.push(Op.i32Sub);
    this.#i32(Field.bounceWrite);
    this.code.push(Op.i32Sub);
    this.#i32(0x20);
    this.code.push(Op.i32LtU, Op.if, EMPTY_BLOCK);
    this.#get(pointer);
    this.#call(this.#calls.commit);
    this.code.push(Op.end);
  }

  #checkTarget(target: Expr): void {
    this.#value(target);
    this.#stateLoad(Op.i64Load, Field.ripBias);
    this.code.push(Op.i64Add);
    this.#stateLoad(Op.i64Load, Field.ripLimit);
    this.code.push(Op.i64GtU, Op.if, EMPTY_BLOCK);
    this.#fault(13);
    this.code.push(Op.end);
  }

  #jump(target: Expr, isRelative: boolean): void {
    const rip = this.#local(ValueType.i64);
    const entry = this.#local(ValueType.i32);
    this.#value(target);
    this.#set(rip);
    this.#countDown(() => {
      this.#get(CPU);
      this.#get(rip);
      this.#store(Op.i64Store, Field.rip);
    });
    if (isRelative) {
      this.#get(RECORD);
      this.#memory(Op.i32Load, RecordField.target);
      this.#tee(entry);
      this.code.push(Op.if, EMPTY_BLOCK);
      this.#get(entry);
      this.#set(RECORD);
      this.dispatch();
      this.code.push(Op.end);
    }
    // Jump cache: entries of 16 bytes by the low bits of the target.
    this.#get(rip);
    this.code.push(Op.i32WrapI64);
    this.#i32(0xff);
    this.code.push(Op.i32And);
    this.#i32(4);
    this.code.push(Op.i32Shl);
    this.#stateLoad(Op.i32Load, Field.jumpCache);
    this.code.push(Op.i32Add);
    this.#tee(entry);
    this.#memory(Op.i64Load, 0);
    this.#get(rip);
    this.code.push(Op.i64Eq, Op.if, EMPTY_BLOCK);
    this.#get(CPU);
    this.#get(rip);
    this.#i64(-0x1000n);
    this.code.push(Op.i64And);
    this.#store(Op.i64Store, Field.codeBase);
    this.#get(entry);
    this.#memory(Op.i32Load, 8);
    this.#set(RECORD);
    this.dispatch();
    this.code.push(Op.end);
    this.#get(CPU);
    this.#get(rip);
    this.#store(Op.i64Store, Field.rip);
    this.#exit(ExitStatus.lookup, false);
  }

  /* Flags. */

  #flagBits(): void {
    this.#stateLoad(Op.i32Load, Field.flagBits);
  }

  /** A flag as 0 or 1. */
  #flag(name: (typeof FLAG_NAMES)[number]): void {
    const position = STATUS_POSITION[name];
    this.#flagBits();
    if (position > 0) {
      this.#i32(position);
      this.code.push(Op.i32ShrU);
    }
    this.#i32(1);
    this.code.push(Op.i32And);
    if (name === 'zf') {
      this.#stateLoad(Op.i64Load, Field.flagResult);
      this.code.push(Op.i64Eqz, Op.i32Or);
    } else if (name === 'sf') {
      this.#stateLoad(Op.i32Load, Field.flagResult + 4);
      this.#i32(31);
      this.code.push(Op.i32ShrU, Op.i32Xor);
    } else if (name === 'pf') {
      this.#stateLoad(Op.i32Load8U, Field.flagResult);
      this.code.push(Op.i32Popcnt);
      this.#i32(1);
      this.code.push(Op.i32And, Op.i32Eqz, Op.i32Xor);
    }
  }

  /** A one-bit value moved to a flag's position. */
  #bitAt(e: Expr, position: number): void {
    // A bit taken out of a wider value is moved there at once.
    if (e.k === 'trunc' && e.a.w > 1) {
      const shifted = e.a.k === 'bin' && e.a.op === 'shr' && e.a.b.k === 'const' ? e.a : undefined;
      const from = shifted === undefined ? 0 : Number((shifted.b as { v: bigint }).v);
      this.#value(shifted === undefined ? e.a : shifted.a);
      const distance = from - position;
      if (distance !== 0) {
        this.#i64(BigInt(Math.abs(distance)));
        this.code.push(distance > 0 ? Op.i64ShrU : Op.i64Shl);
      }
      this.code.push(Op.i32WrapI64);
      this.#i32(1 << position);
      this.code.push(Op.i32And);
      return;
    }
    this.#value(e);
    if (position > 0) {
      this.#i32(position);
      this.code.push(Op.i32Shl);
    }
  }

  #flags(set: FlagUpdate): void {
    const given = FLAG_NAMES.filter(name => set[name] !== undefined);
    if (given.length === 0 && set.result === undefined) return;
    const mask = given.reduce((bits, name) => bits | (1 << STATUS_POSITION[name]), 0);
    const fromResult = 0xc4;
    const needsAll = set.result === undefined && (mask & fromResult) !== 0;
    const result = this.#local(ValueType.i64);
    const bits = this.#local(ValueType.i32);
    if (set.result !== undefined) {
      this.#value(set.result);
      const extend = EXTENDS[set.result.w];
      if (extend !== undefined) this.code.push(extend);
      this.#set(result);
    }
    const kept = (needsAll ? 0x8d5 : set.result === undefined ? 0x8d5 : 0x811) & ~mask;
    if (needsAll) {
      this.#i32(0);
      for (const name of FLAG_NAMES) {
        if (set[name] !== undefined) continue;
        this.#flag(name);
        this.#i32(STATUS_POSITION[name]);
        this.code.push(Op.i32Shl, Op.i32Or);
      }
    } else if (kept === 0) this.#i32(0);
    else {
      this.#flagBits();
      this.#i32(kept);
      this.code.push(Op.i32And);
    }
    for (const name of given) {
      const e = set[name]!;
      if (e.k === 'const' && e.v === 0n) continue;
      this.#bitAt(e, STATUS_POSITION[name]);
      this.code.push(Op.i32Or);
    }
    this.#set(bits);
    this.#get(CPU);
    this.#get(bits);
    this.#store(Op.i32Store, Field.flagBits);
    if (set.result === undefined && !needsAll) return;
    this.#get(CPU);
    if (needsAll) this.#i64(1n);
    else this.#get(result);
    this.#store(Op.i64Store, Field.flagResult);
  }

  /* Expressions. */

  #registerAddress(place: RegisterPlace): void {
    this.#get(CPU);
    this.#get(RECORD);
    this.#memory(Op.i32Load16U, PLACE_FIELDS[place]);
    this.code.push(Op.i32Add);
  }

  #mask(w: Width): void {
    if (w === 64) return;
    this.#i64(maskOf(w));
    this.code.push(Op.i64And);
  }

  #value(e: Expr): void {
    switch (e.k) {
      case 'const':
        if (e.w === 1) this.#i32(Number(e.v));
        else this.#i64(e.v);
        return;
      case 'tmp': {
        const local = this.#temporaries.get(e.id);
        invariant(local !== undefined, 'a temporary is set before it is used');
        this.#get(local);
        return;
      }
      case 'gpr':
        this.#stateLoad(LOADS[e.w]!, e.n * 8 + (e.high ? 1 : 0));
        return;
      case 'reg':
        this.#registerAddress(e.place);
        this.#memory(LOADS[e.w]!, 0);
        return;
      case 'imm':
        this.#get(RECORD);
        this.#memory(LOADS[e.w]!, RecordField.immediate);
        return;
      case 'ea':
        this.#effectiveAddress();
        return;
      case 'addressMask':
        this.#get(RECORD);
        this.#memory(Op.i64Load, RecordField.addressMask);
        return;
      case 'addressKeep':
        this.#get(RECORD);
        this.#memory(Op.i64Load, RecordField.addressKeep);
        return;
      case 'nextRip':
        this.#nextRip();
        return;
      case 'state':
        this.#stateLoad(LOADS[e.w]!, e.offset);
        return;
      case 'bin':
        this.#binary(e.op, e.w, e.a, e.b);
        return;
      case 'cmp':
        this.#compare(e.op, e.a, e.b);
        return;
      case 'un':
        this.#unary(e.op, e.w, e.a);
        return;
      case 'zext':
        this.#value(e.a);
        if (e.a.w === 1) this.code.push(Op.i64ExtendI32U);
        return;
      case 'sext': {
        this.#value(e.a);
        const extend = EXTENDS[e.a.w];
        if (extend === undefined) throw new InvariantError('a sign extension of an odd width');
        this.code.push(extend);
        this.#mask(e.w);
        return;
      }
      case 'trunc':
        if (e.w === 1) {
          this.#value(e.a);
          this.code.push(Op.i32WrapI64);
          this.#i32(1);
          this.code.push(Op.i32And);
          return;
        }
        this.#value(e.a);
        this.#mask(e.w);
        return;
      case 'select':
        this.#value(e.a);
        this.#value(e.b);
        this.#value(e.c);
        this.code.push(Op.select);
        return;
      case 'div128':
        this.#value(e.high);
        this.#value(e.low);
        this.#value(e.d);
        this.#call(this.#calls.divide);
        return;
      case 'flag':
        this.#flag(e.flag);
        return;
      default:
        unreachable(e);
    }
  }

  #effectiveAddress(): void {
    for (const field of [RecordField.base, RecordField.index]) {
      this.#get(CPU);
      this.#get(RECORD);
      this.#memory(Op.i32Load16U, field);
      this.code.push(Op.i32Add);
      this.#memory(Op.i64Load, 0);
    }
    this.#get(RECORD);
    this.#memory(Op.i64Load8U, RecordField.scale);
    this.code.push(Op.i64Shl, Op.i64Add);
    this.#get(RECORD);
    this.#memory(Op.i64Load, RecordField.displacement);
    this.code.push(Op.i64Add);
    this.#get(RECORD);
    this.#memory(Op.i64Load, RecordField.addressMask);
    this.code.push(Op.i64And);
  }

  #binary(op: BinaryOp, w: Width, a: Expr, b: Expr): void {
    if (w === 1) {
      this.#value(a);
      this.#value(b);
      const ops = { and: Op.i32And, or: Op.i32Or, xor: Op.i32Xor } as const;
      invariant(op === 'and' || op === 'or' || op === 'xor', 'one-bit values have only logic');
      this.code.push(ops[op]);
      return;
    }
    this.#value(a);
    if (op === 'sar') {
      const extend = EXTENDS[w];
      if (extend !== undefined) this.code.push(extend);
    }
    this.#value(b);
    switch (op) {
      case 'add':
        this.code.push(Op.i64Add);
        break;
      case 'sub':
        this.code.push(Op.i64Sub);
        break;
      case 'mul':
        this.code.push(Op.i64Mul);
        break;
      case 'and':
        this.code.push(Op.i64And);
        return;
      case 'or':
        this.code.push(Op.i64Or);
        return;
      case 'xor':
        this.code.push(Op.i64Xor);
        return;
      case 'shl':
        this.code.push(Op.i64Shl);
        break;
      case 'shr':
        this.code.push(Op.i64ShrU);
        return;
      case 'sar':
        this.code.push(Op.i64ShrS);
        break;
      case 'mulHighUnsigned':
        this.#call(this.#calls.mulHigh);
        return;
      case 'mulHighSigned':
        this.#call(this.#calls.mulHigh);
        for (const [negative, other] of [
          [a, b],
          [b, a],
        ] as const) {
          this.#value(negative);
          this.#i64(63n);
          this.code.push(Op.i64ShrS);
          this.#value(other);
          this.code.push(Op.i64And, Op.i64Sub);
        }
        return;
      case 'divUnsigned':
        this.code.push(Op.i64DivU);
        return;
      case 'divSigned':
        this.code.push(Op.i64DivS);
        return;
      case 'remUnsigned':
        this.code.push(Op.i64RemU);
        return;
      case 'remSigned':
        this.code.push(Op.i64RemS);
        return;
      default:
        unreachable(op);
    }
    this.#mask(w);
  }

  #compare(op: Extract<Expr, { k: 'cmp' }>['op'], a: Expr, b: Expr): void {
    const signedValue = (e: Expr): void => {
      this.#value(e);
      const extend = op === 'ltSigned' ? EXTENDS[e.w] : undefined;
      if (extend !== undefined) this.code.push(extend);
    };
    signedValue(a);
    signedValue(b);
    if (a.w === 1) {
      invariant(op === 'eq' || op === 'ne', 'one-bit values have no order');
      this.code.push(op === 'eq' ? Op.i32Eq : Op.i32Ne);
      return;
    }
    const ops = { eq: Op.i64Eq, ne: Op.i64Ne, ltUnsigned: Op.i64LtU, leUnsigned: Op.i64LeU, ltSigned: Op.i64LtS };
    this.code.push(ops[op]);
  }

  #unary(op: UnaryOp, w: Width, a: Expr): void {
    if (w === 1) {
      invariant(op === 'not', 'one-bit values have only NOT');
      this.#value(a);
      this.code.push(Op.i32Eqz);
      return;
    }
    switch (op) {
      case 'not':
        this.#value(a);
        this.#i64(maskOf(w));
        this.code.push(Op.i64Xor);
        return;
      case 'neg':
        this.#i64(0n);
        this.#value(a);
        this.code.push(Op.i64Sub);
        this.#mask(w);
        return;
      case 'clz':
        this.#value(a);
        this.code.push(Op.i64Clz);
        if (w < 64) {
          this.#i64(BigInt(64 - w));
          this.code.push(Op.i64Sub);
        }
        return;
      case 'ctz':
        this.#value(a);
        if (w < 64) {
          this.#i64(1n << BigInt(w));
          this.code.push(Op.i64Or);
        }
        this.code.push(Op.i64Ctz);
        return;
      case 'popcnt':
        this.#value(a);
        this.code.push(Op.i64Popcnt);
        return;
      default:
        unreachable(op);
    }
  }
}

const registerStore = (w: Width): number => (w >= 32 ? Op.i64Store : STORES[w]!);

/** True if a statement list never reaches its end. */
function endsControl(statements: readonly Stmt[]): boolean {
  const last = statements[statements.length - 1];
  if (last === undefined) return false;
  if (last.s === 'jump' || last.s === 'repeat' || last.s === 'fault') return true;
  return last.s === 'if' && endsControl(last.yes) && endsControl(last.no);
}
