import { placeOf } from '../../finding.ts';
import { childrenNamed, elementsAt, type TreeElement } from '../../tree.ts';
import type { Workspace } from '../../workspace.ts';
import { bdfOf } from '../logical-devices.ts';
import { placesOf } from '../scheduling-ids.ts';
import {
  devicesOf,
  familyOf,
  mappingsOf,
  monitorsOf,
  nameOf,
  originOf,
  subjectsByName,
  subjectsOf,
} from '../subjects.ts';
import { type Report, reportRepeated, reportUnknown, type SourceCheck } from './source-check.ts';

const logicalOf = ({ attributes }: TreeElement): string => attributes.logical ?? '';
const physicalOf = ({ attributes }: TreeElement): string => attributes.physical ?? '';

/** Subjects that the expansion adds when the plan names them. */
const isGenerated = (name: string): boolean => name === 'tau0' || name.startsWith('mugenschedcfg_auto_idle_');

/** Reports what subjects use of a device, at a path below it, that the device does not have. */
function checkDeviceParts(
  workspace: Workspace,
  report: Report,
  path: string,
  { what, hint }: { readonly what: string; readonly hint: string },
): void {
  const devices = new Map(workspace.all('hardware/devices/device').map(device => [nameOf(device), device]));
  for (const device of workspace.all('subjects/subject/devices/device')) {
    const physical = devices.get(physicalOf(device));
    if (physical === undefined) continue;
    const names = new Set(elementsAt(physical, path).map(nameOf));
    const problem = `which device '${nameOf(physical)}' does not have`;
    reportUnknown(report, { names, problem, hint }, elementsAt(device, path), physicalOf, () => what);
  }
}

/** Checks of subjects before components are resolved. */
export const SIBLING_CHECKS: readonly SourceCheck[] = [
  {
    code: 'EXPAND-SUBJECT-MSI-NAME',
    name: 'Subject_IRQ_MSI_Name_Uniqueness',
    title: "Validate that the MSI names of a subject's device are unique.",
    check(workspace, report) {
      for (const subject of subjectsOf(workspace)) {
        for (const device of elementsAt(subject, 'devices/device')) {
          const messages = childrenNamed(device, 'irq').flatMap(irq => childrenNamed(irq, 'msi'));
          const what = (msi: TreeElement): string => `subject '${nameOf(subject)}' has the MSI '${logicalOf(msi)}'`;
          reportRepeated(report, messages, logicalOf, what);
        }
      }
    },
  },
  {
    code: 'EXPAND-SUBJECT-MSI',
    name: 'Subject_IRQ_MSI_References',
    title: 'Validate that MSIs which subjects use exist.',
    check(workspace, report) {
      checkDeviceParts(workspace, report, 'irq/msi', {
        what: 'a subject uses the MSI',
        hint: 'Name an MSI of the device.',
      });
    },
  },
  {
    code: 'EXPAND-SUBJECT-NAME',
    // Of mucfgvalidate; without it two subjects would get one set of regions.
    name: 'Name_Uniqueness',
    title: 'Validate that the names of subjects are unique.',
    check(workspace, report) {
      const what = (subject: TreeElement): string => `the subject '${nameOf(subject)}' is defined`;
      reportRepeated(report, subjectsOf(workspace), nameOf, what);
    },
  },
  {
    code: 'EXPAND-SIBLING',
    name: 'Subject_Sibling_References',
    title: 'Validate that siblings name a subject that exists and is no sibling itself.',
    check(workspace, report) {
      const subjects = subjectsByName(workspace);
      for (const subject of subjectsOf(workspace)) {
        const origin = originOf(subject);
        if (origin === undefined) continue;
        const found = subjects.get(origin);
        const problem = found === undefined ? 'does not exist' : 'is a sibling itself';
        const message = `subject '${nameOf(subject)}' is a sibling of '${origin}', which ${problem}`;
        if (found === undefined || originOf(found) !== undefined) report(subject, message, 'Name an ordinary subject.');
      }
    },
  },
];

/** Checks of subjects before they are numbered and mapped. */
export const SUBJECT_CHECKS: readonly SourceCheck[] = [
  {
    code: 'EXPAND-MEMORY-REFERENCE',
    name: 'Physical_Memory_References',
    title: 'Validate that memory regions which subjects and device domains map exist.',
    check(workspace, report) {
      // Mappings of channels are there already; EXPAND-CHANNEL-REFERENCE is about their names.
      const channels = subjectsOf(workspace).flatMap(subject => [
        ...elementsAt(subject, 'channels/reader'),
        ...elementsAt(subject, 'channels/writer'),
      ]);
      const known = new Set([
        ...workspace.all('memory/memory').map(nameOf),
        ...channels.map(({ attributes }) => attributes.physical ?? ''),
      ]);
      const mappings = [
        ...workspace.all('subjects/subject/memory/memory'),
        ...workspace.all('deviceDomains/domain/memory/memory'),
      ];
      const what = (mapping: TreeElement): string => `the mapping '${logicalOf(mapping)}' names the memory region`;
      reportUnknown(report, { names: known, hint: 'Add the region, or correct the name.' }, mappings, physicalOf, what);
    },
  },
  {
    code: 'EXPAND-CRASH-AUDIT',
    name: 'Uncached_Crash_Audit_Presence',
    title: 'Validate that there is an uncached memory region for crash audits.',
    check(workspace, report) {
      const audits = workspace
        .all('memory/memory')
        .filter(({ attributes }) => attributes.type === 'subject_crash_audit');
      const hint = 'Add <memory name="crash_audit" type="subject_crash_audit" caching="UC" .../>.';
      if (audits.length === 0) report(workspace.section('memory'), 'there is no memory region for crash audits', hint);
      for (const audit of audits.filter(({ attributes }) => attributes.caching !== 'UC')) {
        report(audit, `the crash audit region '${nameOf(audit)}' is cached`, 'Write caching="UC".');
      }
    },
  },
  {
    code: 'EXPAND-DEVICE-REFERENCE',
    name: 'Physical_Device_References',
    title: 'Validate that devices which subjects and device domains use exist.',
    check(workspace, report) {
      const known = new Set(workspace.all('hardware/devices/device').map(nameOf));
      const users = [
        ...workspace.all('subjects/subject/devices/device'),
        ...workspace.all('deviceDomains/domain/devices/device'),
      ];
      const hint = 'Name a device of the hardware section, an alias or a class.';
      const what = (user: TreeElement): string => `the logical device '${logicalOf(user)}' names the device`;
      reportUnknown(report, { names: known, hint }, users, physicalOf, what);
    },
  },
  {
    code: 'EXPAND-DEVICE-MEMORY',
    name: 'Device_Memory_References',
    title: 'Validate that device memory which subjects map exists.',
    check(workspace, report) {
      checkDeviceParts(workspace, report, 'memory', {
        what: 'a subject maps the memory',
        hint: 'Name memory of the device.',
      });
    },
  },
  {
    code: 'EXPAND-RUNNABILITY',
    name: 'Runnability',
    title: 'Validate that every subject is in a scheduling group.',
    check(workspace, report) {
      const places = placesOf(workspace);
      const known = subjectsByName(workspace);
      const strangers = workspace
        .all('scheduling/partitions/partition/group/subject')
        .filter(entry => !known.has(nameOf(entry)) && !isGenerated(nameOf(entry)));
      const named = strangers.slice(0, 4).map(entry => `'${nameOf(entry)}' (${placeOf(entry)})`);
      const instead = named.length === 0 ? '' : ` It names ${named.join(', ')}, which no subject is called.`;
      for (const subject of subjectsOf(workspace)) {
        const message = `subject '${nameOf(subject)}' is in no scheduling group`;
        if (!places.has(nameOf(subject))) {
          report(subject, message, `Add it to a group of the scheduling plan.${instead}`);
        }
      }
    },
  },
  {
    code: 'EXPAND-MONITOR',
    name: 'Subject_Monitor_References',
    title: 'Validate that subjects which others monitor or load exist.',
    check(workspace, report) {
      const known = subjectsByName(workspace);
      for (const subject of subjectsOf(workspace)) {
        const what = () => `subject '${nameOf(subject)}' monitors the subject`;
        const names = { names: known, hint: 'Name a subject of the policy.' };
        reportUnknown(report, names, monitorsOf(subject), ({ attributes }) => attributes.subject, what);
      }
    },
  },
  {
    code: 'EXPAND-LOADER-ADDRESS',
    name: 'Subject_Monitor_Loader_Addresses',
    title: 'Validate that loaders reach all memory of what they load.',
    check(workspace, report) {
      const known = subjectsByName(workspace);
      for (const subject of subjectsOf(workspace)) {
        for (const loader of monitorsOf(subject).filter(({ name }) => name === 'loader')) {
          const loadee = known.get(loader.attributes.subject ?? '');
          if (loadee === undefined || loadee === subject) continue;
          const offset = workspace.word(loader, 'virtualAddress');
          const addresses = mappingsOf(loadee).map(mapping => workspace.word(mapping, 'virtualAddress'));
          const last = addresses.reduce((most, address) => Math.max(most, address), 0);
          const message = `subject '${nameOf(subject)}' loads '${nameOf(loadee)}' at ${loader.attributes.virtualAddress}: memory of it would lie above the 47-bit address space`;
          if (offset + last >= 2 ** 47) report(loader, message, 'Choose a lower virtualAddress.');
        }
      }
    },
  },
  {
    code: 'EXPAND-SIBLING-BDF',
    name: 'Subject_Sibling_Device_BDFs',
    title: 'Validate that siblings see a device at one PCI address, and different devices at different ones.',
    check(workspace, report) {
      // Only Linux subjects find their devices, and those of their siblings, by one description (ACPI) of the bus.
      const origins = subjectsOf(workspace).filter(
        subject => originOf(subject) === undefined && subject.attributes.profile === 'linux',
      );
      for (const origin of origins) {
        const family = familyOf(workspace, origin);
        if (family.length > 1) checkFamilyAddresses(nameOf(origin), family.flatMap(devicesOf), report);
      }
    },
  },
];

function checkFamilyAddresses(origin: string, devices: readonly TreeElement[], report: Report): void {
  const byAddress = new Map<string, TreeElement>();
  const byDevice = new Map<string, readonly [string, TreeElement]>();
  for (const device of devices) {
    const bdf = bdfOf(device);
    if (bdf === undefined) continue;
    const address = `${bdf.bus}:${bdf.device}.${bdf.function}`;
    const { logical, physical = '' } = device.attributes;
    const other = byAddress.get(address) ?? device;
    if (other.attributes.physical !== physical) {
      const message = `the devices '${other.attributes.logical}' and '${logical}' of '${origin}' and its siblings have the same PCI address (first: ${placeOf(other)})`;
      report(device, message, 'Give one of them another address.');
    }
    const [earlier, same] = byDevice.get(physical) ?? [address, device];
    if (earlier !== address) {
      const message = `the device '${physical}' has two PCI addresses in '${origin}' and its siblings (first: ${placeOf(same)})`;
      report(device, message, 'Siblings share one description of the bus; give it one address.');
    }
    byAddress.set(address, other);
    byDevice.set(physical, [earlier, same]);
  }
}

/** Checks of the scheduling plan. */
export const SCHEDULING_CHECKS: readonly SourceCheck[] = [
  {
    code: 'EXPAND-PARTITION-REFERENCE',
    name: 'Minor_Frame_Partition_References',
    title: 'Validate that scheduling partitions which minor frames name exist.',
    check(workspace, report) {
      const names = new Set(workspace.all('scheduling/partitions/partition').map(nameOf));
      const partitionOf = ({ attributes }: TreeElement): string => attributes.partition ?? '';
      // Each name once.
      const frames = workspace.all('scheduling/majorFrame/cpu/minorFrame');
      const first = [...new Map([...frames].reverse().map(frame => [partitionOf(frame), frame])).values()].reverse();
      const known = { names, hint: 'Add the partition, or correct the name.' };
      reportUnknown(report, known, first, partitionOf, () => 'the scheduling plan names the partition');
    },
  },
  {
    code: 'EXPAND-GROUP-ASSIGNMENT',
    name: 'Subject_Scheduling_Group_Assignment',
    title: 'Validate that every subject is in one scheduling group only.',
    check(workspace, report) {
      const entries = workspace.all('scheduling/partitions/partition/group/subject');
      const what = (entry: TreeElement): string => `subject '${nameOf(entry)}' is in a scheduling group`;
      reportRepeated(report, entries, nameOf, what, 'Leave it in one group.');
    },
  },
];
