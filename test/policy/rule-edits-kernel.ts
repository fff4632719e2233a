import {
  addRegion,
  both,
  type Edit,
  hardware,
  kernelMemory,
  map,
  mapping,
  nic,
  region,
  replace,
  twoCpus,
  unmap,
} from './policy-editing.ts';

const CONSOLE = (type: string, device: string, resources: string): Edit =>
  replace(
    '<kernelDiagnostics type="none"/>',
    `<kernelDiagnostics type="${type}"><device physical="${device}">${resources}</device></kernelDiagnostics>`,
  );
const kernelConsole = (device: string, ports = '<ioPort logical="port" physical="ports"/>'): Edit =>
  replace(
    '  <devices>\n   <device logical="ioapic_1"',
    `  <devices>\n   <device logical="debugconsole" physical="${device}">${ports}</device><device logical="ioapic_1"`,
  );
/** MSR range of subject alpha. */
const msr = (start: string, end: string, mode = 'r'): Edit =>
  replace('<msrs/>', `<msrs><msr start="${start}" end="${end}" mode="${mode}"/></msrs>`);
const IOMMU_2 =
  '<device name="iommu_2"><memory caching="UC" name="mmio" physicalAddress="16#fed9_1000#" size="16#1000#"/><capabilities><capability name="iommu"/><capability name="agaw">39</capability><capability name="fr_offset">512</capability><capability name="iotlb_invalidate_offset">264</capability></capabilities></device>';
const kernelIommu2 = (address: string): Edit =>
  replace(
    '<device logical="system_board"',
    `<device logical="iommu_2" physical="iommu_2">${map('mmio', address, 'mmio', true)}</device>$&`,
  );
const microcode = both(addRegion('mcu', 'kernel_microcode'), kernelMemory(map('mcu', '16#00d0_0000#', 'mcu')));

/** Minimal bad policies for the rules about the kernel, its diagnostics and the hardware, by code. */
export const KERNEL_EDITS: Readonly<Record<string, Edit>> = {
  'KRN-CPU-UNIQUE': both(twoCpus, replace('</cpu><cpu id="1">', '</cpu><cpu id="0"/><cpu id="1">')),
  'KRN-CPU-SECTIONS': replace(
    '   </cpu>\n  </memory>',
    `   </cpu><cpu id="7">${map('kernel_text', '16#0010_0000#', 'text')}${map('kernel_global_data', '16#0012_b000#', 'global')}${map('crash_audit', '16#0040_0000#', 'audit')}</cpu>\n  </memory>`,
  ),
  'KRN-VIRTUAL-OVERLAP': mapping('kernel_bss_0', 'virtualAddress', '16#0012_0000#'),
  'KRN-DATA-ADDRESS': both(twoCpus, mapping('kernel_data_1', 'virtualAddress', '16#0012_4000#')),
  'KRN-BSS-ADDRESS': both(twoCpus, mapping('kernel_bss_1', 'virtualAddress', '16#0012_4000#')),
  'KRN-GLOBAL-DATA-ADDRESS': unmap('kernel_global_data'),
  'KRN-CRASH-AUDIT-ADDRESS': unmap('crash_audit'),
  'KRN-STACK-ADDRESS': both(twoCpus, mapping('kernel_stack_1', 'virtualAddress', '16#0012_5000#')),
  'KRN-MICROCODE-ADDRESS': both(
    microcode,
    twoCpus,
    region('mcu', 'physicalAddress', '16#0801_0000#'),
    replace('<cpu id="1">\n', `$&${map('mcu', '16#00d0_1000#', 'mcu')}\n`),
  ),
  'KRN-TEXT-ADDRESS': unmap('kernel_text'),
  'KRN-STACK-GUARD': mapping('kernel_stack_0', 'virtualAddress', '16#0012_3000#'),
  'KRN-SYSTEM-BOARD': replace(/<device logical="system_board".*<\/device>\n/, ''),
  'KRN-IOMMU-CONSECUTIVE': both(hardware(IOMMU_2), kernelIommu2('16#0050_3000#')),
  'KRN-MAP-STATE': mapping('alpha|state', 'virtualAddress', '16#0060_f000#'),
  'KRN-MAP-INTERRUPTS': mapping('alpha|interrupts', 'virtualAddress', '16#0080_f000#'),
  'KRN-MAP-TIMED-EVENT': mapping('alpha|timed_event', 'virtualAddress', '16#0070_f000#'),
  'KRN-MAP-VMCS': mapping('alpha|vmcs', 'virtualAddress', '16#00a0_f000#'),
  'KRN-MAP-FPU': unmap('beta|fpu'),
  'KRN-MAP-MSRSTORE': both(msr('16#c000_0081#', '16#c000_0081#', 'rw'), addRegion('alpha|msrstore', 'kernel_msrstore')),
  'KRN-MAP-SCHED-INFO': unmap('scheduling_info_1'),
  'KRN-PRIVATE': both(twoCpus, replace('<cpu id="1">\n', `$&${map('kernel_data_0', '16#00d0_0000#')}\n`)),
  'KRN-TAU0-INTERFACE': addRegion('sys_interface', 'kernel_interface'),
  'KRN-TEXT-WRITABLE': mapping('kernel_text', 'writable', 'true'),
  'KRN-CONTROLLERS': replace(/<device logical="ioapic_1".*<\/device>\n/, ''),
  'KRN-SUBJECT-LIMIT': both(
    replace('globalId="1"', 'globalId="2"'),
    ...['state', 'timed_event', 'interrupts', 'vmcs', 'fpu'].map(
      (suffix): Edit =>
        text =>
          mapping(
            `beta|${suffix}`,
            'virtualAddress',
            `16#00${({ state: '6', timed_event: '7', interrupts: '8', vmcs: 'a', fpu: 'c' } as Record<string, string>)[suffix]}0_2000#`,
          )(text),
    ),
  ),
  'PLAT-REFERENCE': replace('<aliases/>', '<aliases><alias name="a" physical="ghost"/></aliases>'),
  'PLAT-DIAGNOSTICS': both(CONSOLE('uart', 'com_1', '<ioPort physical="ghost"/>'), kernelConsole('com_1')),
  'PLAT-DIAGNOSTICS-TYPE': both(CONSOLE('vga', 'com_1', '<ioPort physical="ports"/>'), kernelConsole('com_1')),
  'KRN-DIAGNOSTICS': CONSOLE('uart', 'com_1', '<ioPort physical="ports"/>'),
};

/** Minimal bad policies for the rules about the kernel, its diagnostics and the hardware, by code. */
export const HARDWARE_EDITS: Readonly<Record<string, Edit>> = {
  'CFG-NAME-UNIQUE': replace('name="count"', 'name="debug"'),
  'HW-CPUS': replace('cpuId="0"', 'cpuId="1"'),
  'HW-APIC-ID': both(twoCpus, replace('apicId="2"', 'apicId="3"')),
  'HW-CPU-COUNT': both(twoCpus, replace('cpuCores="2"', 'cpuCores="1"'), replace('<cpu apicId="2" cpuId="1"/>', '')),
  'HW-BLOCK-SIZE': replace('size="16#0ff0_0000#"', 'size="16#0ff0_0800#"'),
  'HW-BLOCK-OVERLAP': replace(
    'physicalAddress="16#0010_0000#" size="16#0ff0_0000#"',
    'physicalAddress="16#000f_f000#" size="16#0ff0_1000#"',
  ),
  'HW-PCI-CONFIG': hardware(nic()),
  'HW-SYSTEM-BOARD': replace('name="pm1a_cnt"', 'name="other"'),
  'HW-IOAPIC': both(
    replace('<memory caching="UC" name="mem1" physicalAddress="16#fec0_0000#" size="16#1000#"/>', ''),
    replace(/<device logical="ioapic_1".*<\/device>\n/, ''),
  ),
  'HW-IOAPIC-SOURCE': replace('<capability name="source_id">16#f0f8#</capability>', ''),
  'HW-IOMMU': both(
    replace('<memory caching="UC" name="mmio" physicalAddress="16#fed9_0000#" size="16#1000#"/>', ''),
    replace(/<device logical="iommu_1".*<\/device>\n/, ''),
  ),
  'HW-IOMMU-AGAW': replace('>39<', '>40<'),
  'HW-CAPABILITY-RANGE': replace('>264<', '>272<'),
  'HW-IOMMU-OFFSETS': replace('<capability name="fr_offset">512</capability>', ''),
};
