import { Interpreter } from '../../src/impl/x86/interpreter.ts';
import { Field } from '../../src/impl/x86/state-layout.ts';
import { INSTRUCTIONS } from '../../src/impl/x86/table.ts';
import type { Rng } from '../../src/units/rng.ts';
import { excludedFromHost, makeSnippet } from './snippet.ts';
import {
  CODE_BASE,
  CODE_START,
  DATA_BASE,
  DATA_BYTES,
  UserMachine,
  WINDOW_BYTES,
  WINDOW_START,
} from './user-machine.ts';

/** A program in the code page with the registers to start it with. */
export interface Program {
  readonly bits: 32 | 64;
  readonly code: Uint8Array;
  readonly gpr: readonly bigint[];
  readonly flags: number;
  readonly window: Uint8Array;
}

const ROWS = {
  64: INSTRUCTIONS.filter(row => excludedFromHost(row, 64) === undefined),
  32: INSTRUCTIONS.filter(row => excludedFromHost(row, 32) === undefined),
};

/** A sequence of random instructions of the table, or (one in four) random bytes. */
export function randomProgram(rng: Rng, bits: 32 | 64): Program {
  const rows = ROWS[bits];
  const parts: Uint8Array[] = [];
  let gpr: bigint[] = Array.from({ length: 16 }, () => BigInt(DATA_BASE + WINDOW_START + rng.below(WINDOW_BYTES)));
  const isBytes = rng.below(4) === 0;
  while (!isBytes && parts.length < 12) {
    const snippet = makeSnippet(rng, rows[rng.below(rows.length)]!, bits);
    if (snippet === undefined) continue;
    parts.push(snippet.code);
    if (parts.length === 1) gpr = snippet.gpr;
  }
  if (isBytes) parts.push(Uint8Array.from({ length: 120 }, () => rng.next()));
  const window = Uint8Array.from({ length: WINDOW_BYTES }, () => rng.next());
  return {
    bits,
    code: Uint8Array.from(parts.flatMap(part => [...part])),
    gpr,
    flags: (rng.next() & 0xcd5) | 0x202,
    window,
  };
}

/** Puts a program into a machine. */
export function loadProgram(machine: UserMachine, program: Program): void {
  const { cpu, memory } = machine;
  memory.beginStep();
  for (const host of [machine.dataHost, machine.dataHost + 4096, machine.codeHost]) memory.touch(host >>> 12);
  const { bytes } = memory;
  bytes.fill(0, machine.dataHost, machine.dataHost + DATA_BYTES);
  bytes.set(program.window, machine.dataHost + WINDOW_START);
  bytes.fill(0xcc, machine.codeHost, machine.codeHost + 4096);
  bytes.set(program.code, machine.codeHost + CODE_START);
  machine.setMode(program.bits);
  program.gpr.forEach((value, n) => {
    cpu.state.setGpr(n, value);
  });
  cpu.state.rflags = program.flags;
  cpu.state.rip = BigInt(CODE_BASE + CODE_START);
  cpu.state.setU64(Field.cr2, 0n);
  machine.event = undefined;
}

/** Registers, flags, RIP and the event that ended the run, as text. */
function visible(machine: UserMachine): string {
  const { state } = machine.cpu;
  const registers = Array.from({ length: 16 }, (_, n) => `r${n}=${state.gpr(n).toString(16)}`);
  const { event } = machine;
  const ended = event === undefined ? '' : ` event ${event.vector} ${event.errorCode} ${event.payload.toString(16)}`;
  return `rip=${state.rip.toString(16)} flags=${state.rflags.toString(16)} ${registers.join(' ')}${ended}`;
}

const sameMemory = (a: UserMachine, b: UserMachine): boolean =>
  Buffer.compare(
    a.memory.bytes.subarray(a.dataHost, a.dataHost + DATA_BYTES),
    b.memory.bytes.subarray(b.dataHost, b.dataHost + DATA_BYTES),
  ) === 0;

/** Three machines: the reference evaluator, the interpreter step by step, the interpreter in one go. */
export class TierComparison {
  readonly reference = new UserMachine();
  readonly stepped = new UserMachine();
  readonly whole = new UserMachine();
  boundaries = 0;

  constructor() {
    Interpreter.attach(this.stepped.cpu);
    Interpreter.attach(this.whole.cpu);
  }

  /** The first difference, undefined if there is none. */
  compare(program: Program, maxSteps: number): string | undefined {
    const { reference, stepped, whole } = this;
    for (const machine of [reference, stepped, whole]) loadProgram(machine, program);
    let steps = 0;
    while (steps < maxSteps && reference.event === undefined) {
      reference.cpu.step();
      stepped.cpu.step();
      steps += 1;
      this.boundaries += 1;
      const expected = visible(reference);
      const actual = visible(stepped);
      if (expected !== actual) return `step ${steps}: reference ${expected}; interpreter ${actual}`;
      if (!sameMemory(reference, stepped)) return `step ${steps}: memory differs`;
    }
    const { executed } = whole.cpu.run(steps);
    if (executed !== steps) return `the interpreter executed ${executed} of ${steps} instructions`;
    if (visible(reference) !== visible(whole))
      return `in one go: reference ${visible(reference)}; interpreter ${visible(whole)}`;
    return sameMemory(reference, whole) ? undefined : 'in one go: memory differs';
  }
}
