import { hpa, PAGE_SIZE_BYTES } from '../../units/address.ts';
import { joinWords } from '../../units/word.ts';
import { type AllowedSettings, EptVpid, Misc } from './capabilities.ts';
import { Entry, EventKind, Exit, InterruptInfo, Pin, Proc, Proc2 } from './control-bits.ts';
import { checksOf, type EntryCheckRow, type EntryState } from './entry-state.ts';
import { vmcsWord } from './vmcs.ts';

const at = {
  cr3TargetCount: vmcsWord('CR3_TARGET_COUNT'),
  ioBitmapA: vmcsWord('IO_BITMAP_A'),
  ioBitmapB: vmcsWord('IO_BITMAP_B'),
  msrBitmap: vmcsWord('MSR_BITMAP'),
  virtualApic: vmcsWord('VIRTUAL_APIC_ADDRESS'),
  apicAccess: vmcsWord('APIC_ACCESS_ADDRESS'),
  tprThreshold: vmcsWord('TPR_THRESHOLD'),
  vpid: vmcsWord('VPID'),
  eptPointer: vmcsWord('EPT_POINTER'),
  pmlAddress: vmcsWord('PML_ADDRESS'),
  vmFunctions: vmcsWord('VM_FUNCTION_CONTROLS'),
  eptpList: vmcsWord('EPTP_LIST_ADDRESS'),
  vmreadBitmap: vmcsWord('VMREAD_BITMAP'),
  vmwriteBitmap: vmcsWord('VMWRITE_BITMAP'),
  virtualizationException: vmcsWord('VIRTUALIZATION_EXCEPTION_ADDRESS'),
  exitStoreCount: vmcsWord('EXIT_MSR_STORE_COUNT'),
  exitStoreAddress: vmcsWord('EXIT_MSR_STORE_ADDRESS'),
  exitLoadCount: vmcsWord('EXIT_MSR_LOAD_COUNT'),
  exitLoadAddress: vmcsWord('EXIT_MSR_LOAD_ADDRESS'),
  entryLoadCount: vmcsWord('ENTRY_MSR_LOAD_COUNT'),
  entryLoadAddress: vmcsWord('ENTRY_MSR_LOAD_ADDRESS'),
  errorCode: vmcsWord('ENTRY_EXCEPTION_ERROR_CODE'),
  instructionLength: vmcsWord('ENTRY_INSTRUCTION_LENGTH'),
};

const isOutside = (word: number, { must, may }: AllowedSettings): boolean =>
  (~word & must) !== 0 || (word & ~may) !== 0;

/** An MSR list whose count is not zero must be aligned to 16 bytes, and its last byte a physical address. */
function isBadList(state: EntryState, count: number, address: number): boolean {
  const entries = state.low(count);
  if (entries === 0) return false;
  if (state.isBadAddress(address, 16)) return true;
  const last = joinWords(state.low(address), state.high(address)) + entries * 16 - 1;
  return last >= 2 ** state.capabilities.physicalAddressBits;
}

/** VTPR[7:4] in the virtual-APIC page. */
function taskPriorityClass(state: EntryState): number {
  const page = joinWords(state.low(at.virtualApic), state.high(at.virtualApic));
  return (state.memory.readWordAt(hpa(page - (page % PAGE_SIZE_BYTES) + 0x80)) >>> 4) & 0xf;
}

/** Vectors of exceptions that deliver an error code: #DF, #TS, #NP, #SS, #GP, #PF, #AC. */
const HAS_ERROR_CODE = (1 << 8) | (1 << 10) | (1 << 11) | (1 << 12) | (1 << 13) | (1 << 14) | (1 << 17);

function needsErrorCode(state: EntryState): boolean {
  const { injectionVector: vector } = state;
  if (state.injectionType !== EventKind.hardwareException || vector > 31 || ((HAS_ERROR_CODE >>> vector) & 1) === 0)
    return false;
  return !state.isUnrestricted || (state.cr0 & 1) !== 0;
}

const isSoftware = (type: number): boolean =>
  type === EventKind.softwareInterrupt ||
  type === EventKind.privilegedSoftwareException ||
  type === EventKind.softwareException;

const execution = checksOf('VM-Execution Control Fields');
const exiting = checksOf('VM-Exit Control Fields');
const entering = checksOf('VM-Entry Control Fields');

const hasPin = (state: EntryState, control: number): boolean => (state.pin & control) !== 0;
const hasProc = (state: EntryState, control: number): boolean => (state.proc & control) !== 0;

/** Checks on the VM-execution, VM-exit and VM-entry control fields; a failure is VMfailValid(7). */
export const CONTROL_CHECKS: readonly EntryCheckRow[] = [
  execution('pin-reserved', 'reserved bits of the pin-based controls are as IA32_VMX_(TRUE_)PINBASED_CTLS says', s =>
    isOutside(s.pin, s.capabilities.truePin),
  ),
  execution('proc-reserved', 'reserved bits of the primary controls are as IA32_VMX_(TRUE_)PROCBASED_CTLS says', s =>
    isOutside(s.proc, s.capabilities.trueProc),
  ),
  execution('proc2-reserved', 'reserved bits of the secondary controls are as IA32_VMX_PROCBASED_CTLS2 says', s =>
    isOutside(s.proc2, s.capabilities.proc2),
  ),
  execution('cr3-target-count', 'at most as many CR3 targets as IA32_VMX_MISC says', s => {
    return s.low(at.cr3TargetCount) > ((s.capabilities.misc >>> 16) & 0x1ff);
  }),
  execution('io-bitmaps', 'I/O bitmaps are page-aligned physical addresses', s => {
    return hasProc(s, Proc.ioBitmaps) && (s.isBadAddress(at.ioBitmapA, 4096) || s.isBadAddress(at.ioBitmapB, 4096));
  }),
  execution('msr-bitmap', 'the MSR bitmap is a page-aligned physical address', s => {
    return hasProc(s, Proc.msrBitmaps) && s.isBadAddress(at.msrBitmap, 4096);
  }),
  execution('virtual-apic', 'the virtual-APIC page is a page-aligned physical address', s => {
    return hasProc(s, Proc.tprShadow) && s.isBadAddress(at.virtualApic, 4096);
  }),
  execution('tpr-threshold-reserved', 'bits 31:4 of the TPR threshold are 0', s => {
    if (!hasProc(s, Proc.tprShadow) || s.hasProc2(Proc2.virtualInterruptDelivery)) return false;
    return (s.low(at.tprThreshold) & ~0xf) !== 0;
  }),
  execution('tpr-threshold', 'the TPR threshold is not above VTPR[7:4]', s => {
    if (!hasProc(s, Proc.tprShadow)) return false;
    if (s.hasProc2(Proc2.virtualInterruptDelivery | Proc2.virtualizeApicAccesses)) return false;
    return (s.low(at.tprThreshold) & 0xf) > taskPriorityClass(s);
  }),
  execution('virtual-nmis', 'virtual NMIs need NMI exiting', s => {
    return !hasPin(s, Pin.nmiExiting) && hasPin(s, Pin.virtualNmis);
  }),
  execution('nmi-window', 'NMI-window exiting needs virtual NMIs', s => {
    return !hasPin(s, Pin.virtualNmis) && hasProc(s, Proc.nmiWindowExiting);
  }),
  execution('apic-access', 'the APIC-access page is a page-aligned physical address', s => {
    return s.hasProc2(Proc2.virtualizeApicAccesses) && s.isBadAddress(at.apicAccess, 4096);
  }),
  execution(
    'apic-needs-tpr-shadow',
    'x2APIC mode, APIC registers and interrupt delivery are virtualized only with a TPR shadow',
    s => {
      const needs = Proc2.virtualizeX2apic | Proc2.apicRegisterVirtualization | Proc2.virtualInterruptDelivery;
      return !hasProc(s, Proc.tprShadow) && s.hasProc2(needs);
    },
  ),
  execution('x2apic-or-accesses', 'x2APIC mode and APIC accesses are not virtualized both', s => {
    return s.hasProc2(Proc2.virtualizeX2apic) && s.hasProc2(Proc2.virtualizeApicAccesses);
  }),
  execution('virtual-interrupt-delivery', 'virtual-interrupt delivery needs external-interrupt exiting', s => {
    return s.hasProc2(Proc2.virtualInterruptDelivery) && !hasPin(s, Pin.externalInterruptExiting);
  }),
  execution('vpid', 'the VPID is not 0', s => s.hasProc2(Proc2.vpid) && s.low(at.vpid) === 0),
  execution('eptp-memory-type', 'the memory type of the EPT paging structures is supported', s => {
    if (!s.hasProc2(Proc2.ept)) return false;
    const type = s.low(at.eptPointer) & 7;
    if (type === 6) return (s.capabilities.eptVpidLow & EptVpid.writeBack) === 0;
    return type !== 0 || (s.capabilities.eptVpidLow & EptVpid.uncacheable) === 0;
  }),
  execution('eptp-walk-length', 'the EPT walk length is 4', s => {
    return s.hasProc2(Proc2.ept) && ((s.low(at.eptPointer) >>> 3) & 7) !== 3;
  }),
  execution('eptp-accessed-dirty', 'accessed and dirty flags of EPT are enabled only where supported', s => {
    return (
      s.hasProc2(Proc2.ept) &&
      (s.low(at.eptPointer) & 0x40) !== 0 &&
      (s.capabilities.eptVpidLow & EptVpid.accessedDirty) === 0
    );
  }),
  execution('eptp-reserved', 'reserved bits of the EPT pointer are 0', s => {
    return (
      s.hasProc2(Proc2.ept) &&
      ((s.low(at.eptPointer) & 0xf80) !== 0 || (s.high(at.eptPointer) & s.beyondPhysical) !== 0)
    );
  }),
  execution('pml-needs-ept', 'page-modification logging needs EPT', s => {
    return s.hasProc2(Proc2.pageModificationLogging) && !s.hasProc2(Proc2.ept);
  }),
  execution('pml-address', 'the page-modification log is a page-aligned physical address', s => {
    return s.hasProc2(Proc2.pageModificationLogging) && s.isBadAddress(at.pmlAddress, 4096);
  }),
  execution(
    'unrestricted-needs-ept',
    'an unrestricted guest needs EPT',
    s => s.isUnrestricted && !s.hasProc2(Proc2.ept),
  ),
  execution('vm-functions', 'reserved bits of the VM-function controls are 0', s => {
    if (!s.hasProc2(Proc2.vmFunctions)) return false;
    return (s.low(at.vmFunctions) & ~s.capabilities.vmFunctions) !== 0 || s.high(at.vmFunctions) !== 0;
  }),
  execution('eptp-switching', 'EPTP switching needs EPT and a page-aligned list', s => {
    if (!s.hasProc2(Proc2.vmFunctions) || (s.low(at.vmFunctions) & 1) === 0) return false;
    return !s.hasProc2(Proc2.ept) || s.isBadAddress(at.eptpList, 4096);
  }),
  execution('shadowing-bitmaps', 'the VMREAD and VMWRITE bitmaps are page-aligned physical addresses', s => {
    if (!s.hasProc2(Proc2.vmcsShadowing)) return false;
    return s.isBadAddress(at.vmreadBitmap, 4096) || s.isBadAddress(at.vmwriteBitmap, 4096);
  }),
  execution('virtualization-exception', 'the virtualization-exception area is a page-aligned physical address', s => {
    return s.hasProc2(Proc2.virtualizationException) && s.isBadAddress(at.virtualizationException, 4096);
  }),
  exiting('exit-reserved', 'reserved bits of the VM-exit controls are as IA32_VMX_(TRUE_)EXIT_CTLS says', s =>
    isOutside(s.exit, s.capabilities.trueExit),
  ),
  exiting('save-timer', 'the preemption timer is saved only if it is active', s => {
    return !hasPin(s, Pin.preemptionTimer) && (s.exit & Exit.savePreemptionTimer) !== 0;
  }),
  exiting('exit-msr-store', 'the VM-exit MSR-store list lies in physical memory', s => {
    return isBadList(s, at.exitStoreCount, at.exitStoreAddress);
  }),
  exiting('exit-msr-load', 'the VM-exit MSR-load list lies in physical memory', s => {
    return isBadList(s, at.exitLoadCount, at.exitLoadAddress);
  }),
  entering('entry-reserved', 'reserved bits of the VM-entry controls are as IA32_VMX_(TRUE_)ENTRY_CTLS says', s =>
    isOutside(s.entry, s.capabilities.trueEntry),
  ),
  entering(
    'injection-type',
    'the type of the injected event is not reserved; other events need the monitor trap flag',
    s => {
      if (!s.isInjecting) return false;
      if (s.injectionType === EventKind.reserved) return true;
      return s.injectionType === EventKind.other && (s.capabilities.proc.may & Proc.monitorTrapFlag) === 0;
    },
  ),
  entering('injection-vector', 'the vector fits the type: NMI 2, hardware exception at most 31, other event 0', s => {
    if (!s.isInjecting) return false;
    const { injectionType: type, injectionVector: vector } = s;
    if (type === EventKind.nmi) return vector !== 2;
    if (type === EventKind.hardwareException) return vector > 31;
    return type === EventKind.other && vector !== 0;
  }),
  entering(
    'injection-error-code',
    'an error code is delivered exactly by the exceptions that have one, in protected mode',
    s => {
      return s.isInjecting && ((s.injection & InterruptInfo.deliverErrorCode) !== 0) !== needsErrorCode(s);
    },
  ),
  entering('injection-reserved', 'bits 30:12 of the interruption information are 0', s => {
    return s.isInjecting && (s.injection & 0x7fff_f000) !== 0;
  }),
  entering('injected-error-code', 'bits 31:16 of the injected error code are 0', s => {
    if (!s.isInjecting || (s.injection & InterruptInfo.deliverErrorCode) === 0) return false;
    return (s.low(at.errorCode) & 0xffff_0000) !== 0;
  }),
  entering(
    'injected-length',
    'the length of an injected INT n, INT1, INT3 or INTO is 1 .. 15, or 0 where that is allowed',
    s => {
      if (!s.isInjecting || !isSoftware(s.injectionType)) return false;
      const length = s.low(at.instructionLength);
      return length > 15 || (length === 0 && (s.capabilities.misc & Misc.injectsLengthZero) === 0);
    },
  ),
  entering('entry-msr-load', 'the VM-entry MSR-load list lies in physical memory', s => {
    return isBadList(s, at.entryLoadCount, at.entryLoadAddress);
  }),
  entering('entry-to-smm', 'entry to SMM is 0 outside of SMM', s => (s.entry & Entry.entryToSmm) !== 0),
  entering('dual-monitor', 'deactivation of dual-monitor treatment is 0 outside of SMM', s => {
    return (s.entry & Entry.deactivateDualMonitor) !== 0;
  }),
];
