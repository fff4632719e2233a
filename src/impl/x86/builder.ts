import { InvariantError } from '../../units/invariant.ts';
import {
  add,
  and,
  bit,
  EA,
  type Expr,
  type FlagUpdate,
  gpr,
  not,
  num,
  type OpenFlags,
  or,
  type SegmentChoice,
  type Stmt,
  signBit,
  stateField,
  type Width,
  xor,
} from './ir.ts';
import { bitsOfSize, type OperandCode } from './operands.ts';
import { Field, Gpr, Seg } from './state-layout.ts';

/** The variant of an instruction for which meaning is built. */
export interface Variant {
  /** Width of 'v' operands. */
  readonly width: Width;
  readonly isMemory: boolean;
  /** 0, or the repeat prefix 0xF2 / 0xF3 of a string instruction. */
  readonly repeat: number;
  readonly operands: readonly OperandCode[];
}

/** Collects the statements of one instruction variant; reads and writes operands by position. */
export class Builder {
  readonly variant: Variant;
  #statements: Stmt[] = [];
  #nextId = 0;
  readonly #modified = new Map<number, number>();

  constructor(variant: Variant) {
    this.variant = variant;
  }

  get statements(): readonly Stmt[] {
    return this.#statements;
  }

  emit(statement: Stmt): void {
    this.#statements.push(statement);
  }

  /** Names a value. */
  let(e: Expr): Expr {
    if (e.k === 'const' || e.k === 'tmp') return e;
    const id = this.#nextId++;
    this.emit({ s: 'let', id, e });
    return { k: 'tmp', w: e.w, id };
  }

  /** Width of an operand. */
  width(index: number): Width {
    const { width } = this.variant;
    const code = this.variant.operands[index]!;
    if (code.isExtended || (code.kind === 'I' && code.size === 'z')) return width;
    return bitsOfSize(code.size, width) as Width;
  }

  #isMemory(index: number): boolean {
    const { kind } = this.variant.operands[index]!;
    return kind === 'M' || kind === 'O' || (kind === 'E' && this.variant.isMemory);
  }

  #register(index: number, w: Width): Expr {
    const { kind } = this.variant.operands[index]!;
    switch (kind) {
      case 'E':
      case 'R':
      case 'Z':
        return { k: 'reg', w, place: 'rm' };
      case 'G':
        return { k: 'reg', w, place: 'reg' };
      case 'B':
        return { k: 'reg', w, place: 'vvvv' };
      case 'a':
        return gpr(w, Gpr.rax);
      case 'c':
        return gpr(w, Gpr.rcx);
      case 'I':
      case 'J':
        return { k: 'imm', w };
      case '1':
        return num(w, 1);
      default:
        throw new InvariantError(`operand kind ${kind} has no value`);
    }
  }

  /** Value of an operand. */
  read(index: number, w: Width = this.width(index)): Expr {
    return this.#isMemory(index) ? this.load(w, 'operand', EA) : this.let(this.#register(index, w));
  }

  /** Value of an operand that will be written back: a memory operand must be writable. */
  modify(index: number): Expr {
    const w = this.width(index);
    if (!this.#isMemory(index)) return this.let(this.#register(index, w));
    const id = this.#nextId++;
    this.emit({ s: 'load', id, w, segment: 'operand', address: EA, intent: 'modify' });
    this.#modified.set(index, id);
    return { k: 'tmp', w, id };
  }

  /** Writes an operand. */
  write(index: number, e: Expr): void {
    const w = this.width(index);
    if (this.#isMemory(index)) {
      const id = this.#modified.get(index);
      if (id === undefined) this.store(w, 'operand', EA, e);
      else this.emit({ s: 'storeBack', id, w, e });
      return;
    }
    const target = this.#register(index, w);
    if (target.k === 'gpr') this.setGpr(target.n, e);
    else if (target.k === 'reg') this.emit({ s: 'setReg', place: target.place, w, e });
    else throw new InvariantError('operand cannot be written');
  }

  load(w: Width, segment: SegmentChoice, address: Expr, intent: 'read' | 'modify' = 'read'): Expr {
    const id = this.#nextId++;
    this.emit({ s: 'load', id, w, segment, address, intent });
    return { k: 'tmp', w, id };
  }

  store(w: Width, segment: SegmentChoice, address: Expr, e: Expr): void {
    this.emit({ s: 'store', w, segment, address, e });
  }

  /** Writes to the place of a `load` with intent modify. */
  storeBack(place: Expr, e: Expr): void {
    if (place.k !== 'tmp') throw new InvariantError('not a loaded place');
    this.emit({ s: 'storeBack', id: place.id, w: place.w, e });
  }

  setGpr(n: number, e: Expr): void {
    this.emit({ s: 'setGpr', n, high: false, w: e.w, e });
  }

  flags(set: FlagUpdate, undef: number | readonly OpenFlags[] = []): void {
    this.emit({ s: 'flags', set, undef: typeof undef === 'number' ? [{ mask: undef }] : undef });
  }

  setState(w: Width, offset: number, e: Expr): void {
    this.emit({ s: 'setState', w, offset, e });
  }

  helper(name: string): void {
    this.emit({ s: 'helper', name });
  }

  if(c: Expr, then: () => void, otherwise: () => void = () => {}): void {
    const outer = this.#statements;
    const collect = (body: () => void): Stmt[] => {
      this.#statements = [];
      body();
      return this.#statements;
    };
    const thenList = collect(then);
    const otherwiseList = collect(otherwise);
    this.#statements = outer;
    this.emit({ s: 'if', c, yes: thenList, no: otherwiseList });
  }

  fault(vector: number): void {
    this.emit({ s: 'fault', vector });
  }

  /** Near branch: target reduced to the operand size. */
  target(e: Expr): Expr {
    return this.let(this.cutTarget(e));
  }

  /** As `target`, computed where it is used: a linked jump never is. */
  cutTarget(e: Expr): Expr {
    return and(e, this.variant.width === 16 ? num(64, 0xffff) : stateField(64, Field.ripMask));
  }

  checkTarget(target: Expr): void {
    this.emit({ s: 'checkTarget', target });
  }

  jump(target: Expr, isRelative = false): void {
    this.emit({ s: 'jump', target, isRelative });
  }

  /** RSP plus `change` within the stack-address size; bits above it stay. */
  movedStack(change: Expr): Expr {
    const mask = stateField(64, Field.stackMask);
    const rsp = gpr(64, Gpr.rsp);
    return this.let(or(and(add(rsp, change), mask), and(rsp, not(mask))));
  }

  /** Offset of a value in the stack segment. */
  stackOffset(rsp: Expr): Expr {
    return and(rsp, stateField(64, Field.stackMask));
  }

  /** Pushes a value; RSP changes after the store has succeeded. */
  push(e: Expr): void {
    const value = this.let(e);
    const rsp = this.movedStack(num(64, -(value.w / 8)));
    this.store(value.w, Seg.ss, this.stackOffset(rsp), value);
    this.setGpr(Gpr.rsp, rsp);
  }

  /** Value on top of the stack, `skip` bytes above RSP. */
  top(w: Width, skip = 0): Expr {
    const rsp = gpr(64, Gpr.rsp);
    return this.load(w, Seg.ss, this.stackOffset(skip === 0 ? rsp : add(rsp, num(64, skip))));
  }

  /** Sets RSP `count` bytes higher. */
  drop(count: Expr): void {
    this.setGpr(Gpr.rsp, this.movedStack(count));
  }
}

/** Flags of an addition `r = a + b + carry`. */
export function addFlags(a: Expr, b: Expr, r: Expr, cf: Expr): FlagUpdate {
  return { cf, af: bit(xor(xor(a, b), r), 4), of: signBit(and(xor(a, r), xor(b, r))), result: r };
}

/** Flags of a subtraction `r = a - b - borrow`. */
export function subFlags(a: Expr, b: Expr, r: Expr, cf: Expr): FlagUpdate {
  return { cf, af: bit(xor(xor(a, b), r), 4), of: signBit(and(xor(a, b), xor(a, r))), result: r };
}
