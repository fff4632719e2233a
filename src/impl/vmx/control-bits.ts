/** Masks of the VMX controls (SDM Vol. 3C, "VM-Execution Control Fields", "VM-Exit Controls", "VM-Entry Controls"). */

/** Pin-based VM-execution controls. */
export const Pin = {
  externalInterruptExiting: 1 << 0,
  nmiExiting: 1 << 3,
  virtualNmis: 1 << 5,
  preemptionTimer: 1 << 6,
  postedInterrupts: 1 << 7,
} as const;

/** Primary processor-based VM-execution controls. */
export const Proc = {
  interruptWindowExiting: 1 << 2,
  tscOffsetting: 1 << 3,
  hltExiting: 1 << 7,
  invlpgExiting: 1 << 9,
  mwaitExiting: 1 << 10,
  rdpmcExiting: 1 << 11,
  rdtscExiting: 1 << 12,
  cr3LoadExiting: 1 << 15,
  cr3StoreExiting: 1 << 16,
  cr8LoadExiting: 1 << 19,
  cr8StoreExiting: 1 << 20,
  tprShadow: 1 << 21,
  nmiWindowExiting: 1 << 22,
  movDrExiting: 1 << 23,
  unconditionalIoExiting: 1 << 24,
  ioBitmaps: 1 << 25,
  monitorTrapFlag: 1 << 27,
  msrBitmaps: 1 << 28,
  monitorExiting: 1 << 29,
  pauseExiting: 1 << 30,
  secondaryControls: 1 << 31,
} as const;

/** Secondary processor-based VM-execution controls. */
export const Proc2 = {
  virtualizeApicAccesses: 1 << 0,
  ept: 1 << 1,
  descriptorTableExiting: 1 << 2,
  rdtscp: 1 << 3,
  virtualizeX2apic: 1 << 4,
  vpid: 1 << 5,
  wbinvdExiting: 1 << 6,
  unrestrictedGuest: 1 << 7,
  apicRegisterVirtualization: 1 << 8,
  virtualInterruptDelivery: 1 << 9,
  pauseLoopExiting: 1 << 10,
  rdrandExiting: 1 << 11,
  invpcid: 1 << 12,
  vmFunctions: 1 << 13,
  vmcsShadowing: 1 << 14,
  rdseedExiting: 1 << 16,
  pageModificationLogging: 1 << 17,
  virtualizationException: 1 << 18,
  xsaves: 1 << 20,
  tscScaling: 1 << 25,
} as const;

/** VM-exit controls. */
export const Exit = {
  saveDebugControls: 1 << 2,
  hostAddressSpaceSize: 1 << 9,
  loadPerfGlobalCtrl: 1 << 12,
  acknowledgeInterrupt: 1 << 15,
  savePat: 1 << 18,
  loadPat: 1 << 19,
  saveEfer: 1 << 20,
  loadEfer: 1 << 21,
  savePreemptionTimer: 1 << 22,
} as const;

/** VM-entry controls. */
export const Entry = {
  loadDebugControls: 1 << 2,
  ia32eGuest: 1 << 9,
  entryToSmm: 1 << 10,
  deactivateDualMonitor: 1 << 11,
  loadPerfGlobalCtrl: 1 << 13,
  loadPat: 1 << 14,
  loadEfer: 1 << 15,
} as const;

/** Parts of the VM-entry interruption information and its like (SDM Vol. 3C, "VM-Entry Controls for Event Injection"). */
export const InterruptInfo = {
  vectorMask: 0xff,
  typeShift: 8,
  deliverErrorCode: 1 << 11,
  nmiUnblocking: 1 << 12,
  valid: 0x8000_0000,
} as const;

/** Type of an event in interruption information. */
export const EventKind = {
  externalInterrupt: 0,
  reserved: 1,
  nmi: 2,
  hardwareException: 3,
  softwareInterrupt: 4,
  privilegedSoftwareException: 5,
  softwareException: 6,
  other: 7,
} as const;

/** Bits of the guest's interruptibility state (SDM Vol. 3C, "Guest Non-Register State"). */
export const Blocking = { sti: 1, movSs: 2, smi: 4, nmi: 8, enclave: 16 } as const;

/** Guest activity states (same section). */
export const ActivityState = { active: 0, hlt: 1, shutdown: 2, waitForSipi: 3 } as const;
