import { readNumber, readWide, type Steps, writeWide } from '../native/rounds.ts';

/** Places in the state page of the monitored subject that its monitor uses (Muen `subject_state`). */
export const STATE = {
  rax: 8,
  rbx: 16,
  rcx: 24,
  rdx: 32,
  exitReason: 128,
  instructionLength: 144,
  exitQualification: 148,
  guestPhysicalAddress: 156,
  rip: 164,
  cr0: 180,
  cr0Shadow: 188,
  cr4: 204,
} as const;
export type StateField = keyof typeof STATE;

/** The state page of a monitored subject, through the monitor's mapping. */
export class MonitoredState {
  readonly #address: number;

  constructor(address: number) {
    this.#address = address;
  }

  *word(field: StateField): Steps<number> {
    return yield* readNumber(this.#address + STATE[field]);
  }

  *get(field: StateField): Steps<bigint> {
    return yield* readWide(this.#address + STATE[field]);
  }

  *set(field: StateField, value: bigint): Steps<void> {
    yield* writeWide(this.#address + STATE[field], BigInt.asUintN(64, value));
  }

  /** Sets a general-purpose register to a 32-bit value, the upper half to 0. */
  *setWord(field: StateField, value: number): Steps<void> {
    yield* this.set(field, BigInt(value >>> 0));
  }

  /** Moves the instruction pointer behind the instruction. Blocking by STI and MOV SS stays, unlike in the kernel. */
  *skip(): Steps<void> {
    const rip = yield* this.get('rip');
    yield* this.set('rip', rip + BigInt(yield* this.word('instructionLength')));
  }
}
