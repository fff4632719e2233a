import { deliverThroughIdt } from './deliver.ts';
import { type DeliveredEvent, EventType } from './hooks.ts';
import { Activity, Field } from './state-layout.ts';
import { UNWIND, Vector } from './unwind.ts';
import type { X86Processor } from './x86-processor.ts';

/** DR7.GD. */
const GENERAL_DETECT = 0x2000n;

/** Exceptions that make a double fault of a second one (SDM Vol. 3A, table "Interrupt and Exception Classes"). */
const isContributory = (vector: number): boolean => vector === 0 || (vector >= 10 && vector <= 13);
const HAS_ERROR_CODE = [8, 10, 11, 12, 13, 14, 17];

/** Faults of a processor and how events are delivered: interception, IDT, double and triple faults. */
export class EventDelivery {
  /** The instruction at hand went through a gate of its own. */
  hasLeftByGate = false;
  readonly #cpu: X86Processor;
  #pendingVector = -1;
  #pendingError: number | undefined;
  #pendingPayload = 0n;

  constructor(cpu: X86Processor) {
    this.#cpu = cpu;
  }

  /** Unwinds by a fault. */
  fail(vector: number, errorCode: number | undefined, payload: bigint): never {
    this.#pendingVector = vector;
    this.#pendingError = errorCode;
    this.#pendingPayload = payload;
    throw UNWIND;
  }

  /** Unwinds without a fault: something else was loaded. */
  abandon(): never {
    this.#pendingVector = -1;
    throw UNWIND;
  }

  /** Runs something outside of an instruction; a fault or abandonment in it is dealt with. */
  guarded<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (error !== UNWIND) throw error;
      this.dispatchPending();
      this.#cpu.attention = true;
      return undefined;
    }
  }

  /** Delivers the fault that unwound, if one did. */
  dispatchPending(): void {
    const vector = this.#pendingVector;
    this.#pendingVector = -1;
    if (vector >= 0) this.raise(vector, this.#pendingError, this.#pendingPayload);
    this.#cpu.isBlockedReturn = false;
  }

  /** Delivers an exception of the instruction at hand. */
  raise(vector: number, errorCode: number | undefined, payload: bigint): void {
    const hasCode = errorCode !== undefined && HAS_ERROR_CODE.includes(vector);
    const isReal = (this.#cpu.state.u32(Field.cr0) & 1) === 0;
    this.deliver({
      vector,
      type: EventType.hardwareException,
      errorCode: hasCode && !isReal ? errorCode : undefined,
      instructionLength: 0,
      payload,
    });
  }

  /** Delivers an event at an instruction boundary; faults on the way become further events. */
  deliver(event: DeliveredEvent): void {
    this.hasLeftByGate = event.type >= EventType.softwareInterrupt;
    let next: DeliveredEvent | undefined = event;
    while (next !== undefined) next = this.#deliverOnce(next);
    this.#cpu.delivering = undefined;
    this.#cpu.attention = true;
  }

  /** Delivers one event; returns the event that a fault on the way makes of it. */
  #deliverOnce(event: DeliveredEvent): DeliveredEvent | undefined {
    const cpu = this.#cpu;
    try {
      if (cpu.isNonRoot && cpu.hooks.interceptEvent(cpu, event)) return undefined;
      if (event.vector === Vector.debug && event.type === EventType.hardwareException) {
        cpu.state.setU64(Field.dr7, cpu.state.u64(Field.dr7) & ~GENERAL_DETECT);
        cpu.state.setU64(Field.dr6, (cpu.state.u64(Field.dr6) & ~0xfn) | event.payload | 0xffff_0ff0n);
      }
      cpu.delivering = event;
      deliverThroughIdt(cpu, cpu.space, event);
      cpu.updateContext();
      return undefined;
    } catch (error) {
      if (error !== UNWIND) throw error;
      if (this.#pendingVector < 0) return undefined;
      return this.#combine(event, this.#pendingVector, this.#pendingError, this.#pendingPayload);
    }
  }

  #combine(
    first: DeliveredEvent,
    vector: number,
    errorCode: number | undefined,
    payload: bigint,
  ): DeliveredEvent | undefined {
    const cpu = this.#cpu;
    this.#pendingVector = -1;
    // A guest leaves by the second exception, if that one is intercepted, before it can make a double fault.
    const second = { vector, type: EventType.hardwareException, errorCode, instructionLength: 0, payload };
    if (cpu.isNonRoot && cpu.hooks.interceptEvent(cpu, second)) return undefined;
    if (vector === Vector.page) cpu.state.setU64(Field.cr2, payload);
    const isException = first.type === EventType.hardwareException;
    if (isException && first.vector === Vector.doubleFault) {
      this.#tripleFault();
      return undefined;
    }
    const isDouble =
      isException &&
      ((isContributory(first.vector) && isContributory(vector)) ||
        (first.vector === Vector.page && (isContributory(vector) || vector === Vector.page)));
    return {
      vector: isDouble ? Vector.doubleFault : vector,
      type: EventType.hardwareException,
      errorCode: isDouble ? 0 : errorCode,
      instructionLength: 0,
      payload: isDouble ? 0n : payload,
    };
  }

  #tripleFault(): void {
    const cpu = this.#cpu;
    if (cpu.isNonRoot && cpu.hooks.tripleFault(cpu)) return;
    cpu.state.setU32(Field.activity, Activity.shutdown);
  }
}
