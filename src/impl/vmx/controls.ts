/**
 * Bit positions of the VMX controls and control-register bits under the names of the policy schema.
 *
 * @see SDM Vol. 3C, "VM-Execution Control Fields", "VM-Exit Controls", "VM-Entry Controls"; Vol. 3A, "Control Registers".
 */
export type BitPositions = Readonly<Record<string, number>>;

export const PIN_BITS: BitPositions = {
  ExternalInterruptExiting: 0,
  NMIExiting: 3,
  VirtualNMIs: 5,
  ActivateVMXTimer: 6,
  ProcessPostedInterrupts: 7,
};

export const PROC_BITS: BitPositions = {
  InterruptWindowExiting: 2,
  UseTSCOffsetting: 3,
  HLTExiting: 7,
  INVLPGExiting: 9,
  MWAITExiting: 10,
  RDPMCExiting: 11,
  RDTSCExiting: 12,
  CR3LoadExiting: 15,
  CR3StoreExiting: 16,
  CR8LoadExiting: 19,
  CR8StoreExiting: 20,
  UseTPRShadow: 21,
  NMIWindowExiting: 22,
  MOVDRExiting: 23,
  UnconditionalIOExiting: 24,
  UseIOBitmaps: 25,
  MonitorTrapFlag: 27,
  UseMSRBitmaps: 28,
  MONITORExiting: 29,
  PAUSEExiting: 30,
  Activate2ndaryControls: 31,
};

export const PROC2_BITS: BitPositions = {
  VirtualAPICAccesses: 0,
  EnableEPT: 1,
  DescriptorTableExiting: 2,
  EnableRDTSCP: 3,
  Virtualizex2APICMode: 4,
  EnableVPID: 5,
  WBINVDExiting: 6,
  UnrestrictedGuest: 7,
  APICRegisterVirtualization: 8,
  VirtualInterruptDelivery: 9,
  PAUSELoopExiting: 10,
  RDRANDExiting: 11,
  EnableINVPCID: 12,
  EnableVMFunctions: 13,
};

export const EXIT_BITS: BitPositions = {
  SaveDebugControls: 2,
  HostAddressspaceSize: 9,
  LoadIA32PERFGLOBALCTRL: 12,
  AckInterruptOnExit: 15,
  SaveIA32PAT: 18,
  LoadIA32PAT: 19,
  SaveIA32EFER: 20,
  LoadIA32EFER: 21,
  SaveVMXTimerValue: 22,
};

export const ENTRY_BITS: BitPositions = {
  LoadDebugControls: 2,
  IA32eModeGuest: 9,
  EntryToSMM: 10,
  DeactiveDualMonitorTreatment: 11,
  LoadIA32PERFGLOBALCTRL: 13,
  LoadIA32PAT: 14,
  LoadIA32EFER: 15,
};

export const EXCEPTION_BITS: BitPositions = {
  DivideError: 0,
  Debug: 1,
  Breakpoint: 3,
  Overflow: 4,
  BOUNDRangeExceeded: 5,
  InvalidOpcode: 6,
  DeviceNotAvailable: 7,
  DoubleFault: 8,
  CoprocessorSegmentOverrun: 9,
  InvalidTSS: 10,
  SegmentNotPresent: 11,
  StackSegmentFault: 12,
  GeneralProtection: 13,
  PageFault: 14,
  x87FPUFloatingPointError: 16,
  AlignmentCheck: 17,
  MachineCheck: 18,
  SIMDFloatingPointException: 19,
};

export const CR0_BITS: BitPositions = {
  ProtectionEnable: 0,
  MonitorCoprocessor: 1,
  Emulation: 2,
  TaskSwitched: 3,
  ExtensionType: 4,
  NumericError: 5,
  WriteProtect: 16,
  AlignmentMask: 18,
  NotWritethrough: 29,
  CacheDisable: 30,
  Paging: 31,
};

export const CR4_BITS: BitPositions = {
  Virtual8086: 0,
  ProtectedVirtualInts: 1,
  TimeStampDisable: 2,
  DebuggingExtensions: 3,
  PageSizeExtensions: 4,
  PhysicalAddressExtension: 5,
  MachineCheckEnable: 6,
  PageGlobalEnable: 7,
  PerfCounterEnable: 8,
  OSSupportFXSAVE: 9,
  OSSupportSIMDExceptions: 10,
  UMInstructionPrevention: 11,
  VMXEnable: 13,
  SMXEnable: 14,
  FSGSBASEEnable: 16,
  PCIDEnable: 17,
  XSAVEEnable: 18,
  SMEPEnable: 20,
  SMAPEnable: 21,
  ProtectionKeyEnable: 22,
};

/** CR4.VMXE, which VMX operation requires to be set in a guest (SDM Vol. 3D, IA32_VMX_CR4_FIXED0). */
export const CR4_VMXE = 1 << 13;

/** Packs named bits into a 32-bit word: named bits as given, the others from `rest`. */
export function packBits(fields: Readonly<Record<string, 0 | 1>>, positions: BitPositions, rest: number): number {
  let word = rest;
  for (const [name, value] of Object.entries(fields)) {
    const position = positions[name];
    if (position === undefined) continue;
    word = value === 1 ? word | (1 << position) : word & ~(1 << position);
  }
  return word >>> 0;
}
