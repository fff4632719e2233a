import type { MemoryType, Subject } from '../document.ts';
import { ownerName, type PolicyIndex } from '../policy-index.ts';
import { type Rule, rule } from '../rule.ts';

/** Types that the kernel alone uses (tau0 also maps its interface page). */
const isKernelType = (type: MemoryType): boolean => type === 'kernel' || type.startsWith('kernel_');
const isSystemType = (type: MemoryType): boolean => type === 'system' || type.startsWith('system_');
/** Types that devices may reach by DMA. */
const DMA_TYPES: ReadonlySet<MemoryType> = new Set(['device_rmrr', 'subject', 'subject_initrd', 'subject_device']);
/** Regions that a monitor maps of the subject it monitors. */
const MONITORED_TYPES: ReadonlySet<MemoryType> = new Set([
  'subject_state',
  'subject_timed_event',
  'subject_interrupts',
]);

/** Owner part of a region name such as `linux|state`. */
const ownerOf = (region: string): string => region.split('|')[0] ?? '';

function maySteer({ places, subjects }: PolicyIndex, monitor: Subject, monitored: string): boolean {
  if (monitor.name === monitored) return true;
  const target = subjects.get(monitored);
  if (target === undefined) return false;
  const sameGroup = places.get(monitor.name)?.group === places.get(monitored)?.group && places.has(monitored);
  const origin = (subject: Subject): string => subject.siblingOf ?? subject.name;
  return sameGroup || origin(monitor) === origin(target);
}

/** Partitions of a subject and of the siblings with which it shares its address space. */
function ownPartitions({ places, siblings }: PolicyIndex, subject: Subject): readonly number[] {
  const origin = subject.siblingOf ?? subject.name;
  const sharing = [origin, ...(siblings.get(origin) ?? []).map(sibling => sibling.name)];
  return sharing.flatMap(name => places.get(name)?.partition.id ?? []);
}

/** Rules about who may map which type of memory. */
export const ACCESS_RULES: readonly Rule[] = [
  rule(
    {
      code: 'MEM-TYPE-SYSTEM',
      area: 'memory',
      title: 'Validate that memory of type system is not mapped by any entity.',
      severity: 'error',
    },
    ({ mappings, regions }, visit) => {
      for (const owned of mappings) {
        visit.examined();
        const type = regions.get(owned.mapping.physical)?.type;
        // VMXON and page-table regions are reached by physical address only.
        if (type !== undefined && isSystemType(type)) {
          const message = `'${owned.mapping.logical}' of ${ownerName(owned)} maps region '${owned.mapping.physical}' of type ${type}`;
          visit.report(
            owned.mapping,
            message,
            'Remove the mapping: who can write page tables or bitmaps has the whole machine.',
          );
        }
      }
    },
  ),
  rule(
    {
      code: 'MEM-TYPE-KERNEL',
      area: 'memory',
      title: 'Validate that memory of type kernel is only mapped by the kernel or tau0.',
      severity: 'error',
    },
    ({ mappings, regions }, visit) => {
      for (const owned of mappings) {
        if (owned.owner.kind === 'kernel') continue;
        visit.examined();
        const type = regions.get(owned.mapping.physical)?.type;
        if (type === undefined || !isKernelType(type)) continue;
        const isTau0Interface =
          owned.owner.kind === 'subject' && owned.owner.subject.name === 'tau0' && type === 'kernel_interface';
        if (!isTau0Interface) {
          const message = `'${owned.mapping.logical}' of ${ownerName(owned)} maps region '${owned.mapping.physical}' of type ${type}`;
          visit.report(owned.mapping, message, 'Only the kernel maps its memory; tau0 maps the kernel_interface page.');
        }
      }
    },
  ),
  rule(
    {
      code: 'MEM-TYPE-DEVICE',
      area: 'memory',
      title: 'Validate that memory of type device_rmrr is only mapped by device domains.',
      severity: 'error',
    },
    ({ mappings, regions }, visit) => {
      for (const owned of mappings) {
        if (owned.owner.kind === 'domain') continue;
        visit.examined();
        if (regions.get(owned.mapping.physical)?.type === 'device_rmrr') {
          const message = `'${owned.mapping.logical}' of ${ownerName(owned)} maps region '${owned.mapping.physical}' of type device_rmrr`;
          visit.report(owned.mapping, message, 'Firmware and devices own this memory; remove the mapping.');
        }
      }
    },
  ),
  rule(
    {
      code: 'DOM-MEMORY-TYPE',
      area: 'domains',
      title: 'Validate that device domains map only memory that devices may access.',
      severity: 'error',
    },
    ({ mappings, regions }, visit) => {
      for (const owned of mappings) {
        if (owned.owner.kind !== 'domain') continue;
        visit.examined();
        const type = regions.get(owned.mapping.physical)?.type;
        if (type !== undefined && !DMA_TYPES.has(type)) {
          const message = `'${owned.mapping.logical}' of ${ownerName(owned)} maps region '${owned.mapping.physical}' of type ${type}`;
          visit.report(
            owned.mapping,
            message,
            `Devices may access only memory of the types ${[...DMA_TYPES].join(', ')}.`,
          );
        }
      }
    },
  ),
  rule(
    {
      code: 'MEM-MONITOR',
      area: 'memory',
      title:
        'Validate that state, timed event and interrupts pages are mapped writable only by subjects of the same scheduling group or siblings.',
      severity: 'error',
    },
    (index, visit) => {
      for (const owned of index.mappings) {
        if (owned.owner.kind !== 'subject') continue;
        const region = index.regions.get(owned.mapping.physical);
        if (region === undefined || !MONITORED_TYPES.has(region.type) || !owned.mapping.writable) continue;
        visit.examined();
        const monitored = ownerOf(region.name);
        if (!maySteer(index, owned.owner.subject, monitored)) {
          const message = `${ownerName(owned)} maps '${region.name}' writable, but is neither in the scheduling group of '${monitored}' nor its sibling`;
          visit.report(owned.mapping, message, 'Map it read-only or put both into one scheduling group.');
        }
      }
    },
  ),
  rule(
    {
      code: 'MEM-SCHED-INFO',
      area: 'memory',
      title: 'Validate that subjects map only scheduling info pages of their own partition or of their siblings.',
      severity: 'error',
    },
    (index, visit) => {
      for (const { owner, mapping } of index.mappings) {
        if (owner.kind !== 'subject' || index.regions.get(mapping.physical)?.type !== 'subject_scheduling_info')
          continue;
        visit.examined();
        const own = ownPartitions(index, owner.subject);
        if (own.length > 0 && !own.some(id => mapping.physical === `scheduling_info_${id}`)) {
          const expected = own.map(id => `'scheduling_info_${id}'`).join(' or ');
          const message = `subject '${owner.subject.name}' maps '${mapping.physical}', expected ${expected} of its partition`;
          visit.report(mapping, message, 'The page tells when its partition runs; map the own one.');
        }
      }
    },
  ),
];
