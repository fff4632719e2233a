import type { MemoryMapping, MemoryType, Subject } from '../document.ts';
import { familyName, type OwnedMapping, ownerName, type PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit, validatorRule } from '../rule.ts';

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
  return sameGroup || familyName(monitor) === familyName(target);
}

/** Partitions of a subject and of the siblings with which it shares its address space. */
function ownPartitions({ places, siblings }: PolicyIndex, subject: Subject): readonly number[] {
  const origin = familyName(subject);
  const sharing = [origin, ...(siblings.get(origin) ?? []).map(sibling => sibling.name)];
  return sharing.flatMap(name => places.get(name)?.partition.id ?? []);
}

/** Body of a rule about the type of what someone maps. */
const byType =
  (
    concerns: (owned: OwnedMapping) => boolean,
    isWrong: (type: MemoryType, owned: OwnedMapping) => boolean,
    hint: string,
  ) =>
  ({ mappings, regions }: PolicyIndex, visit: Visit): void => {
    for (const owned of mappings) {
      if (!concerns(owned)) continue;
      visit.examined();
      const type = regions.get(owned.mapping.physical)?.type;
      if (type === undefined || !isWrong(type, owned)) continue;
      const message = `'${owned.mapping.logical}' of ${ownerName(owned)} maps region '${owned.mapping.physical}' of type ${type}`;
      visit.report(owned.mapping, message, hint);
    }
  };

function checkSubjectType(type: MemoryType, { owner }: OwnedMapping): boolean {
  // System types and device_rmrr have their own rules.
  if (!isKernelType(type)) return false;
  return !(owner.kind === 'subject' && owner.subject.name === 'tau0' && type === 'kernel_interface');
}

/** True for the mapping of a loader that shows what a subject of its scheduling group, which it loads, maps of its own. */
function isLoaded(index: PolicyIndex, loader: Subject, mapping: MemoryMapping, partition: number): boolean {
  const { places, document } = index;
  const group = places.get(loader.name)?.group;
  return document.subjects.some(
    loadee =>
      loadee !== loader &&
      group !== undefined &&
      places.get(loadee.name)?.group === group &&
      ownPartitions(index, loadee).includes(partition) &&
      loadee.memory.some(
        ({ physical, logical }) =>
          physical === mapping.physical && mapping.logical === `${loadee.name}_${logical}` && !mapping.writable,
      ),
  );
}

function checkSchedInfo(index: PolicyIndex, visit: Visit): void {
  for (const subject of index.document.subjects) {
    visit.examined();
    const own = ownPartitions(index, subject);
    const expected = own.map(id => `scheduling_info_${id}`);
    const info = subject.memory.filter(
      mapping => index.regions.get(mapping.physical)?.type === 'subject_scheduling_info',
    );
    const names = expected.map(name => `'${name}'`).join(' or ');
    for (const mapping of info) {
      if (expected.length === 0 || expected.includes(mapping.physical)) continue;
      const partition = Number(mapping.physical.replace('scheduling_info_', ''));
      if (isLoaded(index, subject, mapping, partition)) continue;
      const message = `subject '${subject.name}' maps '${mapping.physical}', expected ${names} of its partition`;
      visit.report(mapping, message, 'The page tells when its partition runs; map the own one.');
    }
    const mine = index.places.get(subject.name)?.partition.id;
    const required = `scheduling_info_${mine}`;
    if (info.length > 0 || mine === undefined || subject.memory.some(mapping => mapping.physical === required))
      continue;
    if (!index.regions.has(required)) continue;
    const message = `subject '${subject.name}' does not map '${required}' of its partition`;
    visit.report(subject, message, 'mucfgexpand adds the mapping; the subject reads its time from it.');
  }
}

function checkMonitors(index: PolicyIndex, visit: Visit): void {
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
}

function checkCrashAudit({ mappings, regions }: PolicyIndex, visit: Visit): void {
  for (const owned of mappings) {
    const { owner, mapping } = owned;
    if (owner.kind === 'kernel' || regions.get(mapping.physical)?.type !== 'subject_crash_audit') continue;
    visit.examined();
    if (!mapping.writable) continue;
    const message = `'${mapping.logical}' of ${ownerName(owned)} maps the crash audit region '${mapping.physical}' writable`;
    visit.report(mapping, message, 'Map it read-only.');
  }
}

const WATCHED: ReadonlySet<MemoryType> = new Set(['subject_info', 'subject_scheduling_info']);

function checkReadOnly({ mappings, regions }: PolicyIndex, visit: Visit): void {
  for (const owned of mappings) {
    const region = regions.get(owned.mapping.physical);
    if (owned.owner.kind === 'kernel' || region === undefined || !WATCHED.has(region.type)) continue;
    visit.examined();
    if (!owned.mapping.writable) continue;
    const message = `${ownerName(owned)} maps '${region.name}' of type ${region.type} writable, expected read-only`;
    visit.report(
      owned.mapping,
      message,
      'Others trust this page, and the kernel alone writes it; set writable="false".',
    );
  }
}

/** Rules about who may map which type of memory. */
export const ACCESS_RULES: readonly Rule[] = [
  validatorRule(
    {
      code: 'MEM-TYPE-SYSTEM',
      area: 'memory',
      title: 'Validate that memory of type system is not mapped by any entity.',
      validator: 'memory.System_Memory_Mappings',
    },
    // VMXON and page-table regions are reached by physical address only.
    byType(() => true, isSystemType, 'Remove the mapping: who can write page tables or bitmaps has the whole machine.'),
  ),
  validatorRule(
    {
      code: 'MEM-TYPE-KERNEL',
      area: 'memory',
      title:
        'Validate that memory of type kernel is not mapped by device domains (SUBJ-MEMORY-TYPE looks at subjects).',
      validator: 'memory.Kernel_Memory_Mappings',
    },
    byType(({ owner }) => owner.kind === 'domain', isKernelType, 'Only the kernel maps its memory.'),
  ),
  validatorRule(
    {
      code: 'SUBJ-MEMORY-TYPE',
      area: 'subjects',
      title: 'Validate that subjects map no memory of the kernel, apart from the interface page of tau0.',
      validator: 'subject.Memory_Types',
    },
    byType(
      ({ owner }) => owner.kind === 'subject',
      checkSubjectType,
      'Only the kernel maps its memory; tau0 maps the kernel_interface page.',
    ),
  ),
  validatorRule(
    {
      code: 'MEM-TYPE-DEVICE',
      area: 'memory',
      title: 'Validate that memory of type device_rmrr is only mapped by device domains.',
      validator: 'memory.Device_Memory_Mappings',
    },
    byType(
      ({ owner }) => owner.kind !== 'domain',
      type => type === 'device_rmrr',
      'Firmware and devices own this memory; remove the mapping.',
    ),
  ),
  validatorRule(
    {
      code: 'DOM-MEMORY-TYPE',
      area: 'domains',
      title: 'Validate that device domains map only memory that devices may access.',
      validator: 'device_domains.Domain_Memory_Type',
    },
    byType(
      ({ owner }) => owner.kind === 'domain',
      type => !DMA_TYPES.has(type) && !isKernelType(type) && !isSystemType(type),
      `Devices may access only memory of the types ${[...DMA_TYPES].join(', ')}.`,
    ),
  ),
  validatorRule(
    {
      code: 'MEM-MONITOR',
      area: 'memory',
      title:
        'Validate that state, timed event and interrupts pages are mapped writable only by subjects of the same scheduling group or siblings.',
      validator: 'memory.Monitor_Subject_Region_Mappings',
    },
    checkMonitors,
  ),
  validatorRule(
    {
      code: 'MEM-SCHED-INFO',
      area: 'memory',
      title:
        'Validate that subjects map the scheduling info page of their partition, and no other but those of siblings and of what they load.',
      validator: 'memory.Subject_Sched_Info_Mappings',
    },
    checkSchedInfo,
  ),
  validatorRule(
    {
      code: 'MEM-CRASH-AUDIT-WRITE',
      area: 'memory',
      title: 'Validate that no subject and no device can write the crash audit region.',
      validator: 'subject.Crash_Audit_Write_Access',
    },
    checkCrashAudit,
  ),
  rule(
    {
      code: 'MEM-INFO-WRITABLE',
      area: 'memory',
      title: 'Validate that subject info and scheduling info pages are read-only for subjects and devices.',
      severity: 'error',
    },
    checkReadOnly,
  ),
];
