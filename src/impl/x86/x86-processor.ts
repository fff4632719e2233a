import { PAGE_SIZE_BYTES } from '../../units/address.ts';
import { InvariantError } from '../../units/invariant.ts';
import type { PhysicalMemory } from '../memory.ts';
import { AddressSpace } from './address-space.ts';
import { Breakpoints } from './breakpoints.ts';
import { CodeFetch } from './code-fetch.ts';
import { CodeMode } from './code-mode.ts';
import { CpuState, STATE_FRAMES } from './cpu-state.ts';
import { trapsBehind } from './debug-traps.ts';
import { Decoder, newInstruction } from './decoder.ts';
import { defaultHooks } from './default-hooks.ts';
import { deriveContext } from './derived-context.ts';
import { effectiveAddress } from './effective-address.ts';
import { type EvaluationTarget, Evaluator } from './evaluate.ts';
import { EventDelivery } from './event-delivery.ts';
import type { DeliveredEvent, SystemHooks } from './hooks.ts';
import type { Instruction } from './instruction.ts';
import type { Processor, RunResult, StopReason } from './processor.ts';
import { resetState } from './reset.ts';
import { Activity, Field, Flag, Interruptibility, Seg, STATE_BYTES } from './state-layout.ts';
import { HELPERS } from './system.ts';
import { JUMP_FRAMES, TLB_FRAMES } from './tlb-layout.ts';
import { UNWIND, Vector } from './unwind.ts';

/** Executes code on behalf of a processor: the reference evaluator or the interpreter. */
export interface Tier {
  /** Executes up to `budget` instructions (at least one, or unwinds); returns how many were tried. */
  execute(budget: number): number;
  /** The processor's context or translations changed. */
  invalidate(): void;
}

export interface ProcessorOptions {
  readonly id?: number;
  readonly hooks?: SystemHooks;
  /** Frames from here on do not exist: reads give ones, writes are dropped. */
  readonly frameLimit?: number;
  /** TSC cycles for each instruction. */
  readonly cyclesPerInstruction?: number;
}

const ALL_ONES = 0xffff_ffff_ffff_ffffn;
/** Frames that a processor without a limit of its own may reach: 512 MiB. */
const DEFAULT_FRAME_LIMIT = 0x2_0000;

/** A logical processor of `PhysicalMemory`, with the reference evaluator as its default tier. */
export class X86Processor implements Processor, EvaluationTarget {
  readonly id: number;
  readonly memory: PhysicalMemory;
  readonly state: CpuState;
  readonly space: AddressSpace;
  /** TSC cycles for each instruction. */
  cyclesPerInstruction: number;
  hooks: SystemHooks;
  readonly instruction: Instruction = newInstruction();
  delivering: DeliveredEvent | undefined;
  isNonRoot = false;
  hasNestedPaging = false;
  attention = true;
  stopRequested = false;
  isBlockedReturn = false;
  hasLoadedResume = false;
  /** How the code at hand is decoded (CodeMode). */
  codeMode: number = CodeMode.bits16;
  tier: Tier;
  readonly evaluator: Evaluator;
  readonly decoder = new Decoder();
  readonly breakpoints = new Breakpoints();
  readonly #firstSlot: number;
  readonly #code = new CodeFetch(this);
  readonly #events = new EventDelivery(this);

  constructor(memory: PhysicalMemory, options: ProcessorOptions = {}) {
    this.id = options.id ?? 0;
    this.memory = memory;
    this.hooks = options.hooks ?? defaultHooks;
    this.cyclesPerInstruction = options.cyclesPerInstruction ?? 1;
    this.#firstSlot = memory.reserve(STATE_FRAMES + TLB_FRAMES + JUMP_FRAMES);
    this.state = new CpuState(memory, this.#firstSlot);
    const tlb = this.state.base + STATE_FRAMES * PAGE_SIZE_BYTES;
    this.state.setU32(Field.jumpCache, tlb + TLB_FRAMES * PAGE_SIZE_BYTES);
    resetState(this.state);
    this.space = new AddressSpace(this, tlb, options.frameLimit ?? DEFAULT_FRAME_LIMIT);
    this.evaluator = new Evaluator(this);
    this.tier = { execute: () => this.#executeReference(), invalidate: () => {} };
    this.updateContext();
  }

  /* Running. */

  step(): RunResult {
    return this.run(1);
  }

  run(maxInstructions: number): RunResult {
    let left = maxInstructions;
    this.stopRequested = false;
    this.attention = true;
    this.space.synchronise();
    while (left > 0) {
      const reason = this.#boundary();
      if (reason !== undefined) return { executed: maxInstructions - left, reason };
      left -= this.#slice(left);
      if (this.stopRequested) return { executed: maxInstructions - left, reason: 'stopped' };
    }
    return { executed: maxInstructions, reason: 'budget' };
  }

  /** What stops the processor before its next instruction. */
  #boundary(): StopReason | undefined {
    const { state } = this;
    while (this.attention) {
      this.attention = false;
      const decision = this.#events.guarded(() => this.hooks.boundary(this));
      if (decision === 'stop' || this.stopRequested) return 'stopped';
      if (decision === 'wait') return state.u32(Field.activity) === Activity.shutdown ? 'shutdown' : 'waiting';
    }
    if (state.u32(Field.activity) === Activity.shutdown) return 'shutdown';
    return state.u32(Field.activity) === Activity.active ? undefined : 'waiting';
  }

  /** Runs instructions up to the next point at which something besides them may happen. */
  #slice(left: number): number {
    const { state } = this;
    const shadow = state.u32(Field.interruptibility) & (Interruptibility.sti | Interruptibility.movSs);
    const flags = state.u32(Field.systemFlags);
    const isSingle = shadow !== 0 || (flags & (Flag.tf | Flag.rf)) !== 0 || this.breakpoints.isActive;
    const budget = isSingle ? 1 : Math.max(1, Math.min(left, this.hooks.instructionsUntilEvent(this)));
    const retired = state.u64(Field.retired);
    let executed = 1;
    this.#events.hasLeftByGate = false;
    this.hasLoadedResume = false;
    this.breakpoints.hits = 0;
    try {
      if (this.breakpoints.isActive && (flags & Flag.rf) === 0) this.#checkInstructionBreakpoint();
      executed = this.tier.execute(budget);
      state.setU64(Field.retired, retired + BigInt(executed));
    } catch (error) {
      if (error !== UNWIND) throw error;
      executed = this.unwoundAfter;
      this.unwoundAfter = 1;
      state.setU64(Field.retired, retired + BigInt(executed));
      this.attention = true;
      this.#events.dispatchPending();
      this.#endShadow(shadow);
      return executed;
    }
    if (isSingle) this.#afterSingle(shadow, flags);
    if (budget < left) this.attention = true;
    return executed;
  }

  /** Instructions that a tier had tried when it unwound, the unwound one included. */
  unwoundAfter = 1;

  #endShadow(shadow: number): void {
    if (shadow === 0) return;
    const { state } = this;
    state.setU32(Field.interruptibility, state.u32(Field.interruptibility) & ~shadow);
  }

  /** Ends the interrupt shadow and RF of an instruction, and takes the traps behind it. */
  #afterSingle(shadow: number, flags: number): void {
    this.attention = true;
    // An instruction that opens a shadow anew (STI after STI) keeps none: only the first of a sequence counts.
    this.#endShadow(shadow);
    if ((flags & Flag.rf) !== 0 && !this.hasLoadedResume)
      this.state.setU32(Field.systemFlags, this.state.u32(Field.systemFlags) & ~Flag.rf);
    const traps = trapsBehind(this.state, flags, this.breakpoints.hits, this.#events.hasLeftByGate);
    if (traps !== 0n) this.#events.raise(Vector.debug, undefined, traps);
  }

  /** Instruction breakpoints are faults (SDM Vol. 3B, "Instruction-Breakpoint Exception Condition"). */
  #checkInstructionBreakpoint(): void {
    const { state } = this;
    const base = this.codeMode === CodeMode.bits64 ? 0n : state.segmentBase(Seg.cs);
    const bits = this.breakpoints.atInstruction(base + state.rip);
    if (bits !== 0) this.debugFault(BigInt(bits));
  }

  #executeReference(): number {
    this.fetch();
    this.executeFetched();
    return 1;
  }

  /** Executes `instruction` by the reference evaluator. */
  executeFetched(): void {
    this.evaluator.execute();
  }

  /** Decodes the instruction at RIP into `instruction`; see CodeFetch. */
  fetch(): number {
    return this.#code.fetch();
  }

  callHelper(name: string): boolean {
    const helper = HELPERS[name];
    if (helper === undefined) throw new InvariantError(`no system helper ${name}`);
    return helper(this) === true;
  }

  /* Context. */

  updateContext(): void {
    this.codeMode = deriveContext(this.state);
    this.breakpoints.refresh(this.state);
    this.space.refresh();
    this.attention = true;
    this.tier.invalidate();
  }

  flushTlb(keepGlobal = false): void {
    this.space.cache.flush(keepGlobal);
    this.tier.invalidate();
  }

  invalidatePage(linear: bigint): void {
    this.space.cache.invalidate(Number(linear & 0xffff_ffffn));
    this.tier.invalidate();
  }

  /* Faults and events. */

  fault(vector: number, errorCode?: number): never {
    return this.#events.fail(vector, errorCode, 0n);
  }

  pageFault(linear: bigint, errorCode: number): never {
    return this.#events.fail(Vector.page, errorCode, linear);
  }

  debugFault(payload: bigint): never {
    return this.#events.fail(Vector.debug, undefined, payload);
  }

  abandon(): never {
    return this.#events.abandon();
  }

  deliver(event: DeliveredEvent): void {
    this.#events.deliver(event);
  }

  /* Accesses. */

  readLinear(segment: number, offset: bigint, sizeBytes: number): bigint {
    const { space } = this;
    space.toLinear(segment, Number(offset & 0xffff_ffffn), Number(offset >> 32n), sizeBytes, false);
    return space.readAt(space.linearLow, space.linearHigh, sizeBytes);
  }

  writeLinear(segment: number, offset: bigint, sizeBytes: number, value: bigint): void {
    const { space } = this;
    space.toLinear(segment, Number(offset & 0xffff_ffffn), Number(offset >> 32n), sizeBytes, true);
    space.writeAt(space.linearLow, space.linearHigh, sizeBytes, value);
  }

  probeWrite(segment: number, offset: bigint, sizeBytes: number): void {
    const { space } = this;
    space.toLinear(segment, Number(offset & 0xffff_ffffn), Number(offset >> 32n), sizeBytes, true);
    space.probeAt(space.linearLow, space.linearHigh, sizeBytes);
  }

  readSystem(linear: bigint, sizeBytes: number): bigint {
    return this.space.readAt(Number(linear & 0xffff_ffffn), Number((linear >> 32n) & 0xffff_ffffn), sizeBytes, false);
  }

  writeSystem(linear: bigint, sizeBytes: number, value: bigint): void {
    this.space.writeAt(Number(linear & 0xffff_ffffn), Number((linear >> 32n) & 0xffff_ffffn), sizeBytes, value, false);
  }

  readPhysical(address: number, sizeBytes: number): bigint {
    return this.space.readPhysical(address, sizeBytes);
  }

  writePhysical(address: number, sizeBytes: number, value: bigint): void {
    this.space.writePhysical(address, sizeBytes, value);
  }

  effectiveAddress(): bigint {
    return effectiveAddress(this.state, this.instruction, this.nextRip());
  }

  /** RIP behind the instruction at hand. */
  nextRip(): bigint {
    return (this.state.rip + BigInt(this.instruction.length)) & this.state.u64(Field.ripMask);
  }

  checkTarget(target: bigint): void {
    const { state } = this;
    if (((target + state.u64(Field.ripBias)) & ALL_ONES) > state.u64(Field.ripLimit)) this.fault(Vector.protection, 0);
  }

  checkAligned(_segment: number, offset: bigint, bytes: number): void {
    if ((offset & BigInt(bytes - 1)) !== 0n) this.fault(Vector.protection, 0);
  }

  /* Snapshots. */

  save(): Uint8Array {
    return this.memory.bytes.slice(this.state.base, this.state.base + STATE_BYTES);
  }

  load(saved: Uint8Array): void {
    this.memory.bytes.set(saved, this.state.base);
    this.space.cache.flushMatching(() => true);
    this.updateContext();
  }

  /** TSC of this processor before any offset of a hypervisor. */
  timeStamp(): bigint {
    const { state } = this;
    return (state.u64(Field.tscOffset) + state.u64(Field.retired) * BigInt(this.cyclesPerInstruction)) & ALL_ONES;
  }
}
