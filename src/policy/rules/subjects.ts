import { formatAddress } from '../../units/address.ts';
import type { MemoryMapping, Subject } from '../document.ts';
import type { PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit, validatorRule } from '../rule.ts';

function checkCpus({ document, activeCpuCount }: PolicyIndex, visit: Visit): void {
  for (const subject of document.subjects) {
    visit.examined();
    if (subject.cpu < activeCpuCount) continue;
    const message = `subject '${subject.name}' has cpu ${subject.cpu}, expected 0 .. ${activeCpuCount - 1}`;
    visit.report(subject, message, 'The system uses the CPUs from 0 up to their number in the scheduling plan.');
  }
}

function checkRunnability({ document, places }: PolicyIndex, visit: Visit): void {
  for (const subject of document.subjects) {
    visit.examined();
    if (places.has(subject.name)) continue;
    const message = `subject '${subject.name}' is in none of the scheduling groups`;
    visit.report(subject, message, 'Add it to a group; it never runs otherwise.');
  }
}

function checkGroupIds({ document, places }: PolicyIndex, visit: Visit): void {
  for (const subject of document.subjects) {
    visit.examined();
    const group = places.get(subject.name)?.group.id;
    if (group === undefined || group === subject.schedGroupId) continue;
    const message = `subject '${subject.name}' has schedGroupId ${subject.schedGroupId}, but is in scheduling group ${group}`;
    visit.report(subject, message, 'Use the id of the group.');
  }
}

/** Initial RAM disks in the order of their addresses, with their sizes. */
function initramfs({ regions }: PolicyIndex, subject: Subject) {
  return subject.memory
    .flatMap(mapping => {
      const region = regions.get(mapping.physical);
      return region?.type === 'subject_initrd' ? [{ mapping, sizeBytes: region.sizeBytes }] : [];
    })
    .sort((a, b) => a.mapping.virtualAddress - b.mapping.virtualAddress);
}

function checkInitramfs(index: PolicyIndex, visit: Visit): void {
  for (const subject of index.document.subjects) {
    let before: { readonly mapping: MemoryMapping; readonly sizeBytes: number } | undefined;
    const disks = initramfs(index, subject);
    if (disks.length < 2) continue;
    for (const disk of disks) {
      visit.examined();
      const expected = before === undefined ? undefined : before.mapping.virtualAddress + before.sizeBytes;
      if (expected !== undefined && disk.mapping.virtualAddress !== expected) {
        const message = `initramfs '${disk.mapping.logical}' of subject '${subject.name}' is at ${formatAddress(disk.mapping.virtualAddress)}, expected ${formatAddress(expected)} behind '${before?.mapping.logical}'`;
        visit.report(disk.mapping, message, 'Linux gets one address and one size for all of them.');
      }
      before = disk;
    }
  }
}

/** Sinfo regions are found by their name, the way the subjects' components find the mapping by its address. */
function checkInfo({ document, regions }: PolicyIndex, visit: Visit): void {
  for (const subject of document.subjects) {
    const region = `${subject.name}|sinfo`;
    if (!regions.has(region)) continue;
    visit.examined();
    if (subject.memory.some(mapping => mapping.physical === region)) continue;
    const message = `subject '${subject.name}' does not map its subject info region '${region}'`;
    visit.report(subject, message, 'Its components read their resources from it; map it read-only.');
  }
}

/** Rules about subjects. */
export const SUBJECT_RULES: readonly Rule[] = [
  validatorRule(
    {
      code: 'SUBJ-CPU',
      area: 'subjects',
      title: 'Validate that subjects have a CPU that the system uses.',
      validator: 'subject.CPU_ID',
    },
    checkCpus,
  ),
  validatorRule(
    {
      code: 'SUBJ-RUNNABLE',
      area: 'subjects',
      title: 'Validate that subjects are in a scheduling group.',
      validator: 'subject.Runnability',
    },
    checkRunnability,
  ),
  validatorRule(
    {
      code: 'SUBJ-GROUP-ID',
      area: 'subjects',
      title: 'Validate that scheduling group ids of subjects match the scheduling plan.',
      validator: 'subject.Scheduling_Group_IDs',
    },
    checkGroupIds,
  ),
  validatorRule(
    {
      code: 'SUBJ-INITRAMFS',
      area: 'subjects',
      title: 'Validate that several initramfs regions of a subject are consecutive.',
      validator: 'subject.Initramfs_Consecutiveness',
    },
    checkInitramfs,
  ),
  rule(
    {
      code: 'SUBJ-INFO',
      area: 'subjects',
      title: 'Validate that subjects map their subject info region.',
      severity: 'warning',
    },
    checkInfo,
  ),
];
