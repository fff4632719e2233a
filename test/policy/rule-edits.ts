import {
  addEvent,
  addRegion,
  alphaDevices,
  alphaMemory,
  alphaTargets,
  alphaVmcalls,
  betaDevices,
  bit,
  both,
  domain,
  drop,
  type Edit,
  hardware,
  kernelMemory,
  map,
  mapping,
  nic,
  nicReference,
  oneBarrier,
  oneGroup,
  pciHardware,
  region,
  replace,
  replaceAll,
  twoCpus,
  unmap,
} from './policy-editing.ts';

const PORT = '<ioPort end="16#0300#" name="p" start="16#0300#"/>';
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
/** Sets a bit of subject beta's VMX word. */
const betaBit =
  (word: string, name: string, value: 0 | 1): Edit =>
  text => {
    const at = text.indexOf('name="beta" schedGroupId');
    return text.slice(0, at) + bit(word, name, value)(text.slice(at));
  };
/** Register bit of subject alpha. */
const register = (name: string, value: 0 | 1): Edit =>
  replace(new RegExp(`(<registers>[\\s\\S]*?<${name}>)[01]`), `$1${value}`);
const MULTI = [nic(), nic({ name: 'nic2', address: 'bus="16#00#" device="16#02#" function="1"', irqs: [42, 43] })];
const IOMMU_2 =
  '<device name="iommu_2"><memory caching="UC" name="mmio" physicalAddress="16#fed9_1000#" size="16#1000#"/><capabilities><capability name="iommu"/><capability name="agaw">39</capability><capability name="fr_offset">512</capability><capability name="iotlb_invalidate_offset">264</capability></capabilities></device>';
const kernelIommu2 = (address: string): Edit =>
  replace(
    '<device logical="system_board"',
    `<device logical="iommu_2" physical="iommu_2">${map('mmio', address, 'mmio', true)}</device>$&`,
  );
const LINE = both(pciHardware(nic({ msi: false, irqs: [16] })), alphaDevices(nicReference([[1, 60]])));
const unmask = (logical: string, number: number): Edit =>
  both(
    addEvent('unmask', 'kernel'),
    alphaVmcalls(`<event id="9" logical="${logical}" physical="unmask"><unmask_irq number="${number}"/></event>`),
  );
const microcode = both(addRegion('mcu', 'kernel_microcode'), kernelMemory(map('mcu', '16#00d0_0000#', 'mcu')));
const domainMap = map('dma', '16#1000#', 'dma', true);

const MEMORY: Readonly<Record<string, Edit>> = {
  'MEM-REFERENCE': both(drop('data'), unmap('data')),
  'MEM-NAME-UNIQUE': both(addRegion('data', 'subject')),
  'MEM-HASH-REFERENCE': replace('<fill pattern="16#00#"/>', '$&<hashRef memory="ghost"/>'),
  'MEM-ADDRESS-ALIGNED': region('data', 'alignment', '16#4000_0000#'),
  'MEM-ADDRESS-LIMIT': both(
    addRegion('far', 'subject'),
    region('far', 'physicalAddress', '16#000f_ffff_ffff_f000#'),
    region('far', 'size', '16#2000#'),
    replace(
      'name="ram" physicalAddress="16#0010_0000#" size="16#0ff0_0000#"/>',
      '$&<memoryBlock allocatable="true" name="end" physicalAddress="16#000f_ffff_ffff_f000#" size="16#2000#"/>',
    ),
  ),
  'MEM-SIZE': both(addRegion('odd', 'subject'), region('odd', 'size', '16#0800#')),
  'MEM-EMPTY': both(addRegion('odd', 'subject'), region('odd', 'size', '16#0000#')),
  'MEM-ENTITY-NAME': addRegion('ghost|x', 'subject'),
  'MEM-OVERLAP': both(addRegion('one', 'subject'), addRegion('two', 'subject')),
  'MEM-INSIDE-HARDWARE': both(addRegion('far', 'subject'), region('far', 'physicalAddress', '16#2000_0000#')),
  'MEM-VIRTUAL-ALIGNED': mapping('data', 'virtualAddress', '16#0001_0000_0800#'),
  'MEM-VIRTUAL-RANGE': mapping('data', 'virtualAddress', '16#8000_0000_0000#'),
  'MEM-CRASH-AUDIT': region('crash_audit', 'caching', 'WB'),
  'MEM-CRASH-AUDIT-WRITE': alphaMemory(map('crash_audit', '16#1000#', 'audit', true)),
  'MEM-TYPE-SYSTEM': alphaMemory(map('alpha|pt', '16#1000#', 'pt', true)),
  'MEM-TYPE-KERNEL': domain(map('kernel_text', '16#1000#')),
  'SUBJ-MEMORY-TYPE': alphaMemory(map('kernel_text', '16#1000#')),
  'MEM-TYPE-DEVICE': both(addRegion('rmrr', 'device_rmrr'), alphaMemory(map('rmrr', '16#1000#'))),
  'MEM-MONITOR': alphaMemory(map('beta|state', '16#1000#', 'state', true)),
  'MEM-SCHED-INFO': text => {
    const last = '<memory executable="false" logical="scheduling_info" physical="scheduling_info_1"';
    return replace(new RegExp(`${last}[^>]*/>`), '')(text);
  },
  'MEM-INFO-WRITABLE': both(
    addRegion('alpha|sinfo', 'subject_info'),
    alphaMemory(map('alpha|sinfo', '16#1000#', 'sinfo', true)),
  ),
};

const REGIONS: Readonly<Record<string, Edit>> = {
  'REG-STATE': region('alpha|state', 'type', 'subject'),
  'REG-TIMED-EVENT': region('alpha|timed_event', 'type', 'subject'),
  'REG-INTERRUPTS': region('alpha|interrupts', 'type', 'subject'),
  'REG-VMCS': region('alpha|vmcs', 'type', 'kernel'),
  'REG-VMCS-SIZE': both(
    region('beta|vmcs', 'physicalAddress', '16#0800_0000#'),
    region('beta|vmcs', 'size', '16#2000#'),
  ),
  'REG-IOBM': region('alpha|iobm', 'size', '16#1000#'),
  'REG-MSRBM': drop('alpha|msrbm'),
  'REG-FPU': region('alpha|fpu', 'type', 'kernel'),
  'REG-PT': drop('alpha|pt'),
  'REG-PT-SIZE': region('alpha|pt', 'size', '16#1000#'),
  'REG-MSRSTORE': both(
    msr('16#c000_0081#', '16#c000_0081#', 'rw'),
    addRegion('alpha|msrstore', 'kernel'),
    kernelMemory(map('alpha|msrstore', '16#0090_0000#', 'store', true)),
  ),
  'REG-KERNEL-DATA': both(drop('kernel_data_0'), unmap('kernel_data_0')),
  'REG-KERNEL-BSS': both(drop('kernel_bss_0'), unmap('kernel_bss_0')),
  'REG-KERNEL-STACK': both(drop('kernel_stack_0'), unmap('kernel_stack_0')),
  'REG-KERNEL-INTERRUPT-STACK': both(drop('kernel_interrupt_stack_0'), unmap('kernel_interrupt_stack_0')),
  'REG-KERNEL-SHARED': region('kernel_global_data', 'type', 'kernel'),
  'REG-KERNEL-PT': drop('kernel_0|pt'),
  'REG-KERNEL-PT-LOW': both(
    region('kernel_0|pt', 'physicalAddress', '16#0001_0000_0000#'),
    replace(
      '<memoryBlock allocatable="true" name="ram"',
      '<memoryBlock allocatable="true" name="high" physicalAddress="16#0001_0000_0000#" size="16#0010_0000#"/>$&',
    ),
  ),
  'REG-VMXON': drop('kernel_0|vmxon'),
  'REG-VMXON-SIZE': region('kernel_0|vmxon', 'size', '16#2000#'),
  'REG-VMXON-LOW': region('kernel_0|vmxon', 'physicalAddress', '16#0100_0000#'),
  'REG-VMXON-CONSECUTIVE': both(twoCpus, region('kernel_1|vmxon', 'physicalAddress', '16#a000#')),
  'REG-SCHEDULING-INFO': region('scheduling_info_2', 'type', 'subject'),
  'REG-VTD-ROOT': both(domain(), drop('vtd_root')),
  'REG-VTD-ROOT-SIZE': both(
    domain(),
    region('vtd_root', 'physicalAddress', '16#0801_0000#'),
    region('vtd_root', 'size', '16#2000#'),
  ),
  'REG-VTD-CONTEXT-SIZE': both(
    domain(),
    region('vtd_context_bus_0', 'physicalAddress', '16#0801_0000#'),
    region('vtd_context_bus_0', 'size', '16#2000#'),
  ),
  'REG-VTD-IR': drop('vtd_ir'),
  'REG-MICROCODE': both(microcode, addRegion('mcu2', 'kernel_microcode', 1)),
};

const KERNEL: Readonly<Record<string, Edit>> = {
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

const HARDWARE: Readonly<Record<string, Edit>> = {
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
  'HW-IOMMU-OFFSETS': replace('<capability name="fr_offset">512</capability>', ''),
};

const DEVICES: Readonly<Record<string, Edit>> = {
  'DEV-NAME-UNIQUE': replace('<aliases/>', '<aliases><alias name="com_1" physical="com_1"/></aliases>'),
  'DEV-IRQ-NAME-UNIQUE': replace('<irq name="irq" number="4"/>', '$&<irq name="irq" number="5"/>'),
  'DEV-PORT-NAME-UNIQUE': hardware(`<device name="x">${PORT}${PORT.replaceAll('300', '301')}</device>`),
  'DEV-MEMORY-NAME-UNIQUE': hardware(
    `<device name="x">${['0', '1'].map(page => `<memory caching="UC" name="m" physicalAddress="16#f000_${page}000#" size="16#1000#"/>`).join('')}</device>`,
  ),
  'DEV-REFERENCE': alphaDevices('<device logical="x" physical="ghost"/>'),
  'DEV-IRQ-REFERENCE': alphaDevices(
    '<device logical="x" physical="com_1"><irq logical="i" physical="ghost" vector="60"/></device>',
  ),
  'DEV-PORT-REFERENCE': alphaDevices(
    '<device logical="x" physical="com_1"><ioPort logical="p" physical="ghost"/></device>',
  ),
  'DEV-MEMORY-REFERENCE': alphaDevices(`<device logical="x" physical="com_1">${map('ghost', '16#1000#')}</device>`),
  'DEV-LEGACY-REFERENCE': both(pciHardware(nic()), alphaDevices('<device logical="x" physical="nic"/>')),
  'DEV-PCI-REFERENCE': alphaDevices(
    '<device logical="x" physical="com_1"><pci bus="16#00#" device="16#01#" function="0"/></device>',
  ),
  'DEV-IRQ-UNIQUE': hardware('<device name="com_2"><irq name="i" number="4"/></device>'),
  'DEV-IRQ-ISA': hardware('<device name="com_2"><irq name="i" number="16"/></device>'),
  'DEV-IRQ-LSI': pciHardware(nic({ msi: false, irqs: [24] })),
  'DEV-IRQ-MSI': pciHardware(nic({ irqs: [23, 24] })),
  'DEV-MSI-CONSECUTIVE': pciHardware(nic({ irqs: [40, 42] })),
  'DEV-MSI-VECTORS': both(
    pciHardware(nic()),
    alphaDevices(
      nicReference([
        [1, 60],
        [2, 63],
      ]),
    ),
  ),
  'DEV-PORT-ORDER': hardware('<device name="x"><ioPort end="16#0300#" name="p" start="16#0301#"/></device>'),
  'DEV-PORT-UNIQUE': hardware('<device name="com_2"><ioPort end="16#03f8#" name="p" start="16#03f0#"/></device>'),
  'DEV-REFERENCE-UNIQUE': alphaDevices('<device logical="x" physical="com_1"/><device logical="y" physical="com_1"/>'),
  'DEV-BDF-UNIQUE': pciHardware(nic({ irqs: [] }) + nic({ name: 'nic2', irqs: [] })),
  'DEV-MULTIFUNCTION': both(
    pciHardware(MULTI.join('')),
    alphaDevices(nicReference()),
    betaDevices(nicReference([], { name: 'nic2' })),
  ),
  'DEV-REFERENCE-BDF-UNIQUE': both(
    pciHardware(nic() + nic({ name: 'nic2', address: 'bus="16#00#" device="16#03#" function="0"', irqs: [42, 43] })),
    alphaDevices(nicReference() + nicReference([], { name: 'nic2' })),
  ),
  'DEV-PCI-BUS': both(
    pciHardware(nic()),
    alphaDevices(nicReference([], { pci: 'bus="16#01#" device="16#01#" function="0"' })),
  ),
  'DEV-IOMMU-SIZE': replace(
    'physicalAddress="16#fed9_0000#" size="16#1000#"',
    'physicalAddress="16#fed9_0000#" size="16#2000#"',
  ),
  'DEV-MMCONF': both(
    pciHardware(nic({ rest: '<memory caching="UC" name="mmconf" physicalAddress="16#e001_0000#" size="16#1000#"/>' })),
    alphaDevices(nicReference([], { rest: map('mmconf', '16#f801_0000#', 'mmconf', true) })),
  ),
  'DOM-UNIQUE': both(
    domain(),
    addRegion('vtd_e_pt', 'system_pt'),
    replace('</deviceDomains>', '<domain id="1" name="e"><memory/><devices/></domain>$&'),
  ),
  'DOM-VIRTUAL-OVERLAP': both(
    addRegion('dma', 'subject', 15),
    addRegion('dma2', 'subject', 14),
    domain(`${domainMap}${map('dma2', '16#1000#', 'two')}`),
  ),
  'DOM-MEMORY-TYPE': domain(map('data', '16#1000#')),
  'DOM-PT': both(domain(), drop('vtd_d_pt')),
  'DOM-CONTEXT': both(domain(), drop('vtd_context_bus_0')),
  'DOM-DEVICE-UNIQUE': domain('', '<device logical="nic" physical="nic"/><device logical="again" physical="nic"/>'),
  'DOM-DEVICE-PCI': domain('', '<device logical="com" physical="com_1"/>'),
};

const EVENTS: Readonly<Record<string, Edit>> = {
  'EVT-REFERENCE': alphaVmcalls('<event id="9" logical="x" physical="ghost"/>'),
  'EVT-NAME-UNIQUE': replace('<event mode="kernel" name="panic"/>', '$&$&'),
  'EVT-GROUP-UNIQUE': replace('</source></events>', '<group name="vmcall"/>$&'),
  'EVT-SOURCE-UNIQUE': alphaVmcalls('<event id="1" logical="other" physical="wake"/>'),
  'EVT-TARGET-UNIQUE': both(
    addEvent('other', 'async'),
    alphaVmcalls('<event id="9" logical="other" physical="other"/>'),
    replace('<target>', '<target><event id="3" logical="other" physical="other"/>'),
  ),
  'EVT-ENDS': addEvent('lonely', 'kernel'),
  'EVT-SELF-REFERENCE': replace('mode="async"', 'mode="self"'),
  'EVT-SELF-ACTION': both(
    addEvent('mine', 'self'),
    alphaVmcalls('<event id="9" logical="mine" physical="mine"/>'),
    alphaTargets('<event id="0" logical="mine" physical="mine"/>'),
  ),
  'EVT-SWITCH': replace('mode="async"', 'mode="switch"'),
  'EVT-IPI': replace('mode="async"', 'mode="ipi"'),
  'EVT-EXIT-IDS': replace(
    '<event id="0" logical="exit_0"',
    '<event id="52" logical="exit_52" physical="panic"><system_panic/></event>$&',
  ),
  'EVT-EXITS-COMPLETE': replace(/<event id="30".*?<\/event>/, ''),
  'EVT-KERNEL-ACTION': replace('<system_panic/>', ''),
  'EVT-SYSTEM-ACTION': replace(
    '<event id="1" logical="wake" physical="wake"/>',
    '<event id="1" logical="wake" physical="wake"><system_reboot/></event>',
  ),
  'EVT-VECTOR-EXCEPTION': replace('inject_interrupt vector="40"', 'inject_interrupt vector="13"'),
  'EVT-VECTOR-COLLISION': betaDevices(
    '<device logical="com" physical="com_1"><irq logical="i" physical="irq" vector="40"/></device>',
  ),
  'EVT-VECTOR-SYSCALL': both(
    betaBit('proc2', 'EnableEPT', 1),
    replace('inject_interrupt vector="40"', 'inject_interrupt vector="128"'),
  ),
  'EVT-UNMASK': LINE,
  'EVT-UNMASK-NAME': both(LINE, unmask('unmask_irq_61', 16)),
};

const SUBJECTS: Readonly<Record<string, Edit>> = {
  'SUBJ-NAME-UNIQUE': text => {
    const start = text.indexOf('  <subject cpu="0" globalId="0"');
    const end = text.indexOf('</subject>', start) + '</subject>'.length;
    const twin = text.slice(start, end).replace('localId="0"', 'localId="2"').replace('globalId="0"', 'globalId="2"');
    return text.slice(0, end) + twin + text.slice(end);
  },
  'SUBJ-GLOBAL-ID-UNIQUE': replace('globalId="1"', 'globalId="0"'),
  'SUBJ-LOCAL-ID-UNIQUE': replace('localId="1"', 'localId="0"'),
  'SUBJ-MEMORY-NAME-UNIQUE': replace('logical="data" physical="data"', 'logical="text" physical="data"'),
  'SUBJ-DEVICE-NAME-UNIQUE': both(
    hardware('<device name="com_2"/>'),
    alphaDevices('<device logical="x" physical="com_1"/><device logical="x" physical="com_2"/>'),
  ),
  'SUBJ-SIBLING': replace('</events>\n  </subject>', '</events><sibling ref="ghost"/>\n  </subject>'),
  'SUBJ-VIRTUAL-OVERLAP': alphaMemory(map('data', '16#0020_1000#')),
  'SUBJ-CPU': both(replaceAll('cpu="0"', 'cpu="1"'), replaceAll('<cpu id="0">', '<cpu id="1">')),
  'SUBJ-RUNNABLE': both(oneGroup, replace('<subject name="alpha"/><subject name="beta"/>', '<subject name="alpha"/>')),
  'SUBJ-GROUP-ID': replace('schedGroupId="2"', 'schedGroupId="1"'),
  'SUBJ-INITRAMFS': both(
    addRegion('disk1', 'subject_initrd'),
    addRegion('disk2', 'subject_initrd', 1),
    alphaMemory(map('disk1', '16#7000_0000#', 'disk1') + map('disk2', '16#7000_2000#', 'disk2')),
  ),
  'SUBJ-INFO': addRegion('alpha|sinfo', 'subject_info'),
  'VCPU-ENTRY-CHECKS': bit('proc2', 'UnrestrictedGuest', 1),
  'VCPU-PIN': bit('pin', 'ExternalInterruptExiting', 0),
  'VCPU-PROC': bit('proc', 'UseMSRBitmaps', 0),
  'VCPU-PROC2': bit('proc2', 'EnableVPID', 1),
  'VCPU-EXIT': bit('exit', 'AckInterruptOnExit', 0),
  'VCPU-ENTRY': bit('entry', 'IA32eModeGuest', 0),
  'VCPU-CR0-MASK': bit('cr0', 'CacheDisable', 0),
  'VCPU-CR4-MASK': bit('cr4', 'MachineCheckEnable', 0),
  'VCPU-EXCEPTIONS': bit('exception', 'MachineCheck', 0),
  'MEM-WRITE-EXECUTE': mapping('alpha|text', 'writable', 'true'),
  'VCPU-VMXE': register('VMXEnable', 0),
  'VCPU-ENTRY-POINT': replace('<rip>16#0020_0000#', '<rip>16#0030_0000#'),
  'VCPU-EFER': bit('entry', 'LoadIA32EFER', 1),
  'VCPU-CR0-OWNED': bit('cr0', 'WriteProtect', 0),
  'VCPU-NATIVE': register('Paging', 0),
  'VCPU-PAGING': both(bit('proc2', 'EnableEPT', 1), register('Paging', 0)),
  'MSR-ORDER': msr('16#0176#', '16#0174#'),
  'MSR-ALLOWED': msr('16#0174#', '16#0177#'),
};

const SCHEDULING: Readonly<Record<string, Edit>> = {
  'SCHED-REFERENCE': replace('<subject name="beta"/>', '<subject name="beta"/><subject name="ghost"/>'),
  'SCHED-PARTITION-REFERENCE': replace('<minorFrame ', '<minorFrame barrier="none" partition="ghost" ticks="5"/>$&'),
  'SCHED-PARTITION-ID': both(
    replace('<partition cpu="0" id="2"', '<partition cpu="0" id="1"'),
    mapping('scheduling_info_2', 'physical', 'scheduling_info_1'),
    mapping('scheduling_info_2', 'physical', 'scheduling_info_1'),
    drop('scheduling_info_2'),
  ),
  'SCHED-GROUP-ID': both(replace('<group id="2">', '<group id="1">'), replace('schedGroupId="2"', 'schedGroupId="1"')),
  'SCHED-NAME-UNIQUE': both(
    replace('<partition cpu="0" id="2" name="beta">', '<partition cpu="0" id="2" name="alpha">'),
    replace('partition="beta"', 'partition="alpha"'),
  ),
  'SCHED-CPUS': both(
    twoCpus,
    replace(
      '</majorFrame>',
      '</majorFrame><majorFrame><cpu id="0"><minorFrame barrier="none" partition="alpha" ticks="1"/></cpu><barriers/></majorFrame>',
    ),
  ),
  'SCHED-TICKS': both(twoCpus, replace('partition="beta" ticks="10"', 'partition="beta" ticks="9"')),
  'SCHED-AFFINITY': replace(/ *<minorFrame [^>]*partition="beta"[^>]*>\n/, ''),
  'SCHED-SUBJECT-CPU': both(
    twoCpus,
    replace('<group id="1"><subject name="alpha"/>', '<group id="1"><subject name="beta"/>'),
    replace('<group id="2"><subject name="beta"/>', '<group id="2"><subject name="alpha"/>'),
    replace('name="alpha" schedGroupId="1"', 'name="alpha" schedGroupId="2"'),
    replace('name="beta" schedGroupId="2"', 'name="beta" schedGroupId="1"'),
    replace(
      'logical="scheduling_info" physical="scheduling_info_1"',
      'logical="scheduling_info" physical="scheduling_info_x"',
    ),
    replace(
      'logical="scheduling_info" physical="scheduling_info_2"',
      'logical="scheduling_info" physical="scheduling_info_1"',
    ),
    replace('physical="scheduling_info_x"', 'physical="scheduling_info_2"'),
  ),
  'SCHED-ASSIGNMENT': replace(
    '<group id="1"><subject name="alpha"/></group>',
    '$&<group id="3"><subject name="alpha"/></group>',
  ),
  'SCHED-RUNNABLE': oneGroup,
  'SCHED-SLEEPER': both(
    addEvent('sleep', 'kernel'),
    alphaVmcalls('<event id="9" logical="sleep" physical="sleep"><subject_sleep/></event>'),
    text => text.replace(/ *<memory [^>]*logical="timed_event" physical="alpha[^>]*>\n/, ''),
  ),
  'SCHED-HANDOVER': both(oneGroup, replace('mode="async"', 'mode="switch"')),
  'SCHED-TIME': both(replace('speed="2000000"', 'speed="1"'), replace('tickRate="1000"', 'tickRate="2000"')),
  'SCHED-TIMER': replace('ticks="20"', 'ticks="100000"'),
  'SCHED-BARRIER-ID': both(
    oneBarrier,
    replace('<barrier id="1"', '<barrier id="2"'),
    replaceAll('barrier="1"', 'barrier="2"'),
  ),
  'SCHED-BARRIER-SIZE': both(oneBarrier, replace('size="2"/></barriers>', 'size="3"/></barriers>')),
  'SCHED-SYNC-POINTS': both(
    oneBarrier,
    replaceAll('barrier="1"', 'barrier="none"'),
    replace('<barriers><barrier id="1" size="2"/></barriers>', '<barriers/>'),
  ),
  'SCHED-BARRIER-REFERENCE': both(oneBarrier, replace('barrier="1"', 'barrier="none"')),
  'SCHED-BARRIER-PLACE': both(
    oneBarrier,
    replace(
      '<minorFrame barrier="1" partition="alpha" ticks="4"/><minorFrame barrier="none"',
      '<minorFrame barrier="none" partition="alpha" ticks="4"/><minorFrame barrier="1"',
    ),
  ),
};

/** An edit of the small policy for each rule, by its code: that rule reports an error or its finding, and no other rule an error. */
export const EDITS: Readonly<Record<string, Edit>> = {
  ...MEMORY,
  ...REGIONS,
  ...KERNEL,
  ...HARDWARE,
  ...DEVICES,
  ...EVENTS,
  ...SUBJECTS,
  ...SCHEDULING,
};
