import type { TreeElement } from '../tree.ts';

/**
 * Order of the children of elements in a source policy, by the end of the path of the parent; the longest path that
 * fits counts. Where the order carries no meaning and may be any, the names are listed all the same.
 */
const ORDER: Readonly<Record<string, string>> = {
  system: 'config expressions hardware platform memory deviceDomains events channels components subjects scheduling',
  config: 'boolean integer string',
  hardware: 'processor memory devices',
  processor: 'cpu cpuid msr',
  'hardware/memory': 'memoryBlock reservedMemory',
  'hardware/devices': 'device',
  'hardware/devices/device': 'description pci irq memory ioPort capabilities reservedMemory',
  'hardware/devices/device/pci': 'identification iommuGroup',
  irq: 'msi',
  capabilities: 'capability',
  platform: 'config mappings kernelDiagnostics',
  mappings: 'aliases classes',
  aliases: 'alias',
  alias: 'resource',
  resource: 'resource',
  classes: 'class',
  class: 'device',
  kernelDiagnostics: 'device',
  'kernelDiagnostics/device': 'memory ioPort',
  'system/memory': 'memory',
  'system/memory/memory': 'file fill hash hashRef',
  deviceDomains: 'domain',
  domain: 'memory devices',
  'domain/memory': 'memory mapSubjectMemory',
  'domain/devices': 'device',
  'system/events': 'event',
  'system/channels': 'channel',
  components: 'library component',
  library: 'config depends requires provides',
  component: 'config depends requires provides',
  depends: 'library',
  requires: 'vcpu memory channels devices events',
  'requires/memory': 'memory array',
  'memory/array': 'memory',
  'requires/channels': 'reader writer array',
  'channels/array': 'reader writer',
  'requires/devices': 'device',
  'requires/devices/device': 'irq memory ioPort',
  'requires/events': 'source target',
  'requires/events/source': 'event',
  'requires/events/source/event': 'subject_sleep subject_yield system_reboot system_panic system_poweroff unmask_irq',
  'requires/events/target': 'event',
  'target/event': 'inject_interrupt reset',
  provides: 'memory',
  'provides/memory': 'file fill hash hashRef',
  subjects: 'subject',
  'subjects/subject': 'vcpu bootparams memory devices events channels monitor component sibling',
  vcpu: 'vmx msrs registers',
  vmx: 'controls masks',
  controls: 'pin proc proc2 entry exit',
  masks: 'exception cr0 cr4',
  msrs: 'msr',
  registers: 'gpr cr0 cr0Shadow cr4 cr4Shadow segments',
  segments: 'cs ds es fs gs ss tr ldtr',
  'subject/memory': 'memory',
  'subject/devices': 'device',
  'subject/devices/device': 'pci irq memory ioPort',
  'subject/events': 'source target',
  'subject/events/source': 'group',
  'source/group': 'default event',
  'group/default': 'subject_sleep subject_yield system_reboot system_panic system_poweroff unmask_irq',
  'group/event': 'subject_sleep subject_yield system_reboot system_panic system_poweroff unmask_irq',
  'subject/events/target': 'event',
  'subject/channels': 'reader writer',
  monitor: 'state timed_event interrupts loader',
  'subject/component': 'map',
  map: 'map',
  scheduling: 'partitions majorFrame',
  partitions: 'partition',
  partition: 'group',
  'partition/group': 'subject',
  majorFrame: 'barriers cpu',
  'majorFrame/cpu': 'minorFrame',
};

const orders: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(ORDER).map(([path, names]) => [path, ['doc', ...names.split(' ')]]),
);

const LONGEST_PATH = Math.max(...Object.keys(ORDER).map(path => path.split('/').length));

/** Child names of the element at the end of `path` (names from the root) in their order; undefined when unknown. */
export function childOrder(path: readonly string[]): readonly string[] | undefined {
  for (let length = Math.min(LONGEST_PATH, path.length); length > 0; length -= 1) {
    const order = orders.get(path.slice(-length).join('/'));
    if (order !== undefined) return order;
  }
  return undefined;
}

/**
 * Inserts `child` before the first child of `parent` that the schema puts behind it, else last.
 *
 * @returns false, and inserts nothing, when the schema has no such child there; `path` ends with the parent's name.
 */
export function insertInOrder(parent: TreeElement, child: TreeElement, path: readonly string[]): boolean {
  const order = childOrder(path);
  const rank = order?.indexOf(child.name) ?? -1;
  if (order === undefined || rank < 0) return false;
  const index = parent.children.findIndex(sibling => order.indexOf(sibling.name) > rank);
  if (index < 0) parent.children.push(child);
  else parent.children.splice(index, 0, child);
  return true;
}
