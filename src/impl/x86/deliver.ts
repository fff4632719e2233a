import type { AddressSpace } from './address-space.ts';
import {
  type Descriptor,
  descriptorPrivilege,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isWritableData,
  markAccessed,
  readDescriptor,
  selectorError,
  setFromDescriptor,
} from './descriptor.ts';
import { type DeliveredEvent, EventType } from './hooks.ts';
import type { Processor } from './processor.ts';
import { StackFrame } from './stack-frame.ts';
import { Field, Flag, Gpr, Rights, Seg } from './state-layout.ts';
import { switchByGate } from './task-switch.ts';
import { Vector } from './unwind.ts';

/** What a gate of the IDT says. */
interface Gate {
  readonly selector: number;
  readonly offset: bigint;
  readonly isInterrupt: boolean;
  /** Bytes of a pushed word: 2, 4 or 8. */
  readonly wordBytes: number;
  readonly ist: number;
}

const isSoftware = (event: DeliveredEvent): boolean =>
  event.type === EventType.softwareInterrupt || event.type === EventType.softwareException;

/** Return address: the instruction for faults, the next one for software events. */
function returnRip(cpu: Processor, event: DeliveredEvent): bigint {
  const isAfter = isSoftware(event) || event.type === EventType.privilegedSoftwareException;
  return (cpu.state.rip + BigInt(isAfter ? event.instructionLength : 0)) & cpu.state.u64(Field.ripMask);
}

/** Flags as pushed: faults set RF, so that an instruction breakpoint does not fire again (SDM Vol. 3B, "Resume Flag"). */
function pushedFlags(cpu: Processor, event: DeliveredEvent): number {
  const { rflags } = cpu.state;
  const isFault =
    event.type === EventType.hardwareException && event.vector !== Vector.debug && event.vector !== Vector.doubleFault;
  return isFault ? rflags | Flag.rf : rflags;
}

/** Sends an event through the IDT (SDM Vol. 3A, chapter "Interrupt and Exception Handling"); faults unwind with the state unchanged. */
export function deliverThroughIdt(cpu: Processor, space: AddressSpace, event: DeliveredEvent): void {
  const { state } = cpu;
  if ((state.u32(Field.cr0) & 1) === 0) deliverReal(cpu, space, event);
  else if (state.isLongMode) deliverLong(cpu, space, event);
  else deliverProtected(cpu, space, event);
  if (event.vector === Vector.page && event.type === EventType.hardwareException)
    state.setU64(Field.cr2, event.payload);
}

function deliverReal(cpu: Processor, space: AddressSpace, event: DeliveredEvent): void {
  const { state } = cpu;
  if (event.vector * 4 + 3 > state.u32(Field.idtrLimit)) cpu.fault(Vector.protection, 0);
  const entry = cpu.readSystem((state.u64(Field.idtrBase) + BigInt(event.vector * 4)) & 0xffff_ffffn, 4);
  const stack = StackFrame.current(cpu, space);
  stack.push(BigInt(state.rflags & 0xffff), 2);
  stack.push(BigInt(state.selector(Seg.cs)), 2);
  stack.push(returnRip(cpu, event), 2);
  state.setGpr(Gpr.rsp, stack.pointer);
  const selector = Number(entry >> 16n);
  state.setSegment(Seg.cs, selector, BigInt(selector) << 4n, state.limit(Seg.cs), state.rights(Seg.cs));
  state.rip = entry & 0xffffn;
  state.setU32(Field.systemFlags, state.u32(Field.systemFlags) & ~(Flag.if | Flag.tf | Flag.ac | Flag.rf));
}

/** Reads and checks a gate; `gateBytes` is 8, or 16 in IA-32e mode. Undefined for a task gate, through which the event went. */
function readGate(cpu: Processor, event: DeliveredEvent, gateBytes: number): Gate | undefined {
  const { state } = cpu;
  const external = isSoftware(event) ? 0 : 1;
  const error = event.vector * 8 + 2 + external;
  const offset = event.vector * gateBytes;
  if (offset + gateBytes - 1 > state.u32(Field.idtrLimit)) cpu.fault(Vector.protection, error);
  const address = state.u64(Field.idtrBase) + BigInt(offset);
  const raw = cpu.readSystem(address, 8);
  const low = Number(raw & 0xffff_ffffn);
  const high = Number(raw >> 32n);
  const upper = gateBytes === 16 ? cpu.readSystem(address + 8n, 4) : 0n;
  const type = (high >>> 8) & 0x1f;
  const isWide = type === 0xe || type === 0xf;
  const isNarrow = gateBytes === 8 && (type === 0x6 || type === 0x7);
  if (!isWide && !isNarrow) {
    if (gateBytes !== 8 || type !== 5) cpu.fault(Vector.protection, error);
    if (isSoftware(event) && ((high >>> 13) & 3) < state.cpl) cpu.fault(Vector.protection, error);
    if ((high & 0x8000) === 0) cpu.fault(Vector.notPresent, error);
    switchByGate(cpu, low >>> 16, external, {
      eip: returnRip(cpu, event),
      flags: pushedFlags(cpu, event),
      errorCode: event.errorCode,
    });
    return undefined;
  }
  if (isSoftware(event) && ((high >>> 13) & 3) < state.cpl) cpu.fault(Vector.protection, error);
  if ((high & 0x8000) === 0) cpu.fault(Vector.notPresent, error);
  const narrowOffset = BigInt(low & 0xffff);
  return {
    selector: low >>> 16,
    offset: isNarrow ? narrowOffset : narrowOffset | BigInt((high & 0xffff_0000) >>> 0) | (upper << 32n),
    isInterrupt: (type & 1) === 0,
    wordBytes: gateBytes === 16 ? 8 : isNarrow ? 2 : 4,
    ist: gateBytes === 16 ? high & 7 : 0,
  };
}

/** Code segment of a gate: checked but not loaded. */
function gateCode(cpu: Processor, selector: number, external: number): Descriptor {
  if (isNull(selector)) cpu.fault(Vector.protection, external);
  const error = selectorError(selector) + external;
  const code = readDescriptor(cpu, selector);
  if (code === undefined) return cpu.fault(Vector.protection, error);
  if (!isCode(code.rights) || descriptorPrivilege(code.rights) > cpu.state.cpl) cpu.fault(Vector.protection, error);
  if (cpu.state.isLongMode && (code.rights & (Rights.long | Rights.big)) !== Rights.long) {
    cpu.fault(Vector.protection, error);
  }
  if (!isPresent(code.rights)) cpu.fault(Vector.notPresent, error);
  return code;
}

/** Loads CS and RIP of a gate, and clears the flags that gates clear. */
function enterGate(cpu: Processor, gate: Gate, code: Descriptor, cpl: number): void {
  const { state } = cpu;
  setFromDescriptor(cpu, Seg.cs, (gate.selector & 0xfffc) | cpl, code);
  state.rip = gate.offset;
  const cleared = Flag.tf | Flag.nt | Flag.rf | Flag.vm | (gate.isInterrupt ? Flag.if : 0);
  state.setU32(Field.systemFlags, state.u32(Field.systemFlags) & ~cleared);
}

function deliverLong(cpu: Processor, space: AddressSpace, event: DeliveredEvent): void {
  const { state } = cpu;
  const external = isSoftware(event) ? 0 : 1;
  const gate = readGate(cpu, event, 16);
  // IA-32e mode has no task gates: one is #GP.
  if (gate === undefined) return;
  const code = gateCode(cpu, gate.selector, external);
  const cpl = isConforming(code.rights) ? state.cpl : descriptorPrivilege(code.rights);
  const isInner = cpl < state.cpl;
  let pointer = state.gpr(Gpr.rsp);
  if (gate.ist !== 0) pointer = readTssPointer(cpu, 0x24 + (gate.ist - 1) * 8, external);
  else if (isInner) pointer = readTssPointer(cpu, 4 + cpl * 8, external);
  const stack = new StackFrame(cpu, space, {
    is64Bit: true,
    base: 0n,
    limit: 0,
    rights: 0,
    pointer: pointer & ~0xfn,
    cpl,
    error: external,
  });
  markAccessed(cpu, code);
  stack.push(BigInt(state.selector(Seg.ss)), 8);
  stack.push(state.gpr(Gpr.rsp), 8);
  stack.push(BigInt(pushedFlags(cpu, event)), 8);
  stack.push(BigInt(state.selector(Seg.cs)), 8);
  stack.push(returnRip(cpu, event), 8);
  if (event.errorCode !== undefined) stack.push(BigInt(event.errorCode), 8);
  // The target may be non-canonical: the fault then belongs to the gate's #GP.
  if (!isCanonicalTarget(gate.offset)) cpu.fault(Vector.protection, external);
  enterGate(cpu, gate, code, cpl);
  if (isInner) state.setSegment(Seg.ss, cpl, 0n, 0, Rights.unusable | (cpl << Rights.dplShift));
  state.setGpr(Gpr.rsp, stack.pointer);
}

const isCanonicalTarget = (address: bigint): boolean => {
  const top = address >> 47n;
  return top === 0n || top === 0x1_ffffn;
};

/** Stack pointer of a 64-bit TSS. */
export function readTssPointer(cpu: Processor, offset: number, external: number): bigint {
  const { state } = cpu;
  if (offset + 7 > state.limit(Seg.tr)) cpu.fault(Vector.invalidTss, selectorError(state.selector(Seg.tr)) + external);
  return cpu.readSystem(state.segmentBase(Seg.tr) + BigInt(offset), 8);
}

/** Stack of an inner level from a 32- or 16-bit TSS: SS checked, and where pushes to it go. */
export function readInnerStack(
  cpu: Processor,
  cpl: number,
  external: number,
): { readonly descriptor: Descriptor; readonly selector: number; readonly stack: StackFrame } {
  const { state } = cpu;
  const tssError = selectorError(state.selector(Seg.tr)) + external;
  const is32Bit = (state.rights(Seg.tr) & 8) !== 0;
  const offset = is32Bit ? 4 + cpl * 8 : 2 + cpl * 4;
  if (offset + (is32Bit ? 5 : 3) > state.limit(Seg.tr)) cpu.fault(Vector.invalidTss, tssError);
  const base = state.segmentBase(Seg.tr) + BigInt(offset);
  const pointer = cpu.readSystem(base & 0xffff_ffffn, is32Bit ? 4 : 2);
  const selector = Number(cpu.readSystem((base + (is32Bit ? 4n : 2n)) & 0xffff_ffffn, 2));
  if (isNull(selector)) cpu.fault(Vector.invalidTss, external);
  const error = selectorError(selector) + external;
  const descriptor = readDescriptor(cpu, selector);
  if (descriptor === undefined) return cpu.fault(Vector.invalidTss, error);
  if ((selector & 3) !== cpl || descriptorPrivilege(descriptor.rights) !== cpl || !isWritableData(descriptor.rights)) {
    cpu.fault(Vector.invalidTss, error);
  }
  if (!isPresent(descriptor.rights)) cpu.fault(Vector.stack, error);
  const { base: stackBase, limit, rights } = descriptor;
  const stack = { is64Bit: false, base: stackBase, limit, rights, pointer, cpl, error };
  return { descriptor, selector, stack: new StackFrame(cpu, cpu.space, stack) };
}

function deliverProtected(cpu: Processor, space: AddressSpace, event: DeliveredEvent): void {
  const { state } = cpu;
  const external = isSoftware(event) ? 0 : 1;
  const gate = readGate(cpu, event, 8);
  if (gate === undefined) return;
  const code = gateCode(cpu, gate.selector, external);
  if (gate.offset > BigInt(code.limit)) cpu.fault(Vector.protection, external);
  const isV86 = (state.u32(Field.systemFlags) & Flag.vm) !== 0;
  const dpl = descriptorPrivilege(code.rights);
  const bytes = gate.wordBytes;
  if (!isConforming(code.rights) && dpl < state.cpl) {
    if (isV86 && dpl !== 0) cpu.fault(Vector.protection, selectorError(gate.selector) + external);
    const inner = readInnerStack(cpu, dpl, external);
    const { stack } = inner;
    if (isV86) {
      for (const segment of [Seg.gs, Seg.fs, Seg.ds, Seg.es]) stack.push(BigInt(state.selector(segment)), bytes);
    }
    stack.push(BigInt(state.selector(Seg.ss)), bytes);
    stack.push(state.gpr(Gpr.rsp), bytes);
    pushFrame(cpu, stack, event, bytes);
    markAccessed(cpu, inner.descriptor);
    markAccessed(cpu, code);
    if (isV86) {
      for (const segment of [Seg.gs, Seg.fs, Seg.ds, Seg.es]) state.setSegment(segment, 0, 0n, 0, Rights.unusable);
    }
    enterGate(cpu, gate, code, dpl);
    setFromDescriptor(cpu, Seg.ss, inner.selector, inner.descriptor);
    state.setGpr(Gpr.rsp, stack.pointer);
    return;
  }
  if (isV86 || (!isConforming(code.rights) && dpl !== state.cpl)) {
    cpu.fault(Vector.protection, selectorError(gate.selector) + external);
  }
  const stack = StackFrame.current(cpu, space);
  pushFrame(cpu, stack, event, bytes);
  markAccessed(cpu, code);
  enterGate(cpu, gate, code, state.cpl);
  state.setGpr(Gpr.rsp, stack.pointer);
}

function pushFrame(cpu: Processor, stack: StackFrame, event: DeliveredEvent, bytes: number): void {
  stack.push(BigInt(pushedFlags(cpu, event)), bytes);
  stack.push(BigInt(cpu.state.selector(Seg.cs)), bytes);
  stack.push(returnRip(cpu, event), bytes);
  if (event.errorCode !== undefined) stack.push(BigInt(event.errorCode), bytes);
}
