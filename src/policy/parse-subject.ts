import {
  EVENT_MODES,
  type PhysicalEvent,
  type SourceAction,
  type SourceGroup,
  type Subject,
  type TargetAction,
  type TargetEvent,
} from './document.ts';
import { choice, group, leaf, many, type NodeOf, needs, one, optional } from './grammar.ts';
import { decimal, NAME, oneOf, TEXT } from './literal.ts';
import { DEVICE_REFERENCES, toLogicalDevices, VECTOR } from './parse-devices.ts';
import { MAPPINGS, toMappings } from './parse-memory.ts';
import { toVcpu, VCPU } from './parse-vcpu.ts';

/** Grammar of `/system/events` in formats A and B. */
export const EVENTS = group({
  event: many(leaf({ name: needs(NAME), mode: needs(oneOf('an event mode', EVENT_MODES)) })),
});

export function toEvents(node: NodeOf<typeof EVENTS>): readonly PhysicalEvent[] {
  return node.children.event.map(({ at, attributes }) => ({ at, ...attributes }));
}

const PLAIN_ACTION = leaf({});
/** Event number: a subject has 64 hypercalls and 64 target events. */
const EVENT_ATTRIBUTES = {
  id: needs(decimal('an event id', 0, 63)),
  logical: needs(NAME),
  physical: needs(NAME),
};

const SOURCE_EVENT = {
  attributes: EVENT_ATTRIBUTES,
  children: {
    subject_sleep: choice('action', PLAIN_ACTION),
    subject_yield: choice('action', PLAIN_ACTION),
    system_reboot: choice('action', PLAIN_ACTION),
    system_panic: choice('action', PLAIN_ACTION),
    system_poweroff: choice('action', PLAIN_ACTION),
    unmask_irq: choice('action', leaf({ number: needs(decimal('an IRQ number', 0, 220)) })),
  },
};
const PLAIN_SOURCE_ACTIONS = [
  'subject_sleep',
  'subject_yield',
  'system_reboot',
  'system_panic',
  'system_poweroff',
] as const;

const TARGET_EVENT = {
  attributes: EVENT_ATTRIBUTES,
  children: {
    inject_interrupt: choice('action', leaf({ vector: needs(VECTOR) })),
    reset: choice('action', PLAIN_ACTION),
  },
};

const SUBJECT_EVENTS = group({
  source: optional(
    group({
      group: many(
        {
          attributes: { name: needs(oneOf('an event group', ['vmx_exit', 'vmcall'])) },
          children: { event: many(SOURCE_EVENT) },
        },
        1,
      ),
    }),
  ),
  target: optional(group({ event: many(TARGET_EVENT, 1) })),
});

const SUBJECT = {
  attributes: {
    name: needs(NAME),
    globalId: needs(decimal('a global subject id', 0, 65535)),
    localId: needs(decimal('a local subject id', 0, 65535)),
    schedGroupId: needs(decimal('a scheduling group id', 0, 65535)),
    cpu: needs(decimal('a CPU id', 0, 255)),
  },
  children: {
    vcpu: one(VCPU),
    bootparams: one({ attributes: {}, children: {}, text: TEXT }),
    memory: one(MAPPINGS),
    devices: one(DEVICE_REFERENCES),
    events: one(SUBJECT_EVENTS),
    sibling: optional(leaf({ ref: needs(NAME) })),
  },
};

/** Grammar of `/system/subjects` in formats A and B. */
export const SUBJECTS = group({ subject: many(SUBJECT, 1) });

export function toSubjects(node: NodeOf<typeof SUBJECTS>): readonly Subject[] {
  return node.children.subject.map(toSubject);
}

function toSubject({ at, attributes, children }: NodeOf<typeof SUBJECT>): Subject {
  const { source, target } = children.events[0]!.children;
  const bootparams = children.bootparams[0]!.text.trim();
  const siblingOf = children.sibling[0]?.attributes.ref;
  return {
    at,
    ...attributes,
    ...(siblingOf === undefined ? {} : { siblingOf }),
    ...(bootparams === '' ? {} : { bootparams }),
    vcpu: toVcpu(children.vcpu[0]!),
    memory: toMappings(children.memory[0]!.children.memory),
    devices: toLogicalDevices(children.devices[0]!),
    sourceGroups: (source[0]?.children.group ?? []).map(toSourceGroup),
    targetEvents: (target[0]?.children.event ?? []).map(toTargetEvent),
  };
}

function toSourceGroup(
  node: NodeOf<(typeof SUBJECT_EVENTS)['children']['source']['element']['children']['group']['element']>,
): SourceGroup {
  return {
    at: node.at,
    name: node.attributes.name,
    events: node.children.event.map(({ at, attributes, children }) => {
      const action = toSourceAction(children);
      return { at, ...attributes, ...(action === undefined ? {} : { action }) };
    }),
  };
}

function toSourceAction(children: NodeOf<typeof SOURCE_EVENT>['children']): SourceAction | undefined {
  const unmask = children.unmask_irq[0];
  if (unmask !== undefined) return { kind: 'unmask_irq', number: unmask.attributes.number };
  const kind = PLAIN_SOURCE_ACTIONS.find(name => children[name].length > 0);
  return kind === undefined ? undefined : { kind };
}

function toTargetEvent({ at, attributes, children }: NodeOf<typeof TARGET_EVENT>): TargetEvent {
  const action = toTargetAction(children);
  return { at, ...attributes, ...(action === undefined ? {} : { action }) };
}

function toTargetAction({
  inject_interrupt,
  reset,
}: NodeOf<typeof TARGET_EVENT>['children']): TargetAction | undefined {
  if (inject_interrupt[0] !== undefined)
    return { kind: 'inject_interrupt', vector: inject_interrupt[0].attributes.vector };
  return reset.length > 0 ? { kind: 'reset' } : undefined;
}
