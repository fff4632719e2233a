/** Where a control shows that it does what it says. */
export interface ControlCoverage {
  readonly word: 'pin' | 'proc' | 'proc2' | 'exit' | 'entry';
  readonly control: string;
  /** Name of a case of `instructionCases`, and what its transcript line shows; `hosted`: a test of hosted-root.test.ts. */
  readonly shown: { readonly case: string; readonly line: RegExp } | { readonly hosted: string };
}

const inCase = (word: ControlCoverage['word'], control: string, name: string, line: RegExp): ControlCoverage => ({
  word,
  control,
  shown: { case: name, line },
});
const hosted = (word: ControlCoverage['word'], control: string, title: string): ControlCoverage => ({
  word,
  control,
  shown: { hosted: title },
});

/** Every control that the capability MSRs announce (SDM Vol. 3C, "VM-Execution Control Fields", "VM-Exit Controls", "VM-Entry Controls"). */
export const CONTROL_COVERAGE: readonly ControlCoverage[] = [
  hosted('pin', 'externalInterruptExiting', 'an interrupt of the local APIC as exit 1'),
  hosted('pin', 'nmiExiting', 'an NMI exits'),
  hosted('pin', 'virtualNmis', 'virtual NMIs'),
  inCase('pin', 'preemptionTimer', 'timer 0', /^x34 /),
  inCase('proc', 'interruptWindowExiting', 'interrupt window open', /^x7 /),
  hosted('proc', 'tscOffsetting', 'adds the TSC offset'),
  inCase('proc', 'hltExiting', 'HLT', /^xc /),
  inCase('proc', 'invlpgExiting', 'INVLPG', /^xe q/),
  inCase('proc', 'mwaitExiting', 'MWAIT', /^x24 /),
  inCase('proc', 'rdpmcExiting', 'RDPMC', /^xf /),
  inCase('proc', 'rdtscExiting', 'RDTSC', /^x10 /),
  inCase('proc', 'cr3LoadExiting', 'MOV to CR3', /^x1c q103 /),
  inCase('proc', 'cr3StoreExiting', 'MOV from CR3', /^x1c q13 /),
  inCase('proc', 'cr8LoadExiting', 'MOV to CR8', /^x1c q8 /),
  inCase('proc', 'cr8StoreExiting', 'MOV from CR8', /^x1c q118 /),
  inCase('proc', 'tprShadow', 'MOV to CR8 below the threshold', /^x2b /),
  inCase('proc', 'nmiWindowExiting', 'NMI window opened by IRET', /^x8 /),
  inCase('proc', 'movDrExiting', 'MOV DR7, RAX', /^x1d q7 /),
  inCase('proc', 'unconditionalIoExiting', 'IN AL, 0x71, unconditional', /^x1e q710048 /),
  inCase('proc', 'ioBitmaps', 'IN from a port of bitmap A', /^x1e q710008 /),
  hosted('proc', 'monitorTrapFlag', 'steps a guest by the monitor trap flag'),
  inCase('proc', 'msrBitmaps', 'RDMSR low, bit set', /^x1f /),
  inCase('proc', 'monitorExiting', 'MONITOR', /^x27 /),
  inCase('proc', 'pauseExiting', 'PAUSE', /^x28 /),
  inCase('proc', 'secondaryControls', 'WBINVD exiting', /^x36 /),
  inCase('proc2', 'ept', 'EPT read, rights 0', /^x30 q181 /),
  inCase('proc2', 'descriptorTableExiting', 'SGDT [rax]', /^x2e /),
  inCase('proc2', 'rdtscp', 'RDTSCP', /^x33 /),
  inCase('proc2', 'vpid', 'INVVPID type 1', /^ok /),
  inCase('proc2', 'wbinvdExiting', 'WBINVD exiting', /^x36 /),
  inCase('proc2', 'unrestrictedGuest', 'real: CPUID', /^xa .* g30 /),
  inCase('proc2', 'pauseLoopExiting', 'PAUSE loop', /^x28 /),
  inCase('proc2', 'invpcid', 'INVPCID', /^x3a /),
  inCase('exit', 'saveDebugControls', 'CPUID', /^xa /),
  inCase('exit', 'hostAddressSpaceSize', 'CPUID', /^xa /),
  hosted('exit', 'acknowledgeInterrupt', 'acknowledges the interrupt at the exit'),
  inCase('exit', 'savePat', 'CPUID', /^xa /),
  inCase('exit', 'loadPat', 'CPUID', /^xa /),
  inCase('exit', 'saveEfer', 'CPUID', /^xa /),
  inCase('exit', 'loadEfer', 'CPUID', /^xa /),
  inCase('exit', 'savePreemptionTimer', 'timer 0', /^x34 /),
  inCase('entry', 'loadDebugControls', 'MOV RAX, DR7 not exiting', /A/),
  inCase('entry', 'ia32eGuest', 'CPUID', /^xa /),
  inCase('entry', 'loadPat', 'CPUID', /^xa /),
  inCase('entry', 'loadEfer', 'entry without loading EFER', /^xa .* A/),
];
