import type { PolicyNode } from '../document.ts';
import type { PolicyIndex } from '../policy-index.ts';
import { lineOf, type Rule, type RuleArea, rule, type Visit } from '../rule.ts';

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
    else visit.report(node, `${what} '${key}' is used twice, first in ${lineOf(earlier)}`, 'Give each its own.');
  }
}

const named = (nodes: readonly (PolicyNode & { readonly name: string })[]): Scope['entries'] =>
  nodes.map(node => ({ key: node.name, node }));
const logicals = (nodes: readonly (PolicyNode & { readonly logical: string })[]): Scope['entries'] =>
  nodes.map(node => ({ key: node.logical, node }));

interface UniqueRow {
  readonly code: string;
  readonly area: RuleArea;
  readonly title: string;
  scopes(index: PolicyIndex): readonly Scope[];
}

const UNIQUE: readonly UniqueRow[] = [
  {
    code: 'CFG-NAME-UNIQUE',
    area: 'config',
    title: 'Validate that config variable names are unique.',
    scopes: ({ document }) => [{ what: 'config variable', entries: named(document.config) }],
  },
  {
    code: 'MEM-NAME-UNIQUE',
    area: 'memory',
    title: 'Validate that names of physical memory regions are unique.',
    scopes: ({ document }) => [{ what: 'memory region name', entries: named(document.memory) }],
  },
  {
    code: 'DEV-NAME-UNIQUE',
    area: 'devices',
    title: 'Validate that names of devices, device aliases and device classes are unique.',
    scopes: ({ document: { hardware, platform } }) => [
      { what: 'device name', entries: named([...hardware.devices, ...platform.aliases, ...platform.classes]) },
    ],
  },
  {
    code: 'DEV-RESOURCE-UNIQUE',
    area: 'devices',
    title: 'Validate that names of IRQs, memory and I/O ports are unique within each device.',
    scopes: ({ document }) =>
      document.hardware.devices.flatMap(({ name, irqs, memory, ioPorts }) => [
        { what: `IRQ name of device '${name}'`, entries: named(irqs) },
        { what: `memory name of device '${name}'`, entries: named(memory) },
        { what: `I/O port name of device '${name}'`, entries: named(ioPorts) },
      ]),
  },
  {
    code: 'DOM-UNIQUE',
    area: 'domains',
    title: 'Validate that names and ids of device domains are unique.',
    scopes: ({ document: { deviceDomains } }) => [
      { what: 'device domain name', entries: named(deviceDomains) },
      { what: 'device domain id', entries: deviceDomains.map(node => ({ key: node.id, node })) },
    ],
  },
  {
    code: 'EVT-NAME-UNIQUE',
    area: 'events',
    title: 'Validate that names of physical events are unique.',
    scopes: ({ document }) => [{ what: 'event name', entries: named(document.events) }],
  },
  {
    code: 'EVT-SOURCE-UNIQUE',
    area: 'events',
    title:
      'Validate that each subject has each source group once, and event ids and logical names are unique per group.',
    scopes: ({ document }) =>
      document.subjects.flatMap(subject => [
        { what: `event group of subject '${subject.name}'`, entries: named(subject.sourceGroups) },
        ...subject.sourceGroups.flatMap(group => [
          {
            what: `${group.name} event id of subject '${subject.name}'`,
            entries: group.events.map(node => ({ key: node.id, node })),
          },
          { what: `${group.name} event name of subject '${subject.name}'`, entries: logicals(group.events) },
        ]),
      ]),
  },
  {
    code: 'EVT-TARGET-UNIQUE',
    area: 'events',
    title: 'Validate that target event ids and logical names are unique per subject.',
    scopes: ({ document }) =>
      document.subjects.flatMap(subject => [
        {
          what: `target event id of subject '${subject.name}'`,
          entries: subject.targetEvents.map(node => ({ key: node.id, node })),
        },
        { what: `target event name of subject '${subject.name}'`, entries: logicals(subject.targetEvents) },
      ]),
  },
  {
    code: 'SUBJ-NAME-UNIQUE',
    area: 'subjects',
    title: 'Validate that subject names are unique.',
    scopes: ({ document }) => [{ what: 'subject name', entries: named(document.subjects) }],
  },
  {
    code: 'SUBJ-GLOBAL-ID-UNIQUE',
    area: 'subjects',
    title: 'Validate that global subject ids are unique.',
    scopes: ({ document }) => [
      { what: 'global subject id', entries: document.subjects.map(node => ({ key: node.globalId, node })) },
    ],
  },
  {
    code: 'SUBJ-LOCAL-ID-UNIQUE',
    area: 'subjects',
    title: 'Validate that local subject ids are unique per CPU.',
    scopes: ({ document }) => [
      {
        what: 'local subject id (CPU/id)',
        entries: document.subjects.map(node => ({ key: `${node.cpu}/${node.localId}`, node })),
      },
    ],
  },
  {
    code: 'SUBJ-LOGICAL-UNIQUE',
    area: 'subjects',
    title: 'Validate that logical names of memory and devices are unique per subject.',
    scopes: ({ document }) =>
      document.subjects.flatMap(subject => [
        { what: `logical memory name of subject '${subject.name}'`, entries: logicals(subject.memory) },
        { what: `logical device name of subject '${subject.name}'`, entries: logicals(subject.devices) },
      ]),
  },
  {
    code: 'KRN-CPU-UNIQUE',
    area: 'kernel',
    title: 'Validate that each CPU has at most one kernel memory section.',
    scopes: ({ document }) => [
      { what: 'kernel memory section of CPU', entries: document.kernel.cpus.map(node => ({ key: node.id, node })) },
    ],
  },
  {
    code: 'SCHED-ID-UNIQUE',
    area: 'scheduling',
    title: 'Validate that names and ids of scheduling partitions and ids of scheduling groups are unique.',
    scopes: ({ document: { scheduling } }) => [
      { what: 'scheduling partition name', entries: named(scheduling.partitions) },
      { what: 'scheduling partition id', entries: scheduling.partitions.map(node => ({ key: node.id, node })) },
      {
        what: 'scheduling group id',
        entries: scheduling.partitions.flatMap(({ groups }) => groups.map(node => ({ key: node.id, node }))),
      },
    ],
  },
];

/** Rules about names and ids that must be unique. */
export const NAME_RULES: readonly Rule[] = UNIQUE.map(({ code, area, title, scopes }) =>
  rule({ code, area, title, severity: 'error' }, (index, visit) => {
    for (const scope of scopes(index)) reportDuplicates(visit, scope);
  }),
);
