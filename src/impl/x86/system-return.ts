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
import { checkLongBits, checkOffset, enterCode, enterParagraph, onStack, targetsLong } from './far-code.ts';
import { loadFlags } from './flag-access.ts';
import { type Helper, operandBytes } from './operand-access.ts';
import type { Processor } from './processor.ts';
import { Field, Flag, Gpr, Interruptibility, Rights, Seg } from './state-layout.ts';
import { returnFromTask } from './task-switch.ts';
import { Vector } from './unwind.ts';

/** RSP `count` bytes higher within the stack-address size. */
function raisedStack(cpu: Processor, count: number): bigint {
  const mask = cpu.state.u64(Field.stackMask);
  const rsp = cpu.state.gpr(Gpr.rsp);
  return (rsp & ~mask & 0xffff_ffff_ffff_ffffn) | ((rsp + BigInt(count)) & mask);
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

/** Ends the blocking of NMIs (SDM Vol. 3A, "Handling Multiple NMIs"). */
function unblockNmis(cpu: Processor): void {
  const { state } = cpu;
  const blocking = state.u32(Field.interruptibility);
  if ((blocking & Interruptibility.nmi) === 0) return;
  cpu.isBlockedReturn = true;
  if (!cpu.hooks.unblocksNmis(cpu)) return;
  state.setU32(Field.interruptibility, blocking & ~Interruptibility.nmi);
  cpu.attention = true;
}

/** IRET unblocks NMIs even if it faults afterwards (SDM Vol. 3C, "Changes to Instruction Behavior in VMX Non-Root Operation"). */
const interruptReturn: Helper = cpu => {
  unblockNmis(cpu);
  cpu.hasLoadedResume = true;
  returnFromEvent(cpu);
  cpu.isBlockedReturn = false;
  return true;
};

function returnFromEvent(cpu: Processor): void {
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
    return;
  }
  if ((flags & Flag.nt) !== 0) {
    // A nested task returns by a task switch, which IA-32e mode does not have.
    if (state.isLongMode) cpu.fault(Vector.protection, 0);
    returnFromTask(cpu);
    return;
  }
  const rip = onStack(cpu, 0, bytes);
  const selector = Number(onStack(cpu, 1, bytes) & 0xffffn);
  const image = Number(onStack(cpu, 2, bytes) & 0xffff_ffffn);
  if (!state.isLongMode && (image & Flag.vm) !== 0 && state.cpl === 0 && bytes === 4) {
    returnToV86(cpu, rip, selector, image);
    return;
  }
  returnTo(cpu, { rip, selector, words: 3, bytes, extra: 0, flags: image, popsStack: state.is64Bit });
}

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

/** Far returns and IRET. */
export const RETURN_HELPERS: Readonly<Record<string, Helper>> = { returnFar, interruptReturn };
