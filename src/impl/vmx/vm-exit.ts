import { EventType } from '../x86/hooks.ts';
import type { Processor } from '../x86/processor.ts';
import { Activity, Cr0, Cr4, Efer, Field, Flag, Gpr, Interruptibility, Seg } from '../x86/state-layout.ts';
import { Entry, Exit, InterruptInfo, Pin, Proc2 } from './control-bits.ts';
import { loadMsrList, storeMsrList } from './msr-lists.ts';
import { saveGuestRegisters } from './state-transfer.ts';
import { leaveTranslation } from './translation.ts';
import { vmcsWord } from './vmcs.ts';
import type { VmxUnit } from './vmx-unit.ts';

const at = {
  reason: vmcsWord('EXIT_REASON'),
  qualification: vmcsWord('EXIT_QUALIFICATION'),
  interruptInfo: vmcsWord('EXIT_INTERRUPT_INFO'),
  interruptErrorCode: vmcsWord('EXIT_INTERRUPT_ERROR_CODE'),
  vectoringInfo: vmcsWord('IDT_VECTORING_INFO'),
  vectoringErrorCode: vmcsWord('IDT_VECTORING_ERROR_CODE'),
  length: vmcsWord('EXIT_INSTRUCTION_LENGTH'),
  instructionInfo: vmcsWord('EXIT_INSTRUCTION_INFO'),
  linear: vmcsWord('GUEST_LINEAR_ADDRESS'),
  physical: vmcsWord('GUEST_PHYSICAL_ADDRESS'),
  entryInfo: vmcsWord('ENTRY_INTERRUPT_INFO'),
  entryControls: vmcsWord('ENTRY_CONTROLS'),
  exitControls: vmcsWord('EXIT_CONTROLS'),
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
  timer: vmcsWord('PREEMPTION_TIMER'),
  hostCr0: vmcsWord('HOST_CR0'),
  hostCr3: vmcsWord('HOST_CR3'),
  hostCr4: vmcsWord('HOST_CR4'),
  hostRsp: vmcsWord('HOST_RSP'),
  hostRip: vmcsWord('HOST_RIP'),
  hostPat: vmcsWord('HOST_PAT'),
  hostEfer: vmcsWord('HOST_EFER'),
  hostGdtr: vmcsWord('HOST_GDTR_BASE'),
  hostIdtr: vmcsWord('HOST_IDTR_BASE'),
  hostTrBase: vmcsWord('HOST_TR_BASE'),
  hostFsBase: vmcsWord('HOST_FS_BASE'),
  hostGsBase: vmcsWord('HOST_GS_BASE'),
  hostSysenterCs: vmcsWord('HOST_SYSENTER_CS'),
  hostSysenterEsp: vmcsWord('HOST_SYSENTER_ESP'),
  hostSysenterEip: vmcsWord('HOST_SYSENTER_EIP'),
};
const hostSelector = Object.fromEntries(
  ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'TR'].map(name => [name, vmcsWord(`HOST_${name}_SELECTOR`)]),
) as Readonly<Record<string, number>>;

/** What a VM exit reports; fields that an exit does not define stay as they are (SDM Vol. 3C, "Recording VM-Exit Information"). */
export interface ExitInformation {
  readonly reason: number;
  readonly qualification?: bigint;
  readonly interruptInfo?: number;
  readonly interruptErrorCode?: number;
  /** Length of the instruction that the exit is about. */
  readonly length?: number;
  readonly instructionInfo?: number;
  readonly linear?: bigint;
  readonly physical?: number;
  /** RFLAGS.RF as the event would have been saved with it. */
  readonly setsResume?: boolean;
  /** Debug exceptions that are not delivered and so become pending. */
  readonly pendingDebug?: bigint;
}

/** Bit 31 of the exit reason: VM-entry failure. */
const ENTRY_FAILURE = 0x8000_0000;

function record(unit: VmxUnit, cpu: Processor, exit: ExitInformation): void {
  unit.write32(at.reason, exit.reason);
  unit.write(at.qualification, exit.qualification ?? 0n);
  unit.write32(at.interruptInfo, exit.interruptInfo ?? 0);
  unit.write32(at.interruptErrorCode, exit.interruptErrorCode ?? 0);
  unit.write32(at.length, exit.length ?? 0);
  unit.write32(at.instructionInfo, exit.instructionInfo ?? 0);
  unit.write(at.linear, exit.linear ?? 0n);
  unit.write(at.physical, BigInt(exit.physical ?? 0));
  recordVectoring(unit, cpu, exit);
}

/** IDT-vectoring information: the event whose delivery the exit interrupts. */
function recordVectoring(unit: VmxUnit, cpu: Processor, exit: ExitInformation): void {
  const event = cpu.delivering;
  const isDoubleFault = exit.reason === 0 && (exit.interruptInfo! & 0x7ff) === 0x308;
  if (event === undefined || isDoubleFault || exit.reason === 2) {
    unit.write32(at.vectoringInfo, 0);
    unit.write32(at.vectoringErrorCode, 0);
    return;
  }
  const hasCode = event.errorCode !== undefined ? InterruptInfo.deliverErrorCode : 0;
  unit.write32(
    at.vectoringInfo,
    InterruptInfo.valid | hasCode | (event.type << InterruptInfo.typeShift) | event.vector,
  );
  unit.write32(at.vectoringErrorCode, event.errorCode ?? 0);
  if (event.type >= EventType.softwareInterrupt && exit.length === undefined)
    unit.write32(at.length, event.instructionLength);
}

/** Saves the guest state to the current VMCS (SDM Vol. 3C, "Saving Guest State"). */
export function saveGuest(unit: VmxUnit, cpu: Processor, exit: ExitInformation): void {
  const { state } = cpu;
  const controls = unit.low(at.exitControls);
  saveGuestRegisters(unit, state);
  unit.write(at.cr0, state.u64(Field.cr0));
  const flags = state.rflags;
  unit.write(
    at.rflags,
    BigInt(exit.setsResume === undefined ? flags : exit.setsResume ? flags | Flag.rf : flags & ~Flag.rf) & 0xffff_ffffn,
  );
  if ((controls & Exit.saveDebugControls) !== 0) {
    unit.write(at.dr7, state.u64(Field.dr7));
    unit.write(at.debugControl, state.u64(Field.debugControl));
  }
  if ((controls & Exit.savePat) !== 0) unit.write(at.pat, state.u64(Field.pat));
  if ((controls & Exit.saveEfer) !== 0) unit.write(at.efer, state.u64(Field.efer));
  const isLong = state.isLongMode;
  unit.write32(at.entryControls, (unit.low(at.entryControls) & ~Entry.ia32eGuest) | (isLong ? Entry.ia32eGuest : 0));
  unit.write32(at.activity, state.u32(Field.activity));
  unit.write32(at.interruptibility, state.u32(Field.interruptibility));
  unit.write(at.pendingDebug, exit.pendingDebug ?? state.u64(Field.pendingDebug));
  if (unit.hasProc2(Proc2.ept) && isPae(cpu)) {
    for (let index = 0; index < 4; index++) unit.write(at.pdpte + 2 * index, state.u64(Field.pdpte + 8 * index));
  }
  if ((controls & Exit.savePreemptionTimer) !== 0) unit.write32(at.timer, remainingTimer(unit, cpu));
}

const isPae = ({ state }: Processor): boolean =>
  (state.u32(Field.cr0) & Cr0.pg) !== 0 && (state.u32(Field.cr4) & Cr4.pae) !== 0 && !state.isLongMode;

/** Value of the preemption timer: TSC cycles left, by the rate of IA32_VMX_MISC. */
export function remainingTimer(unit: VmxUnit, cpu: Processor): number {
  if (unit.timerDeadline === Number.POSITIVE_INFINITY) return 0;
  const shift = unit.capabilities.misc & 0x1f;
  return Math.max(0, Math.floor(unit.timerDeadline / 2 ** shift) - Math.floor(Number(cpu.timeStamp()) / 2 ** shift));
}

const CR0_KEPT = BigInt(Cr0.et | Cr0.cd | Cr0.nw | 0x1ffa_ffc0);

/** Loads the host-state area (SDM Vol. 3C, "Loading Host State"). */
function loadHost(unit: VmxUnit, cpu: Processor): void {
  const { state } = cpu;
  const controls = unit.low(at.exitControls);
  const is64Bit = (controls & Exit.hostAddressSpaceSize) !== 0;
  const cr0 = (unit.read(at.hostCr0) & ~CR0_KEPT) | (state.u64(Field.cr0) & CR0_KEPT);
  state.setU64(Field.cr0, cr0);
  state.setU64(Field.cr3, unit.read(at.hostCr3));
  const cr4 = unit.read(at.hostCr4);
  state.setU64(Field.cr4, is64Bit ? cr4 | BigInt(Cr4.pae) : cr4 & ~BigInt(Cr4.pcide));
  state.setU64(Field.dr7, 0x400n);
  state.setU64(Field.debugControl, 0n);
  state.setU64(Field.sysenterCs, BigInt(unit.low(at.hostSysenterCs)));
  state.setU64(Field.sysenterEsp, unit.read(at.hostSysenterEsp));
  state.setU64(Field.sysenterEip, unit.read(at.hostSysenterEip));
  const mode = BigInt(Efer.lme | Efer.lma);
  if ((controls & Exit.loadEfer) !== 0) state.setU64(Field.efer, unit.read(at.hostEfer));
  else state.setU64(Field.efer, is64Bit ? state.u64(Field.efer) | mode : state.u64(Field.efer) & ~mode);
  if ((controls & Exit.loadPat) !== 0) state.setU64(Field.pat, unit.read(at.hostPat));
  loadHostSegments(unit, cpu, is64Bit);
  state.setU64(Field.gdtrBase, unit.read(at.hostGdtr));
  state.setU32(Field.gdtrLimit, 0xffff);
  state.setU64(Field.idtrBase, unit.read(at.hostIdtr));
  state.setU32(Field.idtrLimit, 0xffff);
  state.rip = unit.read(at.hostRip);
  state.setGpr(Gpr.rsp, unit.read(at.hostRsp));
  state.rflags = Flag.reserved1;
  state.setU32(Field.activity, Activity.active);
  // With virtual NMIs the blocking state of the guest was theirs alone.
  const isBlocked = unit.hasPin(Pin.virtualNmis)
    ? unit.areNmisBlocked
    : (state.u32(Field.interruptibility) & Interruptibility.nmi) !== 0;
  state.setU32(Field.interruptibility, isBlocked ? Interruptibility.nmi : 0);
  state.setU64(Field.pendingDebug, 0n);
}

const UNUSABLE = 0x1_0000;

function loadHostSegments(unit: VmxUnit, { state }: Processor, is64Bit: boolean): void {
  const selector = (name: string): number => unit.low(hostSelector[name]!);
  state.setSegment(Seg.cs, selector('CS'), 0n, 0xffff_ffff, is64Bit ? 0xa09b : 0xc09b);
  const data = (segment: number, name: string, base: bigint): void => {
    const value = selector(name);
    state.setSegment(segment, value, base, 0xffff_ffff, value === 0 ? UNUSABLE | 0xc093 : 0xc093);
  };
  data(Seg.ss, 'SS', 0n);
  data(Seg.ds, 'DS', 0n);
  data(Seg.es, 'ES', 0n);
  data(Seg.fs, 'FS', unit.read(at.hostFsBase));
  data(Seg.gs, 'GS', unit.read(at.hostGsBase));
  state.setSegment(Seg.tr, selector('TR'), unit.read(at.hostTrBase), 0x67, 0x8b);
  state.setSegment(Seg.ldtr, 0, 0n, 0, UNUSABLE);
}

/**
 * A VM exit: records why, saves the guest, loads the host (SDM Vol. 3C, chapter "VM Exits").
 *
 * The processor stands at HOST_RIP afterwards; the caller ends the instruction at hand.
 */
export function vmExit(unit: VmxUnit, cpu: Processor, exit: ExitInformation): void {
  record(unit, cpu, exit);
  saveGuest(unit, cpu, exit);
  unit.write32(at.entryInfo, unit.low(at.entryInfo) & ~InterruptInfo.valid);
  leave(unit, cpu, storeMsrList(unit, cpu));
}

/** A VM-entry failure after guest state was loaded in part: only the exit reason and qualification change (SDM Vol. 3C, "VM-Entry Failures During or After Loading Guest State"). */
export function entryFailure(unit: VmxUnit, cpu: Processor, reason: number, qualification: bigint): void {
  unit.write32(at.reason, ENTRY_FAILURE | reason);
  unit.write(at.qualification, qualification);
  leave(unit, cpu, true);
}

/** MSR-store failure: VMX abort 1. MSR-load failure: VMX abort 4 (SDM Vol. 3C, "VMX Aborts"). */
const ABORT_STORE = 1;
const ABORT_LOAD = 4;

function leave(unit: VmxUnit, cpu: Processor, areStored: boolean): void {
  unit.timerDeadline = Number.POSITIVE_INFINITY;
  unit.isTrapPending = false;
  cpu.isNonRoot = false;
  cpu.hasNestedPaging = false;
  loadHost(unit, cpu);
  if (!areStored) abort(unit, cpu, ABORT_STORE);
  else if (!loadMsrList(unit, cpu, 'exit').ok) abort(unit, cpu, ABORT_LOAD);
  leaveTranslation(unit, cpu);
  cpu.updateContext();
  cpu.attention = true;
}

/** The processor shuts down and says why in the abort indicator of the VMCS region. */
function abort(unit: VmxUnit, cpu: Processor, indicator: number): void {
  unit.abortIndicator = indicator;
  unit.memory.writeWord(unit.slot, 1, indicator);
  cpu.state.setU32(Field.activity, Activity.shutdown);
}
