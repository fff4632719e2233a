import type { EventType } from '../x86/hooks.ts';
import type { Processor } from '../x86/processor.ts';
import { Activity, Cr0, Cr4, Efer, Field, Interruptibility } from '../x86/state-layout.ts';
import { Blocking, Entry, EventKind, InterruptInfo, Pin, Proc, Proc2 } from './control-bits.ts';
import { failedEntryCheck } from './entry-check-table.ts';
import { loadMsrList } from './msr-lists.ts';
import { loadGuestRegisters } from './state-transfer.ts';
import { enterTranslation } from './translation.ts';
import { entryFailure } from './vm-exit.ts';
import { vmcsWord } from './vmcs.ts';
import type { VmxUnit } from './vmx-unit.ts';

const at = {
  entry: vmcsWord('ENTRY_CONTROLS'),
  cr0: vmcsWord('GUEST_CR0'),
  rflags: vmcsWord('GUEST_RFLAGS'),
  dr7: vmcsWord('GUEST_DR7'),
  debugControl: vmcsWord('GUEST_DEBUGCTL'),
  efer: vmcsWord('GUEST_EFER'),
  pat: vmcsWord('GUEST_PAT'),
  activity: vmcsWord('GUEST_ACTIVITY'),
  interruptibility: vmcsWord('GUEST_INTERRUPTIBILITY'),
  pendingDebug: vmcsWord('GUEST_PENDING_DEBUG'),
  pdpte: vmcsWord('GUEST_PDPTE0'),
  cr3: vmcsWord('GUEST_CR3'),
  timer: vmcsWord('PREEMPTION_TIMER'),
  info: vmcsWord('ENTRY_INTERRUPT_INFO'),
  errorCode: vmcsWord('ENTRY_EXCEPTION_ERROR_CODE'),
  length: vmcsWord('ENTRY_INSTRUCTION_LENGTH'),
};

/** How a VM entry ends: VMfailValid with an error, or not at VMLAUNCH any more (entered, or left again by a VM exit). */
export type EntryResult = { readonly kind: 'failed'; readonly error: 7 | 8 } | { readonly kind: 'left' };

const INVALID_GUEST_STATE = 33;
const MSR_LOADING = 34;

/** VM entry with the current VMCS (SDM Vol. 3C, chapter "VM Entries"); the caller has done the basic checks. */
export function vmEntry(unit: VmxUnit, cpu: Processor, isX2apic: boolean): EntryResult {
  unit.entryState.begin(unit.slot, { isLongMode: cpu.state.isLongMode, isX2apic });
  const failure = failedEntryCheck(unit.entryState)?.failure;
  if (failure !== undefined && 'error' in failure) return { kind: 'failed', error: failure.error };
  unit.loadControls();
  unit.areNmisBlocked = (cpu.state.u32(Field.interruptibility) & Interruptibility.nmi) !== 0;
  if (failure !== undefined) {
    entryFailure(unit, cpu, INVALID_GUEST_STATE, BigInt(failure.qualification));
    return { kind: 'left' };
  }
  loadGuest(unit, cpu);
  const loaded = loadMsrList(unit, cpu, 'entry');
  if (!loaded.ok) {
    entryFailure(unit, cpu, MSR_LOADING, BigInt(loaded.entry));
    return { kind: 'left' };
  }
  unit.setLaunched(unit.slot, true);
  begin(unit, cpu);
  return { kind: 'left' };
}

/** The part of a VM entry behind its checks and MSR loading, for hosted root software that did those itself. */
export function enterGuest(unit: VmxUnit, cpu: Processor): void {
  loadGuest(unit, cpu);
  begin(unit, cpu);
}

/** CR0 bits that a VM entry leaves alone: ET, CD, NW and the reserved ones. */
const CR0_KEPT = BigInt(Cr0.et | Cr0.cd | Cr0.nw | 0x1ffa_ffc0);

function loadGuest(unit: VmxUnit, cpu: Processor): void {
  const { state } = cpu;
  const controls = unit.low(at.entry);
  loadGuestRegisters(unit, state);
  const cr0 = (unit.read(at.cr0) & ~CR0_KEPT) | (state.u64(Field.cr0) & CR0_KEPT);
  state.setU64(Field.cr0, cr0);
  state.rflags = unit.low(at.rflags);
  if ((controls & Entry.loadDebugControls) !== 0) {
    state.setU64(Field.dr7, (unit.read(at.dr7) & ~0xd000n) | 0x400n);
    state.setU64(Field.debugControl, unit.read(at.debugControl));
  }
  const isLong = (controls & Entry.ia32eGuest) !== 0;
  if ((controls & Entry.loadEfer) !== 0) state.setU64(Field.efer, unit.read(at.efer));
  else state.setU64(Field.efer, modeBits(state.u64(Field.efer), isLong, (Number(cr0 & 0xffff_ffffn) & Cr0.pg) !== 0));
  if ((controls & Entry.loadPat) !== 0) state.setU64(Field.pat, unit.read(at.pat));
  if ((Number(cr0 & 0xffff_ffffn) & Cr0.pg) !== 0 && (state.u32(Field.cr4) & Cr4.pae) !== 0 && !isLong)
    loadPdptes(unit, cpu);
  state.setU32(Field.activity, unit.low(at.activity));
  loadBlocking(unit, cpu);
  state.setU64(Field.pendingDebug, unit.read(at.pendingDebug));
}

/** IA32_EFER without the "load" control: LMA as the guest's mode, LME too if paging is on. */
function modeBits(efer: bigint, isLong: boolean, isPaging: boolean): bigint {
  const bits = BigInt(isPaging ? Efer.lma | Efer.lme : Efer.lma);
  return isLong ? efer | bits : efer & ~bits;
}

function loadPdptes(unit: VmxUnit, cpu: Processor): void {
  const table = Number(unit.read(at.cr3) & 0xffff_ffe0n);
  for (let index = 0; index < 4; index++) {
    const value = unit.hasProc2(Proc2.ept) ? unit.read(at.pdpte + 2 * index) : cpu.readPhysical(table + 8 * index, 8);
    cpu.state.setU64(Field.pdpte + 8 * index, value);
  }
}

/** With virtual NMIs the blocking state in force is theirs, which IRET ends as it does that of NMIs. */
function loadBlocking(unit: VmxUnit, { state }: Processor): void {
  const field = unit.low(at.interruptibility);
  state.setU32(Field.interruptibility, field & (Blocking.sti | Blocking.movSs | Blocking.nmi));
}

/** Non-root operation begins: timer, injection, what is pending (SDM Vol. 3C, "Special Features of VM Entry"). */
function begin(unit: VmxUnit, cpu: Processor): void {
  cpu.isNonRoot = true;
  cpu.hasNestedPaging = unit.hasProc2(Proc2.ept);
  enterTranslation(unit, cpu);
  cpu.updateContext();
  unit.isTrapPending = false;
  unit.isTprCheckDue = true;
  unit.isFresh = true;
  unit.pauseFirst = 0n;
  unit.pauseLast = 0n;
  unit.timerDeadline = Number.POSITIVE_INFINITY;
  if (unit.hasPin(Pin.preemptionTimer)) {
    const shift = unit.capabilities.misc & 0x1f;
    unit.timerDeadline = (Math.floor(Number(cpu.timeStamp()) / 2 ** shift) + unit.low(at.timer)) * 2 ** shift;
  }
  cpu.attention = true;
  if ((unit.low(at.info) & InterruptInfo.valid) !== 0) inject(unit, cpu);
}

/** Delivers the event of the VM-entry interruption-information field (SDM Vol. 3C, "Event Injection"). */
function inject(unit: VmxUnit, cpu: Processor): void {
  const info = unit.low(at.info);
  const type = (info >>> InterruptInfo.typeShift) & 7;
  const vector = info & InterruptInfo.vectorMask;
  if (type === EventKind.other) {
    unit.isTrapPending = true;
    return;
  }
  const { state } = cpu;
  state.setU32(Field.activity, Activity.active);
  if (type === EventKind.nmi) {
    state.setU32(Field.interruptibility, state.u32(Field.interruptibility) | Interruptibility.nmi);
  }
  // An injected event leaves no debug exception pending (same chapter, "Delivery of Pending Debug Exceptions after VM Entry").
  if (type !== EventKind.externalInterrupt && type !== EventKind.nmi && vector !== 3 && vector !== 4)
    state.setU64(Field.pendingDebug, 0n);
  state.setU32(
    Field.interruptibility,
    state.u32(Field.interruptibility) & ~(Interruptibility.sti | Interruptibility.movSs),
  );
  const isSoftware = type >= EventKind.softwareInterrupt;
  unit.isInjecting = true;
  cpu.deliver({
    vector,
    type: type as (typeof EventType)[keyof typeof EventType],
    errorCode: (info & InterruptInfo.deliverErrorCode) !== 0 ? unit.low(at.errorCode) : undefined,
    instructionLength: isSoftware ? unit.low(at.length) : 0,
    payload: 0n,
  });
  unit.isInjecting = false;
  // With the monitor trap flag an exit follows the injected event before the first instruction of its handler.
  if (cpu.isNonRoot && unit.hasProc(Proc.monitorTrapFlag)) unit.isTrapPending = true;
}
