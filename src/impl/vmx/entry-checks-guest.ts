import { frameOf, hpa } from '../../units/address.ts';
import { joinWords } from '../../units/word.ts';
import { Misc } from './capabilities.ts';
import { ActivityState, Blocking, Entry, EventKind, Pin, Proc2 } from './control-bits.ts';
import { violatesFixedBits } from './entry-checks-host.ts';
import { guestCpl, isLongCode } from './entry-checks-segments.ts';
import { checksOf, type EntryCheckRow, type EntryState } from './entry-state.ts';
import { isBadPat } from './memory-types.ts';
import { vmcsWord } from './vmcs.ts';

const at = {
  cr0: vmcsWord('GUEST_CR0'),
  cr3: vmcsWord('GUEST_CR3'),
  cr4: vmcsWord('GUEST_CR4'),
  debugControl: vmcsWord('GUEST_DEBUGCTL'),
  dr7: vmcsWord('GUEST_DR7'),
  sysenterEsp: vmcsWord('GUEST_SYSENTER_ESP'),
  sysenterEip: vmcsWord('GUEST_SYSENTER_EIP'),
  perfGlobal: vmcsWord('GUEST_PERF_GLOBAL_CTRL'),
  pat: vmcsWord('GUEST_PAT'),
  efer: vmcsWord('GUEST_EFER'),
  gdtrBase: vmcsWord('GUEST_GDTR_BASE'),
  idtrBase: vmcsWord('GUEST_IDTR_BASE'),
  gdtrLimit: vmcsWord('GUEST_GDTR_LIMIT'),
  idtrLimit: vmcsWord('GUEST_IDTR_LIMIT'),
  rip: vmcsWord('GUEST_RIP'),
  rflags: vmcsWord('GUEST_RFLAGS'),
  activity: vmcsWord('GUEST_ACTIVITY'),
  interruptibility: vmcsWord('GUEST_INTERRUPTIBILITY'),
  pendingDebug: vmcsWord('GUEST_PENDING_DEBUG'),
  linkPointer: vmcsWord('LINK_POINTER'),
};
const PDPTES = [0, 1, 2, 3].map(index => vmcsWord(`GUEST_PDPTE${index}`));

const CR0_PE = 1;
const CR0_PG = 0x8000_0000;
const CR4_PAE = 0x20;
const CR4_PCIDE = 0x2_0000;
const EFER_LME = 0x100;
const EFER_LMA = 0x400;
const FLAG_TF = 0x100;
const FLAG_IF = 0x200;
const RFLAGS_RESERVED = 0xffc0_8028;
const DEBUG_BTF = 2;
const PENDING_BS = 0x4000;
/** Bits 11:4, 13, 15 and 63:17; bit 16 (RTM) belongs to a feature that is not there. */
const PENDING_RESERVED = 0xffff_aff0;

const isSet = (value: number, bits: number): boolean => (value & bits) !== 0;

const registers = checksOf('Checks on Guest Control Registers, Debug Registers, and MSRs');

/** Checks on guest control registers, debug registers and MSRs. */
export const GUEST_REGISTER_CHECKS: readonly EntryCheckRow[] = [
  registers(
    'guest-cr0',
    'CR0 has the bits that VMX operation fixes; PE and PG are free in an unrestricted guest',
    s => {
      const free = s.isUnrestricted ? CR0_PE | CR0_PG : 0;
      return violatesFixedBits(s, at.cr0, s.capabilities.cr0Fixed0 & ~free, s.capabilities.cr0Fixed1);
    },
  ),
  registers('guest-paging', 'CR0.PG needs CR0.PE', s => isSet(s.cr0, CR0_PG) && !isSet(s.cr0, CR0_PE)),
  registers('guest-cr4', 'CR4 has the bits that VMX operation fixes', s =>
    violatesFixedBits(s, at.cr4, s.capabilities.cr4Fixed0, s.capabilities.cr4Fixed1),
  ),
  registers('guest-debugctl', 'IA32_DEBUGCTL has no reserved bit', s => {
    if (!isSet(s.entry, Entry.loadDebugControls)) return false;
    return (s.low(at.debugControl) & ~s.capabilities.debugControlBits) !== 0 || s.high(at.debugControl) !== 0;
  }),
  registers('ia32e-paging', 'an IA-32e guest has CR0.PG and CR4.PAE', s => {
    return s.isIa32eGuest && (!isSet(s.cr0, CR0_PG) || !isSet(s.cr4, CR4_PAE));
  }),
  registers('pcid', 'a guest outside of IA-32e mode has CR4.PCIDE 0', s => !s.isIa32eGuest && isSet(s.cr4, CR4_PCIDE)),
  registers('guest-cr3', 'CR3 is a physical address', s => isSet(s.high(at.cr3), s.beyondPhysical)),
  registers(
    'guest-dr7',
    'bits 63:32 of DR7 are 0',
    s => isSet(s.entry, Entry.loadDebugControls) && s.high(at.dr7) !== 0,
  ),
  registers('guest-sysenter', 'IA32_SYSENTER_ESP and IA32_SYSENTER_EIP are canonical', s => {
    return s.isNotCanonical(at.sysenterEsp) || s.isNotCanonical(at.sysenterEip);
  }),
  registers('guest-perf-global-ctrl', 'IA32_PERF_GLOBAL_CTRL has no reserved bit', s => {
    if (!isSet(s.entry, Entry.loadPerfGlobalCtrl)) return false;
    const { perfGlobalLow, perfGlobalHigh } = s.capabilities;
    return (s.low(at.perfGlobal) & ~perfGlobalLow) !== 0 || (s.high(at.perfGlobal) & ~perfGlobalHigh) !== 0;
  }),
  registers('guest-pat', 'IA32_PAT has memory types only', s => {
    return isSet(s.entry, Entry.loadPat) && isBadPat(s.low(at.pat), s.high(at.pat));
  }),
  registers('guest-efer-reserved', 'IA32_EFER has no reserved bit', s => {
    if (!isSet(s.entry, Entry.loadEfer)) return false;
    return (s.low(at.efer) & ~s.capabilities.eferBits) !== 0 || s.high(at.efer) !== 0;
  }),
  registers('guest-efer-mode', 'IA32_EFER.LMA is the IA-32e mode control, and LME too if CR0.PG is 1', s => {
    if (!isSet(s.entry, Entry.loadEfer)) return false;
    const efer = s.low(at.efer);
    if (isSet(efer, EFER_LMA) !== s.isIa32eGuest) return true;
    return isSet(s.cr0, CR0_PG) && isSet(efer, EFER_LME) !== isSet(efer, EFER_LMA);
  }),
];

const tables = checksOf('Checks on Guest Descriptor-Table Registers');
const flags = checksOf('Checks on Guest RIP, RFLAGS, and SSP');

/** Checks on GDTR, IDTR, RIP and RFLAGS. */
export const GUEST_FLOW_CHECKS: readonly EntryCheckRow[] = [
  tables('descriptor-table-bases', 'bases of GDTR and IDTR are canonical', s => {
    return s.isNotCanonical(at.gdtrBase) || s.isNotCanonical(at.idtrBase);
  }),
  tables('descriptor-table-limits', 'bits 31:16 of the limits of GDTR and IDTR are 0', s => {
    return s.low(at.gdtrLimit) > 0xffff || s.low(at.idtrLimit) > 0xffff;
  }),
  flags('rip-short', 'RIP lies below 2^32 outside of 64-bit mode', s => {
    return (!s.isIa32eGuest || !isLongCode(s)) && s.high(at.rip) !== 0;
  }),
  flags('rip-high', 'bits 63:48 of RIP are identical in 64-bit mode', s => {
    const top = s.high(at.rip) >>> 16;
    return s.isIa32eGuest && isLongCode(s) && top !== 0 && top !== 0xffff;
  }),
  flags('rflags-reserved', 'reserved bits of RFLAGS have their values', s => {
    return isSet(s.rflags, RFLAGS_RESERVED) || !isSet(s.rflags, 2) || s.high(at.rflags) !== 0;
  }),
  flags('rflags-vm', 'virtual-8086 mode is neither in IA-32e mode nor in real mode', s => {
    return s.isVirtual8086 && (s.isIa32eGuest || !isSet(s.cr0, CR0_PE));
  }),
  flags('rflags-if', 'an external interrupt is injected only with RFLAGS.IF 1', s => {
    return isInjectingInterrupt(s) && !isSet(s.rflags, FLAG_IF);
  }),
];

const isInjectingInterrupt = (s: EntryState): boolean =>
  s.isInjecting && s.injectionType === EventKind.externalInterrupt;
const isInjectingNmi = (s: EntryState): boolean => s.isInjecting && s.injectionType === EventKind.nmi;

/** Events that may be injected into an activity state: all, #DB, #MC, NMI, external interrupts and MTF, and so on. */
function mayInject(s: EntryState, activity: number): boolean {
  const { injectionType: type, injectionVector: vector } = s;
  const isException = type === EventKind.hardwareException;
  switch (activity) {
    case ActivityState.active:
      return true;
    case ActivityState.hlt:
      if (type === EventKind.externalInterrupt || type === EventKind.nmi || type === EventKind.other) return true;
      return isException && (vector === 1 || vector === 18);
    case ActivityState.shutdown:
      return type === EventKind.nmi || (isException && vector === 18);
    default:
      return false;
  }
}

const SUPPORTED_ACTIVITY = [0, Misc.activityHlt, Misc.activityShutdown, Misc.activityWaitForSipi];

/** BS of the pending debug exceptions must be RFLAGS.TF without BTF where the guest cannot take a single-step trap at once. */
function isBadSingleStep(s: EntryState): boolean {
  const blocking = s.low(at.interruptibility);
  if (!isSet(blocking, Blocking.sti | Blocking.movSs) && s.low(at.activity) !== ActivityState.hlt) return false;
  const steps = isSet(s.rflags, FLAG_TF) && !isSet(s.low(at.debugControl), DEBUG_BTF);
  return isSet(s.low(at.pendingDebug), PENDING_BS) !== steps;
}

const state = checksOf('Checks on Guest Non-Register State');

/** Checks on activity, interruptibility and pending debug exceptions. */
export const GUEST_STATE_CHECKS: readonly EntryCheckRow[] = [
  state('activity-supported', 'the activity state is one that IA32_VMX_MISC lists', s => {
    const activity = s.low(at.activity);
    return activity > 3 || (activity !== 0 && !isSet(s.capabilities.misc, SUPPORTED_ACTIVITY[activity]!));
  }),
  state('hlt-cpl', 'HLT only with SS.DPL 0', s => s.low(at.activity) === ActivityState.hlt && guestCpl(s) !== 0),
  state('activity-blocking', 'blocking by STI or MOV SS only in the active state', s => {
    return s.low(at.activity) !== 0 && isSet(s.low(at.interruptibility), Blocking.sti | Blocking.movSs);
  }),
  state('activity-injection', 'the activity state can take the injected event', s => {
    return s.isInjecting && !mayInject(s, s.low(at.activity));
  }),
  state(
    'interruptibility-reserved',
    'bits 31:5 of the interruptibility state are 0',
    s => s.low(at.interruptibility) > 0x1f,
  ),
  state('interruptibility-enclave', 'no enclave interruption on a processor without SGX', s => {
    return isSet(s.low(at.interruptibility), Blocking.enclave);
  }),
  state('blocking-both', 'not both blocking by STI and by MOV SS', s => (s.low(at.interruptibility) & 3) === 3),
  state('blocking-sti', 'blocking by STI needs RFLAGS.IF', s => {
    return isSet(s.low(at.interruptibility), Blocking.sti) && !isSet(s.rflags, FLAG_IF);
  }),
  state('blocking-interrupt', 'no external interrupt is injected while blocked by STI or MOV SS', s => {
    return isInjectingInterrupt(s) && isSet(s.low(at.interruptibility), Blocking.sti | Blocking.movSs);
  }),
  state('blocking-nmi-mov-ss', 'no NMI is injected while blocked by MOV SS', s => {
    return isInjectingNmi(s) && isSet(s.low(at.interruptibility), Blocking.movSs);
  }),
  state('blocking-nmi-sti', 'no NMI is injected while blocked by STI (the SDM leaves this one to the processor)', s => {
    return isInjectingNmi(s) && isSet(s.low(at.interruptibility), Blocking.sti);
  }),
  state('blocking-smi', 'no blocking by SMI outside of SMM', s => isSet(s.low(at.interruptibility), Blocking.smi)),
  state('blocking-virtual-nmi', 'no NMI is injected while virtual NMIs are blocked', s => {
    return isInjectingNmi(s) && isSet(s.pin, Pin.virtualNmis) && isSet(s.low(at.interruptibility), Blocking.nmi);
  }),
  state('pending-debug-reserved', 'reserved bits of the pending debug exceptions are 0', s => {
    return isSet(s.low(at.pendingDebug), PENDING_RESERVED | 0x1_0000) || s.high(at.pendingDebug) !== 0;
  }),
  state(
    'pending-debug-step',
    'a pending single step is what RFLAGS.TF and IA32_DEBUGCTL.BTF say, where traps are blocked',
    isBadSingleStep,
  ),
];

/** Qualification 4: the VMCS link pointer (SDM Vol. 3C, "Checks on Guest Non-Register State"). */
export const LINK_POINTER_CHECKS: readonly EntryCheckRow[] = [
  state('link-pointer-address', 'the VMCS link pointer is a page-aligned physical address', s => {
    return hasLink(s) && s.isBadAddress(at.linkPointer, 4096);
  }),
  state('link-pointer-current', 'the VMCS link pointer is not the current VMCS', s => {
    return hasLink(s) && frameOf(linkAddress(s)) === s.memory.frameOfSlot(s.slot);
  }),
  state(
    'link-pointer-revision',
    'the linked VMCS has the revision of the processor and the shadow indicator that is in force',
    s => {
      if (!hasLink(s)) return false;
      const shadow = s.hasProc2(Proc2.vmcsShadowing) ? 0x8000_0000 : 0;
      return s.memory.readWordAt(linkAddress(s)) !== (s.capabilities.revision | shadow) >>> 0;
    },
  ),
];

const hasLink = (s: EntryState): boolean =>
  s.low(at.linkPointer) !== 0xffff_ffff || s.high(at.linkPointer) !== 0xffff_ffff;
const linkAddress = (s: EntryState) => hpa(joinWords(s.low(at.linkPointer), s.high(at.linkPointer)));

const pdptes = checksOf('Checks on Guest Page-Directory-Pointer-Table Entries');
const PDPTE_RESERVED_LOW = 0x1e6;

const isPaeGuest = (s: EntryState): boolean => isSet(s.cr0, CR0_PG) && isSet(s.cr4, CR4_PAE) && !s.isIa32eGuest;

/** Qualification 2: PDPTEs of a guest with PAE paging. */
export const PDPTE_CHECKS: readonly EntryCheckRow[] = [
  pdptes('pdpte-fields', 'with EPT, present PDPTE fields have no reserved bit', s => {
    if (!isPaeGuest(s) || !s.hasProc2(Proc2.ept)) return false;
    for (const word of PDPTES) {
      if (isBadPdpte(s, s.low(word), s.high(word))) return true;
    }
    return false;
  }),
  pdptes('pdpte-memory', 'without EPT, present PDPTEs at CR3 have no reserved bit', s => {
    if (!isPaeGuest(s) || s.hasProc2(Proc2.ept)) return false;
    const table = joinWords((s.low(at.cr3) & ~0x1f) >>> 0, s.high(at.cr3));
    for (let index = 0; index < 4; index++) {
      const low = s.memory.readWordAt(hpa(table + 8 * index));
      if (isBadPdpte(s, low, s.memory.readWordAt(hpa(table + 8 * index + 4)))) return true;
    }
    return false;
  }),
];

const isBadPdpte = (s: EntryState, low: number, high: number): boolean =>
  isSet(low, 1) && (isSet(low, PDPTE_RESERVED_LOW) || isSet(high, s.beyondPhysical));
