import { element, textElement, wordLiteral, type XmlElement } from './xml-text.ts';

/** Bit fields of one control word: all names in schema order, and those that are set. */
function bits(name: string, order: readonly string[], set: readonly string[]): XmlElement {
  return element(
    name,
    {},
    order.map(field => textElement(field, set.includes(field) ? '1' : '0')),
  );
}

const PIN = ['ExternalInterruptExiting', 'NMIExiting', 'VirtualNMIs', 'ActivateVMXTimer', 'ProcessPostedInterrupts'];
const PROC = [
  'InterruptWindowExiting',
  'UseTSCOffsetting',
  'HLTExiting',
  'INVLPGExiting',
  'MWAITExiting',
  'RDPMCExiting',
  'RDTSCExiting',
  'CR3LoadExiting',
  'CR3StoreExiting',
  'CR8LoadExiting',
  'CR8StoreExiting',
  'UseTPRShadow',
  'NMIWindowExiting',
  'MOVDRExiting',
  'UnconditionalIOExiting',
  'UseIOBitmaps',
  'MonitorTrapFlag',
  'UseMSRBitmaps',
  'MONITORExiting',
  'PAUSEExiting',
  'Activate2ndaryControls',
];
const PROC2 = [
  'VirtualAPICAccesses',
  'EnableEPT',
  'DescriptorTableExiting',
  'EnableRDTSCP',
  'Virtualizex2APICMode',
  'EnableVPID',
  'WBINVDExiting',
  'UnrestrictedGuest',
  'APICRegisterVirtualization',
  'VirtualInterruptDelivery',
  'PAUSELoopExiting',
  'RDRANDExiting',
  'EnableINVPCID',
  'EnableVMFunctions',
];
const ENTRY = [
  'LoadDebugControls',
  'IA32eModeGuest',
  'EntryToSMM',
  'DeactiveDualMonitorTreatment',
  'LoadIA32PERFGLOBALCTRL',
  'LoadIA32PAT',
  'LoadIA32EFER',
];
const EXIT = [
  'SaveDebugControls',
  'HostAddressspaceSize',
  'LoadIA32PERFGLOBALCTRL',
  'AckInterruptOnExit',
  'SaveIA32PAT',
  'LoadIA32PAT',
  'SaveIA32EFER',
  'LoadIA32EFER',
  'SaveVMXTimerValue',
];
const EXCEPTIONS = [
  'DivideError',
  'Debug',
  'Breakpoint',
  'Overflow',
  'BOUNDRangeExceeded',
  'InvalidOpcode',
  'DeviceNotAvailable',
  'DoubleFault',
  'CoprocessorSegmentOverrun',
  'InvalidTSS',
  'SegmentNotPresent',
  'StackSegmentFault',
  'GeneralProtection',
  'PageFault',
  'x87FPUFloatingPointError',
  'AlignmentCheck',
  'MachineCheck',
  'SIMDFloatingPointException',
];
const CR0 = [
  'ProtectionEnable',
  'MonitorCoprocessor',
  'Emulation',
  'TaskSwitched',
  'ExtensionType',
  'NumericError',
  'WriteProtect',
  'AlignmentMask',
  'NotWritethrough',
  'CacheDisable',
  'Paging',
];
const CR4 = [
  'Virtual8086',
  'ProtectedVirtualInts',
  'TimeStampDisable',
  'DebuggingExtensions',
  'PageSizeExtensions',
  'PhysicalAddressExtension',
  'MachineCheckEnable',
  'PageGlobalEnable',
  'PerfCounterEnable',
  'OSSupportFXSAVE',
  'OSSupportSIMDExceptions',
  'UMInstructionPrevention',
  'VMXEnable',
  'SMXEnable',
  'FSGSBASEEnable',
  'PCIDEnable',
  'XSAVEEnable',
  'SMEPEnable',
  'SMAPEnable',
  'ProtectionKeyEnable',
];
const GPR = [
  'rip',
  'rsp',
  'rax',
  'rbx',
  'rcx',
  'rdx',
  'rdi',
  'rsi',
  'rbp',
  'r08',
  'r09',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
];

/** Processor controls that both profiles set; Muen requires most of them of every subject. */
const COMMON_PROC = [
  'INVLPGExiting',
  'MWAITExiting',
  'RDPMCExiting',
  'RDTSCExiting',
  'CR8LoadExiting',
  'CR8StoreExiting',
  'MOVDRExiting',
  'UseIOBitmaps',
  'UseMSRBitmaps',
  'MONITORExiting',
  'Activate2ndaryControls',
];

interface Profile {
  readonly proc: readonly string[];
  readonly proc2: readonly string[];
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly exceptions: readonly string[];
  readonly cr0Mask: readonly string[];
  readonly cr4Mask: readonly string[];
  readonly msrs: readonly (readonly [number, number])[];
  readonly rip: number;
  readonly rsp: number;
  readonly cr0: readonly string[];
  readonly cr0Shadow: readonly string[];
  readonly cr4: readonly string[];
  readonly cr4Shadow: readonly string[];
  readonly codeAccess: number;
}

const NATIVE_CR0 = [
  'ProtectionEnable',
  'MonitorCoprocessor',
  'ExtensionType',
  'NumericError',
  'WriteProtect',
  'Paging',
];
const NATIVE_CR4 = ['PhysicalAddressExtension', 'MachineCheckEnable', 'OSSupportFXSAVE', 'VMXEnable'];

const PROFILES: Readonly<Record<'native' | 'vm', Profile>> = {
  native: {
    proc: [...COMMON_PROC, 'CR3LoadExiting', 'CR3StoreExiting'],
    proc2: ['WBINVDExiting'],
    entry: ['IA32eModeGuest'],
    exit: ['HostAddressspaceSize', 'AckInterruptOnExit'],
    exceptions: EXCEPTIONS,
    cr0Mask: CR0,
    cr4Mask: CR4,
    msrs: [],
    rip: 0x20_0000,
    rsp: 0x3000,
    cr0: NATIVE_CR0,
    cr0Shadow: NATIVE_CR0,
    cr4: NATIVE_CR4,
    cr4Shadow: NATIVE_CR4,
    codeAccess: 0xa09b,
  },
  vm: {
    proc: COMMON_PROC,
    proc2: ['EnableEPT', 'WBINVDExiting', 'UnrestrictedGuest'],
    entry: ['LoadIA32EFER'],
    exit: ['HostAddressspaceSize', 'AckInterruptOnExit', 'SaveIA32EFER', 'LoadIA32EFER'],
    exceptions: ['MachineCheck'],
    cr0Mask: ['NumericError', 'NotWritethrough', 'CacheDisable'],
    cr4Mask: ['MachineCheckEnable', 'VMXEnable', 'ProtectionKeyEnable'],
    msrs: [
      [0x174, 0x176],
      [0xc000_0080, 0xc000_0084],
      [0xc000_0100, 0xc000_0102],
    ],
    rip: 0x40_0000,
    rsp: 0,
    cr0: ['ProtectionEnable', 'Emulation', 'ExtensionType', 'NumericError'],
    cr0Shadow: ['ProtectionEnable', 'NumericError'],
    cr4: ['PhysicalAddressExtension', 'MachineCheckEnable', 'VMXEnable'],
    cr4Shadow: [],
    codeAccess: 0xc09b,
  },
};

function segment(name: string, selector: number, limit: number, access: number): XmlElement {
  return element(name, {
    access: wordLiteral(access),
    base: wordLiteral(0),
    limit: wordLiteral(limit),
    selector: wordLiteral(selector),
  });
}

function segments(codeAccess: number): XmlElement {
  const data = (name: string): XmlElement => segment(name, 0x10, 0xffff_ffff, 0xc093);
  const unusable = (name: string): XmlElement => segment(name, 0, 0, 0x1_0000);
  return element('segments', {}, [
    segment('cs', 8, 0xffff_ffff, codeAccess),
    data('ds'),
    data('es'),
    unusable('fs'),
    unusable('gs'),
    data('ss'),
    segment('tr', 0x18, 0xffff, 0x8b),
    unusable('ldtr'),
  ]);
}

/** The `vcpu` element of a profile, complete as format B wants it (SDM Vol. 3C, "VM-Execution Control Fields"). */
export function vcpuElement(profileName: 'native' | 'vm', readOnlyMsrs: readonly number[] = []): XmlElement {
  const profile = PROFILES[profileName];
  const start = new Map<string, number>([
    ['rip', profile.rip],
    ['rsp', profile.rsp],
  ]);
  return element('vcpu', {}, [
    element('vmx', {}, [
      element('controls', {}, [
        bits('pin', PIN, ['ExternalInterruptExiting', 'NMIExiting', 'ActivateVMXTimer']),
        bits('proc', PROC, profile.proc),
        bits('proc2', PROC2, profile.proc2),
        bits('entry', ENTRY, profile.entry),
        bits('exit', EXIT, profile.exit),
      ]),
      element('masks', {}, [
        bits('exception', EXCEPTIONS, profile.exceptions),
        bits('cr0', CR0, profile.cr0Mask),
        bits('cr4', CR4, profile.cr4Mask),
      ]),
    ]),
    element(
      'msrs',
      {},
      [
        ...profile.msrs.map(([first, last]) => ({ first, last, mode: 'rw' })),
        ...readOnlyMsrs.map(msr => ({ first: msr, last: msr, mode: 'r' })),
      ].map(({ first, last, mode }) => element('msr', { end: wordLiteral(last), mode, start: wordLiteral(first) })),
    ),
    element('registers', {}, [
      element(
        'gpr',
        {},
        GPR.map(name => textElement(name, wordLiteral(start.get(name) ?? 0))),
      ),
      bits('cr0', CR0, profile.cr0),
      bits('cr0Shadow', CR0, profile.cr0Shadow),
      bits('cr4', CR4, profile.cr4),
      bits('cr4Shadow', CR4, profile.cr4Shadow),
      segments(profile.codeAccess),
    ]),
  ]);
}
