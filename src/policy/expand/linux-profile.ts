import {
  childNamed,
  childrenNamed,
  cloneElement,
  createElement,
  createText,
  setText,
  type TreeElement,
} from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { SINFO } from './layout.ts';
import { failFirstEntry } from './loaders.ts';
import { addRegion, mappingElement } from './regions.ts';
import {
  devicesOf,
  freeEventId,
  mappingsOf,
  nameOf,
  originOf,
  siblingsOf,
  sourceGroup,
  subjectsOf,
  targetEvents,
} from './subjects.ts';

/** What a Linux subject finds where a PC has its firmware: region, file, type, size, and where it is mapped. */
const FIRMWARE: readonly {
  readonly region: string;
  readonly file?: string;
  readonly type: string;
  readonly sizeBytes: number;
  readonly mappings: readonly { readonly logical: string; readonly address: number; readonly writable?: boolean }[];
}[] = [
  {
    region: 'zp',
    file: 'zp',
    type: 'subject_zeropage',
    sizeBytes: 0x2000,
    mappings: [{ logical: 'zero_page', address: 0, writable: true }],
  },
  {
    region: 'acpi_rsdp',
    file: 'rsdp',
    type: 'subject_acpi_rsdp',
    sizeBytes: 0x1000,
    mappings: [{ logical: 'acpi_rsdp', address: 0xe_0000 }],
  },
  {
    region: 'acpi_xsdt',
    file: 'xsdt',
    type: 'subject_acpi_xsdt',
    sizeBytes: 0x1000,
    mappings: [{ logical: 'acpi_xsdt', address: 0xe_1000 }],
  },
  {
    region: 'acpi_fadt',
    file: 'fadt',
    type: 'subject_acpi_fadt',
    sizeBytes: 0x1000,
    mappings: [{ logical: 'acpi_fadt', address: 0xe_2000 }],
  },
  {
    region: 'acpi_dsdt',
    file: 'dsdt.aml',
    type: 'subject_acpi_dsdt',
    sizeBytes: 0x1000,
    mappings: [{ logical: 'acpi_dsdt', address: 0xe_3000 }],
  },
  {
    region: 'acpi_empty',
    type: 'subject_bios',
    sizeBytes: 0xc000,
    mappings: [{ logical: 'acpi_free', address: 0xe_4000 }],
  },
  {
    region: 'bios',
    type: 'subject_bios',
    sizeBytes: 0x1_0000,
    mappings: [
      { logical: 'bios_low', address: 0xc_0000 },
      { logical: 'bios_high', address: 0xd_0000 },
    ],
  },
];

/** Adds what the profile of each subject needs, and removes the profile. */
export function expandProfiles(workspace: Workspace): void {
  for (const subject of subjectsOf(workspace)) {
    if (subject.attributes.profile === 'linux' && originOf(subject) === undefined) expandLinux(workspace, subject);
    delete subject.attributes.profile;
  }
}

function expandLinux(workspace: Workspace, subject: TreeElement): void {
  const name = nameOf(subject);
  const siblings = siblingsOf(workspace, subject);
  for (const { region, file, type, sizeBytes, mappings } of FIRMWARE) {
    // A policy may map its own video or option ROM there.
    const isFree = ({ address }: { address: number }): boolean =>
      region !== 'bios' || !isMapped(workspace, subject, address, sizeBytes);
    const added = mappings.filter(isFree);
    if (added.length === 0) continue;
    const content = file === undefined ? {} : { file: { name: `${name}_${file}` } };
    addRegion(workspace, subject, { name: `${name}|${region}`, sizeBytes, type, ...content });
    for (const { logical, address, writable = false } of added) {
      mappingsOf(subject).push(mappingElement(subject, logical, `${name}|${region}`, address, { writable }));
    }
  }
  addBootparams(subject, siblings.length + 1);
  if (siblings.length > 0) addSmp(workspace, [subject, ...siblings]);
}

/** True when some memory of the subject, its own or of a device, lies in the range. */
function isMapped(workspace: Workspace, subject: TreeElement, address: number, sizeBytes: number): boolean {
  const regions = new Map(workspace.all('memory/memory').map(region => [nameOf(region), region]));
  const covers = (mapping: TreeElement, region: TreeElement | undefined): boolean => {
    if (region === undefined || mapping.attributes.virtualAddress === undefined) return false;
    const start = workspace.word(mapping, 'virtualAddress');
    return start < address + sizeBytes && address < start + workspace.word(region, 'size');
  };
  if (mappingsOf(subject).some(mapping => covers(mapping, regions.get(mapping.attributes.physical ?? '')))) return true;
  const devices = workspace.all('hardware/devices/device');
  return devicesOf(subject).some(device => {
    const physical = devices.find(each => nameOf(each) === device.attributes.physical);
    return childrenNamed(device, 'memory').some(mapping =>
      covers(
        mapping,
        physical?.children.find(each => each.name === 'memory' && nameOf(each) === mapping.attributes.physical),
      ),
    );
  });
}

/** Tells Linux where its subject information is, and how many processors it has. */
function addBootparams(subject: TreeElement, cpuCount: number): void {
  const known = childNamed(subject, 'bootparams');
  const parameters = [
    known?.text.trim() ?? '',
    `muen_sinfo=0x${SINFO.address.toString(16)}`,
    cpuCount > 1 ? `possible_cpus=${cpuCount}` : '',
  ];
  const text = parameters.filter(parameter => parameter !== '').join(' ');
  if (known === undefined) subject.children.push(createText(subject, 'bootparams', text));
  else setText(known, text);
}

/** Interrupts that the processors of a Linux send each other. */
const SMP_INTERRUPTS = [
  { name: 'call_func', vector: 251 },
  { name: 'reschedule', vector: 253 },
] as const;

const twoDigits = (index: number): string => String(index).padStart(2, '0');

/**
 * Makes processors of one machine of a Linux and its siblings: each has the devices of all, interrupts go to those
 * whose policy names the device, each can interrupt each, and all but the first wait until they are started (their
 * first entry fails, as for a subject that is loaded).
 */
function addSmp(workspace: Workspace, processors: readonly TreeElement[]): void {
  shareDevices(processors);
  processors.slice(1).forEach(failFirstEntry);
  processors.forEach((_, from) => {
    processors.forEach((__, to) => {
      if (from !== to) addInterrupts(workspace, processors, from, to);
    });
  });
}

/** Adds to each processor the devices that only others have: those of siblings first, then those of the origin. */
function shareDevices([origin, ...siblings]: readonly TreeElement[]): void {
  if (origin === undefined) return;
  const physicalOf = ({ attributes }: TreeElement): string => attributes.physical ?? '';
  const owned = [...siblings, origin].flatMap(processor => [...devicesOf(processor)]);
  for (const processor of [origin, ...siblings]) {
    const known = new Set(devicesOf(processor).map(physicalOf));
    for (const device of owned) {
      if (known.has(physicalOf(device))) continue;
      known.add(physicalOf(device));
      devicesOf(processor).push(withoutInterrupts(device));
    }
  }
}

function withoutInterrupts(device: TreeElement): TreeElement {
  const copy = cloneElement(device);
  copy.children = copy.children.filter(({ name }) => name !== 'irq');
  return copy;
}

function addInterrupts(workspace: Workspace, processors: readonly TreeElement[], from: number, to: number): void {
  for (const { name, vector } of SMP_INTERRUPTS) {
    const logical = `smp_ipi_${name}_${twoDigits(from)}${twoDigits(to)}`;
    addInterrupt(workspace, processors[0]!, { source: processors[from]!, target: processors[to]!, logical, vector });
  }
}

interface SmpInterrupt {
  readonly source: TreeElement;
  readonly target: TreeElement;
  readonly logical: string;
  readonly vector: number;
}

function addInterrupt(workspace: Workspace, origin: TreeElement, interrupt: SmpInterrupt): void {
  const { source, target, logical, vector } = interrupt;
  const physical = `${nameOf(origin)}_${logical}`;
  workspace.section('events').children.push(createElement(origin, 'event', { mode: 'asap', name: physical }));
  const group = sourceGroup(source, 'vmcall');
  const id = freeEventId(group.children);
  if (id === undefined) {
    const message = `subject '${nameOf(source)}' has no free hypercall for interrupts to its siblings`;
    workspace.refuse(source, 'EXPAND-EVENT-IDS', message, 'Remove source events of the group vmcall.');
  }
  group.children.push(createElement(origin, 'event', { id: String(id), logical, physical }));
  const action = createElement(origin, 'inject_interrupt', { vector: String(vector) });
  targetEvents(target).push(createElement(origin, 'event', { logical, physical }, [action]));
}
