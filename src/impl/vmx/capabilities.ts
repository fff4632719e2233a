import { Pin, Proc, Proc2 } from './control-bits.ts';

/** Addresses of the VMX capability MSRs (SDM Vol. 3D, appendix "VMX Capability Reporting Facility"). */
export const CapabilityMsr = {
  basic: 0x480,
  pinControls: 0x481,
  procControls: 0x482,
  exitControls: 0x483,
  entryControls: 0x484,
  misc: 0x485,
  cr0Fixed0: 0x486,
  cr0Fixed1: 0x487,
  cr4Fixed0: 0x488,
  cr4Fixed1: 0x489,
  vmcsEnumeration: 0x48a,
  proc2Controls: 0x48b,
  eptVpid: 0x48c,
  truePinControls: 0x48d,
  trueProcControls: 0x48e,
  trueExitControls: 0x48f,
  trueEntryControls: 0x490,
  vmFunctions: 0x491,
} as const;

/** Bits of a control word that must be 1, and those that may be 1. */
export interface AllowedSettings {
  readonly must: number;
  readonly may: number;
}

/**
 * What a processor's VMX can do: the content of its capability MSRs (SDM Vol. 3D, appendix "VMX Capability Reporting
 * Facility"), and the address widths of CPUID leaf 8000_0008H.
 */
export interface VmxCapabilities {
  readonly revision: number;
  readonly pin: AllowedSettings;
  readonly proc: AllowedSettings;
  readonly proc2: AllowedSettings;
  readonly exit: AllowedSettings;
  readonly entry: AllowedSettings;
  /** As pin .. entry, with the bits clear that the TRUE MSRs allow to be clear. */
  readonly truePin: AllowedSettings;
  readonly trueProc: AllowedSettings;
  readonly trueExit: AllowedSettings;
  readonly trueEntry: AllowedSettings;
  readonly misc: number;
  /** Fixed bits; the high halves are 0 (FIXED0) and treated as "must be 0" (bits 63:32 of CR0 and CR4 are reserved). */
  readonly cr0Fixed0: number;
  readonly cr0Fixed1: number;
  readonly cr4Fixed0: number;
  readonly cr4Fixed1: number;
  readonly vmcsEnumeration: number;
  readonly eptVpidLow: number;
  readonly eptVpidHigh: number;
  readonly vmFunctions: number;
  /** Bits of physical addresses. */
  readonly physicalAddressBits: number;
  /** Writable bits of IA32_EFER and IA32_DEBUGCTL, and of the low and high half of IA32_PERF_GLOBAL_CTRL. */
  readonly eferBits: number;
  readonly debugControlBits: number;
  readonly perfGlobalLow: number;
  readonly perfGlobalHigh: number;
}

/** Bits of IA32_VMX_MISC. */
export const Misc = {
  storesLma: 1 << 5,
  activityHlt: 1 << 6,
  activityShutdown: 1 << 7,
  activityWaitForSipi: 1 << 8,
  writesAnyField: 1 << 29,
  injectsLengthZero: 1 << 30,
} as const;

/** Bits of IA32_VMX_EPT_VPID_CAP: low half, then high half. */
export const EptVpid = {
  executeOnly: 1 << 0,
  walkLength4: 1 << 6,
  uncacheable: 1 << 8,
  writeBack: 1 << 14,
  page2M: 1 << 16,
  page1G: 1 << 17,
  invept: 1 << 20,
  accessedDirty: 1 << 21,
  inveptSingle: 1 << 25,
  inveptAll: 1 << 26,
  highInvvpid: 1 << 0,
  highInvvpidAddress: 1 << 8,
  highInvvpidSingle: 1 << 9,
  highInvvpidAll: 1 << 10,
  highInvvpidRetainGlobals: 1 << 11,
} as const;

/** Memory type of VMCS regions in IA32_VMX_BASIC (write-back), 4096-byte regions, INS/OUTS information, TRUE MSRs. */
const BASIC_HIGH = 0x1000 | (6 << 18) | (1 << 22) | (1 << 23);

/** Reserved controls that are 1 by default (SDM Vol. 3D, appendix "Reserved Controls and Default Settings"). */
const DEFAULT1 = { pin: 0x16, proc: 0x0401_e172, exit: 0x0003_6dff, entry: 0x11ff } as const;
/** As DEFAULT1 without the bits that TRUE MSRs free: CR3-load and CR3-store exiting, load and save debug controls. */
const TRUE1 = { pin: 0x16, proc: 0x0400_6172, exit: 0x0003_6dfb, entry: 0x11fb } as const;

const PIN_MAY = DEFAULT1.pin | Pin.externalInterruptExiting | Pin.nmiExiting | Pin.virtualNmis | Pin.preemptionTimer;
const PROC_MAY = 0xfff9_fffe;
const PROC2_MAY =
  Proc2.ept |
  Proc2.descriptorTableExiting |
  Proc2.rdtscp |
  Proc2.vpid |
  Proc2.wbinvdExiting |
  Proc2.unrestrictedGuest |
  Proc2.pauseLoopExiting |
  Proc2.invpcid;
const EXIT_MAY = 0x007f_efff;
const ENTRY_MAY = 0x0000_d3ff;

const settings = (must: number, may: number): AllowedSettings => ({ must: must >>> 0, may: may >>> 0 });

/** What this machine implements, and nothing more. */
export const DEFAULT_CAPABILITIES: VmxCapabilities = {
  revision: 0x12,
  pin: settings(DEFAULT1.pin, PIN_MAY),
  proc: settings(DEFAULT1.proc, PROC_MAY),
  proc2: settings(0, PROC2_MAY),
  exit: settings(DEFAULT1.exit, EXIT_MAY),
  entry: settings(DEFAULT1.entry, ENTRY_MAY),
  truePin: settings(TRUE1.pin, PIN_MAY),
  trueProc: settings(TRUE1.proc, PROC_MAY),
  trueExit: settings(TRUE1.exit, EXIT_MAY),
  trueEntry: settings(TRUE1.entry, ENTRY_MAY),
  misc:
    Misc.storesLma |
    Misc.activityHlt |
    Misc.activityShutdown |
    Misc.activityWaitForSipi |
    (4 << 16) |
    Misc.injectsLengthZero,
  cr0Fixed0: 0x8000_0021,
  cr0Fixed1: 0xffff_ffff,
  cr4Fixed0: 0x2000,
  cr4Fixed1: 0x0037_27ff,
  vmcsEnumeration: 0x34,
  eptVpidLow:
    EptVpid.executeOnly |
    EptVpid.walkLength4 |
    EptVpid.uncacheable |
    EptVpid.writeBack |
    EptVpid.page2M |
    EptVpid.page1G |
    EptVpid.invept |
    EptVpid.accessedDirty |
    EptVpid.inveptSingle |
    EptVpid.inveptAll,
  eptVpidHigh:
    EptVpid.highInvvpid |
    EptVpid.highInvvpidAddress |
    EptVpid.highInvvpidSingle |
    EptVpid.highInvvpidAll |
    EptVpid.highInvvpidRetainGlobals,
  vmFunctions: 0,
  physicalAddressBits: 40,
  eferBits: 0xd01,
  debugControlBits: 0x3,
  perfGlobalLow: 0,
  perfGlobalHigh: 0,
};

const join = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
const pair = ({ must, may }: AllowedSettings): bigint => join(must, may);

/** Value of a capability MSR, undefined for an address that is none or that this processor lacks. */
export function capabilityMsr(capabilities: VmxCapabilities, address: number): bigint | undefined {
  const hasProc2 = (capabilities.proc.may & Proc.secondaryControls) !== 0;
  switch (address) {
    case CapabilityMsr.basic:
      return join(capabilities.revision, BASIC_HIGH);
    case CapabilityMsr.pinControls:
      return pair(capabilities.pin);
    case CapabilityMsr.procControls:
      return pair(capabilities.proc);
    case CapabilityMsr.exitControls:
      return pair(capabilities.exit);
    case CapabilityMsr.entryControls:
      return pair(capabilities.entry);
    case CapabilityMsr.misc:
      return join(capabilities.misc, 0);
    case CapabilityMsr.cr0Fixed0:
      return join(capabilities.cr0Fixed0, 0);
    case CapabilityMsr.cr0Fixed1:
      return join(capabilities.cr0Fixed1, 0);
    case CapabilityMsr.cr4Fixed0:
      return join(capabilities.cr4Fixed0, 0);
    case CapabilityMsr.cr4Fixed1:
      return join(capabilities.cr4Fixed1, 0);
    case CapabilityMsr.vmcsEnumeration:
      return join(capabilities.vmcsEnumeration, 0);
    case CapabilityMsr.proc2Controls:
      return hasProc2 ? pair(capabilities.proc2) : undefined;
    case CapabilityMsr.eptVpid:
      return (capabilities.proc2.may & (Proc2.ept | Proc2.vpid)) !== 0
        ? join(capabilities.eptVpidLow, capabilities.eptVpidHigh)
        : undefined;
    case CapabilityMsr.truePinControls:
      return pair(capabilities.truePin);
    case CapabilityMsr.trueProcControls:
      return pair(capabilities.trueProc);
    case CapabilityMsr.trueExitControls:
      return pair(capabilities.trueExit);
    case CapabilityMsr.trueEntryControls:
      return pair(capabilities.trueEntry);
    case CapabilityMsr.vmFunctions:
      return (capabilities.proc2.may & Proc2.vmFunctions) !== 0 ? join(capabilities.vmFunctions, 0) : undefined;
    default:
      return undefined;
  }
}

/** Low and high half of an MSR. */
type MsrHalves = readonly [low: number, high: number];
const settingsOf = ([low, high]: MsrHalves): AllowedSettings => settings(low, high);

/** What a processor can do whose capability MSRs are read by `msr`; the rest is as for this machine. */
export function capabilitiesFrom(msr: (index: number) => MsrHalves, physicalAddressBits: number): VmxCapabilities {
  const low = (index: number): number => msr(index)[0];
  const [eptVpidLow, eptVpidHigh] = msr(CapabilityMsr.eptVpid);
  return {
    ...DEFAULT_CAPABILITIES,
    revision: low(CapabilityMsr.basic) & 0x7fff_ffff,
    pin: settingsOf(msr(CapabilityMsr.pinControls)),
    proc: settingsOf(msr(CapabilityMsr.procControls)),
    proc2: settingsOf(msr(CapabilityMsr.proc2Controls)),
    exit: settingsOf(msr(CapabilityMsr.exitControls)),
    entry: settingsOf(msr(CapabilityMsr.entryControls)),
    truePin: settingsOf(msr(CapabilityMsr.truePinControls)),
    trueProc: settingsOf(msr(CapabilityMsr.trueProcControls)),
    trueExit: settingsOf(msr(CapabilityMsr.trueExitControls)),
    trueEntry: settingsOf(msr(CapabilityMsr.trueEntryControls)),
    misc: low(CapabilityMsr.misc),
    cr0Fixed0: low(CapabilityMsr.cr0Fixed0),
    cr0Fixed1: low(CapabilityMsr.cr0Fixed1),
    cr4Fixed0: low(CapabilityMsr.cr4Fixed0),
    cr4Fixed1: low(CapabilityMsr.cr4Fixed1),
    eptVpidLow,
    eptVpidHigh,
    physicalAddressBits,
  };
}
