import { readInnerStack, readTssPointer } from './deliver.ts';
import {
  type Descriptor,
  descriptorPrivilege,
  isCode,
  isConforming,
  isData,
  isNull,
  isPresent,
  isRealLike,
  isWritableData,
  markAccessed,
  readDescriptor,
  selectorError,
  setFromDescriptor,
  setNull,
} from './descriptor.ts';
import { loadFlags } from './flag-access.ts';
import { TaskSwitchSource } from './hooks.ts';
import { type Helper, operandBytes } from './operand-access.ts';
import type { Processor } from './processor.ts';
import { isCanonical, StackFrame } from './stack-frame.ts';
import { Field, Flag, Gpr, Rights, Seg } from './state-layout.ts';
import { isTaskTarget, returnFromTask, switchTask } from './task-switch.ts';
import { Vector } from './unwind.ts';

/** Value on the stack, `index` words of `bytes` above RSP. */
function onStack(cpu: Processor, index: number, bytes: number): bigint {
  const { state } = cpu;
  const offset = (state.gpr(Gpr.rsp) + BigInt(index * bytes)) & state.u64(Field.stackMask);
  return cpu.readLinear(Seg.ss, offset, bytes);
}

/** RSP `count` bytes higher within the stack-address size. */
function raisedStack(cpu: Processor, count: number): bigint {
  const mask = cpu.state.u64(Field.stackMask);
  const rsp = cpu.state.gpr(Gpr.rsp);
  return (rsp & ~mask & 0xffff_ffff_ffff_ffffn) | ((rsp + BigInt(count)) & mask);
}

const targetsLong = (cpu: Processor, code: Descriptor): boolean =>
  cpu.state.isLongMode && (code.rights & Rights.long) !== 0;

/** #GP(0) unless the target lies in the code segment. */
function checkOffset(cpu: Processor, code: Descriptor, rip: bigint): void {
  const isValid = targetsLong(cpu, code) ? isCanonical(rip) : rip <= BigInt(code.limit);
  if (!isValid) cpu.fault(Vector.protection, 0);
}

function checkLongBits(cpu: Processor, code: Descriptor): void {
  const both = Rights.long | Rights.big;
  if (cpu.state.isLongMode && (code.rights & both) === both) cpu.fault(Vector.protection, selectorError(code.selector));
}

/** Code segment that a far return goes to (SDM Vol. 2B, RET, IRET "Operation"). */
function returnCode(cpu: Processor, selector: number): Descriptor {
  if (isNull(selector)) cpu.fault(Vector.protection, 0);
  const error = selectorError(selector);
  const code = readDescriptor(cpu, selector);
  if (code === undefined) return cpu.fault(Vector.protection, error);
  const rpl = selector & 3;
  const dpl = descriptorPrivilege(code.rights);
  if (!isCode(code.rights) || rpl < cpu.state.cpl) cpu.fault(Vector.protection, error);
  if (isConforming(code.rights) ? dpl > rpl : dpl !== rpl) cpu.fault(Vector.protection, error);
  checkLongBits(cpu, code);
  if (!isPresent(code.rights)) cpu.fault(Vector.notPresent, error);
  return code;
}

/**
 * Stack segment that a return loads; undefined for a null one, which 64-bit code below level 3 may have.
 *
 * An absent one is #NP after IRET and #SS after RET (SDM Vol. 2A and 2B, "Protected Mode Exceptions" of both).
 */
function returnStack(
  cpu: Processor,
  selector: number,
  code: Descriptor,
  rpl: number,
  absent: number,
): Descriptor | undefined {
  if (isNull(selector)) {
    if (!targetsLong(cpu, code) || rpl === 3) cpu.fault(Vector.protection, 0);
    return undefined;
  }
  const error = selectorError(selector);
  const stack = readDescriptor(cpu, selector);
  if (stack === undefined) return cpu.fault(Vector.protection, error);
  if ((selector & 3) !== rpl || !isWritableData(stack.rights) || descriptorPrivilege(stack.rights) !== rpl) {
    cpu.fault(Vector.protection, error);
  }
  if (!isPresent(stack.rights)) cpu.fault(absent, error);
  return stack;
}

/** Data segments that the outer level may not use become null. */
function dropInnerSegments(cpu: Processor, cpl: number): void {
  for (const segment of [Seg.es, Seg.ds, Seg.fs, Seg.gs]) {
    const rights = cpu.state.rights(segment);
    if ((rights & Rights.unusable) !== 0) continue;
    const isGuarded = isData(rights) || (isCode(rights) && !isConforming(rights));
    if (isGuarded && descriptorPrivilege(rights) < cpl) setNull(cpu, segment, 0);
  }
}

function enterCode(cpu: Processor, selector: number, code: Descriptor, rip: bigint): void {
  setFromDescriptor(cpu, Seg.cs, selector, code);
  cpu.state.rip = rip;
}

/** Return to the level that the popped CS names; `words` were popped, `extra` bytes are dropped after them. */
function returnTo(
  cpu: Processor,
  frame: {
    rip: bigint;
    selector: number;
    words: number;
    bytes: number;
    extra: number;
    flags: number | undefined;
    popsStack: boolean;
  },
): boolean {
  const { state } = cpu;
  const { bytes } = frame;
  const { cpl } = state;
  const code = returnCode(cpu, frame.selector);
  const rpl = frame.selector & 3;
  const isOuter = rpl > cpl;
  checkOffset(cpu, code, frame.rip);
  let rsp = raisedStack(cpu, frame.words * bytes + frame.extra);
  let stackSelector = 0;
  let stack: Descriptor | undefined;
  if (isOuter || frame.popsStack) {
    const first = frame.words + frame.extra / bytes;
    const mask = state.u64(Field.stackMask);
    const at = (index: number): bigint =>
      cpu.readLinear(Seg.ss, (state.gpr(Gpr.rsp) + BigInt(Math.round(index * bytes))) & mask, bytes);
    const pointer = at(first);
    stackSelector = Number(at(first + 1) & 0xffffn);
    const absent = frame.flags === undefined ? Vector.stack : Vector.notPresent;
    stack = returnStack(cpu, stackSelector, code, rpl, absent);
    if (stack !== undefined) markAccessed(cpu, stack);
    rsp = pointer;
    if (isOuter && frame.flags === undefined) {
      const outerMask = targetsLong(cpu, code)
        ? 0xffff_ffff_ffff_ffffn
        : stack !== undefined && (stack.rights & Rights.big) !== 0
          ? 0xffff_ffffn
          : 0xffffn;
      rsp = (pointer & ~outerMask) | ((pointer + BigInt(frame.extra)) & outerMask);
    }
    if (bytes < 8 && stack !== undefined && (stack.rights & Rights.big) === 0) {
      // A 16-bit stack segment takes only SP.
      rsp = (state.gpr(Gpr.rsp) & 0xffff_ffff_ffff_0000n) | (rsp & 0xffffn);
    }
  }
  markAccessed(cpu, code);
  if (frame.flags !== undefined) loadFlags(cpu, frame.flags, bytes);
  enterCode(cpu, frame.selector, code, frame.rip);
  if (isOuter || frame.popsStack) {
    if (stack === undefined) setNull(cpu, Seg.ss, stackSelector, Rights.unusable | (rpl << Rights.dplShift));
    else setFromDescriptor(cpu, Seg.ss, stackSelector, stack);
  }
  state.setGpr(Gpr.rsp, rsp);
  if (isOuter) dropInnerSegments(cpu, rpl);
  cpu.updateContext();
  return true;
}

const returnFar: Helper = cpu => {
  const { instruction, state } = cpu;
  const bytes = operandBytes(instruction);
  const rip = onStack(cpu, 0, bytes);
  const selector = Number(onStack(cpu, 1, bytes) & 0xffffn);
  const extra = instruction.row.opcode === 0xca ? instruction.immediateLow : 0;
  if (isRealLike(cpu)) {
    if (rip > 0xffffn) cpu.fault(Vector.protection, 0);
    state.setGpr(Gpr.rsp, raisedStack(cpu, 2 * bytes + extra));
    enterParagraph(cpu, selector, rip);
    return true;
  }
  return returnTo(cpu, { rip, selector, words: 2, bytes, extra, flags: undefined, popsStack: false });
};

/** CS of real-address and virtual-8086 mode. */
function enterParagraph(cpu: Processor, selector: number, rip: bigint): void {
  const { state } = cpu;
  state.setSegment(Seg.cs, selector, BigInt(selector) << 4n, state.limit(Seg.cs), state.rights(Seg.cs));
  state.rip = rip;
  cpu.updateContext();
}

const interruptReturn: Helper = cpu => {
  const { instruction, state } = cpu;
  const bytes = operandBytes(instruction);
  const flags = state.rflags;
  if (isRealLike(cpu)) {
    if ((flags & Flag.vm) !== 0 && (flags & Flag.iopl) !== Flag.iopl) cpu.fault(Vector.protection, 0);
    const rip = onStack(cpu, 0, bytes);
    const selector = Number(onStack(cpu, 1, bytes) & 0xffffn);
    const image = Number(onStack(cpu, 2, bytes) & 0xffff_ffffn);
    if (rip > BigInt(state.limit(Seg.cs))) cpu.fault(Vector.protection, 0);
    state.setGpr(Gpr.rsp, raisedStack(cpu, 3 * bytes));
    loadFlags(cpu, image, bytes);
    enterParagraph(cpu, selector, rip);
    return true;
  }
  if ((flags & Flag.nt) !== 0) {
    // A nested task returns by a task switch, which IA-32e mode does not have.
    if (!state.isLongMode) returnFromTask(cpu);
    cpu.fault(Vector.protection, 0);
  }
  const rip = onStack(cpu, 0, bytes);
  const selector = Number(onStack(cpu, 1, bytes) & 0xffffn);
  const image = Number(onStack(cpu, 2, bytes) & 0xffff_ffffn);
  // In non-root operation with NMIs blocked this unblocks them; so does it natively.
  const unblock = (): void => state.setU32(Field.interruptibility, state.u32(Field.interruptibility) & ~8);
  if (!state.isLongMode && (image & Flag.vm) !== 0 && state.cpl === 0 && bytes === 4) {
    returnToV86(cpu, rip, selector, image);
    unblock();
    return true;
  }
  returnTo(cpu, { rip, selector, words: 3, bytes, extra: 0, flags: image, popsStack: state.is64Bit });
  unblock();
  return true;
};

function returnToV86(cpu: Processor, rip: bigint, selector: number, image: number): void {
  const { state } = cpu;
  if (rip > 0xffffn) cpu.fault(Vector.protection, 0);
  const values = [3, 4, 5, 6, 7, 8].map(index => onStack(cpu, index, 4));
  const [esp, ss, es, ds, fs, gs] = values as [bigint, bigint, bigint, bigint, bigint, bigint];
  state.rflags = image | Flag.reserved1;
  const load = (segment: number, value: bigint): void => {
    const paragraph = Number(value & 0xffffn);
    state.setSegment(segment, paragraph, BigInt(paragraph) << 4n, 0xffff, 0xf3);
  };
  load(Seg.cs, BigInt(selector));
  load(Seg.ss, ss);
  load(Seg.es, es);
  load(Seg.ds, ds);
  load(Seg.fs, fs);
  load(Seg.gs, gs);
  state.setGpr(Gpr.rsp, esp);
  state.rip = rip;
  cpu.updateContext();
}

/** Far pointer in memory: offset of the operand size, then selector. */
function farPointer(cpu: Processor): { readonly selector: number; readonly rip: bigint } {
  const { instruction } = cpu;
  const bytes = operandBytes(instruction);
  const at = cpu.effectiveAddress();
  const rip = cpu.readLinear(instruction.segment, at, bytes);
  return { rip, selector: Number(cpu.readLinear(instruction.segment, at + BigInt(bytes), 2)) };
}

const immediatePointer = (cpu: Processor): { readonly selector: number; readonly rip: bigint } => ({
  rip: BigInt(cpu.instruction.immediateLow >>> 0),
  selector: cpu.instruction.immediate2,
});

/** JMP and CALL to another segment (SDM Vol. 2A, CALL, JMP "Operation"). */
function transferFar(
  cpu: Processor,
  target: { readonly selector: number; readonly rip: bigint },
  isCall: boolean,
): boolean {
  const { state, instruction } = cpu;
  const bytes = operandBytes(instruction);
  if (isRealLike(cpu)) {
    if (target.rip > BigInt(state.limit(Seg.cs))) cpu.fault(Vector.protection, 0);
    if (isCall) pushReturn(cpu, StackFrame.current(cpu, cpu.space), bytes);
    enterParagraph(cpu, target.selector, target.rip);
    return true;
  }
  const { selector } = target;
  if (isNull(selector)) cpu.fault(Vector.protection, 0);
  const error = selectorError(selector);
  const descriptor = readDescriptor(cpu, selector);
  if (descriptor === undefined) return cpu.fault(Vector.protection, error);
  if (isCode(descriptor.rights)) {
    checkDirect(cpu, descriptor, selector);
    checkOffset(cpu, descriptor, target.rip);
    if (isCall) pushReturn(cpu, StackFrame.current(cpu, cpu.space), bytes);
    markAccessed(cpu, descriptor);
    enterCode(cpu, (selector & 0xfffc) | state.cpl, descriptor, target.rip);
    cpu.updateContext();
    return true;
  }
  const type = descriptor.rights & 0x1f;
  const isGate = type === 0xc || (type === 4 && !state.isLongMode);
  if (isGate) return throughGate(cpu, descriptor, isCall, type);
  if (!state.isLongMode && isTaskTarget(descriptor)) {
    switchTask(cpu, descriptor, isCall ? TaskSwitchSource.call : TaskSwitchSource.jump);
  }
  return cpu.fault(Vector.protection, error);
}

function checkDirect(cpu: Processor, code: Descriptor, selector: number): void {
  const error = selectorError(selector);
  const { cpl } = cpu.state;
  const dpl = descriptorPrivilege(code.rights);
  if (isConforming(code.rights) ? dpl > cpl : (selector & 3) > cpl || dpl !== cpl) cpu.fault(Vector.protection, error);
  checkLongBits(cpu, code);
  if (!isPresent(code.rights)) cpu.fault(Vector.notPresent, error);
}

/** Pushes CS and the return address, and takes over the stack pointer. */
function pushReturn(cpu: Processor, stack: StackFrame, bytes: number): void {
  stack.push(BigInt(cpu.state.selector(Seg.cs)), bytes);
  stack.push(cpu.nextRip(), bytes);
  cpu.state.setGpr(Gpr.rsp, stack.pointer);
}

function throughGate(cpu: Processor, gate: Descriptor, isCall: boolean, type: number): boolean {
  const { state } = cpu;
  const { isLongMode } = state;
  const gateError = selectorError(gate.selector);
  const gateDpl = descriptorPrivilege(gate.rights);
  if (gateDpl < state.cpl || gateDpl < (gate.selector & 3)) cpu.fault(Vector.protection, gateError);
  if (!isPresent(gate.rights)) cpu.fault(Vector.notPresent, gateError);
  let rip = BigInt(gate.low & 0xffff);
  if (type === 0xc) rip |= BigInt((gate.high & 0xffff_0000) >>> 0);
  if (isLongMode) {
    const wide = readDescriptor(cpu, gate.selector, true);
    if (wide === undefined) return cpu.fault(Vector.protection, gateError);
    // The type field of the upper half must be 0 (SDM Vol. 3A, "IA-32e Mode Call Gates").
    if ((cpu.readSystem(wide.address + 12n, 4) & 0x1f00n) !== 0n) cpu.fault(Vector.protection, gateError);
    rip |= cpu.readSystem(wide.address + 8n, 4) << 32n;
  }
  const selector = gate.low >>> 16;
  if (isNull(selector)) cpu.fault(Vector.protection, 0);
  const error = selectorError(selector);
  const code = readDescriptor(cpu, selector);
  if (code === undefined) return cpu.fault(Vector.protection, error);
  const dpl = descriptorPrivilege(code.rights);
  if (!isCode(code.rights) || dpl > state.cpl) cpu.fault(Vector.protection, error);
  if (isLongMode && (code.rights & (Rights.long | Rights.big)) !== Rights.long) cpu.fault(Vector.protection, error);
  if (!isPresent(code.rights)) cpu.fault(Vector.notPresent, error);
  if (!isCall && !isConforming(code.rights) && dpl !== state.cpl) cpu.fault(Vector.protection, error);
  const bytes = isLongMode ? 8 : type === 0xc ? 4 : 2;
  if (isCall && !isConforming(code.rights) && dpl < state.cpl) {
    callInner(cpu, gate, code, { selector, rip, dpl, bytes });
    return true;
  }
  checkOffset(cpu, code, rip);
  if (isCall) pushReturn(cpu, StackFrame.current(cpu, cpu.space), bytes);
  markAccessed(cpu, code);
  enterCode(cpu, (selector & 0xfffc) | state.cpl, code, rip);
  cpu.updateContext();
  return true;
}

/** Call to an inner level: a new stack with the old one's pointer and parameters. */
function callInner(
  cpu: Processor,
  gate: Descriptor,
  code: Descriptor,
  target: { readonly selector: number; readonly rip: bigint; readonly dpl: number; readonly bytes: number },
): void {
  const { state } = cpu;
  const { dpl, bytes } = target;
  const oldStack = state.gpr(Gpr.rsp);
  const oldSelector = state.selector(Seg.ss);
  let stack: StackFrame;
  let load: () => void;
  const parameters: bigint[] = [];
  if (state.isLongMode) {
    const pointer = readTssPointer(cpu, 4 + dpl * 8, 0);
    stack = new StackFrame(cpu, cpu.space, {
      is64Bit: true,
      base: 0n,
      limit: 0,
      rights: 0,
      pointer,
      cpl: dpl,
      error: 0,
    });
    load = () => state.setSegment(Seg.ss, dpl, 0n, 0, Rights.unusable | (dpl << Rights.dplShift));
  } else {
    const inner = readInnerStack(cpu, dpl, 0);
    ({ stack } = inner);
    for (let index = (gate.high & 0x1f) - 1; index >= 0; index--) parameters.push(onStack(cpu, index, bytes));
    load = () => {
      markAccessed(cpu, inner.descriptor);
      setFromDescriptor(cpu, Seg.ss, inner.selector, inner.descriptor);
    };
  }
  checkOffset(cpu, code, target.rip);
  stack.push(BigInt(oldSelector), bytes);
  stack.push(oldStack, bytes);
  for (const value of parameters) stack.push(value, bytes);
  stack.push(BigInt(state.selector(Seg.cs)), bytes);
  stack.push(cpu.nextRip(), bytes);
  markAccessed(cpu, code);
  load();
  enterCode(cpu, (target.selector & 0xfffc) | dpl, code, target.rip);
  state.setGpr(Gpr.rsp, stack.pointer);
  cpu.updateContext();
}

/** Far transfers. */
export const TRANSFER_HELPERS: Readonly<Record<string, Helper>> = {
  returnFar,
  interruptReturn,
  callFar: cpu => transferFar(cpu, farPointer(cpu), true),
  jumpFar: cpu => transferFar(cpu, farPointer(cpu), false),
  callFarDirect: cpu => transferFar(cpu, immediatePointer(cpu), true),
  jumpFarDirect: cpu => transferFar(cpu, immediatePointer(cpu), false),
};
