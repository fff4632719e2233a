/**
 * The language in which the meaning of instructions is written: typed expressions without side effects, and statements.
 *
 * Expressions are unsigned values of 1, 8, 16, 32 or 64 bits. A statement list is executed in order; a fault in a load, a
 * store, a check or a helper ends the instruction, so semantics do all of these before they change registers and flags.
 */
export type Width = 1 | 8 | 16 | 32 | 64;

export type BinaryOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'and'
  | 'or'
  | 'xor'
  /** Shift counts are below the width. */
  | 'shl'
  | 'shr'
  | 'sar'
  /** High half of the product; 64 bits only. */
  | 'mulHighUnsigned'
  | 'mulHighSigned'
  /** 64 bits only; the divisor is not zero and the signed quotient does not overflow. */
  | 'divUnsigned'
  | 'divSigned'
  | 'remUnsigned'
  | 'remSigned';

/** Result 1 bit. */
export type CompareOp = 'eq' | 'ne' | 'ltUnsigned' | 'leUnsigned' | 'ltSigned';

export type UnaryOp =
  | 'not'
  | 'neg'
  /** Leading and trailing zeros; the width for 0. 32 and 64 bits only. */
  | 'clz'
  | 'ctz'
  | 'popcnt';

export type StatusFlag = 'cf' | 'pf' | 'af' | 'zf' | 'sf' | 'of';

export type Expr =
  | { readonly k: 'const'; readonly w: Width; readonly v: bigint }
  | { readonly k: 'tmp'; readonly w: Width; readonly id: number }
  /** Low bits of a fixed general-purpose register; `high`: its bits 15:8. */
  | { readonly k: 'gpr'; readonly w: Width; readonly n: number; readonly high: boolean }
  /** Register operand in a place of the encoding. */
  | { readonly k: 'reg'; readonly w: Width; readonly place: RegisterPlace }
  /** The immediate, truncated. */
  | { readonly k: 'imm'; readonly w: Width }
  /** Offset of the memory operand. */
  | { readonly k: 'ea'; readonly w: 64 }
  /** Address size of the instruction as a mask. */
  | { readonly k: 'addressMask'; readonly w: 64 }
  | { readonly k: 'nextRip'; readonly w: 64 }
  /** A field of the processor's state (Field), low bits. */
  | { readonly k: 'state'; readonly w: Width; readonly offset: number }
  | { readonly k: 'bin'; readonly w: Width; readonly op: BinaryOp; readonly a: Expr; readonly b: Expr }
  | { readonly k: 'cmp'; readonly w: 1; readonly op: CompareOp; readonly a: Expr; readonly b: Expr }
  | { readonly k: 'un'; readonly w: Width; readonly op: UnaryOp; readonly a: Expr }
  | { readonly k: 'zext'; readonly w: Width; readonly a: Expr }
  | { readonly k: 'sext'; readonly w: Width; readonly a: Expr }
  | { readonly k: 'trunc'; readonly w: Width; readonly a: Expr }
  | { readonly k: 'select'; readonly w: Width; readonly c: Expr; readonly a: Expr; readonly b: Expr }
  /** Quotient of high:low by a divisor that is above high; 64 bits. */
  | { readonly k: 'div128'; readonly w: 64; readonly high: Expr; readonly low: Expr; readonly d: Expr }
  /** Bits of an index register that a string instruction of this address size leaves alone. */
  | { readonly k: 'addressKeep'; readonly w: 64 }
  | { readonly k: 'flag'; readonly w: 1; readonly flag: StatusFlag };

/** Where an encoding names a register: ModRM.rm (or the opcode), ModRM.reg, VEX.vvvv. */
export type RegisterPlace = 'rm' | 'reg' | 'vvvv';

/** Segment of an access: that of the memory operand, or a fixed one. */
export type SegmentChoice = 'operand' | number;

export type Stmt =
  | { readonly s: 'let'; readonly id: number; readonly e: Expr }
  /** `intent` modify: the place must be writable, and `storeBack` of the same id writes it without a fault. */
  | {
      readonly s: 'load';
      readonly id: number;
      readonly w: Width;
      readonly segment: SegmentChoice;
      readonly address: Expr;
      readonly intent: 'read' | 'modify';
    }
  | { readonly s: 'storeBack'; readonly id: number; readonly w: Width; readonly e: Expr }
  | {
      readonly s: 'store';
      readonly w: Width;
      readonly segment: SegmentChoice;
      readonly address: Expr;
      readonly e: Expr;
    }
  /** A 32-bit write clears bits 63:32, narrower ones keep the rest. */
  | { readonly s: 'setGpr'; readonly n: number; readonly high: boolean; readonly w: Width; readonly e: Expr }
  | { readonly s: 'setReg'; readonly place: RegisterPlace; readonly w: Width; readonly e: Expr }
  /** Flags that are not named keep their value; `result` gives ZF, SF and PF; `undef` says which values the SDM leaves open. */
  | { readonly s: 'flags'; readonly set: FlagUpdate; readonly undef: readonly OpenFlags[] }
  /** Writes a field of the processor's state. */
  | { readonly s: 'setState'; readonly w: Width; readonly offset: number; readonly e: Expr }
  /** #GP(0) unless the target is canonical, or within the CS limit. */
  | { readonly s: 'checkTarget'; readonly target: Expr }
  /** #GP(0) unless the linear address of an operand is a multiple of `bytes`. */
  | { readonly s: 'checkAligned'; readonly address: Expr; readonly bytes: number }
  | { readonly s: 'jump'; readonly target: Expr; readonly isRelative: boolean }
  /** Executes the same instruction again (next iteration of REP). */
  | { readonly s: 'repeat' }
  | { readonly s: 'if'; readonly c: Expr; readonly yes: readonly Stmt[]; readonly no: readonly Stmt[] }
  | { readonly s: 'fault'; readonly vector: number }
  /** Calls a system helper by name; what follows in the list is not executed. */
  | { readonly s: 'helper'; readonly name: string };

/** Flags that are undefined after an instruction, always or when a condition holds. */
export interface OpenFlags {
  /** RFLAGS bits, and OPEN_RESULT. */
  readonly mask: number;
  readonly when?: Expr;
}
/** In OpenFlags.mask: the destination operand is undefined, too. */
export const OPEN_RESULT = 0x4000_0000;

export interface FlagUpdate {
  readonly cf?: Expr;
  readonly pf?: Expr;
  readonly af?: Expr;
  readonly zf?: Expr;
  readonly sf?: Expr;
  readonly of?: Expr;
  readonly result?: Expr;
}

const MASKS: Readonly<Record<number, bigint>> = {
  1: 1n,
  8: 0xffn,
  16: 0xffffn,
  32: 0xffff_ffffn,
  64: 0xffff_ffff_ffff_ffffn,
};
/** All ones of a width. */
export const maskOf = (width: Width): bigint => MASKS[width]!;

export const num = (w: Width, v: bigint | number): Expr => ({ k: 'const', w, v: BigInt(v) & maskOf(w) });
const bin =
  (op: BinaryOp) =>
  (a: Expr, b: Expr): Expr => ({ k: 'bin', w: a.w, op, a, b });
export const add = bin('add');
export const sub = bin('sub');
export const mul = bin('mul');
export const and = bin('and');
export const or = bin('or');
export const xor = bin('xor');
export const shl = bin('shl');
export const shr = bin('shr');
export const sar = bin('sar');
export const mulHighUnsigned = bin('mulHighUnsigned');
export const mulHighSigned = bin('mulHighSigned');
export const divUnsigned = bin('divUnsigned');
export const divSigned = bin('divSigned');
export const remUnsigned = bin('remUnsigned');
export const remSigned = bin('remSigned');
const cmp =
  (op: CompareOp) =>
  (a: Expr, b: Expr): Expr => ({ k: 'cmp', w: 1, op, a, b });
export const eq = cmp('eq');
export const ne = cmp('ne');
export const ltUnsigned = cmp('ltUnsigned');
export const leUnsigned = cmp('leUnsigned');
export const ltSigned = cmp('ltSigned');
const un =
  (op: UnaryOp) =>
  (a: Expr): Expr => ({ k: 'un', w: a.w, op, a });
export const not = un('not');
export const neg = un('neg');
export const clz = un('clz');
export const ctz = un('ctz');
export const popcnt = un('popcnt');
export const zext = (w: Width, a: Expr): Expr => (w === a.w ? a : { k: 'zext', w, a });
export const sext = (w: Width, a: Expr): Expr => (w === a.w ? a : { k: 'sext', w, a });
export const trunc = (w: Width, a: Expr): Expr => (w === a.w ? a : { k: 'trunc', w, a });
/** Changes the width without regard to the sign. */
export const resize = (w: Width, a: Expr): Expr => (w < a.w ? trunc(w, a) : zext(w, a));
export const select = (c: Expr, a: Expr, b: Expr): Expr => ({ k: 'select', w: a.w, c, a, b });
export const flag = (name: StatusFlag): Expr => ({ k: 'flag', w: 1, flag: name });
export const gpr = (w: Width, n: number): Expr => ({ k: 'gpr', w, n, high: false });
export const EA: Expr = { k: 'ea', w: 64 };
export const ADDRESS_MASK: Expr = { k: 'addressMask', w: 64 };
export const ADDRESS_KEEP: Expr = { k: 'addressKeep', w: 64 };
export const div128 = (high: Expr, low: Expr, d: Expr): Expr => ({ k: 'div128', w: 64, high, low, d });
export const NEXT_RIP: Expr = { k: 'nextRip', w: 64 };
export const stateField = (w: Width, offset: number): Expr => ({ k: 'state', w, offset });
/** Bit `index` of a value, as one bit. */
export const bit = (a: Expr, index: number): Expr => trunc(1, index === 0 ? a : shr(a, num(a.w, index)));
/** The highest bit. */
export const signBit = (a: Expr): Expr => bit(a, a.w - 1);
export const isZero = (a: Expr): Expr => eq(a, num(a.w, 0));
