import type { SubjectId } from '../../units/ids.ts';
import type { Cpu } from '../cpu.ts';
import { ExitReasonCode, MAX_TRAP } from '../vmx/exit-reasons.ts';
import { Vmcs } from '../vmx/vmcs.ts';
import { IRQ_REMAP_OFFSET, VTD_FAULT_VECTOR } from './compile-interrupts.ts';
import { subjectContext } from './crash-audit.ts';
import { AuditReason } from './crash-audit-layout.ts';
import type { Kernel, Segments } from './kernel-context.ts';
import { currentSubject } from './scheduling-state.ts';
import { RAX_WORD, RCX_WORD, RDX_WORD } from './state-layout.ts';

/** VM-exit handling in Muen's order: save, dispatch, target events, injection, timer, restore (Muen SK.Kernel Handle_Vmx_Exit). */
export function* handleVmExit(kernel: Kernel, cpu: Cpu): Segments {
  const subject = currentSubject(kernel, cpu);
  const reason = cpu.vmread(Vmcs.exitReason);
  kernel.ops.saveState(kernel, cpu, subject);
  kernel.ops.saveFpu(kernel, cpu, subject);
  yield* dispatch(kernel, cpu, subject, reason & 0xffff);
  const next = currentSubject(kernel, cpu);
  if (cpu.vmcsSlot !== kernel.at.vmcsSlots[next]) kernel.ops.loadVmcs(kernel, cpu, next);
  yield* kernel.ops.handlePendingTargetEvents(kernel, cpu, next);
  prepareEntry(kernel, cpu, next);
}

/** Injection, timer and state restore, the last steps before VM entry. */
function prepareEntry(kernel: Kernel, cpu: Cpu, subject: SubjectId): void {
  kernel.ops.injectInterrupt(kernel, cpu, subject);
  kernel.ops.armTimer(kernel, cpu);
  kernel.ops.restoreFpu(kernel, cpu, subject);
  kernel.ops.filterState(kernel, subject);
  kernel.ops.restoreState(kernel, cpu, subject);
  kernel.ops.enterSubject(kernel, cpu);
}

function* dispatch(kernel: Kernel, cpu: Cpu, subject: SubjectId, reason: number): Segments {
  const interruptInfo = cpu.vmread(Vmcs.exitInterruptInfo);
  switch (reason) {
    case ExitReasonCode.externalInterrupt:
      yield* kernel.ops.handleInterrupt(kernel, cpu, interruptInfo & 0xff);
      return;
    case ExitReasonCode.vmcall:
      if (kernel.ops.privilegeLevel(kernel, subject) === 0) yield* kernel.ops.handleHypercall(kernel, cpu, subject);
      else yield* kernel.ops.handleTrap(kernel, cpu, subject, reason);
      return;
    case ExitReasonCode.preemptionTimer:
      yield* kernel.ops.handleTimerExpiry(kernel, cpu);
      return;
    case ExitReasonCode.interruptWindow:
      kernel.ops.setInterruptWindow(cpu, false);
      return;
    case ExitReasonCode.xsetbv:
      kernel.ops.handleXsetbv(kernel, subject);
      return;
    case ExitReasonCode.entryFailureMachineCheck:
      yield* crashMachineCheck(kernel, cpu, AuditReason.entryMachineCheck, 'machine check at VM entry');
      return;
    case ExitReasonCode.exception:
      if (isNmi(interruptInfo)) yield* kernel.ops.crash(kernel, cpu, { reason: AuditReason.exitNmi, text: 'NMI' });
      if (isMachineCheck(interruptInfo))
        yield* crashMachineCheck(kernel, cpu, AuditReason.exitMachineCheck, 'machine check');
      yield* kernel.ops.handleTrap(kernel, cpu, subject, reason);
      return;
    default:
      yield* kernel.ops.handleTrap(kernel, cpu, subject, reason);
  }
}

/** NMI: type 2, vector 2 in the VM-exit interruption information. */
const isNmi = (interruptInfo: number): boolean => (interruptInfo & 0x7ff) === 0x202;
/** Machine check: type 3, vector 18. */
const isMachineCheck = (interruptInfo: number): boolean => (interruptInfo & 0x7ff) === 0x312;

function* crashMachineCheck(kernel: Kernel, cpu: Cpu, reason: AuditReason, text: string): Segments {
  yield* kernel.ops.crash(kernel, cpu, { reason, text, machineCheck: { bankCount: kernel.tables.machineCheckBanks } });
}

/** VMCALL from CPL 0: RAX selects the event, compared in full; an invalid number does nothing, RIP always advances. */
export function* handleHypercall(kernel: Kernel, cpu: Cpu, subject: SubjectId): Segments {
  const slot = kernel.at.stateSlots[subject]!;
  const low = kernel.memory.readWord(slot, RAX_WORD);
  const high = kernel.memory.readWord(slot, RAX_WORD + 1);
  if (kernel.ops.isValidHypercall(low, high)) {
    yield* kernel.ops.handleSourceEvent(
      kernel,
      cpu,
      subject,
      kernel.tables.subjects[subject]!.vmcalls[low & 63]!,
      false,
    );
  }
  kernel.ops.incrementRip(kernel, subject);
}

/** True if the full 64-bit number is an event number. */
export const isValidHypercall = (low: number, high: number): boolean => high === 0 && low < 64;

/** Any other exit: the subject's trap table decides. Reasons above the table stop the system. */
export function* handleTrap(kernel: Kernel, cpu: Cpu, subject: SubjectId, reason: number): Segments {
  if (reason > MAX_TRAP) {
    yield* kernel.ops.crash(kernel, cpu, {
      reason: AuditReason.unknownTrap,
      text: `unknown trap ${reason} by ${kernel.tables.subjects[subject]!.name}`,
      subject: subjectContext(cpu, subject),
    });
  }
  yield* kernel.ops.handleSourceEvent(kernel, cpu, subject, kernel.tables.subjects[subject]!.traps[reason]!, true);
}

/** External interrupt: routed to its subject's pending interrupts; a level-triggered line is masked; always ended at the local APIC. */
export function* handleInterrupt(kernel: Kernel, cpu: Cpu, vector: number): Segments {
  const isDevice = vector >= IRQ_REMAP_OFFSET && vector < VTD_FAULT_VECTOR;
  const route = isDevice ? kernel.tables.vectorRouting[vector] : undefined;
  if (route !== undefined) {
    kernel.ops.insertInterrupt(kernel, route.subject, route.vector);
    yield* kernel.ops.indicateActivity(kernel, cpu, route.subject, true);
    if (route.level) yield* kernel.ops.maskIrq(kernel, vector - IRQ_REMAP_OFFSET);
  }
  kernel.ops.endOfInterrupt(kernel, cpu);
}

/** End of a minor frame; afterwards the timed event of the subject now selected, at most one. */
export function* handleTimerExpiry(kernel: Kernel, cpu: Cpu): Segments {
  yield* kernel.ops.switchFrame(kernel, cpu);
  const subject = currentSubject(kernel, cpu);
  if (cpu.vmcsSlot !== kernel.at.vmcsSlots[subject]) kernel.ops.loadVmcs(kernel, cpu, subject);
  if (!kernel.ops.isTimedEventDue(kernel, subject, cpu.tsc)) return;
  const event = kernel.tables.subjects[subject]!.vmcalls[kernel.ops.timedEventNumber(kernel, subject)]!;
  yield* kernel.ops.handleSourceEvent(kernel, cpu, subject, event, false);
  kernel.ops.clearTimedEvent(kernel, subject);
}

/** General protection, which the kernel queues as an ordinary pending vector when it refuses XSETBV. */
const GENERAL_PROTECTION = 13;

/** XSETBV: checked, then taken over into the subject's FPU page; a refused one queues #GP and leaves RIP. */
export function handleXsetbv(kernel: Kernel, subject: SubjectId): void {
  const slot = kernel.at.stateSlots[subject]!;
  const read = (word: number): number => kernel.memory.readWord(slot, word);
  const value = read(RAX_WORD);
  const valid =
    kernel.ops.privilegeLevel(kernel, subject) === 0 &&
    read(RCX_WORD) === 0 &&
    read(RDX_WORD) === 0 &&
    kernel.ops.isValidXcr0(value, kernel.tables.xcr0Features);
  if (!valid) {
    kernel.ops.insertInterrupt(kernel, subject, GENERAL_PROTECTION);
    return;
  }
  kernel.ops.setSubjectXcr0(kernel, subject, value);
  kernel.ops.incrementRip(kernel, subject);
}

/** XCR0 rules (SDM Vol. 1, "XSAVE-Supported Features and State-Component Bitmaps"): x87 always, AVX needs SSE, AVX-512 all or none and needs AVX. */
export function isValidXcr0(value: number, features: number): boolean {
  const avx512 = value & 0b1110_0000;
  return (
    (value & ~features) === 0 &&
    (value & 1) !== 0 &&
    ((value & 4) === 0 || (value & 2) !== 0) &&
    (avx512 === 0 || (avx512 === 0b1110_0000 && (value & 4) !== 0))
  );
}

/** Delivers all pending target events of the subject about to run, highest first (Muen Handle_Pending_Target_Event). */
export function* handlePendingTargetEvents(kernel: Kernel, cpu: Cpu, subject: SubjectId): Segments {
  let handled = false;
  for (let count = 0; count < 64; count++) {
    const event = yield* kernel.ops.consumeEvent(kernel, subject);
    if (event < 0) break;
    handled = true;
    const { action, vector } = kernel.tables.subjects[subject]!.targets[event]!;
    if (action === 'inject_interrupt') kernel.ops.insertInterrupt(kernel, subject, vector);
    else if (action === 'reset') yield* kernel.ops.initSubject(kernel, cpu, subject);
  }
  if (handled && !kernel.ops.isRunning(kernel, subject)) kernel.ops.setRunning(kernel, subject, true);
}

/** Brings a subject to its initial state (Muen Init_Subject); used at boot and for the reset action. Its memory stays. */
export function* initSubject(kernel: Kernel, cpu: Cpu, subject: SubjectId): Segments {
  kernel.ops.resetFpu(kernel, subject);
  yield* kernel.ops.clearEvents(kernel, subject);
  kernel.ops.clearInterrupts(kernel, subject);
  kernel.ops.initTimedEvent(kernel, subject);
  kernel.ops.clearMsrStore(kernel, subject);
  kernel.ops.resetVmcs(kernel, cpu, subject);
  kernel.ops.resetState(kernel, subject);
}
