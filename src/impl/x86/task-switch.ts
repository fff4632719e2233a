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
import { Field, Seg } from './state-layout.ts';
import { Vector } from './unwind.ts';

/*
 * Hardware task switches (SDM Vol. 3A, chapter "Task Management"): their checks, and the VM exit that VMX non-root operation
 * makes of each. Outside of it this processor has none, which is #GP with the selector of the TSS.
 */

/** Descriptor types of available and busy TSSs, 16-bit and 32-bit, and of task gates. */
const AVAILABLE = [1, 9];
const BUSY = [3, 0xb];
const TASK_GATE = 5;

const typeOf = ({ rights }: Descriptor): number => rights & 0x1f;

/** True for what a far CALL or JMP switches tasks with: an available TSS or a task gate. */
export const isTaskTarget = (descriptor: Descriptor): boolean =>
  AVAILABLE.includes(typeOf(descriptor)) || typeOf(descriptor) === TASK_GATE;

/** Ends the instruction: a VM exit in non-root operation, else #GP. */
function leave(cpu: Processor, selector: number, source: TaskSwitchSource, error: number): never {
  if (cpu.isNonRoot && cpu.hooks.intercept(cpu, { kind: 'taskSwitch', selector, source })) cpu.abandon();
  return cpu.fault(Vector.protection, error);
}

/** TSS that a task gate names: in the GDT, available, present. */
function checkTask(cpu: Processor, selector: number, external: number): void {
  const error = selectorError(selector) + external;
  const descriptor = mustExist(cpu, (selector & 4) === 0 ? readDescriptor(cpu, selector) : undefined, error);
  if (!AVAILABLE.includes(typeOf(descriptor))) cpu.fault(Vector.protection, error);
  if (!isPresent(descriptor.rights)) cpu.fault(Vector.notPresent, error);
}

/** Far CALL or JMP to a TSS or a task gate. */
export function switchTask(cpu: Processor, target: Descriptor, source: TaskSwitchSource): never {
  const error = selectorError(target.selector);
  const dpl = descriptorPrivilege(target.rights);
  if (dpl < cpu.state.cpl || dpl < (target.selector & 3)) cpu.fault(Vector.protection, error);
  if (!isPresent(target.rights)) cpu.fault(Vector.notPresent, error);
  if (typeOf(target) !== TASK_GATE) return leave(cpu, target.selector, source, error);
  const selector = target.low >>> 16;
  checkTask(cpu, selector, 0);
  return leave(cpu, selector, source, selectorError(selector));
}

/** An event through a task gate of the IDT. */
export function switchByGate(cpu: Processor, selector: number, external: number): never {
  checkTask(cpu, selector, external);
  const { delivering } = cpu;
  if (delivering?.vector === Vector.page && delivering.type === EventType.hardwareException)
    cpu.state.setU64(Field.cr2, delivering.payload);
  return leave(cpu, selector, TaskSwitchSource.gate, selectorError(selector) + external);
}

/** IRET with NT: back to the task that the link field of the TSS names. */
export function returnFromTask(cpu: Processor): never {
  const { state } = cpu;
  if (state.limit(Seg.tr) < 1) cpu.fault(Vector.invalidTss, selectorError(state.selector(Seg.tr)));
  const selector = Number(cpu.readSystem(state.segmentBase(Seg.tr), 2));
  const error = selectorError(selector);
  const descriptor = (selector & 4) === 0 ? readDescriptor(cpu, selector) : undefined;
  if (descriptor === undefined || !BUSY.includes(typeOf(descriptor))) return cpu.fault(Vector.invalidTss, error);
  if (!isPresent(descriptor.rights)) cpu.fault(Vector.notPresent, error);
  return leave(cpu, selector, TaskSwitchSource.iret, error);
}
