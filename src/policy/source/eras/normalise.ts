import type { Finding } from '../../finding.ts';
import { findingOn, type TreeElement } from '../../tree.ts';
import type { SourceCode } from '../problem.ts';
import { portNumbers, providedBinary, requiredResources } from './components.ts';
import { eventModes, handledExits, sourceEvents, targetEvents } from './events.ts';
import {
  configurationSpaceSize,
  ioApicCapabilities,
  messageSignalledInterrupts,
  processorCpus,
  resourceOrder,
  speedInKilohertz,
  systemBoard,
} from './hardware.ts';
import { crashAudit, domainAddresses, features, kernelDiagnostics, loaderRights, memoryTypes } from './platform.ts';
import { schedulingPartitions } from './scheduling.ts';
import type { SchemaChange } from './schema-change.ts';
import { componentProfiles, fixedVcpuBits, vcpuLayout } from './vcpu.ts';

/** Changes of the source schema from mid-2016 on, in the order in which they are undone; later ones build on earlier ones. */
export const SCHEMA_CHANGES: readonly SchemaChange[] = [
  { id: 'features', month: '2016-06', title: '<features> is gone: the IOMMU is always used', apply: features },
  {
    id: 'source-events',
    month: '2016-10',
    title: '@action and <notify> of source events are @physical and an action element',
    apply: sourceEvents,
  },
  {
    id: 'target-events',
    month: '2016-10',
    title: '@vector of target events is <inject_interrupt>',
    apply: targetEvents,
  },
  {
    id: 'fixed-vcpu-bits',
    month: '2017-04',
    title: 'NMI exiting and machine checks of a vCPU are fixed',
    apply: fixedVcpuBits,
  },
  { id: 'event-modes', month: '2017-05', title: 'the event mode ipi is called asap', apply: eventModes },
  {
    id: 'system-board',
    month: '2017-01',
    title: 'a device describes how the machine is reset and switched off',
    addedTo: 'earlier',
    apply: systemBoard,
  },
  {
    id: 'crash-audit',
    month: '2017-05',
    title: 'the policy has a region for crash audits',
    addedTo: 'earlier',
    apply: crashAudit,
  },
  {
    id: 'required-resources',
    month: '2017-11',
    title: 'resources of a component stand in <requires>',
    apply: requiredResources,
  },
  {
    id: 'component-profiles',
    month: '2017-11',
    title: '@profile belongs to the component instead of the subject',
    apply: componentProfiles,
  },
  {
    id: 'provided-binary',
    month: '2017-11',
    title: '<binary> of a component is a memory region in <provides>',
    apply: providedBinary,
  },
  {
    id: 'port-numbers',
    month: '2017-02',
    title: 'I/O ports of a component have numbers of their own',
    apply: portNumbers,
  },
  {
    id: 'resource-order',
    month: '2016-07',
    title: 'device resources stand in the order irq, memory, ioPort',
    apply: resourceOrder,
  },
  {
    id: 'io-apic-capabilities',
    month: '2018-03',
    title: 'I/O APICs are known by a capability instead of their name',
    addedTo: 'earlier',
    apply: ioApicCapabilities,
  },
  {
    id: 'message-signalled-interrupts',
    month: '2018-04',
    title: 'pci/@msi is <msi> in each <irq>',
    apply: messageSignalledInterrupts,
  },
  { id: 'loader-rights', month: '2018-04', title: 'a loader maps as its loadee does', apply: loaderRights },
  {
    id: 'processor-cpus',
    month: '2018-07',
    title: 'the processor lists its CPUs with APIC ids',
    addedTo: 'earlier',
    apply: processorCpus,
  },
  {
    id: 'handled-exits',
    month: '2020-01',
    title: 'every subject says what its other VM exits do; before, they stopped the system',
    addedTo: 'earlier',
    apply: handledExits,
  },
  { id: 'vcpu-layout', month: '2019-09', title: '<msrs> and <segments> of a vCPU changed places', apply: vcpuLayout },
  {
    id: 'domain-addresses',
    month: '2019-10',
    title: 'memory of device domains has addresses of its own',
    apply: domainAddresses,
  },
  { id: 'memory-types', month: '2019-11', title: 'ukvm is called solo5 in memory types', apply: memoryTypes },
  {
    id: 'kernel-diagnostics',
    month: '2020-01',
    title: '<kernelDiagnosticsDevice> is <kernelDiagnostics> of the platform',
    apply: kernelDiagnostics,
  },
  {
    id: 'configuration-space-size',
    month: '2022-02',
    title: 'the PCI configuration space has a size',
    addedTo: 'old',
    apply: configurationSpaceSize,
  },
  {
    id: 'scheduling-partitions',
    month: '2022-10',
    title: 'minor frames name scheduling partitions instead of subjects',
    apply: schedulingPartitions,
  },
  { id: 'speed', month: '2023-02', title: 'the processor speed is in kHz instead of MHz', apply: speedInKilohertz },
];

const ERA: SourceCode = 'SRC-ERA';

/**
 * Brings a merged policy, or a specification, of any schema since mid-2016 to that of late 2024, in place.
 *
 * Each change of the schema is found by what the document has, so a document between two of them is read too. One
 * notice per change says what was rewritten.
 */
export function normaliseEras(root: TreeElement): readonly Finding[] {
  const findings: Finding[] = [];
  let oldest = '9999-99';
  const undo = ({ month, title, apply }: SchemaChange): void => {
    const changed = apply(root);
    const [first] = changed;
    if (first === undefined) return;
    if (month < oldest) oldest = month;
    const message = `schema from before ${month}: ${title}; ${changed.length} element${changed.length === 1 ? '' : 's'} rewritten`;
    const hint = 'Bring the policy to the schema of late 2024 to be rid of this.';
    findings.push(findingOn(first, ERA, 'notice', message, hint));
  };
  for (const change of SCHEMA_CHANGES) if (change.addedTo === undefined) undo(change);
  for (const change of SCHEMA_CHANGES) {
    const isOld = change.addedTo === 'old' ? findings.length > 0 : oldest <= change.month;
    if (change.addedTo !== undefined && isOld) undo(change);
  }
  return findings;
}
