import { type DeliveredEvent, EventType } from '../x86/hooks.ts';
import type { Processor } from '../x86/processor.ts';
import { Activity, Field, Flag, Interruptibility } from '../x86/state-layout.ts';
import { InterruptInfo, Pin, Proc, Proc2 } from './control-bits.ts';
import { type ExitInformation, vmExit } from './vm-exit.ts';
import { vmcsWord } from './vmcs.ts';
import type { VmxUnit } from './vmx-unit.ts';

const at = {
  exceptions: vmcsWord('EXCEPTION_BITMAP'),
  faultMask: vmcsWord('PAGE_FAULT_ERROR_CODE_MASK'),
  faultMatch: vmcsWord('PAGE_FAULT_ERROR_CODE_MATCH'),
  exitControls: vmcsWord('EXIT_CONTROLS'),
  tprThreshold: vmcsWord('TPR_THRESHOLD'),
  virtualApic: vmcsWord('VIRTUAL_APIC_ADDRESS'),
};

const DEBUG = 1;
const PAGE_FAULT = 14;
const ACKNOWLEDGE_ON_EXIT = 1 << 15;
const INTERRUPT_SHADOW = Interruptibility.sti | Interruptibility.movSs;

/** Interrupts and resets that reach the processor from outside. */
export interface EventSources {
  /** Highest vector that the local APIC wants to deliver, -1 for none. */
  pendingVector(): number;
  /** Takes that vector from the local APIC. */
  acknowledge(): number;
  isNmiPending(): boolean;
  takeNmi(): void;
  /** True once for an INIT that arrived. */
  takeInit(): boolean;
  /** Vector of a start-up IPI that arrived, -1 for none; takes it. */
  takeSipi(): number;
}

/** True if the exception bitmap (and for page faults mask and match) makes an exception of the guest exit (SDM Vol. 3C, "Other Causes of VM Exits"). */
function isExceptionIntercepted(unit: VmxUnit, { vector, errorCode }: DeliveredEvent): boolean {
  const bit = ((unit.low(at.exceptions) >>> vector) & 1) === 1;
  if (vector !== PAGE_FAULT) return bit;
  const matches = ((errorCode ?? 0) & unit.low(at.faultMask)) >>> 0 === unit.low(at.faultMatch);
  return matches === bit;
}

/** Exits if the event is one that the guest does not take itself; true if it did. */
export function interceptGuestEvent(unit: VmxUnit, cpu: Processor, event: DeliveredEvent): boolean {
  if (unit.isInjecting && cpu.delivering === undefined) return false;
  const { type, vector } = event;
  if (type === EventType.softwareInterrupt || type === EventType.external) return false;
  const isNmi = type === EventType.nmi;
  if (isNmi ? !unit.hasPin(Pin.nmiExiting) : !isExceptionIntercepted(unit, event)) return false;
  const isSoftware = type === EventType.softwareException || type === EventType.privilegedSoftwareException;
  const isTrap = isSoftware || isNmi || vector === DEBUG;
  const hasCode = event.errorCode !== undefined;
  // "NMI unblocking due to IRET": a fault of an IRET that began while they were blocked.
  const isUnblocked = cpu.isBlockedReturn && cpu.delivering === undefined;
  const exit: ExitInformation = {
    reason: 0,
    interruptInfo:
      (InterruptInfo.valid |
        vector |
        (type << InterruptInfo.typeShift) |
        (hasCode ? InterruptInfo.deliverErrorCode : 0) |
        (isUnblocked ? InterruptInfo.nmiUnblocking : 0)) >>>
      0,
    interruptErrorCode: event.errorCode ?? 0,
    qualification: vector === PAGE_FAULT || vector === DEBUG ? event.payload : 0n,
    ...(isSoftware ? { length: event.instructionLength } : {}),
    setsResume: !isTrap,
  };
  vmExit(unit, cpu, exit);
  return true;
}

/** Windows and events at an instruction boundary of a guest, by priority (SDM Vol. 3C, "Other Causes of VM Exits" and "VM Entries"); true if the guest was left. */
export function guestBoundary(unit: VmxUnit, cpu: Processor, sources: EventSources): boolean {
  const { state } = cpu;
  if (sources.takeInit()) return leave(unit, cpu, { reason: 3 });
  const activity = state.u32(Field.activity);
  if (activity === Activity.waitForSipi) {
    const vector = sources.takeSipi();
    return vector >= 0 && leave(unit, cpu, { reason: 4, qualification: BigInt(vector) });
  }
  sources.takeSipi();
  const isStepped = unit.hasProc(Proc.monitorTrapFlag) && !unit.isFresh;
  unit.isFresh = false;
  if (unit.isTrapPending || isStepped) return leave(unit, cpu, { reason: 37 });
  if (isBelowThreshold(unit, cpu)) return leave(unit, cpu, { reason: 43 });
  if (deliverPendingDebug(cpu)) return !cpu.isNonRoot;
  if (unit.timerDeadline <= Number(cpu.timeStamp())) return leave(unit, cpu, { reason: 52 });
  return nmis(unit, cpu, sources) || interrupts(unit, cpu, sources);
}

function leave(unit: VmxUnit, cpu: Processor, exit: ExitInformation): boolean {
  vmExit(unit, cpu, exit);
  return true;
}

/** Debug exceptions that the guest state or an instruction in the shadow of MOV SS left pending. */
function deliverPendingDebug(cpu: Processor): boolean {
  const { state } = cpu;
  const pending = state.u64(Field.pendingDebug);
  if (pending === 0n || (state.u32(Field.interruptibility) & Interruptibility.movSs) !== 0) return false;
  // Bit 12 says that a breakpoint was enabled; without it and without BS nothing is delivered.
  state.setU64(Field.pendingDebug, 0n);
  if ((pending & 0x1_5000n) === 0n) return false;
  cpu.deliver({
    vector: DEBUG,
    type: EventType.hardwareException,
    errorCode: undefined,
    instructionLength: 0,
    payload: pending & 0x600fn,
  });
  // A guest that leaves by the exception is saved in the state it was in.
  if (cpu.isNonRoot) state.setU32(Field.activity, Activity.active);
  return true;
}

function nmis(unit: VmxUnit, cpu: Processor, sources: EventSources): boolean {
  const { state } = cpu;
  const blocking = state.u32(Field.interruptibility);
  const isVirtual = unit.hasPin(Pin.virtualNmis);
  const isWindow =
    unit.hasProc(Proc.nmiWindowExiting) && (blocking & (Interruptibility.nmi | Interruptibility.movSs)) === 0;
  if (isWindow) return leave(unit, cpu, { reason: 8 });
  if (!sources.isNmiPending() || (blocking & Interruptibility.movSs) !== 0) return false;
  if (isVirtual ? unit.areNmisBlocked : (blocking & Interruptibility.nmi) !== 0) return false;
  sources.takeNmi();
  const wasActive = state.u32(Field.activity);
  if (unit.hasPin(Pin.nmiExiting)) {
    vmExit(unit, cpu, {
      reason: 0,
      interruptInfo: InterruptInfo.valid | (EventType.nmi << InterruptInfo.typeShift) | 2,
    });
    cpu.state.setU32(Field.interruptibility, cpu.state.u32(Field.interruptibility) | Interruptibility.nmi);
    return true;
  }
  if (wasActive === Activity.hlt) state.setU32(Field.activity, Activity.active);
  state.setU32(Field.interruptibility, blocking | Interruptibility.nmi);
  cpu.deliver({ vector: 2, type: EventType.nmi, errorCode: undefined, instructionLength: 0, payload: 0n });
  return !cpu.isNonRoot;
}

function interrupts(unit: VmxUnit, cpu: Processor, sources: EventSources): boolean {
  const { state } = cpu;
  const activity = state.u32(Field.activity);
  const blocking = state.u32(Field.interruptibility);
  const isOpen = (state.rflags & Flag.if) !== 0 && (blocking & INTERRUPT_SHADOW) === 0;
  if (activity === Activity.shutdown) return false;
  if (isOpen && unit.hasProc(Proc.interruptWindowExiting)) return leave(unit, cpu, { reason: 7 });
  if (sources.pendingVector() < 0) return false;
  if (unit.hasPin(Pin.externalInterruptExiting)) {
    const isAcknowledged = (unit.low(at.exitControls) & ACKNOWLEDGE_ON_EXIT) !== 0;
    const vector = isAcknowledged ? sources.acknowledge() : 0;
    return leave(unit, cpu, { reason: 1, interruptInfo: isAcknowledged ? (InterruptInfo.valid | vector) >>> 0 : 0 });
  }
  if (!isOpen) return false;
  state.setU32(Field.activity, Activity.active);
  cpu.deliver({
    vector: sources.acknowledge(),
    type: EventType.external,
    errorCode: undefined,
    instructionLength: 0,
    payload: 0n,
  });
  return !cpu.isNonRoot;
}

/** VTPR[7:4] below the TPR threshold, with a TPR shadow and without virtual-interrupt delivery (SDM Vol. 3C, "TPR Virtualization"). */
export function isBelowThreshold(unit: VmxUnit, cpu: Processor): boolean {
  if (!unit.hasProc(Proc.tprShadow) || !unit.isTprCheckDue) return false;
  unit.isTprCheckDue = false;
  if (unit.hasProc2(Proc2.virtualInterruptDelivery)) return false;
  const priority = Number(cpu.readPhysical(unit.readNumber(at.virtualApic) + 0x80, 1)) >>> 4;
  return priority < (unit.low(at.tprThreshold) & 0xf);
}
