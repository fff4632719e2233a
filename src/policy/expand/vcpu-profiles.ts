import { createElement, createText, type TreeElement } from '../tree.ts';
import {
  CR0_BITS,
  CR4_BITS,
  ENTRY_BITS,
  EXCEPTION_BITS,
  EXIT_BITS,
  PIN_BITS,
  PROC_BITS,
  PROC2_BITS,
} from '../vcpu-bits.ts';

type Names<Bits extends readonly string[]> = readonly Bits[number][];

/** A segment register: selector, base, limit, access rights. */
type Segment = readonly [selector: string, base: string, limit: string, access: string];

/** Initial state and controls of a virtual processor; bits that are not named are 0. */
interface VcpuProfile {
  readonly proc: Names<typeof PROC_BITS>;
  readonly proc2: Names<typeof PROC2_BITS>;
  readonly entry: Names<typeof ENTRY_BITS>;
  readonly exit: Names<typeof EXIT_BITS>;
  readonly exceptions: Names<typeof EXCEPTION_BITS>;
  readonly cr0Mask: Names<typeof CR0_BITS>;
  readonly cr4Mask: Names<typeof CR4_BITS>;
  /** Ranges of registers that may be read and written. */
  readonly msrs: readonly (readonly [start: string, end: string])[];
  readonly rip: string;
  readonly rsp: string;
  readonly cr0: Names<typeof CR0_BITS>;
  readonly cr0Shadow: Names<typeof CR0_BITS>;
  readonly cr4: Names<typeof CR4_BITS>;
  readonly cr4Shadow: Names<typeof CR4_BITS>;
  readonly cs: Segment;
}

/** Pin-based controls: every profile has the same (SDM Vol. 3C, "Pin-Based VM-Execution Controls"). */
const PIN: Names<typeof PIN_BITS> = ['ExternalInterruptExiting', 'NMIExiting', 'ActivateVMXTimer'];

/** Execution controls that every profile sets. */
const PROC: Names<typeof PROC_BITS> = [
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

/** 64-bit software that runs without a monitor. */
const NATIVE: VcpuProfile = {
  proc: [...PROC, 'CR3LoadExiting', 'CR3StoreExiting'],
  proc2: ['WBINVDExiting'],
  entry: ['IA32eModeGuest'],
  exit: ['HostAddressspaceSize', 'AckInterruptOnExit'],
  exceptions: EXCEPTION_BITS,
  cr0Mask: CR0_BITS,
  cr4Mask: CR4_BITS,
  msrs: [],
  rip: '16#0020_0000#',
  rsp: '16#3000#',
  cr0: ['ProtectionEnable', 'MonitorCoprocessor', 'ExtensionType', 'NumericError', 'WriteProtect', 'Paging'],
  cr0Shadow: ['ProtectionEnable', 'MonitorCoprocessor', 'ExtensionType', 'NumericError', 'WriteProtect', 'Paging'],
  cr4: ['PhysicalAddressExtension', 'MachineCheckEnable', 'OSSupportFXSAVE', 'VMXEnable'],
  cr4Shadow: ['PhysicalAddressExtension', 'MachineCheckEnable', 'OSSupportFXSAVE', 'VMXEnable'],
  cs: ['16#0008#', '16#0000#', '16#ffff_ffff#', '16#a09b#'],
};

/** A machine with its own paging and modes, entered in 32-bit protected mode. */
const VM: VcpuProfile = {
  proc: PROC,
  proc2: ['EnableEPT', 'WBINVDExiting', 'UnrestrictedGuest'],
  entry: ['LoadIA32EFER'],
  exit: ['HostAddressspaceSize', 'AckInterruptOnExit', 'SaveIA32EFER', 'LoadIA32EFER'],
  exceptions: ['MachineCheck'],
  cr0Mask: ['NumericError', 'NotWritethrough', 'CacheDisable'],
  cr4Mask: ['MachineCheckEnable', 'VMXEnable', 'ProtectionKeyEnable'],
  msrs: [
    ['16#0174#', '16#0176#'],
    ['16#c000_0080#', '16#c000_0084#'],
    ['16#c000_0100#', '16#c000_0102#'],
  ],
  rip: '16#0040_0000#',
  rsp: '16#0000#',
  cr0: ['ProtectionEnable', 'Emulation', 'ExtensionType', 'NumericError'],
  cr0Shadow: ['ProtectionEnable', 'NumericError'],
  cr4: ['PhysicalAddressExtension', 'MachineCheckEnable', 'VMXEnable'],
  cr4Shadow: [],
  cs: ['16#0008#', '16#0000#', '16#ffff_ffff#', '16#c09b#'],
};

const DATA: Segment = ['16#0010#', '16#0000#', '16#ffff_ffff#', '16#c093#'];
const UNUSABLE: Segment = ['16#0000#', '16#0000#', '16#0000#', '16#0001_0000#'];
const TASK: Segment = ['16#0018#', '16#0000#', '16#ffff#', '16#008b#'];

const REGISTERS = 'rax rbx rcx rdx rdi rsi rbp r08 r09 r10 r11 r12 r13 r14 r15'.split(' ');

/** Virtual processors by the profile of the component. */
const PROFILES: ReadonlyMap<string, VcpuProfile> = new Map([
  ['native', NATIVE],
  ['vm', VM],
  ['linux', VM],
]);

export const PROFILE_NAMES: readonly string[] = [...PROFILES.keys()];

/** The virtual processor of a profile as an element; undefined when there is no such profile. */
export function profileVcpu(cause: TreeElement, name: string): TreeElement | undefined {
  const profile = PROFILES.get(name);
  if (profile === undefined) return undefined;
  return group(cause, 'vcpu', [vmxOf(cause, profile), msrsOf(cause, profile), registersOf(cause, profile)]);
}

const group = (cause: TreeElement, name: string, children: TreeElement[]): TreeElement =>
  createElement(cause, name, {}, children);

function bits(cause: TreeElement, name: string, all: readonly string[], set: readonly string[]): TreeElement {
  const children = all.map(bit => createText(cause, bit, set.includes(bit) ? '1' : '0'));
  return group(cause, name, children);
}

function vmxOf(cause: TreeElement, profile: VcpuProfile): TreeElement {
  const controls = group(cause, 'controls', [
    bits(cause, 'pin', PIN_BITS, PIN),
    bits(cause, 'proc', PROC_BITS, profile.proc),
    bits(cause, 'proc2', PROC2_BITS, profile.proc2),
    bits(cause, 'entry', ENTRY_BITS, profile.entry),
    bits(cause, 'exit', EXIT_BITS, profile.exit),
  ]);
  const masks = group(cause, 'masks', [
    bits(cause, 'exception', EXCEPTION_BITS, profile.exceptions),
    bits(cause, 'cr0', CR0_BITS, profile.cr0Mask),
    bits(cause, 'cr4', CR4_BITS, profile.cr4Mask),
  ]);
  return group(cause, 'vmx', [controls, masks]);
}

function msrsOf(cause: TreeElement, { msrs }: VcpuProfile): TreeElement {
  const ranges = msrs.map(([start, end]) => createElement(cause, 'msr', { end, mode: 'rw', start }));
  return group(cause, 'msrs', ranges);
}

function registersOf(cause: TreeElement, profile: VcpuProfile): TreeElement {
  const { cr0, cr0Shadow, cr4, cr4Shadow, cs, rip, rsp } = profile;
  const gpr = [
    createText(cause, 'rip', rip),
    createText(cause, 'rsp', rsp),
    ...REGISTERS.map(name => createText(cause, name, '16#0000#')),
  ];
  const segments: readonly (readonly [string, Segment])[] = [
    ['cs', cs],
    ['ds', DATA],
    ['es', DATA],
    ['fs', UNUSABLE],
    ['gs', UNUSABLE],
    ['ss', DATA],
    ['tr', TASK],
    ['ldtr', UNUSABLE],
  ];
  return group(cause, 'registers', [
    group(cause, 'gpr', gpr),
    bits(cause, 'cr0', CR0_BITS, cr0),
    bits(cause, 'cr0Shadow', CR0_BITS, cr0Shadow),
    bits(cause, 'cr4', CR4_BITS, cr4),
    bits(cause, 'cr4Shadow', CR4_BITS, cr4Shadow),
    group(
      cause,
      'segments',
      segments.map(([name, [selector, base, limit, access]]) =>
        createElement(cause, name, { access, base, limit, selector }),
      ),
    ),
  ]);
}
