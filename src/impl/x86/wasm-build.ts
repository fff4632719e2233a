import { EMPTY_BLOCK, Op, pushSigned, pushUnsigned } from './wasm-binary.ts';

/* Code of WebAssembly functions written by hand, as nested expressions: each is the bytes that push its value or do its work. */

export type Code = readonly number[];

const unsigned = (value: number): number[] => {
  const bytes: number[] = [];
  pushUnsigned(bytes, value);
  return bytes;
};

export const get = (local: number): Code => [Op.localGet, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, Op.localSet, ...unsigned(local)];

export const i32 = (value: number): Code => {
  const bytes: number[] = [Op.i32Const];
  pushSigned(bytes, BigInt(value | 0));
  return bytes;
};
export const i64 = (value: bigint): Code => {
  const bytes: number[] = [Op.i64Const];
  pushSigned(bytes, value);
  return bytes;
};

const operator =
  (op: number) =>
  (a: Code, b: Code): Code => [...a, ...b, op];
export const add = operator(Op.i32Add);
export const sub = operator(Op.i32Sub);
export const mul = operator(Op.i32Mul);
export const and = operator(Op.i32And);
export const or = operator(Op.i32Or);
export const xor = operator(Op.i32Xor);
export const shl = operator(Op.i32Shl);
export const shr = operator(Op.i32ShrU);
export const eq = operator(Op.i32Eq);
export const ne = operator(Op.i32Ne);
export const lessUnsigned = operator(Op.i32LtU);
export const isZero = (a: Code): Code => [...a, Op.i32Eqz];
export const add64 = operator(Op.i64Add);
export const mul64 = operator(Op.i64Mul);
export const and64 = operator(Op.i64And);
export const shl64 = operator(Op.i64Shl);
export const shr64 = operator(Op.i64ShrU);
export const sar64 = operator(Op.i64ShrS);
export const extend = (a: Code): Code => [...a, Op.i64ExtendI32U];
/** `yes` if the condition holds; both are evaluated. */
export const select = (condition: Code, yes: Code, no: Code): Code => [...yes, ...no, ...condition, Op.select];

const load =
  (op: number) =>
  (address: Code, offset = 0): Code => [...address, op, 0, ...unsigned(offset)];
export const load8 = load(Op.i32Load8U);
export const load16 = load(Op.i32Load16U);
export const load32 = load(Op.i32Load);
export const load64 = load(Op.i64Load);
const store =
  (op: number) =>
  (address: Code, offset: number, value: Code): Code => [...address, ...value, op, 0, ...unsigned(offset)];
export const store32 = store(Op.i32Store);
export const store64 = store(Op.i64Store);

export const when = (condition: Code, ...body: readonly Code[]): Code => [
  ...condition,
  Op.if,
  EMPTY_BLOCK,
  ...body.flat(),
  Op.end,
];
export const leave = (value: Code): Code => [...value, Op.return];
/** Runs for ever; the body leaves. */
export const forever = (...body: readonly Code[]): Code => [
  Op.loop,
  EMPTY_BLOCK,
  ...body.flat(),
  Op.br,
  0,
  Op.end,
  Op.unreachable,
];
