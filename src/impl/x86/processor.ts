import type { PhysicalMemory } from '../memory.ts';
import type { AddressSpace } from './address-space.ts';
import type { Breakpoints } from './breakpoints.ts';
import type { CpuState } from './cpu-state.ts';
import type { DeliveredEvent, SystemHooks } from './hooks.ts';
import type { Instruction } from './instruction.ts';

/** Why `run` returned. */
export type StopReason = 'budget' | 'waiting' | 'stopped' | 'shutdown';

export interface RunResult {
  /** Instructions retired or faulted, an iteration of a REP instruction counts as one. */
  readonly executed: number;
  readonly reason: StopReason;
}

/** A logical processor that executes machine code; README.md has the rules for hooks and helpers. */
export interface Processor {
  readonly id: number;
  readonly memory: PhysicalMemory;
  readonly state: CpuState;
  readonly space: AddressSpace;
  /** Breakpoints of DR0 .. DR3. */
  readonly breakpoints: Breakpoints;
  hooks: SystemHooks;
  /** The instruction at hand, valid inside hooks. */
  readonly instruction: Instruction;
  /** Event that is going through the IDT, undefined outside of delivery. */
  readonly delivering: DeliveredEvent | undefined;
  /** VMX non-root operation: the intercept hooks are asked. */
  isNonRoot: boolean;
  /** Guest-physical addresses go through `hooks.translate`. */
  hasNestedPaging: boolean;
  /** Makes the core ask `hooks.boundary` before the next instruction. */
  attention: boolean;
  /** The instruction at hand is an IRET that began while NMIs were blocked. */
  isBlockedReturn: boolean;
  /** The instruction at hand loaded RF from a stack or a TSS: its end does not clear it. */
  hasLoadedResume: boolean;
  /** Makes `run` return before the next instruction. */
  stopRequested: boolean;

  run(maxInstructions: number): RunResult;
  step(): RunResult;

  /** Derives modes and masks after registers were replaced; drops cached translations that no longer hold. */
  updateContext(): void;
  /** Invalidates all cached translations, or all but global ones. */
  flushTlb(keepGlobal?: boolean): void;
  /** INVLPG. */
  invalidatePage(linear: bigint): void;

  /** Ends the instruction with an exception; never returns. */
  fault(vector: number, errorCode?: number): never;
  /** Page fault with its address; never returns. */
  pageFault(linear: bigint, errorCode: number): never;
  /** Debug exception as a fault, with its DR6 bits; never returns. */
  debugFault(payload: bigint): never;
  /** Ends the instruction because a hook has loaded another state; never returns. */
  abandon(): never;
  /** Sends an event through the IDT at an instruction boundary; faults on the way become further events. */
  deliver(event: DeliveredEvent): void;

  /** Access of the current program, with segmentation and paging at CPL; 1 .. 16 bytes, little-endian. */
  readLinear(segment: number, offset: bigint, sizeBytes: number): bigint;
  writeLinear(segment: number, offset: bigint, sizeBytes: number, value: bigint): void;
  /** Supervisor access to a linear address (descriptor tables, TSS). */
  readSystem(linear: bigint, sizeBytes: number): bigint;
  writeSystem(linear: bigint, sizeBytes: number, value: bigint): void;
  /** Access to host-physical memory; devices included. */
  readPhysical(address: number, sizeBytes: number): bigint;
  writePhysical(address: number, sizeBytes: number, value: bigint): void;
  /** Faults if a later write of the place would. */
  probeWrite(segment: number, offset: bigint, sizeBytes: number): void;
  /** TSC of this processor before any offset of a hypervisor. */
  timeStamp(): bigint;
  /** RIP behind the instruction at hand. */
  nextRip(): bigint;
  /** Offset of the memory operand of the instruction at hand in its segment. */
  effectiveAddress(): bigint;

  /** Copy of the state for a snapshot, and its return. */
  save(): Uint8Array;
  load(saved: Uint8Array): void;
}
