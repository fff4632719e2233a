import { expect, test } from 'vitest';
import {
  executeThread,
  RFLAGS,
  RIP,
  type ThreadMemory,
  type ThreadRegisters,
  Vector,
} from '../../../../src/impl/genode/core/thread-code.ts';
import { createRng, type Rng } from '../../../../src/units/rng.ts';
import { loadProgram } from '../../../oracle/tier-compare.ts';
import { CODE_BASE, DATA_BASE, DATA_BYTES, UserMachine, WINDOW_BYTES } from '../../../oracle/user-machine.ts';

const PROGRAMS = 300;
const STEPS = 12;
const PAGE_FAULT = 14;
const START = 0x800;

/** Code and data of the user machine, as a thread would have them attached. */
class FlatMemory implements ThreadMemory {
  readonly data = new Uint8Array(DATA_BYTES);
  readonly #code: Uint8Array;

  constructor(code: Uint8Array) {
    this.#code = code;
  }

  fetch(address: bigint, sizeBytes: number): Uint8Array {
    const at = Number(address) - CODE_BASE;
    return at >= 0 && at < 0x1000 ? this.#code.subarray(at, at + sizeBytes) : new Uint8Array(0);
  }

  missing(): void {}

  #place(address: bigint): number | undefined {
    const at = Number(address) - DATA_BASE;
    return at >= 0 && at + 8 <= DATA_BYTES ? at : undefined;
  }

  load(address: bigint): bigint | undefined {
    const at = this.#place(address);
    return at === undefined ? undefined : new DataView(this.data.buffer).getBigUint64(at, true);
  }

  store(address: bigint, value: bigint): boolean {
    const at = this.#place(address);
    if (at !== undefined) new DataView(this.data.buffer).setBigUint64(at, value, true);
    return at !== undefined;
  }
}

const byteOf = (rng: Rng): number => rng.below(256);

/** One instruction of the subset, with random operands. */
function instruction(rng: Rng): number[] {
  const rex = 0x48 + rng.below(6);
  const registers = 0xc0 + rng.below(64);
  const memory = [0, 1, 2, 3, 6, 7][rng.below(6)]! + 8 * rng.below(8);
  const choices: readonly (() => number[])[] = [
    () => [0x90],
    () => [0xf3, 0x90],
    () => [rex & 0x49, 0xb8 + rng.below(8), ...Array.from({ length: 8 }, () => byteOf(rng))],
    () => [rex, [0x01, 0x29, 0x39][rng.below(3)]!, registers],
    () => [rex, [0x01, 0x29, 0x39][rng.below(3)]!, registers],
    () => [rex, [0x89, 0x8b][rng.below(2)]!, registers],
    () => [rex, [0x89, 0x8b][rng.below(2)]!, memory],
    () => [rex & 0x49, 0xc7, 0xc0 + rng.below(8), ...Array.from({ length: 4 }, () => byteOf(rng))],
    () => [rex & 0x49, 0xff, 0xc0 + rng.below(16)],
    () => [0x50 + rng.below(16)],
    () => [0x41, 0x50 + rng.below(16)],
    () => [0x74 + rng.below(2), rng.below(8)],
    () => [0xeb, rng.below(4)],
    () => [0xe8, rng.below(6), 0, 0, 0],
    () => [[0xcc, 0xf4][rng.below(2)]!],
  ];
  return choices[rng.below(choices.length)]!();
}

/** Registers: data addresses, small and extreme numbers. */
function initialRegisters(rng: Rng): bigint[] {
  const values = [0n, 1n, 2n ** 63n, 2n ** 64n - 1n, 0x7fff_ffff_ffff_ffffn, 15n, 16n];
  const registers = Array.from({ length: 16 }, () =>
    rng.below(2) === 0 ? BigInt(DATA_BASE + 8 * rng.below(DATA_BYTES / 8)) : values[rng.below(values.length)]!,
  );
  registers[4] = BigInt(DATA_BASE + 0x1000);
  return registers;
}

/** Programs that ran to their end. */
let finished = 0;

/** Runs one program on both, and compares after each instruction. */
function compare(seed: number, machine: UserMachine): void {
  const rng = createRng(seed);
  const bytes = Array.from({ length: STEPS + 6 }, () => instruction(rng)).flat();
  const code = new Uint8Array(0x1000).fill(0xcc);
  code.set(bytes, START);
  const gpr = initialRegisters(rng);
  const flags = 0x202 | [0, 1, 0x40, 0x80, 0x800][rng.below(5)]!;
  loadProgram(machine, {
    bits: 64,
    start: START,
    code: Uint8Array.from(bytes),
    gpr,
    flags,
    window: new Uint8Array(WINDOW_BYTES),
  });
  const memory = new FlatMemory(code);
  let registers: ThreadRegisters = [...gpr, BigInt(CODE_BASE + START), BigInt(flags)];
  for (let step = 0; step < STEPS; step++) {
    machine.cpu.stopRequested = false;
    machine.cpu.step();
    const done = executeThread(registers, memory);
    const { state } = machine.cpu;
    const place = `program ${seed}, step ${step}, code ${code.subarray(Number(registers[RIP]!) - CODE_BASE).subarray(0, 10)}`;
    if (done.kind === 'fault') {
      expect(machine.event?.vector, place).toBe(PAGE_FAULT);
      return;
    }
    if (done.kind === 'exception') {
      // A jump into the middle of an instruction may find one that threads do not execute.
      if (done.vector === Vector.invalidOpcode) return;
      expect(machine.event?.vector, place).toBe(done.vector);
      return;
    }
    expect(machine.event, place).toBeUndefined();
    registers = done.registers;
    expect(
      [...Array.from({ length: 16 }, (_, index) => state.gpr(index)), state.rip, BigInt(state.rflags)],
      place,
    ).toEqual([...registers.slice(0, RIP), registers[RIP], registers[RFLAGS]]);
  }
  finished += 1;
  const { bytes: all } = machine.memory;
  expect(Buffer.compare(all.subarray(machine.dataHost, machine.dataHost + DATA_BYTES), memory.data)).toBe(0);
}

test('threads execute their instructions as the machine does', () => {
  const machine = new UserMachine();
  for (let seed = 1; seed <= PROGRAMS; seed++) compare(seed, machine);
  expect(finished).toBeGreaterThan(PROGRAMS / 20);
});

test('what threads do not execute is an invalid opcode, without any effect', () => {
  const memory = new FlatMemory(Uint8Array.of(0x0f, 0xa2, 0x90));
  const registers: ThreadRegisters = [...new Array<bigint>(16).fill(7n), BigInt(CODE_BASE), 2n];
  expect(executeThread(registers, memory)).toEqual({ kind: 'exception', vector: 6, registers });
});
