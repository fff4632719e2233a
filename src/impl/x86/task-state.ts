import { selectorError } from './descriptor.ts';
import type { Processor } from './processor.ts';
import { Seg } from './state-layout.ts';
import { Vector } from './unwind.ts';

/*
 * Task-state segments (SDM Vol. 3A, "32-Bit Task-State Segment (TSS)", "16-Bit TSS"): what a task switch saves in them and
 * loads from them.
 */

/** Offsets in a TSS; registers and selectors are one field each, `fieldBytes` apart. */
interface TaskLayout {
  readonly fieldBytes: 2 | 4;
  /** Smallest limit that a new task's TSS may have. */
  readonly minLimit: number;
  /** EIP, EFLAGS, eight registers, selectors: what a switch saves. */
  readonly instructionPointer: number;
  /** Selectors that it holds, as segment registers in their order. */
  readonly segments: readonly number[];
}

const WIDE: TaskLayout = {
  fieldBytes: 4,
  minLimit: 0x67,
  instructionPointer: 0x20,
  segments: [Seg.es, Seg.cs, Seg.ss, Seg.ds, Seg.fs, Seg.gs],
};
const NARROW: TaskLayout = {
  fieldBytes: 2,
  minLimit: 0x2b,
  instructionPointer: 0xe,
  segments: [Seg.es, Seg.cs, Seg.ss, Seg.ds],
};
const REGISTERS = 8;
const CR3_OFFSET = 0x1c;
const TRAP_OFFSET = 0x64;
const UPPER_HALF = 0xffff_0000n;

/** True for the descriptor types of 32-bit TSSs. */
export const isWideTask = (rights: number): boolean => (rights & 8) !== 0;
const layoutOf = (rights: number): TaskLayout => (isWideTask(rights) ? WIDE : NARROW);
/** Bytes that a switch saves. */
const savedBytes = ({ fieldBytes, segments }: TaskLayout): number => (2 + REGISTERS + segments.length) * fieldBytes;

/** What a task starts or goes on with. */
export interface TaskState {
  readonly cr3: bigint | undefined;
  readonly eip: bigint;
  readonly flags: number;
  readonly registers: readonly bigint[];
  /** By segment register, ES .. GS. */
  readonly selectors: readonly number[];
  readonly ldt: number;
  /** The T flag: a debug exception before the task's first instruction. */
  readonly isTrapped: boolean;
}

/** True if a TSS descriptor's limit has room for all that a task is loaded from. */
export const hasRoomForTask = (rights: number, limit: number): boolean => limit >= layoutOf(rights).minLimit;

const at = (base: bigint, offset: number): bigint => (base + BigInt(offset)) & 0xffff_ffffn;

/** Faults now if an access of the switch would later: to the TSS of the present task, to the new one, to their descriptors. */
export function probeTasks(cpu: Processor, next: { readonly base: bigint; readonly rights: number }): void {
  const { state } = cpu;
  const old = layoutOf(state.rights(Seg.tr));
  if (old.instructionPointer + savedBytes(old) - 1 > state.limit(Seg.tr))
    cpu.fault(Vector.invalidTss, selectorError(state.selector(Seg.tr)));
  const write = (base: bigint, from: number, bytes: number): void =>
    cpu.space.probeAt(Number(at(base, from)), 0, bytes, false);
  write(state.segmentBase(Seg.tr), old.instructionPointer, savedBytes(old));
  for (let offset = 0; offset < layoutOf(next.rights).minLimit; offset += 4) cpu.readSystem(at(next.base, offset), 4);
  write(next.base, 0, 2);
}

/** Saves the present task in its TSS, to go on at `eip` with `flags` (in a 16-bit TSS the low halves). */
export function saveTask(cpu: Processor, eip: bigint, flags: number): void {
  const { state } = cpu;
  const { fieldBytes, instructionPointer, segments } = layoutOf(state.rights(Seg.tr));
  const mask = (1n << BigInt(fieldBytes * 8)) - 1n;
  const base = state.segmentBase(Seg.tr);
  let offset = instructionPointer;
  const registers = Array.from({ length: REGISTERS }, (_, n) => state.gpr(n));
  for (const value of [eip, BigInt(flags), ...registers]) {
    cpu.writeSystem(at(base, offset), fieldBytes, value & mask);
    offset += fieldBytes;
  }
  for (const segment of segments) {
    cpu.writeSystem(at(base, offset), 2, BigInt(state.selector(segment)));
    offset += fieldBytes;
  }
}

/**
 * Reads a task from its TSS; a 16-bit one leaves FS and GS null and the upper half of EFLAGS clear. The manual
 * does not say what becomes of the upper halves of registers: they are ones, as on Bochs.
 */
export function readTask(cpu: Processor, base: bigint, rights: number): TaskState {
  const { fieldBytes, instructionPointer, segments } = layoutOf(rights);
  const isWide = isWideTask(rights);
  const field = (index: number, bytes: number): bigint =>
    cpu.readSystem(at(base, instructionPointer + index * fieldBytes), bytes);
  const selectors = [0, 0, 0, 0, 0, 0];
  segments.forEach((segment, index) => {
    selectors[segment] = Number(field(2 + REGISTERS + index, 2));
  });
  return {
    cr3: isWide ? cpu.readSystem(at(base, CR3_OFFSET), 4) : undefined,
    eip: field(0, fieldBytes),
    flags: Number(field(1, fieldBytes)),
    registers: Array.from({ length: REGISTERS }, (_, n) => field(2 + n, fieldBytes) | (isWide ? 0n : UPPER_HALF)),
    selectors,
    ldt: Number(field(2 + REGISTERS + segments.length, 2)),
    isTrapped: isWide && (cpu.readSystem(at(base, TRAP_OFFSET), 2) & 1n) !== 0n,
  };
}
