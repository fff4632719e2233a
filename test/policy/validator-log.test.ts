import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkPolicy } from '../../src/policy/check.ts';
import { hasShared, parsed, SKIP_REASON, sharedBytes, sharedPath } from './shared-files.ts';

/**
 * Lines in which the real validator says how many objects a check looks at, and the rule that stands for the check.
 * Lines that stand once per subject, device or group are summed. Left out: SUBJ-MEMORY-TYPE, which looks at tau0 too,
 * REG-MSRSTORE, where the real tool counts a subject that has MSRs but needs no store, and checks that count something
 * else than objects.
 */
const COUNTED: Readonly<Record<string, RegExp>> = {
  'MEM-REFERENCE': /^Checking (\d+) physical memory references$/,
  'DEV-REFERENCE': /^Checking (\d+) physical device reference\(s\)$/,
  'DEV-LEGACY-REFERENCE': /^Checking (\d+) legacy device reference\(s\)$/,
  'DEV-PCI-REFERENCE': /^Checking (\d+) PCI device reference\(s\)$/,
  'DEV-IRQ-REFERENCE': /^Checking (\d+) device IRQ reference\(s\)$/,
  'DEV-PORT-REFERENCE': /^Checking (\d+) I\/O port reference\(s\)$/,
  'DEV-MEMORY-REFERENCE': /^Checking (\d+) device memory reference\(s\)$/,
  'SCHED-REFERENCE': /^Checking (\d+) subject reference\(s\) in scheduling groups$/,
  'EVT-REFERENCE': /^Checking (\d+) subject event reference\(s\)$/,
  'CFG-NAME-UNIQUE': /^Checking uniqueness of (\d+) config and expression name\(s\)$/,
  'MEM-NAME-UNIQUE': /^Checking uniqueness of (\d+) physical memory region name\(s\)$/,
  'REG-VMXON': /^Checking presence of (\d+) VMXON region\(s\)$/,
  'REG-VMXON-SIZE': /^Checking attribute 'size' of (\d+) VMXON memory element\(s\)$/,
  'REG-VMXON-LOW': /^Checking attribute 'physicalAddress' of (\d+) VMXON memory element\(s\)$/,
  'REG-VMXON-CONSECUTIVE': /^Checking (\d+) VMXON region\(s\) for consecutiveness$/,
  'REG-VMCS': /^Checking (\d+) VMCS region\(s\) for presence$/,
  'REG-VMCS-SIZE': /^Checking attribute 'size' of (\d+) VMCS memory element\(s\)$/,
  'MEM-ADDRESS-ALIGNED': /^Checking alignment of (\d+) physical memory region\(s\)$/,
  'MEM-VIRTUAL-ALIGNED': /^Checking attribute 'virtualAddress' of (\d+) logical memory element\(s\)$/,
  'MEM-SIZE': /^Checking attribute 'size' of (\d+) physical memory element\(s\)$/,
  'MEM-ENTITY-NAME': /^Checking encoded entities in (\d+) physical memory region\(s\)$/,
  'MEM-OVERLAP': /^Checking overlap of (\d+) physical or device memory region\(s\)$/,
  'KRN-VIRTUAL-OVERLAP': /^Checking overlap of (\d+) virtual memory region\(s\) of kernel running on CPU \d+$/,
  'SUBJ-VIRTUAL-OVERLAP': /^Checking overlap of (\d+) virtual memory region\(s\) of subject '.*'$/,
  'REG-KERNEL-DATA': /^Checking presence of (\d+) kernel data region\(s\)$/,
  'REG-KERNEL-BSS': /^Checking presence of (\d+) kernel BSS region\(s\)$/,
  'REG-KERNEL-STACK': /^Checking presence of (\d+) kernel stack region\(s\)$/,
  'REG-KERNEL-INTERRUPT-STACK': /^Checking presence of (\d+) kernel interrupt stack region\(s\)$/,
  'REG-KERNEL-PT': /^Checking presence of (\d+) kernel pagetable region\(s\)$/,
  'REG-KERNEL-PT-LOW': /^Checking physical address of (\d+) kernel PT region\(s\)$/,
  'REG-STATE': /^Checking (\d+) subject state region\(s\) for presence$/,
  'REG-TIMED-EVENT': /^Checking (\d+) subject timed_event region\(s\) for presence$/,
  'REG-INTERRUPTS': /^Checking (\d+) subject interrupts region\(s\) for presence$/,
  'REG-IOBM': /^Checking (\d+) subject iobm region\(s\) for presence$/,
  'REG-MSRBM': /^Checking (\d+) subject msrbm region\(s\) for presence$/,
  'REG-FPU': /^Checking (\d+) subject fpu region\(s\) for presence$/,
  'REG-PT': /^Checking (\d+) subject pt region\(s\) for presence$/,
  'REG-SCHEDULING-INFO': /^Checking (\d+) scheduling info region\(s\) for presence$/,
  'KRN-MAP-STATE': /^Checking mapping of (\d+) subject state memory region\(s\)$/,
  'KRN-MAP-INTERRUPTS': /^Checking mapping of (\d+) subject interrupts memory region\(s\)$/,
  'KRN-MAP-TIMED-EVENT': /^Checking mapping of (\d+) timed event memory region\(s\)$/,
  'KRN-MAP-VMCS': /^Checking mapping of (\d+) VMCS memory region\(s\)$/,
  'KRN-MAP-MSRSTORE': /^Checking mapping of (\d+) subject MSR store memory region\(s\)$/,
  'KRN-MAP-FPU': /^Checking mapping of (\d+) Subject FPU state memory region\(s\)$/,
  'MEM-SCHED-INFO': /^Checking scheduling info region mappings of (\d+) subject\(s\)$/,
  'KRN-MAP-SCHED-INFO': /^Checking scheduling info region kernel mapping for (\d+) scheduling partition\(s\)$/,
  'MEM-MONITOR': /^Checking (\d+) writable mapping\(s\) of monitored region '.*'$/,
  'MSR-ORDER': /^Checking (\d+) MSR range\(s\) for start <= end$/,
  'MSR-ALLOWED': /^Checking (\d+) MSR range\(s\) against whitelist$/,
  'DEV-NAME-UNIQUE': /^Checking uniqueness of (\d+) device name\(s\)$/,
  'DEV-IRQ-UNIQUE': /^Checking uniqueness of (\d+) device IRQ\(s\)$/,
  'DEV-IRQ-ISA': /^Checking attribute 'number' of (\d+) ISA IRQ element\(s\)$/,
  'DEV-IRQ-LSI': /^Checking attribute 'number' of (\d+) PCI LSI IRQ element\(s\)$/,
  'DEV-IRQ-MSI': /^Checking attribute 'number' of (\d+) PCI MSI IRQ element\(s\)$/,
  'DEV-MSI-CONSECUTIVE': /^Checking (\d+) PCI MSI IRQs of device '.*' for consecutiveness$/,
  'DEV-PORT-ORDER': /^Checking (\d+) I\/O port range\(s\) for start <= end$/,
  'DEV-PORT-UNIQUE': /^Checking uniqueness of (\d+) device I\/O port\(s\)$/,
  'DEV-BDF-UNIQUE': /^Checking uniqueness of (\d+) PCI device BDF\(s\)$/,
  'SCHED-CPUS': /^Checking CPU element count in (\d+) scheduling major frame\(s\)$/,
  'SCHED-PARTITION-ID': /^Checking uniqueness of (\d+) scheduling partition IDs$/,
  'SCHED-GROUP-ID': /^Checking uniqueness of (\d+) scheduling group IDs$/,
  'SCHED-SUBJECT-CPU': /^Checking (\d+) scheduling partition\(s\) for subject CPU affinity$/,
  'SCHED-ASSIGNMENT': /^Checking assignment of (\d+) subjects to scheduling groups$/,
  'SCHED-RUNNABLE': /^Checking runnability of (\d+) subject\(s\) of scheduling group \d+$/,
  'SCHED-BARRIER-ID': /^Checking barrier ID\(s\) in (\d+) scheduling major frame\(s\)$/,
  'SCHED-BARRIER-SIZE': /^Checking size of (\d+) minor frame barrier\(s\)$/,
  'SCHED-SYNC-POINTS': /^Checking barrier count in (\d+) scheduling major frame\(s\)$/,
  'SCHED-BARRIER-REFERENCE': /^Checking barrier references in (\d+) scheduling major frame\(s\)$/,
  'SCHED-PARTITION-REFERENCE': /^Checking scheduling partition references of (\d+) minor frames$/,
  'KRN-DATA-ADDRESS': /^Checking attribute 'virtualAddress' of (\d+) kernel CPU-local data element\(s\)$/,
  'KRN-BSS-ADDRESS': /^Checking attribute 'virtualAddress' of (\d+) kernel CPU-local BSS element\(s\)$/,
  'KRN-GLOBAL-DATA-ADDRESS': /^Checking attribute 'virtualAddress' of (\d+) kernel global data element\(s\)$/,
  'KRN-CRASH-AUDIT-ADDRESS': /^Checking attribute 'virtualAddress' of (\d+) crash audit region element\(s\)$/,
  'KRN-STACK-ADDRESS': /^Checking attribute 'virtualAddress' of (\d+) kernel (?:interrupt )?stack memory element\(s\)$/,
  'SUBJ-NAME-UNIQUE': /^Checking uniqueness of (\d+) subject name\(s\)$/,
  'SUBJ-CPU': /^Checking attribute 'cpu' of (\d+) subject element\(s\)$/,
  'SUBJ-GLOBAL-ID-UNIQUE': /^Checking uniqueness of (\d+) global subject ID\(s\)$/,
  'SUBJ-LOCAL-ID-UNIQUE': /^Checking (\d+) local subject ID\(s\) of CPU \d+ for uniqueness$/,
  'SUBJ-GROUP-ID': /^Checking scheduling group IDs of (\d+) subject\(s\)$/,
  'SUBJ-MEMORY-NAME-UNIQUE': /^Checking (\d+) logical memory region name\(s\) of subject '.*' for uniqueness$/,
  'DEV-MSI-VECTORS': /^Checking (\d+) PCI MSI IRQs of logical device '.*' for consecutiveness$/,
  'SUBJ-INITRAMFS': /^Checking (\d+) initramfs regions of subject '.*' for consecutiveness$/,
  'EVT-NAME-UNIQUE': /^Checking uniqueness of (\d+) event name\(s\)$/,
  'EVT-ENDS': /^Checking (\d+) event source\/target connection\(s\)$/,
  'EVT-SELF-REFERENCE': /^Checking self-references in (\d+) subject event\(s\)$/,
  'EVT-EXIT-IDS': /^Checking validity of (\d+) source event ID\(s\)$/,
  'EVT-SELF-ACTION': /^Checking self-event target actions of (\d+) event\(s\)$/,
  'EVT-SYSTEM-ACTION': /^Checking physical event reference of (\d+) system action\(s\)$/,
  'MEM-INSIDE-HARDWARE': /^Checking size of (\d+) physical memory region\(s\) against \d+ memory block\(s\)$/,
  'HW-BLOCK-OVERLAP': /^Checking overlap of (\d+) hardware memory block\(s\)$/,
  'HW-BLOCK-SIZE': /^Checking attribute 'size' of (\d+) hardware memory block element\(s\)$/,
  'HW-IOAPIC': /^Checking presence of (\d+) I\/O APIC memory region\(s\)$/,
  'HW-IOAPIC-SOURCE': /^Checking Source ID capability for (\d+) I\/O APIC\(s\)$/,
  'HW-IOMMU': /^Checking presence of (\d+) IOMMU memory region\(s\)$/,
  'HW-IOMMU-AGAW': /^Checking AGAW capability for (\d+) IOMMU\(s\)$/,
  'HW-IOMMU-OFFSETS': /^Checking register offset capabilities for (\d+) IOMMU\(s\)$/,
  'DEV-IOMMU-SIZE': /^Checking attribute 'size' of (\d+) IOMMU memory region element\(s\)$/,
  'REG-VTD-ROOT-SIZE': /^Checking attribute 'size' of (\d+) VT-d root table element\(s\)$/,
  'REG-VTD-CONTEXT-SIZE': /^Checking attribute 'size' of (\d+) VT-d context table element\(s\)$/,
  'DOM-DEVICE-UNIQUE': /^Checking uniqueness of (\d+) security domain device reference\(s\)$/,
  'DOM-VIRTUAL-OVERLAP': /^Checking overlap of (\d+) domain memory region\(s\) of device domain '.*'$/,
  'DOM-MEMORY-TYPE': /^Checking memory type of (\d+) security domain memory reference\(s\)$/,
  'DOM-PT': /^Checking presence of (\d+) security domain PT memory region\(s\)$/,
};

describe.skipIf(!hasShared)(`what the real validator looks at (${SKIP_REASON})`, () => {
  const names = hasShared ? readdirSync(sharedPath('golden/systems')) : [];

  it.each(names)('%s: rules look at as many objects as the checks that they stand for', name => {
    const log = readFileSync(sharedPath(`golden/systems/${name}/mucfgvalidate.log`), 'utf8');
    const lines = log.split('\n').map(line => line.replace(/^\[INFO\] mucfgvalidate: /, ''));
    const real = Object.fromEntries(
      Object.entries(COUNTED).flatMap(([code, pattern]) => {
        const counts = lines.flatMap(line => pattern.exec(line)?.[1] ?? []);
        return counts.length === 0 ? [] : [[code, counts.reduce((sum, count) => sum + Number(count), 0)]];
      }),
    );
    const { examined } = checkPolicy(parsed(sharedBytes(`golden/systems/${name}/policy_b.xml`)).document);
    const ours = Object.fromEntries(Object.keys(real).map(code => [code, examined[code]]));
    expect(ours).toEqual(real);
    expect(Object.keys(real).length).toBeGreaterThan(60);
  });
});
