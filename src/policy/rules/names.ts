import type { PolicyNode } from '../document.ts';
import { placeOf } from '../finding.ts';
import type { PolicyIndex } from '../policy-index.ts';
import { type Rule, type RuleArea, rule, type Visit } from '../rule.ts';

/** What must be unique within one scope: how each entry is called in messages, its key and its node. */
export interface Scope {
  readonly what: string;
  readonly entries: readonly { readonly key: string | number; readonly node: PolicyNode }[];
}

/** Reports every entry whose key an earlier entry of the scope has. */
export function reportDuplicates(visit: Visit, { what, entries }: Scope): void {
  const first = new Map<string | number, PolicyNode>();
  for (const { key, node } of entries) {
    visit.examined();
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, node);
    else visit.report(node, `${what} '${key}' is used twice, first in ${placeOf(earlier)}`, 'Give each its own.');
  }
}

const named = (nodes: readonly (PolicyNode & { readonly name: string })[]): Scope['entries'] =>
  nodes.map(node => ({ key: node.name, node }));
const logicals = (nodes: readonly (PolicyNode & { readonly logical: string })[]): Scope['entries'] =>
  nodes.map(node => ({ key: node.logical, node }));
const ids = (nodes: readonly (PolicyNode & { readonly id: number })[]): Scope['entries'] =>
  nodes.map(node => ({ key: node.id, node }));

interface UniqueRow {
  readonly code: string;
  readonly area: RuleArea;
  readonly title: string;
  readonly validator?: string;
  scopes(index: PolicyIndex): readonly Scope[];
}

const DEVICE_ROWS: readonly UniqueRow[] = [
  {
    code: 'DEV-NAME-UNIQUE',
    area: 'devices',
    title: 'Validate that names of devices, device aliases and device classes are unique.',
    validator: 'device.Physical_Device_Name_Uniqueness',
    scopes: ({ document: { hardware, platform } }) => [
      { what: 'device name', entries: named([...hardware.devices, ...platform.aliases, ...platform.classes]) },
    ],
  },
  {
    code: 'DEV-IRQ-NAME-UNIQUE',
    area: 'devices',
    title: 'Validate that names of IRQs are unique within each device.',
    validator: 'device.Device_IRQ_Name_Uniqueness',
    scopes: ({ document }) =>
      document.hardware.devices.map(({ name, irqs }) => ({
        what: `IRQ name of device '${name}'`,
        entries: named(irqs),
      })),
  },
  {
    code: 'DEV-PORT-NAME-UNIQUE',
    area: 'devices',
    title: 'Validate that names of I/O ports are unique within each device.',
    validator: 'device.Device_IO_Port_Name_Uniqueness',
    scopes: ({ document }) =>
      document.hardware.devices.map(({ name, ioPorts }) => ({
        what: `I/O port name of device '${name}'`,
        entries: named(ioPorts),
      })),
  },
  {
    code: 'DEV-MEMORY-NAME-UNIQUE',
    area: 'devices',
    title: 'Validate that names of memory are unique within each device.',
    validator: 'device.Device_Memory_Name_Uniqueness',
    scopes: ({ document }) =>
      document.hardware.devices.map(({ name, memory }) => ({
        what: `memory name of device '${name}'`,
        entries: named(memory),
      })),
  },
  {
    code: 'DOM-UNIQUE',
    area: 'domains',
    title: 'Validate that names and ids of device domains are unique.',
    scopes: ({ document: { deviceDomains } }) => [
      { what: 'device domain name', entries: named(deviceDomains) },
      { what: 'device domain id', entries: ids(deviceDomains) },
    ],
  },
];

const EVENT_ROWS: readonly UniqueRow[] = [
  {
    code: 'EVT-NAME-UNIQUE',
    area: 'events',
    title: 'Validate that names of physical events are unique.',
    validator: 'events.Physical_Event_Name_Uniqueness',
    scopes: ({ document }) => [{ what: 'event name', entries: named(document.events) }],
  },
  {
    code: 'EVT-GROUP-UNIQUE',
    area: 'events',
    title: 'Validate that each subject has each source group at most once.',
    scopes: ({ document }) =>
      document.subjects.map(subject => ({
        what: `event group of subject '${subject.name}'`,
        entries: named(subject.sourceGroups),
      })),
  },
  {
    code: 'EVT-SOURCE-UNIQUE',
    area: 'events',
    title: 'Validate that ids and logical names of source events are unique per group.',
    validator: 'events.Source_Group_Event_ID_Name_Uniqueness',
    scopes: ({ document }) =>
      document.subjects.flatMap(subject =>
        subject.sourceGroups.flatMap(group => [
          { what: `${group.name} event id of subject '${subject.name}'`, entries: ids(group.events) },
          { what: `${group.name} event name of subject '${subject.name}'`, entries: logicals(group.events) },
        ]),
      ),
  },
  {
    code: 'EVT-TARGET-UNIQUE',
    area: 'events',
    title: 'Validate that target event ids and logical names are unique per subject.',
    validator: 'events.Target_Event_ID_Name_Uniqueness',
    scopes: ({ document }) =>
      document.subjects.flatMap(subject => [
        { what: `target event id of subject '${subject.name}'`, entries: ids(subject.targetEvents) },
        { what: `target event name of subject '${subject.name}'`, entries: logicals(subject.targetEvents) },
      ]),
  },
];

const SUBJECT_ROWS: readonly UniqueRow[] = [
  {
    code: 'SUBJ-NAME-UNIQUE',
    area: 'subjects',
    title: 'Validate that subject names are unique.',
    validator: 'subject.Name_Uniqueness',
    scopes: ({ document }) => [{ what: 'subject name', entries: named(document.subjects) }],
  },
  {
    code: 'SUBJ-GLOBAL-ID-UNIQUE',
    area: 'subjects',
    title: 'Validate that global subject ids are unique.',
    validator: 'subject.Global_ID_Uniqueness',
    scopes: ({ document }) => [
      { what: 'global subject id', entries: document.subjects.map(node => ({ key: node.globalId, node })) },
    ],
  },
  {
    code: 'SUBJ-LOCAL-ID-UNIQUE',
    area: 'subjects',
    title: 'Validate that local subject ids are unique per CPU.',
    validator: 'subject.Local_ID_Uniqueness',
    scopes: ({ document }) => [
      {
        what: 'local subject id (CPU/id)',
        entries: document.subjects.map(node => ({ key: `${node.cpu}/${node.localId}`, node })),
      },
    ],
  },
  {
    code: 'SUBJ-MEMORY-NAME-UNIQUE',
    area: 'subjects',
    title: 'Validate that logical names of memory are unique per subject.',
    validator: 'subject.Logical_Memory_Name_Uniqueness',
    scopes: ({ document }) =>
      document.subjects.map(subject => ({
        what: `logical memory name of subject '${subject.name}'`,
        entries: logicals(subject.memory),
      })),
  },
  {
    code: 'SUBJ-DEVICE-NAME-UNIQUE',
    area: 'subjects',
    title: 'Validate that logical names of devices are unique per subject.',
    validator: 'subject.Logical_Device_Name_Uniqueness',
    scopes: ({ document }) =>
      document.subjects.map(subject => ({
        what: `logical device name of subject '${subject.name}'`,
        entries: logicals(subject.devices),
      })),
  },
];

const UNIQUE: readonly UniqueRow[] = [
  {
    code: 'CFG-NAME-UNIQUE',
    area: 'config',
    title: 'Validate that config variable names are unique.',
    validator: 'config.Name_Uniqueness',
    scopes: ({ document }) => [{ what: 'config variable', entries: named(document.config) }],
  },
  {
    code: 'MEM-NAME-UNIQUE',
    area: 'memory',
    title: 'Validate that names of physical memory regions are unique.',
    validator: 'memory.Physical_Memory_Name_Uniqueness',
    scopes: ({ document }) => [{ what: 'memory region name', entries: named(document.memory) }],
  },
  ...DEVICE_ROWS,
  ...EVENT_ROWS,
  ...SUBJECT_ROWS,
  {
    code: 'KRN-CPU-UNIQUE',
    area: 'kernel',
    title: 'Validate that each CPU has at most one kernel memory section.',
    scopes: ({ document }) => [{ what: 'kernel memory section of CPU', entries: ids(document.kernel.cpus) }],
  },
  {
    code: 'SCHED-PARTITION-ID',
    area: 'scheduling',
    title: 'Validate that ids of scheduling partitions are unique.',
    validator: 'scheduling.Partition_ID',
    scopes: ({ document: { scheduling } }) => [
      { what: 'scheduling partition id', entries: ids(scheduling.partitions) },
    ],
  },
  {
    code: 'SCHED-GROUP-ID',
    area: 'scheduling',
    title: 'Validate that ids of scheduling groups are unique.',
    validator: 'scheduling.Group_ID',
    scopes: ({ document: { scheduling } }) => [
      { what: 'scheduling group id', entries: ids(scheduling.partitions.flatMap(({ groups }) => groups)) },
    ],
  },
  {
    code: 'SCHED-NAME-UNIQUE',
    area: 'scheduling',
    title: 'Validate that names of scheduling partitions are unique.',
    scopes: ({ document: { scheduling } }) => [
      { what: 'scheduling partition name', entries: named(scheduling.partitions) },
    ],
  },
];

/** Rules about names and ids that must be unique. */
export const NAME_RULES: readonly Rule[] = UNIQUE.map(({ scopes, ...head }) =>
  rule({ ...head, severity: 'error' }, (index, visit) => {
    for (const scope of scopes(index)) reportDuplicates(visit, scope);
  }),
);
