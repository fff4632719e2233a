import { deviceReferences, ownerName } from '../policy-index.ts';
import { type Rule, rule, type Visit } from '../rule.ts';

/** Counts one reference; true when nothing has the name. */
function isUnknown(visit: Visit, known: { has(name: string): boolean }, name: string): boolean {
  visit.examined();
  return !known.has(name);
}

/** Rules about references that must have something to refer to. */
export const REFERENCE_RULES: readonly Rule[] = [
  rule(
    {
      code: 'MEM-REFERENCE',
      area: 'memory',
      title: 'Validate that every memory mapping refers to an existing physical memory region.',
      severity: 'error',
    },
    ({ mappings, regions }, visit) => {
      for (const owned of mappings) {
        const { logical, physical } = owned.mapping;
        if (isUnknown(visit, regions, physical)) {
          const message = `mapping '${logical}' of ${ownerName(owned)} refers to the memory region '${physical}', which does not exist`;
          visit.report(owned.mapping, message, `Add a region '${physical}' to /system/memory or correct the name.`);
        }
      }
    },
  ),
  rule(
    {
      code: 'MEM-HASH-REFERENCE',
      area: 'memory',
      title: 'Validate that every hashRef names an existing memory region.',
      severity: 'warning',
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
  rule(
    {
      code: 'DEV-REFERENCE',
      area: 'devices',
      title: 'Validate that devices referenced by subjects, the kernel and device domains exist.',
      severity: 'error',
    },
    ({ document, devices }, visit) => {
      const hint = 'Name a device of /system/hardware/devices (aliases are resolved in format B).';
      for (const { owner, device } of deviceReferences(document)) {
        if (isUnknown(visit, devices, device.physical)) {
          const message = `device '${device.logical}' of ${owner} refers to '${device.physical}', which does not exist`;
          visit.report(device, message, hint);
        }
      }
      for (const domain of document.deviceDomains) {
        for (const device of domain.devices) {
          if (isUnknown(visit, devices, device.physical)) {
            const message = `device '${device.logical}' of device domain '${domain.name}' refers to '${device.physical}', which does not exist`;
            visit.report(device, message, hint);
          }
        }
      }
    },
  ),
  rule(
    {
      code: 'DEV-RESOURCE-REFERENCE',
      area: 'devices',
      title: 'Validate that IRQs, memory and I/O ports referenced by logical devices exist in the physical device.',
      severity: 'error',
    },
    ({ document, resources }, visit) => {
      for (const { owner, device } of deviceReferences(document)) {
        const known = resources.get(device.physical);
        if (known === undefined) continue;
        const references = [
          ['IRQ', known.irqs, device.irqs],
          ['memory', known.memory, device.memory],
          ['I/O port', known.ports, device.ioPorts],
        ] as const;
        for (const [kind, names, nodes] of references) {
          for (const node of nodes) {
            if (isUnknown(visit, names, node.physical)) {
              const message = `${kind} '${node.logical}' of device '${device.logical}' of ${owner} refers to '${node.physical}', which device '${device.physical}' does not have`;
              visit.report(node, message, `The device has: ${[...names.keys()].slice(0, 16).join(', ') || 'none'}.`);
            }
          }
        }
      }
    },
  ),
  rule(
    {
      code: 'EVT-REFERENCE',
      area: 'events',
      title: 'Validate that source and target events of subjects refer to existing physical events.',
      severity: 'error',
    },
    ({ sources, targets, events }, visit) => {
      const hint = 'Add the event to /system/events or correct the name.';
      for (const [ends, kind] of [
        [sources, 'source'],
        [targets, 'target'],
      ] as const) {
        for (const list of ends.values()) {
          for (const { subject, event } of list) {
            if (isUnknown(visit, events, event.physical)) {
              const message = `${kind} event '${event.logical}' of subject '${subject.name}' refers to the event '${event.physical}', which does not exist`;
              visit.report(event, message, hint);
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
  rule(
    {
      code: 'SCHED-REFERENCE',
      area: 'scheduling',
      title: 'Validate that minor frames name existing partitions and scheduling groups existing subjects.',
      severity: 'error',
    },
    ({ document: { scheduling }, partitions, subjects }, visit) => {
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
  rule(
    {
      code: 'PLAT-REFERENCE',
      area: 'platform',
      title: 'Validate that device aliases and device classes refer to existing devices.',
      severity: 'warning',
    },
    ({ document: { platform }, devices }, visit) => {
      for (const alias of platform.aliases) {
        if (isUnknown(visit, devices, alias.physical)) {
          const message = `device alias '${alias.name}' refers to '${alias.physical}', which does not exist`;
          visit.report(alias, message, 'Aliases have no effect in format B; correct the source.');
        }
      }
      const names = new Set([...devices.keys(), ...platform.aliases.map(alias => alias.name)]);
      for (const entry of platform.classes) {
        for (const member of entry.devices) {
          if (isUnknown(visit, names, member.physical)) {
            const message = `device class '${entry.name}' refers to '${member.physical}', which does not exist`;
            visit.report(member, message, 'Classes have no effect in format B; correct the source.');
          }
        }
      }
    },
  ),
  rule(
    {
      code: 'PLAT-DIAGNOSTICS',
      area: 'platform',
      title: 'Validate that the kernel diagnostics device exists and is a device of the kernel.',
      severity: 'error',
    },
    ({ document: { platform, kernel }, devices }, visit) => {
      const diagnostics = platform.kernelDiagnostics;
      if (diagnostics === undefined || diagnostics.type === 'none') return;
      visit.examined();
      const physical = diagnostics.device?.physical;
      const node = diagnostics.device ?? diagnostics;
      if (physical === undefined) {
        visit.report(node, `diagnostics of type ${diagnostics.type} name no device`, 'Add <device physical="..."/>.');
      } else if (!devices.has(physical)) {
        visit.report(
          node,
          `the diagnostics device '${physical}' does not exist`,
          'Name a device of /system/hardware/devices.',
        );
      } else if (!kernel.devices.some(device => device.physical === physical)) {
        const message = `the diagnostics device '${physical}' is not among the devices of the kernel`;
        visit.report(node, message, 'Add it to /system/kernel/devices.');
      }
    },
  ),
];
