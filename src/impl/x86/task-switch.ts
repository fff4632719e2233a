import { loadPageTable } from './control-registers.ts';
import {
  type Descriptor,
  descriptorPrivilege,
  isPresent,
  mustExist,
  readDescriptor,
  selectorError,
} from './descriptor.ts';
import { EventType, TaskSwitchSource } from './hooks.ts';
import type { Processor } from './processor.ts';
import { StackFrame } from './stack-frame.ts';
import { Cr0, Field, Flag, Rights, Seg } from './state-layout.ts';
import { loadTaskSegments } from './task-segments.ts';
import { hasRoomForTask, isWideTask, probeTasks, readTask, saveTask, type TaskState } from './task-state.ts';
import { Vector } from './unwind.ts';

/*
 * Hardware task switches (SDM Vol. 3A, "Task Switching"). In VMX non-root operation each of them is a VM exit once its checks
 * are passed.
 */

/** Descriptor types of available and busy TSSs, 16-bit and 32-bit, and of task gates. */
const AVAILABLE = [1, 9];
const BUSY = [3, 0xb];
const TASK_GATE = 5;
/** Bit of the type that says busy, in the second word of a descriptor. */
const BUSY_BIT = 0x200;
/** L0 .. L3 and LE of DR7. */
const LOCAL_BREAKPOINTS = 0x155n;
/** DR6.BT. */
const TASK_TRAP = 0x8000n;

const typeOf = ({ rights }: Descriptor): number => rights & 0x1f;

/** True for what a far CALL or JMP switches tasks with: an available TSS or a task gate. */
export const isTaskTarget = (descriptor: Descriptor): boolean =>
  AVAILABLE.includes(typeOf(descriptor)) || typeOf(descriptor) === TASK_GATE;

/** Where the present task goes on when it is switched back to, and what an event that left it brings along. */
interface Suspension {
  readonly eip: bigint;
  readonly flags: number;
  readonly errorCode?: number | undefined;
}

/** A switch whose descriptor was checked. */
interface TaskSwitch {
  readonly descriptor: Descriptor;
  readonly source: TaskSwitchSource;
  /** Bit 0 of error codes: the switch is that of an event from outside of the program. */
  readonly external: number;
  readonly suspension: Suspension;
}

const afterInstruction = (cpu: Processor): Suspension => ({ eip: cpu.nextRip(), flags: cpu.state.rflags });

/** TSS that a task gate names: in the GDT, available, present. */
function gatedTask(cpu: Processor, selector: number, external: number): Descriptor {
  const error = selectorError(selector) + external;
  const descriptor = mustExist(cpu, (selector & 4) === 0 ? readDescriptor(cpu, selector) : undefined, error);
  if (!AVAILABLE.includes(typeOf(descriptor))) cpu.fault(Vector.protection, error);
  if (!isPresent(descriptor.rights)) cpu.fault(Vector.notPresent, error);
  return descriptor;
}

/** Far CALL or JMP to a TSS or a task gate. */
export function switchTask(cpu: Processor, target: Descriptor, source: TaskSwitchSource): true {
  const error = selectorError(target.selector);
  const dpl = descriptorPrivilege(target.rights);
  if (dpl < cpu.state.cpl || dpl < (target.selector & 3)) cpu.fault(Vector.protection, error);
  if (!isPresent(target.rights)) cpu.fault(Vector.notPresent, error);
  const descriptor = typeOf(target) === TASK_GATE ? gatedTask(cpu, target.low >>> 16, 0) : target;
  perform(cpu, { descriptor, source, external: 0, suspension: afterInstruction(cpu) });
  return true;
}

/** An event through a task gate of the IDT. */
export function switchByGate(cpu: Processor, selector: number, external: number, suspension: Suspension): void {
  const descriptor = gatedTask(cpu, selector, external);
  perform(cpu, { descriptor, source: TaskSwitchSource.gate, external, suspension });
}

/** IRET with NT: back to the task that the link field of the TSS names. */
export function returnFromTask(cpu: Processor): void {
  const { state } = cpu;
  if (state.limit(Seg.tr) < 1) cpu.fault(Vector.invalidTss, selectorError(state.selector(Seg.tr)));
  const selector = Number(cpu.readSystem(state.segmentBase(Seg.tr), 2));
  const error = selectorError(selector);
  const descriptor = (selector & 4) === 0 ? readDescriptor(cpu, selector) : undefined;
  if (descriptor === undefined || !BUSY.includes(typeOf(descriptor))) {
    cpu.fault(Vector.invalidTss, error);
    return;
  }
  if (!isPresent(descriptor.rights)) cpu.fault(Vector.notPresent, error);
  const { eip, flags } = afterInstruction(cpu);
  const suspension = { eip, flags: flags & ~Flag.nt };
  perform(cpu, { descriptor, source: TaskSwitchSource.iret, external: 0, suspension });
}

/** The switch itself; until the new task is certain its faults are the old one's, and nothing has changed. */
function perform(cpu: Processor, task: TaskSwitch): void {
  const { descriptor, source, external, suspension } = task;
  const { state } = cpu;
  const { base, rights, limit, selector } = descriptor;
  const error = selectorError(selector) + external;
  if (!hasRoomForTask(rights, limit)) cpu.fault(Vector.invalidTss, error);
  leaveNonRoot(cpu, selector, source);
  probeTasks(cpu, descriptor);
  const isNested = source === TaskSwitchSource.call || source === TaskSwitchSource.gate;
  const isReturn = source === TaskSwitchSource.iret;
  const oldSelector = state.selector(Seg.tr);
  const oldDescriptor = BigInt(oldSelector & 0xfff8) + state.u64(Field.gdtrBase);
  probeDescriptor(cpu, oldDescriptor);
  probeDescriptor(cpu, descriptor.address);
  if (!isNested) setBusy(cpu, oldDescriptor, false);
  saveTask(cpu, suspension.eip, suspension.flags);
  if (isNested) cpu.writeSystem(base, 2, BigInt(oldSelector));
  const next = readTask(cpu, base, rights);
  if (!isReturn) setBusy(cpu, descriptor.address, true);
  state.setSegment(Seg.tr, selector, base, limit, rights | 2);
  state.setU64(Field.cr0, state.u64(Field.cr0) | BigInt(Cr0.ts));
  state.setU64(Field.dr7, state.u64(Field.dr7) & ~LOCAL_BREAKPOINTS);
  enterTask(cpu, next, isNested ? Flag.nt : 0, error);
  loadTaskSegments(cpu, next, external);
  finish(cpu, task, next);
}

/** A VM exit in non-root operation. */
function leaveNonRoot(cpu: Processor, selector: number, source: TaskSwitchSource): void {
  if (!cpu.isNonRoot) return;
  const { delivering } = cpu;
  if (delivering?.vector === Vector.page && delivering.type === EventType.hardwareException)
    cpu.state.setU64(Field.cr2, delivering.payload);
  if (cpu.hooks.intercept(cpu, { kind: 'taskSwitch', selector, source })) cpu.abandon();
}

const linear32 = (address: bigint): bigint => address & 0xffff_ffffn;

function probeDescriptor(cpu: Processor, address: bigint): void {
  cpu.space.probeAt(Number(linear32(address + 4n)), 0, 4, false);
}

function setBusy(cpu: Processor, address: bigint, isBusy: boolean): void {
  const place = linear32(address + 4n);
  const word = Number(cpu.readSystem(place, 4));
  cpu.writeSystem(place, 4, BigInt((isBusy ? word | BUSY_BIT : word & ~BUSY_BIT) >>> 0));
}

/** Loads registers, flags, CR3 and the visible parts of segment registers: what of them is bad faults in the new task from here on. */
function enterTask(cpu: Processor, next: TaskState, nested: number, error: number): void {
  const { state } = cpu;
  state.rip = next.eip;
  state.rflags = next.flags | nested | Flag.reserved1;
  cpu.hasLoadedResume = true;
  next.registers.forEach((value, n) => {
    state.setGpr(n, value);
  });
  next.selectors.forEach((selector, segment) => {
    state.setSegment(segment, selector, 0n, 0, Rights.unusable);
  });
  // The pushed EIP of a fault is whole: until CS is loaded it counts as 32-bit code.
  state.setSegment(Seg.cs, next.selectors[Seg.cs]!, 0n, 0, Rights.unusable | Rights.big);
  // At an outer level until SS is known to be good: a fault's handler has a stack of its own.
  state.setSegment(Seg.ss, next.selectors[Seg.ss]!, 0n, 0, Rights.unusable | (3 << Rights.dplShift));
  state.setSegment(Seg.ldtr, next.ldt, 0n, 0, Rights.unusable);
  const isPaging = (state.u32(Field.cr0) & Cr0.pg) !== 0;
  const isLoaded = next.cr3 === undefined || !isPaging || loadPageTable(cpu, next.cr3);
  cpu.updateContext();
  if (next.cr3 !== undefined && isPaging) cpu.space.cache.flushCurrent();
  if (!isLoaded) cpu.fault(Vector.invalidTss, error);
}

/** Error code on the new stack, the T flag's trap, and the limit of CS. */
function finish(cpu: Processor, { descriptor, external, suspension }: TaskSwitch, next: TaskState): void {
  const { state } = cpu;
  if (next.isTrapped) state.setU64(Field.pendingDebug, state.u64(Field.pendingDebug) | TASK_TRAP);
  if (suspension.errorCode !== undefined) {
    const stack = StackFrame.current(cpu, cpu.space);
    stack.push(BigInt(suspension.errorCode), isWideTask(descriptor.rights) ? 4 : 2);
    state.setGpr(4, stack.pointer);
  }
  if (next.eip > BigInt(state.limit(Seg.cs))) cpu.fault(Vector.protection, external);
}
