import { readInnerStack, readTssPointer } from './deliver.ts';
import {
  type Descriptor,
  descriptorPrivilege,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isRealLike,
  markAccessed,
  readDescriptor,
  selectorError,
  setFromDescriptor,
} from './descriptor.ts';
import { checkLongBits, checkOffset, enterCode, enterParagraph, onStack } from './far-code.ts';
import { TaskSwitchSource } from './hooks.ts';
import { type Helper, operandBytes } from './operand-access.ts';
import type { Processor } from './processor.ts';
import { StackFrame } from './stack-frame.ts';
import { Gpr, Rights, Seg } from './state-layout.ts';
import { isTaskTarget, switchTask } from './task-switch.ts';
import { Vector } from './unwind.ts';

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
    return switchTask(cpu, descriptor, isCall ? TaskSwitchSource.call : TaskSwitchSource.jump);
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

/** Far JMP and CALL. */
export const TRANSFER_HELPERS: Readonly<Record<string, Helper>> = {
  callFar: cpu => transferFar(cpu, farPointer(cpu), true),
  jumpFar: cpu => transferFar(cpu, farPointer(cpu), false),
  callFarDirect: cpu => transferFar(cpu, immediatePointer(cpu), true),
  jumpFarDirect: cpu => transferFar(cpu, immediatePointer(cpu), false),
};
