import { cpuidKey } from '../impl/components/monitor-cpuid.ts';
import type { ComponentOps } from '../impl/components/ops.ts';
import type { MonitorOps } from '../impl/components/subject-monitor.ts';
import type { Seams } from '../impl/seams.ts';
import type { Fault } from './fault.ts';

interface MonitorFault extends Pick<Fault, 'id' | 'title' | 'precedent'> {
  readonly replace: (ops: MonitorOps) => Partial<MonitorOps>;
}

const monitorFault = ({ replace, ...head }: MonitorFault): Fault => ({
  ...head,
  seam: 'component',
  killedBy: ['vmx/monitored-exits'],
  scenario: 'linux-vm',
  apply(seams: Seams) {
    const { monitor } = seams.component;
    return { ...seams, component: { ...seams.component, monitor: { ...monitor, ...replace(monitor) } } };
  },
});

interface DutyFault extends Pick<Fault, 'id' | 'title' | 'precedent'> {
  readonly replace: (ops: ComponentOps) => Partial<ComponentOps>;
}

/** A defect of what a component owes others, whatever system it runs in. */
const dutyFault = ({ replace, ...head }: DutyFault): Fault => ({
  ...head,
  seam: 'component',
  killedBy: ['vmx/component-duties'],
  scenario: 'linux-vm',
  apply: (seams: Seams) => ({ ...seams, component: { ...seams.component, ...replace(seams.component) } }),
});

const PAGE_BYTES = 0x1000;

/** Defects of the stand-ins for components of Muen. */
export const COMPONENT_FAULTS: readonly Fault[] = [
  monitorFault({
    id: 'monitor-cpuid-unmasked',
    title: 'the subject monitor answers CPUID with what the processor says, APIC ids and all',
    precedent:
      'XSA-24 (CVE-2012-4539) and CVE-2014-8867: emulation that passes on what it must not; Muen sm: leaf 1 keeps 16 bits of EBX',
    replace: () => ({
      cpuid: (table, leaf, ecx) => table.get(cpuidKey(leaf, ecx)) ?? table.get(cpuidKey(leaf, 0)) ?? [0, 0, 0, 0],
    }),
  }),
  monitorFault({
    id: 'monitor-cache-leaf',
    title: 'CPUID leaf 4 sets ECX twice, and EDX stays 0',
    precedent: 'Muen 25ec6fdf5 (2023-08): the subject monitor assigned RCX twice',
    replace: ops => ({
      cpuid(table, leaf, ecx) {
        const answer = ops.cpuid(table, leaf, ecx);
        return leaf === 4 ? [answer[0], answer[1], answer[2], 0] : answer;
      },
    }),
  }),
  monitorFault({
    id: 'monitor-rdmsr-stale',
    title: 'RDMSR of an MSR that is not emulated returns the number of the MSR',
    precedent: 'CVE-2019-7222 (KVM): emulation that left stale contents in what a guest reads',
    replace: ops => ({ readMsr: (config, index) => (index === 0x1a0 ? ops.readMsr(config, index) : index) }),
  }),
  monitorFault({
    id: 'monitor-real-time',
    title: 'RDTSC is answered with the start of the frame instead of its end',
    precedent: 'Muen 736c9dfb6 (2017-09): the wrong field was returned for the start of the schedule',
    replace: ops => ({ timestamp: config => ops.timestamp({ ...config, schedulingInfo: config.schedulingInfo - 8 }) }),
  }),
  monitorFault({
    id: 'monitor-numeric-error',
    title: 'CR0 of a subject is what it writes, without the bit that VMX wants',
    precedent: 'Muen dcbf5cedf (2016-05): a CR0 flag by the wrong number; CVE-2016-1570: state that VM entry refuses',
    replace: () => ({ cr0For: value => value }),
  }),
  dutyFault({
    id: 'loader-last-page',
    title: 'the subject loader leaves the last page of a region as it was',
    precedent: 'XSA-100 (CVE-2014-4021): memory that was not cleared showed its next owner what had been there',
    replace: ({ loader }) => ({
      loader: { ...loader, preparedBytes: region => loader.preparedBytes(region) - PAGE_BYTES },
    }),
  }),
  dutyFault({
    id: 'loader-hash-ignored',
    title: 'the subject loader starts its subject whatever the hashes of its memory are',
    precedent: 'CVE-2020-10648 (U-Boot): what was verified is not what was booted',
    replace: ({ loader }) => ({ loader: { ...loader, isEqualHash: () => true } }),
  }),
  dutyFault({
    id: 'manager-command-decimal',
    title: 'the device manager masks writes to the PCI command register with decimal 407',
    precedent: 'Muen f0c617c8d (2017-10): the mask of the PCI command register was written as decimal 407',
    replace: ({ manager }) => ({ manager: { ...manager, command: value => value & 407 } }),
  }),
  dutyFault({
    id: 'time-rate-thousandfold',
    title: 'the time subject counts a thousand times as many ticks in a microsecond as there are',
    precedent: 'Muen 2bab8207b (2019-03): the TSC rate in MHz was computed from Hz/1000',
    replace: ({ time }) => ({
      time: { ...time, ticksPerMicrosecond: tscKhz => 1000 * time.ticksPerMicrosecond(tscKhz) },
    }),
  }),
];
