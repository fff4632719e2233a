import { Op, pushSigned, pushUnsigned } from './wasm-binary.ts';

/** The body of a WebAssembly function under construction. */
export class WasmCode {
  readonly code: number[] = [];
  /** Types of the locals behind the parameters. */
  readonly locals: number[] = [];
  readonly #parameters: number;

  constructor(parameters: number) {
    this.#parameters = parameters;
  }

  push(...ops: readonly number[]): void {
    this.code.push(...ops);
  }

  /** A new local. */
  local(type: number): number {
    this.locals.push(type);
    return this.#parameters + this.locals.length - 1;
  }

  get(local: number): void {
    this.code.push(Op.localGet);
    pushUnsigned(this.code, local);
  }

  set(local: number): void {
    this.code.push(Op.localSet);
    pushUnsigned(this.code, local);
  }

  tee(local: number): void {
    this.code.push(Op.localTee);
    pushUnsigned(this.code, local);
  }

  i32(value: number): void {
    this.code.push(Op.i32Const);
    pushSigned(this.code, BigInt(value | 0));
  }

  i64(value: bigint): void {
    this.code.push(Op.i64Const);
    pushSigned(this.code, BigInt.asIntN(64, value));
  }

  /** Load or store with its immediate offset; alignment hints are 1 byte. */
  memory(op: number, offset: number): void {
    this.code.push(op, 0);
    pushUnsigned(this.code, offset);
  }

  call(index: number): void {
    this.code.push(Op.call);
    pushUnsigned(this.code, index);
  }
}
