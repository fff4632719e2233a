import {
  addRegion,
  alphaMemory,
  both,
  domain,
  drop,
  type Edit,
  kernelMemory,
  map,
  mapping,
  region,
  replace,
  twoCpus,
  unmap,
} from './policy-editing.ts';

/** MSR range of subject alpha. */
const msr = (start: string, end: string, mode = 'r'): Edit =>
  replace('<msrs/>', `<msrs><msr start="${start}" end="${end}" mode="${mode}"/></msrs>`);
const microcode = both(addRegion('mcu', 'kernel_microcode'), kernelMemory(map('mcu', '16#00d0_0000#', 'mcu')));

/** Minimal bad policies for the rules about memory and the regions that kernels and subjects need, by code. */
export const MEMORY_EDITS: Readonly<Record<string, Edit>> = {
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

/** Minimal bad policies for the rules about memory and the regions that kernels and subjects need, by code. */
export const REGIONS_EDITS: Readonly<Record<string, Edit>> = {
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
