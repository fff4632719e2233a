import type { RegisterPlace } from './ir.ts';
import { ExitStatus, RECORD_BYTES, RecordField } from './record-layout.ts';
import { Field } from './state-layout.ts';
import { EMPTY_BLOCK, Op } from './wasm-binary.ts';
import { WasmCode } from './wasm-code.ts';

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
export const RECORD = 0;
export const BUDGET = 1;
export const CPU = 2;
const PARAMETERS = 3;

const PLACE_FIELDS: Readonly<Record<RegisterPlace, number>> = {
  rm: RecordField.rm,
  reg: RecordField.reg,
  vvvv: RecordField.vvvv,
};

/**
 * Body of a handler: what it shares with all others, which is the chain from record to record and the ways out of it.
 *
 * A handler ends in a tail call of the next one or returns an ExitStatus.
 */
export class HandlerCode extends WasmCode {
  readonly calls: HandlerCalls;
  readonly helperIndex: (name: string) => number;
  /** Locals of the temporaries of the IR, and of the pointers to places that are written back. */
  readonly temporaries = new Map<number, number>();
  readonly places = new Map<number, number>();

  constructor(calls: HandlerCalls, helperIndex: (name: string) => number) {
    super(PARAMETERS);
    this.calls = calls;
    this.helperIndex = helperIndex;
  }

  /** Tail call of the record behind this one, with one instruction less. */
  next(): void {
    this.step();
    this.dispatch();
  }

  /** Goes to the record behind this one, with one instruction less. */
  step(): void {
    this.countDown(() => {
      this.get(CPU);
      this.nextRip();
      this.memory(Op.i64Store, Field.rip);
    });
    this.get(RECORD);
    this.i32(RECORD_BYTES);
    this.push(Op.i32Add);
    this.set(RECORD);
  }

  /** Tail call of the handler of the record in the local. */
  dispatch(): void {
    this.get(RECORD);
    this.get(BUDGET);
    this.get(CPU);
    this.get(RECORD);
    this.memory(Op.i32Load, RecordField.handler);
    this.push(Op.returnCallIndirect, 0, 0);
  }

  /** Leaves for a lookup of the record's own address. */
  leaveForLookup(): void {
    this.get(CPU);
    this.startRip();
    this.memory(Op.i64Store, Field.rip);
    this.exit(ExitStatus.lookup, false);
  }

  /** Goes on at the record's target. */
  followTarget(): void {
    this.get(RECORD);
    this.memory(Op.i32Load, RecordField.target);
    this.set(RECORD);
    this.dispatch();
  }

  /** Loads a field of the processor's state. */
  stateLoad(op: number, offset: number): void {
    this.get(CPU);
    this.memory(op, offset);
  }

  /** Pushes the address of a register operand. */
  registerAddress(place: RegisterPlace): void {
    this.get(CPU);
    this.get(RECORD);
    this.memory(Op.i32Load16U, PLACE_FIELDS[place]);
    this.push(Op.i32Add);
  }

  /** RIP of the record, or of the one behind it. */
  #ripAt(field: number): void {
    this.stateLoad(Op.i64Load, Field.codeBase);
    this.get(RECORD);
    this.memory(Op.i64Load16U, field);
    this.push(Op.i64Add);
  }

  nextRip(): void {
    this.#ripAt(RecordField.next);
  }

  startRip(): void {
    this.#ripAt(RecordField.start);
  }

  /** Returns a status; the budget counts the instruction at hand as done if `isDone`. */
  exit(status: number, isDone: boolean): void {
    this.get(CPU);
    this.get(BUDGET);
    if (isDone) {
      this.i32(1);
      this.push(Op.i32Sub);
    }
    this.memory(Op.i32Store, Field.budget);
    this.get(CPU);
    this.get(RECORD);
    this.memory(Op.i32Store, Field.stoppedAt);
    this.i32(status);
    this.push(Op.return);
  }

  /** One instruction less; at zero `setRip` runs and the chain ends. */
  countDown(setRip: () => void): void {
    this.get(BUDGET);
    this.i32(1);
    this.push(Op.i32Sub);
    this.tee(BUDGET);
    this.push(Op.i32Eqz, Op.if, EMPTY_BLOCK);
    setRip();
    this.exit(ExitStatus.budget, false);
    this.push(Op.end);
  }

  /** Raises a fault and ends the chain. */
  fault(vector: number): void {
    this.get(RECORD);
    this.i32(vector);
    this.call(this.calls.raise);
    this.exit(ExitStatus.unwound, false);
  }
}
