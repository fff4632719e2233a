import type { LogicalDevice, LogicalIrq, SourceAction, Subject } from '../document.ts';
import type { EventSource, EventTarget, PolicyIndex } from '../policy-index.ts';
import { type Rule, type Visit, validatorRule } from '../rule.ts';

/** Highest basic exit reason that the kernel looks up. */
const MAX_EXIT_ID = 59;
/** Exits that the kernel handles itself: interrupt, interrupt window, entry failure by machine check, timer, XSETBV. */
const KERNEL_EXITS: ReadonlySet<number> = new Set([1, 7, 41, 52, 55]);
/** Exit reasons that the SDM leaves reserved. */
const RESERVED_EXITS: ReadonlySet<number> = new Set([35, 38, 42]);

const isSubjectExit = (id: number): boolean => id <= MAX_EXIT_ID && !KERNEL_EXITS.has(id) && !RESERVED_EXITS.has(id);
const SUBJECT_EXITS: readonly number[] = Array.from({ length: MAX_EXIT_ID + 1 }, (_, id) => id).filter(isSubjectExit);

/** Actions that the kernel takes itself, and that a target would get no part of. */
const KERNEL_ACTIONS: ReadonlySet<SourceAction['kind']> = new Set([
  'subject_sleep',
  'subject_yield',
  'system_reboot',
  'system_poweroff',
  'system_panic',
  'unmask_irq',
]);

type Ends = { readonly sources: readonly EventSource[]; readonly targets: readonly EventTarget[] };

function endsOf(index: PolicyIndex, name: string): Ends {
  return { sources: index.sources.get(name) ?? [], targets: index.targets.get(name) ?? [] };
}

/** Calls `body` for every pair of source and target of the events of one mode. */
function eachPair(
  index: PolicyIndex,
  mode: string,
  body: (source: EventSource, target: EventTarget, name: string) => void,
): void {
  for (const event of index.document.events) {
    if (event.mode !== mode) continue;
    const { sources, targets } = endsOf(index, event.name);
    for (const source of sources) for (const target of targets.slice(0, 2)) body(source, target, event.name);
  }
}

const both = (source: Subject, target: Subject): string =>
  `'${source.name}' (CPU ${source.cpu}) to '${target.name}' (CPU ${target.cpu})`;

function checkCounts(index: PolicyIndex, visit: Visit): void {
  for (const event of index.document.events) {
    visit.examined();
    const { sources, targets } = endsOf(index, event.name);
    const expected = event.mode === 'kernel' ? 0 : 1;
    if (sources.length === 0) {
      visit.report(event, `event '${event.name}' has no source`, 'Let a subject trigger it or remove the event.');
    }
    if (targets.length !== expected) {
      const message = `event '${event.name}' of mode ${event.mode} has ${targets.length} targets, expected ${expected}`;
      visit.report(
        targets[1]?.event ?? event,
        message,
        expected === 0 ? 'The kernel is the target of kernel events.' : 'Give it exactly one target.',
      );
    }
  }
}

/** Only self events have one subject at both ends, and they always do. */
function checkSelfReferences(index: PolicyIndex, visit: Visit): void {
  for (const event of index.document.events) {
    const { sources, targets } = endsOf(index, event.name);
    for (const source of sources) {
      visit.examined();
      for (const target of targets.slice(0, 2)) {
        const same = source.subject === target.subject;
        if (event.mode === 'self' && !same) {
          const message = `self event '${event.name}' goes from ${both(source.subject, target.subject)}`;
          visit.report(source.event, message, 'Use one subject for both ends or another mode.');
        } else if (event.mode !== 'self' && same) {
          const message = `${event.mode} event '${event.name}' has subject '${source.subject.name}' as source and target`;
          visit.report(source.event, message, 'Use mode self.');
        }
      }
    }
  }
}

function checkSelfActions(index: PolicyIndex, visit: Visit): void {
  for (const event of index.document.events) {
    if (event.mode !== 'self') continue;
    for (const target of endsOf(index, event.name).targets) {
      visit.examined();
      if (target.event.action !== undefined) continue;
      const message = `self event '${event.name}' has no target action in subject '${target.subject.name}'`;
      visit.report(target.event, message, 'Add <inject_interrupt vector="..."/> or <reset/>.');
    }
  }
}

function checkSwitches(index: PolicyIndex, visit: Visit): void {
  eachPair(index, 'switch', (source, target, name) => {
    visit.examined();
    const group = index.places.get(source.subject.name)?.group;
    const sameGroup = group !== undefined && index.places.get(target.subject.name)?.group === group;
    const self = source.subject === target.subject;
    if (!self && (source.subject.cpu !== target.subject.cpu || !sameGroup)) {
      const message = `switch event '${name}' (${source.group} ${source.event.id}) hands over from ${both(source.subject, target.subject)}, which are not on one CPU and in one scheduling group`;
      visit.report(source.event, message, 'Put both subjects into one scheduling group or use another mode.');
    }
  });
}

function checkSourceIds(index: PolicyIndex, visit: Visit): void {
  for (const subject of index.document.subjects) {
    for (const group of subject.sourceGroups) {
      for (const event of group.events) {
        visit.examined();
        if (group.name === 'vmx_exit' && !isSubjectExit(event.id)) {
          const why = KERNEL_EXITS.has(event.id) ? 'the kernel handles it' : `it is reserved or above ${MAX_EXIT_ID}`;
          visit.report(
            event,
            `vmx_exit event '${event.logical}' of subject '${subject.name}' has id ${event.id}, but ${why}`,
            'Remove the event.',
          );
        }
      }
    }
  }
}

function checkCompleteness(index: PolicyIndex, visit: Visit): void {
  for (const subject of index.document.subjects) {
    visit.examined();
    const group = subject.sourceGroups.find(entry => entry.name === 'vmx_exit');
    const given = new Set(group?.events.map(event => event.id));
    const missing = SUBJECT_EXITS.filter(id => !given.has(id));
    if (missing.length > 0) {
      const message = `subject '${subject.name}' has no vmx_exit event for exit ${missing.slice(0, 8).join(', ')}${missing.length > 8 ? ` and ${missing.length - 8} more` : ''}`;
      visit.report(group ?? subject, message, 'Name a handler for every exit; the expander does so from <default>.');
    }
  }
}

/** IRQ number of a logical IRQ, undefined when its device lacks it. */
const irqNumber = (index: PolicyIndex, device: LogicalDevice, irq: LogicalIrq): number | undefined =>
  index.resources.get(device.physical)?.irqs.get(irq.physical);

/** An event that unmasks IRQ n is called after the vector with which the subject gets it. */
function checkUnmaskNames(index: PolicyIndex, visit: Visit): void {
  for (const subject of index.document.subjects) {
    const vectors = new Map<number, LogicalIrq>();
    for (const device of subject.devices) {
      for (const irq of device.irqs) vectors.set(irqNumber(index, device, irq) ?? -1, irq);
    }
    for (const event of subject.sourceGroups.flatMap(group => group.events)) {
      if (event.action?.kind !== 'unmask_irq') continue;
      visit.examined();
      const { number } = event.action;
      const irq = vectors.get(number);
      if (irq === undefined) {
        // Which IRQ an unknown device has, its reference rule asks.
        if (vectors.has(-1)) continue;
        const message = `event '${event.logical}' of subject '${subject.name}' unmasks IRQ ${number}, which no device of the subject has`;
        visit.report(event, message, 'Unmask only IRQs of the own devices.');
      } else if (event.logical !== `unmask_irq_${irq.vector}`) {
        const message = `event '${event.logical}' of subject '${subject.name}' unmasks IRQ ${number} with vector ${irq.vector}, expected the name 'unmask_irq_${irq.vector}'`;
        visit.report(event, message, 'The subject finds the event by this name.');
      }
    }
  }
}

function checkUnmask(index: PolicyIndex, visit: Visit): void {
  for (const subject of index.document.subjects) {
    const unmasked = new Set(
      subject.sourceGroups.flatMap(group =>
        group.events.flatMap(({ action }) => (action?.kind === 'unmask_irq' ? [action.number] : [])),
      ),
    );
    for (const device of subject.devices) {
      const pci = index.devices.get(device.physical)?.pci;
      if (pci === undefined || pci.msi) continue;
      for (const irq of device.irqs) {
        const number = irqNumber(index, device, irq);
        if (number === undefined) continue;
        visit.examined();
        if (!unmasked.has(number)) {
          const message = `subject '${subject.name}' has the level-triggered IRQ ${number} of device '${device.physical}', but no unmask_irq event for it`;
          visit.report(
            irq,
            message,
            `Add a vmcall event of a kernel-mode event with <unmask_irq number="${number}"/>.`,
          );
        }
      }
    }
  }
}

function checkIpis(index: PolicyIndex, visit: Visit): void {
  eachPair(index, 'ipi', (source, target, name) => {
    visit.examined();
    if (source.subject !== target.subject && source.subject.cpu === target.subject.cpu) {
      const message = `ipi event '${name}' goes from ${both(source.subject, target.subject)}`;
      visit.report(source.event, message, 'Use mode async on one CPU.');
    }
  });
}

function checkKernelActions(index: PolicyIndex, visit: Visit): void {
  for (const event of index.document.events) {
    if (event.mode !== 'kernel') continue;
    for (const source of endsOf(index, event.name).sources) {
      visit.examined();
      if (source.event.action !== undefined) continue;
      const message = `kernel event '${event.name}' of subject '${source.subject.name}' has no action`;
      visit.report(source.event, message, 'Add the action that the kernel takes, for example <system_panic/>.');
    }
  }
}

function checkSystemActions(index: PolicyIndex, visit: Visit): void {
  for (const event of index.document.events) {
    for (const source of endsOf(index, event.name).sources) {
      const kind = source.event.action?.kind;
      if (kind === undefined || !KERNEL_ACTIONS.has(kind)) continue;
      visit.examined();
      if (event.mode === 'kernel') continue;
      const message = `event '${event.name}' of mode ${event.mode} has the action ${kind} in subject '${source.subject.name}'`;
      visit.report(source.event, message, 'Give the event mode kernel.');
    }
  }
}

type Row = readonly [string, string, string, (index: PolicyIndex, visit: Visit) => void];
/** Rows of this file: code, check of the real validator, title, body. */
const ROWS: readonly Row[] = [
  [
    'EVT-ENDS',
    'Source_Targets',
    'Validate that each event has sources and exactly one target, and kernel-mode events have none.',
    checkCounts,
  ],
  [
    'EVT-SELF-REFERENCE',
    'Self_References',
    'Validate that self events, and only they, have one subject as source and target.',
    checkSelfReferences,
  ],
  [
    'EVT-SWITCH',
    'Switch_Same_Core',
    'Validate that switch events stay on one CPU and within one scheduling group.',
    checkSwitches,
  ],
  ['EVT-IPI', 'IPI_Different_Core', 'Validate that subjects of IPI events run on different CPUs.', checkIpis],
  [
    'EVT-EXIT-IDS',
    'Source_Group_Event_ID_Validity',
    'Validate that vmx_exit events have ids of exits that subjects may handle.',
    checkSourceIds,
  ],
  [
    'EVT-EXITS-COMPLETE',
    'Source_VMX_Exit_Event_Completeness',
    'Validate that each subject has a vmx_exit event for every exit.',
    checkCompleteness,
  ],
  ['EVT-SELF-ACTION', 'Self_Event_Action', 'Validate that self events have a target action.', checkSelfActions],
  [
    'EVT-KERNEL-ACTION',
    'Kernel_Mode_Event_Actions',
    'Validate that sources of kernel-mode events have an action.',
    checkKernelActions,
  ],
  [
    'EVT-SYSTEM-ACTION',
    'Kernel_Mode_System_Actions',
    'Validate that actions of the kernel are used with kernel-mode events only.',
    checkSystemActions,
  ],
  [
    'EVT-UNMASK',
    'Level_Triggered_Unmask_IRQ_Action',
    'Validate that subjects with a level-triggered IRQ have an event to unmask it.',
    checkUnmask,
  ],
];

/** Rules about events. */
export const EVENT_RULES: readonly Rule[] = [
  ...ROWS.map(([code, name, title, body]) =>
    validatorRule({ code, area: 'events', title, validator: `events.${name}` }, body),
  ),
  validatorRule(
    {
      code: 'EVT-UNMASK-NAME',
      area: 'events',
      title: 'Validate that events that unmask an IRQ are named after its vector and unmask an IRQ of the subject.',
      validator: 'subject.Logical_Unmask_Event',
    },
    checkUnmaskNames,
  ),
];
