import { invariant, unreachable } from '../../units/invariant.ts';
import type { CpuState } from './cpu-state.ts';
import { effectiveAddress } from './effective-address.ts';
import type { Instruction } from './instruction.ts';
import { Size } from './instruction.ts';
import {
  type BinaryOp,
  type Expr,
  type FlagUpdate,
  maskOf,
  type OpenFlags,
  type RegisterPlace,
  type SegmentChoice,
  type StatusFlag,
  type Stmt,
  type Width,
} from './ir.ts';
import { meaningOf, variantIndex } from './meaning.ts';
import { Field, Flag } from './state-layout.ts';

/** What the evaluator needs of a processor. */
export interface EvaluationTarget {
  readonly state: CpuState;
  readonly instruction: Instruction;
  readLinear(segment: number, offset: bigint, sizeBytes: number): bigint;
  writeLinear(segment: number, offset: bigint, sizeBytes: number, value: bigint): void;
  /** Faults if a later write of the place would. */
  probeWrite(segment: number, offset: bigint, sizeBytes: number): void;
  checkTarget(target: bigint): void;
  checkAligned(segment: number, offset: bigint, bytes: number): void;
  fault(vector: number, errorCode?: number): never;
  /** Calls a helper; true if it has set RIP itself. */
  callHelper(name: string): boolean;
}

const FLAG_BITS: Readonly<Record<StatusFlag, number>> = {
  cf: Flag.cf,
  pf: Flag.pf,
  af: Flag.af,
  zf: Flag.zf,
  sf: Flag.sf,
  of: Flag.of,
};

const signed = (value: bigint, width: Width): bigint => BigInt.asIntN(width, value);

const hasEvenParity = (value: bigint): boolean => {
  let bits = Number(value & 0xffn);
  bits ^= bits >> 4;
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  return (bits & 1) === 0;
};

function binary(op: BinaryOp, width: Width, a: bigint, b: bigint): bigint {
  switch (op) {
    case 'add':
      return a + b;
    case 'sub':
      return a - b;
    case 'mul':
      return a * b;
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'shl':
      return a << b;
    case 'shr':
      return a >> b;
    case 'sar':
      return signed(a, width) >> b;
    case 'mulHighUnsigned':
      return (a * b) >> 64n;
    case 'mulHighSigned':
      return (signed(a, 64) * signed(b, 64)) >> 64n;
    case 'divUnsigned':
      return a / b;
    case 'divSigned':
      return signed(a, 64) / signed(b, 64);
    case 'remUnsigned':
      return a % b;
    case 'remSigned':
      return signed(a, 64) % signed(b, 64);
    default:
      return unreachable(op);
  }
}

/** Number of zero bits above the highest set bit. */
const leadingZeros = (value: bigint, width: Width): bigint =>
  BigInt(width - (value === 0n ? 0 : value.toString(2).length));

function trailingZeros(value: bigint, width: Width): bigint {
  if (value === 0n) return BigInt(width);
  return BigInt((value & -value).toString(2).length - 1);
}

const countOnes = (value: bigint): bigint => BigInt(value.toString(2).replaceAll('0', '').length);

/**
 * The reference evaluator: executes the meaning of one instruction with unsigned bigints, as written.
 *
 * It is the executable specification: no caching, no laziness; flags are computed at once.
 */
export class Evaluator {
  readonly #target: EvaluationTarget;
  readonly #state: CpuState;
  readonly #temporaries: bigint[] = [];
  readonly #places = new Map<number, { readonly segment: number; readonly offset: bigint }>();
  #nextRip = 0n;
  #isDone = false;
  /** RFLAGS bits (and OPEN_RESULT) that the SDM leaves open after the last instruction. */
  openFlags = 0;

  constructor(target: EvaluationTarget) {
    this.#target = target;
    this.#state = target.state;
  }

  /** Executes the decoded instruction and sets RIP; faults unwind with nothing changed. */
  execute(): void {
    const { instruction } = this.#target;
    const state = this.#state;
    const rip = state.rip;
    this.#nextRip = (rip + BigInt(instruction.length)) & state.u64(Field.ripMask);
    this.#isDone = false;
    this.openFlags = 0;
    this.#places.clear();
    this.#run(meaningOf(variantIndex(instruction)));
    if (!this.#isDone) state.rip = this.#nextRip;
  }

  #run(statements: readonly Stmt[]): void {
    for (const statement of statements) {
      if (this.#isDone) return;
      this.#execute(statement);
    }
  }

  #execute(statement: Stmt): void {
    const target = this.#target;
    switch (statement.s) {
      case 'let':
        this.#temporaries[statement.id] = this.#value(statement.e);
        return;
      case 'load': {
        const segment = this.#segment(statement.segment);
        const offset = this.#value(statement.address);
        if (statement.intent === 'modify') {
          target.probeWrite(segment, offset, statement.w / 8);
          this.#places.set(statement.id, { segment, offset });
        }
        this.#temporaries[statement.id] = target.readLinear(segment, offset, statement.w / 8);
        return;
      }
      case 'storeBack': {
        const place = this.#places.get(statement.id);
        invariant(place !== undefined, 'a place is loaded before it is stored');
        target.writeLinear(place.segment, place.offset, statement.w / 8, this.#value(statement.e));
        return;
      }
      case 'store':
        target.writeLinear(
          this.#segment(statement.segment),
          this.#value(statement.address),
          statement.w / 8,
          this.#value(statement.e),
        );
        return;
      case 'setGpr':
        this.#setGpr(statement.n, statement.high, statement.w, this.#value(statement.e));
        return;
      case 'setReg': {
        const { n, high } = this.#place(statement.place, statement.w);
        this.#setGpr(n, high, statement.w, this.#value(statement.e));
        return;
      }
      case 'setState':
        if (statement.w === 64) this.#state.setU64(statement.offset, this.#value(statement.e));
        else this.#state.setU32(statement.offset, Number(this.#value(statement.e)));
        return;
      case 'flags':
        this.#setFlags(statement.set, statement.undef);
        return;
      case 'checkTarget':
        target.checkTarget(this.#value(statement.target));
        return;
      case 'checkAligned':
        target.checkAligned(target.instruction.segment, this.#value(statement.address), statement.bytes);
        return;
      case 'jump':
        this.#state.rip = this.#value(statement.target);
        this.#isDone = true;
        return;
      case 'repeat':
        this.#isDone = true;
        return;
      case 'if':
        this.#run(this.#value(statement.c) === 1n ? statement.yes : statement.no);
        return;
      case 'fault':
        // #GP of an instruction's own conditions has error code 0.
        target.fault(statement.vector, statement.vector === 13 ? 0 : undefined);
        return;
      case 'helper':
        this.#isDone = target.callHelper(statement.name);
        return;
      default:
        unreachable(statement);
    }
  }

  #segment(choice: SegmentChoice): number {
    return choice === 'operand' ? this.#target.instruction.segment : choice;
  }

  /** Register that a place of the encoding names; byte registers 4 .. 7 are AH .. BH without REX. */
  #place(place: RegisterPlace, width: Width): { readonly n: number; readonly high: boolean } {
    const { instruction } = this.#target;
    const n = place === 'rm' ? instruction.rm : place === 'reg' ? instruction.reg : instruction.vvvv;
    const high = width === 8 && instruction.rex === 0 && n >= 4;
    return { n: high ? n - 4 : n, high };
  }

  #gpr(n: number, high: boolean, width: Width): bigint {
    const value = this.#state.gpr(n);
    return (high ? value >> 8n : value) & maskOf(width);
  }

  #setGpr(n: number, high: boolean, width: Width, value: bigint): void {
    const old = this.#state.gpr(n);
    if (width >= 32) this.#state.setGpr(n, value);
    else if (high) this.#state.setGpr(n, (old & ~0xff00n) | (value << 8n));
    else this.#state.setGpr(n, (old & ~maskOf(width)) | value);
  }

  #value(e: Expr): bigint {
    switch (e.k) {
      case 'const':
        return e.v;
      case 'tmp': {
        const value = this.#temporaries[e.id];
        invariant(value !== undefined, 'a temporary is set before it is used');
        return value;
      }
      case 'gpr':
        return this.#gpr(e.n, e.high, e.w);
      case 'reg': {
        const { n, high } = this.#place(e.place, e.w);
        return this.#gpr(n, high, e.w);
      }
      case 'imm': {
        const { immediateLow, immediateHigh } = this.#target.instruction;
        const value = (BigInt(immediateHigh >>> 0) << 32n) | BigInt(immediateLow >>> 0);
        return value & maskOf(e.w);
      }
      case 'ea':
        return effectiveAddress(this.#state, this.#target.instruction, this.#nextRip);
      case 'addressMask':
        return this.#addressMask();
      case 'addressKeep':
        return this.#target.instruction.addressSize === Size.word ? ~0xffffn & maskOf(64) : 0n;
      case 'nextRip':
        return this.#nextRip;
      case 'state':
        return this.#state.u64(e.offset) & maskOf(e.w);
      case 'bin':
        return binary(e.op, e.w, this.#value(e.a), this.#value(e.b)) & maskOf(e.w);
      case 'cmp':
        return this.#compare(e.op, e.a, e.b) ? 1n : 0n;
      case 'un':
        return this.#unary(e.op, e.w, this.#value(e.a));
      case 'zext':
        return this.#value(e.a);
      case 'sext':
        return signed(this.#value(e.a), e.a.w) & maskOf(e.w);
      case 'trunc':
        return this.#value(e.a) & maskOf(e.w);
      case 'select':
        return this.#value(e.c) === 1n ? this.#value(e.a) : this.#value(e.b);
      case 'div128':
        return (((this.#value(e.high) << 64n) | this.#value(e.low)) / this.#value(e.d)) & maskOf(64);
      case 'flag':
        return (this.#state.rflags & FLAG_BITS[e.flag]) === 0 ? 0n : 1n;
      default:
        return unreachable(e);
    }
  }

  #addressMask(): bigint {
    const { addressSize } = this.#target.instruction;
    return addressSize === Size.word ? 0xffffn : addressSize === Size.dword ? 0xffff_ffffn : maskOf(64);
  }

  #compare(op: Extract<Expr, { k: 'cmp' }>['op'], left: Expr, right: Expr): boolean {
    const a = this.#value(left);
    const b = this.#value(right);
    switch (op) {
      case 'eq':
        return a === b;
      case 'ne':
        return a !== b;
      case 'ltUnsigned':
        return a < b;
      case 'leUnsigned':
        return a <= b;
      case 'ltSigned':
        return signed(a, left.w) < signed(b, right.w);
      default:
        return unreachable(op);
    }
  }

  #unary(op: Extract<Expr, { k: 'un' }>['op'], width: Width, a: bigint): bigint {
    switch (op) {
      case 'not':
        return ~a & maskOf(width);
      case 'neg':
        return -a & maskOf(width);
      case 'clz':
        return leadingZeros(a, width);
      case 'ctz':
        return trailingZeros(a, width);
      case 'popcnt':
        return countOnes(a);
      default:
        return unreachable(op);
    }
  }

  #setFlags(set: FlagUpdate, open: readonly OpenFlags[]): void {
    let bits = this.#state.rflags;
    const put = (mask: number, isSet: boolean): void => {
      bits = isSet ? bits | mask : bits & ~mask;
    };
    // The conditions of open flags see the state before the update.
    let openMask = 0;
    for (const { mask, when } of open) if (when === undefined || this.#value(when) === 1n) openMask |= mask;
    if (set.result !== undefined) {
      const value = this.#value(set.result);
      put(Flag.zf, value === 0n);
      put(Flag.sf, signed(value, set.result.w) < 0n);
      put(Flag.pf, hasEvenParity(value));
    }
    for (const name of ['cf', 'pf', 'af', 'zf', 'sf', 'of'] as const) {
      const e = set[name];
      if (e !== undefined) put(FLAG_BITS[name], this.#value(e) === 1n);
    }
    this.#state.rflags = bits;
    this.openFlags |= openMask;
  }
}
