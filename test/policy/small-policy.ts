import { GPR_NAMES, SEGMENT_NAMES } from '../../src/policy/document.ts';
import { formatWord64 } from '../../src/policy/literal.ts';
import {
  CR0_BITS,
  CR4_BITS,
  ENTRY_BITS,
  EXCEPTION_BITS,
  EXIT_BITS,
  PIN_BITS,
  PROC_BITS,
  PROC2_BITS,
} from '../../src/policy/vcpu-bits.ts';

/** A small, complete format B policy for tests: two native subjects on one CPU, a channel with an async event. */
export function smallPolicy(): string {
  return `<?xml version="1.0" encoding="utf-8"?>
<system>
 <config>
  <boolean name="debug" value="true"/>
  <integer name="count" value="3"/>
  <string name="title" value="small &amp; complete"/>
 </config>
${HARDWARE}
${PLATFORM}
 <memory>
${REGIONS.map(region).join('\n')}
 </memory>
 <deviceDomains/>
 <events>
  <event mode="async" name="wake"/>
  <event mode="kernel" name="panic"/>
 </events>
 <kernel>
  <memory>
   <cpu id="0">
${KERNEL_MAPPINGS.map(mapping).join('\n')}
   </cpu>
  </memory>
  <devices>
   <device logical="ioapic_1" physical="ioapic_1"><memory executable="false" logical="mem1" physical="mem1" virtualAddress="16#0050_0000#" writable="true"/></device>
   <device logical="iommu_1" physical="iommu_1"><memory executable="false" logical="mmio" physical="mmio" virtualAddress="16#0050_1000#" writable="true"/></device>
   <device logical="system_board" physical="system_board"><ioPort logical="reset_port" physical="reset"/></device>
  </devices>
 </kernel>
 <subjects>
${subject('alpha', 0, 1, '<group name="vmcall"><event id="1" logical="wake" physical="wake"/></group>', '')}
${subject('beta', 1, 2, '', '<target><event id="3" logical="wake" physical="wake"><inject_interrupt vector="40"/></event></target>')}
 </subjects>
 <scheduling tickRate="1000">
  <partitions>
   <partition cpu="0" id="1" name="alpha"><group id="1"><subject name="alpha"/></group></partition>
   <partition cpu="0" id="2" name="beta"><group id="2"><subject name="beta"/></group></partition>
  </partitions>
  <majorFrame>
   <cpu id="0">
    <minorFrame barrier="none" partition="alpha" ticks="10"/>
    <minorFrame barrier="none" partition="beta" ticks="20"/>
   </cpu>
   <barriers/>
  </majorFrame>
 </scheduling>
</system>
`;
}

const HARDWARE = ` <hardware>
  <processor cpuCores="1" speed="2000000" vmxTimerRate="5">
   <cpu apicId="0" cpuId="0"/>
   <msr address="16#0000_003a#" name="IA32_FEATURE_CONTROL" regval="16#0000_0000_0000_0005#"/>
  </processor>
  <memory>
   <memoryBlock allocatable="true" name="low" physicalAddress="16#0000#" size="16#0010_0000#"/>
   <memoryBlock allocatable="true" name="ram" physicalAddress="16#0010_0000#" size="16#0ff0_0000#"/>
  </memory>
  <devices>
   <device name="iommu_1">
    <memory caching="UC" name="mmio" physicalAddress="16#fed9_0000#" size="16#1000#"/>
    <capabilities><capability name="iommu"/><capability name="agaw">39</capability><capability name="fr_offset">512</capability><capability name="iotlb_invalidate_offset">264</capability></capabilities>
   </device>
   <device name="ioapic_1">
    <memory caching="UC" name="mem1" physicalAddress="16#fec0_0000#" size="16#1000#"/>
    <capabilities><capability name="ioapic"/><capability name="gsi_base">0</capability><capability name="max_redirection_entry">23</capability><capability name="source_id">16#f0f8#</capability></capabilities>
   </device>
   <device name="system_board">
    <ioPort end="16#0cf9#" name="reset" start="16#0cf9#"/><ioPort end="16#0404#" name="pm1a_cnt" start="16#0404#"/>
    <capabilities><capability name="systemboard"/><capability name="pm1a_cnt_slp_typ">7168</capability></capabilities>
   </device>
   <device name="com_1"><irq name="irq" number="4"/><ioPort end="16#03ff#" name="ports" start="16#03f8#"/></device>
  </devices>
 </hardware>`;

const PLATFORM = ` <platform>
  <mappings><aliases/><classes/></mappings>
  <kernelDiagnostics type="none"/>
 </platform>`;

interface Region {
  readonly name: string;
  readonly type: string;
  readonly pages: number;
  readonly address: number;
  readonly caching?: string;
}

const SUBJECTS = ['alpha', 'beta'];

/** Regions behind each other from 2 MiB, except the VMXON page in low memory. */
const REGIONS: readonly Region[] = allocate([
  ['crash_audit', 'subject_crash_audit', 1],
  ['vtd_ir', 'system_vtd_ir', 1],
  ['kernel_text', 'kernel_binary', 1],
  ['kernel_global_data', 'kernel_binary', 1],
  ['kernel_data_0', 'kernel_binary', 1],
  ['kernel_bss_0', 'kernel_binary', 1],
  ['kernel_stack_0', 'kernel', 1],
  ['kernel_interrupt_stack_0', 'kernel', 1],
  ['kernel_0|pt', 'system_pt', 16],
  ['scheduling_info_1', 'subject_scheduling_info', 1],
  ['scheduling_info_2', 'subject_scheduling_info', 1],
  ['data', 'subject_channel', 1],
  ...SUBJECTS.flatMap(name => [
    [`${name}|text`, 'subject_binary', 4] as const,
    [`${name}|state`, 'subject_state', 1] as const,
    [`${name}|timed_event`, 'subject_timed_event', 1] as const,
    [`${name}|interrupts`, 'subject_interrupts', 1] as const,
    [`${name}|vmcs`, 'kernel_vmcs', 1] as const,
    [`${name}|fpu`, 'kernel_fpu', 1] as const,
    [`${name}|iobm`, 'system_iobm', 2] as const,
    [`${name}|msrbm`, 'system_msrbm', 1] as const,
    [`${name}|pt`, 'system_pt', 12] as const,
  ]),
]);

function allocate(rows: readonly (readonly [string, string, number])[]): readonly Region[] {
  let address = 0x20_0000;
  const regions: Region[] = [{ name: 'kernel_0|vmxon', type: 'system_vmxon', pages: 1, address: 0x8000 }];
  for (const [name, type, pages] of rows) {
    regions.push({ name, type, pages, address, ...(type === 'subject_crash_audit' ? { caching: 'UC' } : {}) });
    address += pages * 0x1000;
  }
  return regions;
}

function region({ name, type, pages, address, caching = 'WB' }: Region): string {
  const attributes = `alignment="16#1000#" caching="${caching}" name="${name}" physicalAddress="${word(address)}" size="${word(pages * 0x1000)}" type="${type}"`;
  return `  <memory ${attributes}><fill pattern="16#00#"/></memory>`;
}

interface Mapping {
  readonly logical: string;
  readonly physical: string;
  readonly address: number;
  readonly writable: boolean;
  readonly executable?: boolean;
}

const ARRAYS = [
  ['state', 0x60_0000],
  ['timed_event', 0x70_0000],
  ['interrupts', 0x80_0000],
  ['vmcs', 0xa0_0000],
  ['fpu', 0xc0_0000],
] as const;

const KERNEL_MAPPINGS: readonly Mapping[] = [
  { logical: 'text', physical: 'kernel_text', address: 0x10_0000, writable: false, executable: true },
  { logical: 'data', physical: 'kernel_data_0', address: 0x12_0000, writable: true },
  { logical: 'bss', physical: 'kernel_bss_0', address: 0x12_2000, writable: true },
  { logical: 'stack', physical: 'kernel_stack_0', address: 0x12_7000, writable: true },
  { logical: 'interrupt_stack', physical: 'kernel_interrupt_stack_0', address: 0x12_9000, writable: true },
  { logical: 'global_data', physical: 'kernel_global_data', address: 0x12_b000, writable: true },
  { logical: 'crash_audit', physical: 'crash_audit', address: 0x40_0000, writable: true },
  ...[0, 1].map(partition => ({
    logical: `scheduling_info_${partition + 1}`,
    physical: `scheduling_info_${partition + 1}`,
    address: 0xb0_0000 + partition * 0x1000,
    writable: true,
  })),
  ...SUBJECTS.flatMap((name, id) =>
    ARRAYS.map(([suffix, base]) => ({
      logical: `${name}|${suffix}`,
      physical: `${name}|${suffix}`,
      address: base + id * 0x1000,
      writable: true,
    })),
  ),
];

function mapping({ logical, physical, address, writable, executable = false }: Mapping): string {
  return `    <memory executable="${executable}" logical="${logical}" physical="${physical}" virtualAddress="${word(address)}" writable="${writable}"/>`;
}

/** Exits that the kernel handles or the SDM reserves. */
const NO_SUBJECT_EXITS = new Set([1, 7, 35, 38, 41, 42, 52, 55]);
const EXITS = Array.from({ length: 60 }, (_, id) => id).filter(id => !NO_SUBJECT_EXITS.has(id));

function subject(name: string, id: number, group: number, vmcalls: string, targets: string): string {
  const exits = EXITS.map(
    exit => `<event id="${exit}" logical="exit_${exit}" physical="panic"><system_panic/></event>`,
  );
  const memory = [
    { logical: 'text', physical: `${name}|text`, address: 0x20_0000, writable: false, executable: true },
    { logical: 'timed_event', physical: `${name}|timed_event`, address: 0xe_0001_0000, writable: true },
    { logical: 'scheduling_info', physical: `scheduling_info_${group}`, address: 0xe_0000_8000, writable: false },
    { logical: 'data', physical: 'data', address: 0x1_0000_0000, writable: name === 'alpha' },
  ];
  return `  <subject cpu="0" globalId="${id}" localId="${id}" name="${name}" schedGroupId="${group}">
   <vcpu>
    <vmx>
     <controls>
      <pin>${bits(PIN_BITS, ['ExternalInterruptExiting', 'NMIExiting', 'ActivateVMXTimer'])}</pin>
      <proc>${bits(PROC_BITS, PROC_SET)}</proc>
      <proc2>${bits(PROC2_BITS, ['DescriptorTableExiting', 'WBINVDExiting'])}</proc2>
      <entry>${bits(ENTRY_BITS, ['IA32eModeGuest'])}</entry>
      <exit>${bits(EXIT_BITS, ['HostAddressspaceSize', 'AckInterruptOnExit'])}</exit>
     </controls>
     <masks>
      <exception>${bits(EXCEPTION_BITS, EXCEPTION_BITS)}</exception>
      <cr0>${bits(CR0_BITS, CR0_BITS)}</cr0>
      <cr4>${bits(CR4_BITS, CR4_BITS)}</cr4>
     </masks>
    </vmx>
    <msrs/>
    <registers>
     <gpr>${GPR_NAMES.map(gpr => `<${gpr}>${gpr === 'rip' ? '16#0020_0000#' : '16#0000#'}</${gpr}>`).join('')}</gpr>
     <cr0>${bits(CR0_BITS, ['ProtectionEnable', 'ExtensionType', 'NumericError', 'WriteProtect', 'Paging'])}</cr0>
     <cr0Shadow>${bits(CR0_BITS, [])}</cr0Shadow>
     <cr4>${bits(CR4_BITS, ['PhysicalAddressExtension', 'MachineCheckEnable', 'OSSupportFXSAVE', 'VMXEnable'])}</cr4>
     <cr4Shadow>${bits(CR4_BITS, [])}</cr4Shadow>
     <segments>${SEGMENT_NAMES.map(segment => `<${segment} access="16#a09b#" base="16#0000#" limit="16#ffff_ffff#" selector="16#0008#"/>`).join('')}</segments>
    </registers>
   </vcpu>
   <bootparams/>
   <memory>
${memory.map(mapping).join('\n')}
   </memory>
   <devices/>
   <events><source><group name="vmx_exit">${exits.join('')}</group>${vmcalls}</source>${targets}</events>
  </subject>`;
}

const PROC_SET = [
  'INVLPGExiting',
  'MWAITExiting',
  'CR3LoadExiting',
  'CR8LoadExiting',
  'CR8StoreExiting',
  'MOVDRExiting',
  'UseIOBitmaps',
  'UseMSRBitmaps',
  'Activate2ndaryControls',
];

function bits(names: readonly string[], set: readonly string[]): string {
  return names.map(name => `<${name}>${set.includes(name) ? 1 : 0}</${name}>`).join('');
}

const word = (value: number): string => formatWord64(BigInt(value));
