import { CodeMode } from '../../src/impl/x86/code-mode.ts';
import { Decoder, DecodeStatus, newInstruction } from '../../src/impl/x86/decoder.ts';
import { Interpreter } from '../../src/impl/x86/interpreter.ts';
import { Field } from '../../src/impl/x86/state-layout.ts';
import { INSTRUCTIONS } from '../../src/impl/x86/table.ts';
import type { Rng } from '../../src/units/rng.ts';
import { excludedFromHost, makeSnippet } from './snippet.ts';
import {
  CODE_BASE,
  CODE_START,
  type CodePages,
  DATA_BASE,
  DATA_BYTES,
  UserMachine,
  WINDOW_BYTES,
  WINDOW_START,
} from './user-machine.ts';

/** A program in the code pages with the registers to start it with. */
export interface Program {
  readonly bits: 16 | 32 | 64;
  /** Offset of the code in its first page. */
  readonly start: number;
  /** Linear base of CS, for 16-bit code. */
  readonly codeBase?: number;
  readonly code: Uint8Array;
  readonly gpr: readonly bigint[];
  readonly flags: number;
  readonly window: Uint8Array;
}

const ROWS = {
  64: INSTRUCTIONS.filter(row => excludedFromHost(row, 64) === undefined),
  32: INSTRUCTIONS.filter(row => excludedFromHost(row, 32) === undefined),
};

const randomWindow = (rng: Rng): Uint8Array => Uint8Array.from({ length: WINDOW_BYTES }, () => rng.next());
const randomFlags = (rng: Rng): number => (rng.next() & 0xcd5) | 0x202;

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
  const window = randomWindow(rng);
  const code = Uint8Array.from(parts.flatMap(part => [...part]));
  return { bits, start: CODE_START, code, gpr, flags: randomFlags(rng), window };
}

/** A random program across the end of the first code page, which its registers may point to as well. */
export function randomCrossingProgram(rng: Rng, bits: 32 | 64): Program {
  const program = randomProgram(rng, bits);
  const gpr = program.gpr.map(value => (rng.below(4) === 0 ? BigInt(CODE_BASE + 0x1000 - 8 + rng.below(16)) : value));
  return { ...program, gpr, start: 0x1000 - rng.below(Math.min(60, program.code.length)) };
}

const decoder = new Decoder();
const decoded = newInstruction();

/** Bytes that decode to a user instruction of 16-bit code. */
function narrowInstruction(rng: Rng): Uint8Array {
  for (;;) {
    const bytes = Uint8Array.from({ length: 15 }, () => rng.next());
    const status = decoder.decode(bytes, 0, 15, CodeMode.bits16, decoded);
    if (status === DecodeStatus.ok && excludedFromHost(decoded.row, 32) === undefined)
      return bytes.slice(0, decoded.length);
  }
}

/** Random 16-bit instructions in a code segment with a base, a third of them across the end of a page. */
export function randomNarrowProgram(rng: Rng): Program {
  const code = Uint8Array.from(Array.from({ length: 12 }, () => [...narrowInstruction(rng)]).flat());
  const gpr = Array.from({ length: 16 }, () => BigInt(WINDOW_START + rng.below(WINDOW_BYTES)));
  const start = rng.below(3) === 0 ? 0x1000 - rng.below(40) : CODE_START;
  const codeBase = CODE_BASE - [0, 0, 0x3000, 0xe000, 0x7c0][rng.below(5)]!;
  return { bits: 16, start, codeBase, code, gpr, flags: randomFlags(rng), window: randomWindow(rng) };
}

/** 64-bit comparisons and counts, each with a conditional jump behind it to the next pair or over it. */
export function randomPairs(rng: Rng): Program {
  const rex = (): number[] =>
    rng.below(2) === 0 ? [] : [0x40 | (rng.below(2) << 3) | rng.below(2) | (rng.below(2) << 2)];
  const registers = (digit = rng.below(8)): number => 0xc0 | (digit << 3) | rng.below(8);
  const first = (): number[] => [
    ...rex(),
    ...[
      () => [0x39, registers()],
      () => [0x3b, registers()],
      () => [0x83, registers(7), rng.next() & 0xff],
      () => [0x85, registers()],
      () => [0xff, registers(1)],
      () => [0x83, registers(5), rng.next() & 0xff],
    ][rng.below(6)]!(),
  ];
  const pairs: number[][] = [];
  let skipped = 0;
  // From the last one on, so that the length of what a jump skips is known.
  while (pairs.length < 12) {
    const pair = [...first(), 0x70 + rng.below(16), rng.below(2) * skipped];
    skipped = pair.length;
    pairs.unshift(pair);
  }
  const small = (): bigint => BigInt(rng.below(4)) - 1n;
  const gpr = Array.from({ length: 16 }, () =>
    BigInt.asUintN(64, rng.below(3) === 0 ? BigInt(rng.next()) << 33n : small()),
  );
  const window = randomWindow(rng);
  return { bits: 64, start: CODE_START, code: Uint8Array.from(pairs.flat()), gpr, flags: randomFlags(rng), window };
}

/** Puts a program into a machine; of its code what lies behind the last code page is left out. */
export function loadProgram(machine: UserMachine, program: Program): void {
  const { cpu, memory } = machine;
  const { start, code, codeBase = CODE_BASE } = program;
  memory.beginStep();
  for (const host of [machine.dataHost, machine.dataHost + 4096, ...machine.codeHosts]) memory.touch(host >>> 12);
  const { bytes } = memory;
  bytes.fill(0, machine.dataHost, machine.dataHost + DATA_BYTES);
  bytes.set(program.window, machine.dataHost + WINDOW_START);
  machine.codeHosts.forEach((host, index) => {
    bytes.fill(0xcc, host, host + 4096);
    const from = Math.max(0, index * 4096 - start);
    const part = code.subarray(from, (index + 1) * 4096 - start);
    bytes.set(part, host + Math.max(0, start - index * 4096));
  });
  machine.setMode(program.bits, codeBase);
  program.gpr.forEach((value, n) => {
    cpu.state.setGpr(n, value);
  });
  cpu.state.rflags = program.flags;
  const base = program.bits === 16 ? codeBase : 0;
  cpu.state.rip = BigInt(CODE_BASE + start - base);
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

const samePages = (a: UserMachine, b: UserMachine, from: number, to: number, count: number): boolean =>
  Buffer.compare(a.memory.bytes.subarray(from, from + count), b.memory.bytes.subarray(to, to + count)) === 0;
const sameMemory = (a: UserMachine, b: UserMachine): boolean =>
  samePages(a, b, a.dataHost, b.dataHost, DATA_BYTES) &&
  a.codeHosts.every((host, index) => samePages(a, b, host, b.codeHosts[index]!, 4096));

/** Three machines: the reference evaluator, the interpreter step by step, the interpreter in one go. */
export class TierComparison {
  readonly reference: UserMachine;
  readonly stepped: UserMachine;
  readonly whole: UserMachine;
  boundaries = 0;

  constructor(pages?: CodePages) {
    this.reference = new UserMachine(pages);
    this.stepped = new UserMachine(pages);
    this.whole = new UserMachine(pages);
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
