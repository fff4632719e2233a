/** Basic VM-exit reasons (SDM Vol. 3D, appendix "VMX Basic Exit Reasons") and what the Muen kernel does with each. */
export interface ExitReason {
  readonly reason: number;
  readonly name: string;
  /** Muen's action: its own handler, or the subject's trap table ('trap'), or a panic. */
  readonly action:
    | 'interrupt'
    | 'trap-or-fatal'
    | 'interrupt-window'
    | 'trap'
    | 'hypercall'
    | 'fatal'
    | 'timer'
    | 'xsetbv'
    | 'undefined';
  /** Who can cause it: an instruction or access of the subject itself, or the platform. */
  readonly causedBy: 'subject' | 'platform' | 'nobody';
}

const trap = (reason: number, name: string): ExitReason => ({ reason, name, action: 'trap', causedBy: 'subject' });
const platformTrap = (reason: number, name: string): ExitReason => ({
  reason,
  name,
  action: 'trap',
  causedBy: 'platform',
});
const undefinedReason = (reason: number): ExitReason => ({
  reason,
  name: `reserved ${reason}`,
  action: 'undefined',
  causedBy: 'nobody',
});

export const EXIT_REASONS: readonly ExitReason[] = [
  { reason: 0, name: 'exception or NMI', action: 'trap-or-fatal', causedBy: 'subject' },
  { reason: 1, name: 'external interrupt', action: 'interrupt', causedBy: 'platform' },
  trap(2, 'triple fault'),
  platformTrap(3, 'INIT signal'),
  platformTrap(4, 'start-up IPI'),
  platformTrap(5, 'I/O SMI'),
  platformTrap(6, 'other SMI'),
  { reason: 7, name: 'interrupt window', action: 'interrupt-window', causedBy: 'platform' },
  platformTrap(8, 'NMI window'),
  trap(9, 'task switch'),
  trap(10, 'CPUID'),
  trap(11, 'GETSEC'),
  trap(12, 'HLT'),
  trap(13, 'INVD'),
  trap(14, 'INVLPG'),
  trap(15, 'RDPMC'),
  trap(16, 'RDTSC'),
  trap(17, 'RSM'),
  { reason: 18, name: 'VMCALL', action: 'hypercall', causedBy: 'subject' },
  trap(19, 'VMCLEAR'),
  trap(20, 'VMLAUNCH'),
  trap(21, 'VMPTRLD'),
  trap(22, 'VMPTRST'),
  trap(23, 'VMREAD'),
  trap(24, 'VMRESUME'),
  trap(25, 'VMWRITE'),
  trap(26, 'VMXOFF'),
  trap(27, 'VMXON'),
  trap(28, 'control-register access'),
  trap(29, 'MOV DR'),
  trap(30, 'I/O instruction'),
  trap(31, 'RDMSR'),
  trap(32, 'WRMSR'),
  trap(33, 'VM-entry failure: invalid guest state'),
  trap(34, 'VM-entry failure: MSR loading'),
  undefinedReason(35),
  trap(36, 'MWAIT'),
  trap(37, 'monitor trap flag'),
  undefinedReason(38),
  trap(39, 'MONITOR'),
  trap(40, 'PAUSE'),
  { reason: 41, name: 'VM-entry failure: machine check', action: 'fatal', causedBy: 'platform' },
  undefinedReason(42),
  trap(43, 'TPR below threshold'),
  trap(44, 'APIC access'),
  trap(45, 'virtualized EOI'),
  trap(46, 'access to GDTR or IDTR'),
  trap(47, 'access to LDTR or TR'),
  trap(48, 'EPT violation'),
  trap(49, 'EPT misconfiguration'),
  trap(50, 'INVEPT'),
  trap(51, 'RDTSCP'),
  { reason: 52, name: 'VMX-preemption timer expired', action: 'timer', causedBy: 'platform' },
  trap(53, 'INVVPID'),
  trap(54, 'WBINVD'),
  { reason: 55, name: 'XSETBV', action: 'xsetbv', causedBy: 'subject' },
  trap(56, 'APIC write'),
  trap(57, 'RDRAND'),
  trap(58, 'INVPCID'),
  trap(59, 'VMFUNC'),
];

/** Highest basic exit reason that the kernel's trap tables cover; above it the kernel panics. */
export const MAX_TRAP = 59;

export const ExitReasonCode = {
  exception: 0,
  externalInterrupt: 1,
  interruptWindow: 7,
  cpuid: 10,
  hlt: 12,
  invlpg: 14,
  rdtsc: 16,
  vmcall: 18,
  controlRegister: 28,
  debugRegister: 29,
  ioInstruction: 30,
  rdmsr: 31,
  wrmsr: 32,
  entryFailureGuestState: 33,
  entryFailureMsrLoading: 34,
  entryFailureMachineCheck: 41,
  eptViolation: 48,
  eptMisconfiguration: 49,
  preemptionTimer: 52,
  wbinvd: 54,
  xsetbv: 55,
} as const;

/** Bit 31 of the exit reason: the exit is a VM-entry failure. */
export const ENTRY_FAILURE = 0x8000_0000;
