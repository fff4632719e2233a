import { suggester } from '../../units/nearest.ts';
import type { LogicalDevice } from '../document.ts';
import { type DeviceResources, deviceReferences, ownerName } from '../policy-index.ts';
import { type Rule, rule, type Visit, validatorRule } from '../rule.ts';

/** Counts one reference; true when nothing has the name. */
function isUnknown(visit: Visit, known: { has(name: string): boolean }, name: string): boolean {
  visit.examined();
  return !known.has(name);
}

/** Resources that a device reference may name: kind for messages, what there is and who names it. */
const RESOURCES: readonly {
  readonly code: string;
  readonly validator: string;
  readonly kind: string;
  known(resources: DeviceResources): ReadonlySet<string> | ReadonlyMap<string, unknown>;
  used(device: LogicalDevice): LogicalDevice['ioPorts'];
}[] = [
  {
    code: 'DEV-IRQ-REFERENCE',
    validator: 'device.Physical_IRQ_References',
    kind: 'IRQ',
    known: resources => resources.irqs,
    used: device => device.irqs.flatMap(irq => [irq, ...irq.msis]),
  },
  {
    code: 'DEV-PORT-REFERENCE',
    validator: 'device.IO_Port_References',
    kind: 'I/O port',
    known: resources => resources.ports,
    used: device => device.ioPorts,
  },
  {
    code: 'DEV-MEMORY-REFERENCE',
    validator: 'device.Device_Memory_References',
    kind: 'memory',
    known: resources => resources.memory,
    used: device => device.memory,
  },
];

const resourceRules = RESOURCES.map(({ code, validator, kind, known, used }) =>
  validatorRule(
    {
      code,
      validator,
      area: 'devices',
      title: `Validate that every ${kind} that a logical device names exists in its physical device.`,
    },
    ({ document, resources }, visit) => {
      for (const { owner, device } of deviceReferences(document)) {
        const names = resources.get(device.physical);
        if (names === undefined) continue;
        for (const node of used(device)) {
          if (!isUnknown(visit, known(names), node.physical)) continue;
          const message = `${kind} '${node.logical}' of device '${device.logical}' of ${owner} refers to '${node.physical}', which device '${device.physical}' does not have`;
          const there = [...known(names).keys()].slice(0, 16).join(', ') || 'none';
          visit.report(node, message, `The device has: ${there}.`);
        }
      }
    },
  ),
);

/** Rules about references that must have something to refer to. */
export const REFERENCE_RULES: readonly Rule[] = [
  validatorRule(
    {
      code: 'MEM-REFERENCE',
      area: 'memory',
      title: 'Validate that every memory mapping refers to an existing physical memory region.',
      validator: 'memory.Physical_Memory_References',
    },
    ({ mappings, regions }, visit) => {
      const suggest = suggester(regions.keys());
      for (const owned of mappings) {
        const { logical, physical } = owned.mapping;
        if (isUnknown(visit, regions, physical)) {
          const message = `mapping '${logical}' of ${ownerName(owned)} refers to the memory region '${physical}', which does not exist`;
          const hint = `Add a region '${physical}' to /system/memory or correct the name.${suggest(physical)}`;
          visit.report(owned.mapping, message, hint);
        }
      }
    },
  ),
  rule(
    {
      code: 'MEM-HASH-REFERENCE',
      area: 'memory',
      title: 'Validate that every hashRef names an existing memory region.',
      severity: 'error',
    },
    ({ document, regions }, visit) => {
      for (const region of document.memory) {
        if (region.hashRef === undefined) continue;
        if (isUnknown(visit, regions, region.hashRef)) {
          const message = `hashRef of memory region '${region.name}' names '${region.hashRef}', which does not exist`;
          visit.report(region, message, 'The loader cannot verify this region; correct the name.');
        }
      }
    },
  ),
  validatorRule(
    {
      code: 'DEV-REFERENCE',
      area: 'devices',
      title: 'Validate that devices referenced by subjects, the kernel and device domains exist.',
      validator: 'device.Physical_Device_References',
    },
    ({ document, devices }, visit) => {
      const hint = 'Name a device of /system/hardware/devices (aliases are resolved in format B).';
      const suggest = suggester(devices.keys());
      const domains = document.deviceDomains.flatMap(domain =>
        domain.devices.map(device => ({ owner: `device domain '${domain.name}'`, device })),
      );
      for (const { owner, device } of [...deviceReferences(document), ...domains]) {
        if (isUnknown(visit, devices, device.physical)) {
          const message = `device '${device.logical}' of ${owner} refers to '${device.physical}', which does not exist`;
          visit.report(device, message, `${hint}${suggest(device.physical)}`);
        }
      }
    },
  ),
  ...resourceRules,
  validatorRule(
    {
      code: 'EVT-REFERENCE',
      area: 'events',
      title: 'Validate that source and target events of subjects refer to existing physical events.',
      validator: 'events.Subject_Event_References',
    },
    ({ sources, targets, events }, visit) => {
      const hint = 'Add the event to /system/events or correct the name.';
      const suggest = suggester(events.keys());
      for (const [ends, kind] of [
        [sources, 'source'],
        [targets, 'target'],
      ] as const) {
        for (const list of ends.values()) {
          for (const { subject, event } of list) {
            if (isUnknown(visit, events, event.physical)) {
              const message = `${kind} event '${event.logical}' of subject '${subject.name}' refers to the event '${event.physical}', which does not exist`;
              visit.report(event, message, `${hint}${suggest(event.physical)}`);
            }
          }
        }
      }
    },
  ),
  rule(
    {
      code: 'SUBJ-SIBLING',
      area: 'subjects',
      title:
        'Validate that siblings refer to an existing subject that is no sibling itself and has the same kind of page tables.',
      severity: 'error',
    },
    ({ document, subjects }, visit) => {
      for (const subject of document.subjects) {
        if (subject.siblingOf === undefined) continue;
        visit.examined();
        const origin = subjects.get(subject.siblingOf);
        const claim = `subject '${subject.name}' is a sibling of '${subject.siblingOf}'`;
        if (origin === undefined) visit.report(subject, `${claim}, which does not exist`, 'Correct the name.');
        else if (origin.siblingOf !== undefined || origin === subject) {
          visit.report(
            subject,
            `${claim}, which is a sibling itself`,
            'Refer to the subject that owns the page tables.',
          );
        } else if (origin.vcpu.controls.proc2.EnableEPT !== subject.vcpu.controls.proc2.EnableEPT) {
          visit.report(
            subject,
            `${claim}, but only one of them uses EPT`,
            'Give both the same EnableEPT: they share page tables.',
          );
        }
      }
    },
  ),
  validatorRule(
    {
      code: 'SCHED-REFERENCE',
      area: 'scheduling',
      title: 'Validate that scheduling groups name existing subjects.',
      validator: 'scheduling.Subject_References',
    },
    ({ document: { scheduling }, subjects }, visit) => {
      for (const partition of scheduling.partitions) {
        for (const { subjects: members, id } of partition.groups) {
          for (const member of members) {
            if (isUnknown(visit, subjects, member.name)) {
              const message = `scheduling group ${id} of partition '${partition.name}' names the subject '${member.name}', which does not exist`;
              visit.report(member, message, 'Add the subject or correct the name.');
            }
          }
        }
      }
    },
  ),
  validatorRule(
    {
      code: 'SCHED-PARTITION-REFERENCE',
      area: 'scheduling',
      title: 'Validate that minor frames name existing scheduling partitions.',
      validator: 'scheduling.Minor_Frame_Partition_References',
    },
    ({ document: { scheduling }, partitions }, visit) => {
      for (const frame of scheduling.majorFrames) {
        for (const cpu of frame.cpus) {
          for (const minor of cpu.minorFrames) {
            if (isUnknown(visit, partitions, minor.partition)) {
              const message = `minor frame on CPU ${cpu.id} names the partition '${minor.partition}', which does not exist`;
              visit.report(minor, message, 'Add the partition or correct the name.');
            }
          }
        }
      }
    },
  ),
];
