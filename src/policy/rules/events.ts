import type { SourceAction, Subject } from '../document.ts';
import type { EventSource, EventTarget, PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit } from '../rule.ts';

/** Highest basic exit reason that the kernel looks up. */
const MAX_EXIT_ID = 59;
/** Exits that the kernel handles itself: interrupt, interrupt window, entry failure by machine check, timer, XSETBV. */
const KERNEL_EXITS: ReadonlySet<number> = new Set([1, 7, 41, 52, 55]);
/** Exit reasons that the SDM leaves reserved. */
const RESERVED_EXITS: ReadonlySet<number> = new Set([35, 38, 42]);

const isSubjectExit = (id: number): boolean => id <= MAX_EXIT_ID && !KERNEL_EXITS.has(id) && !RESERVED_EXITS.has(id);
const SUBJECT_EXITS: readonly number[] = Array.from({ length: MAX_EXIT_ID + 1 }, (_, id) => id).filter(isSubjectExit);

/** Actions that concern the whole system. */
const SYSTEM_ACTIONS: ReadonlySet<SourceAction['kind']> = new Set([
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

function checkSwitches(index: PolicyIndex, visit: Visit): void {
  eachPair(index, 'switch', (source, target, name) => {
    visit.examined();
    const group = index.places.get(source.subject.name)?.group;
    const sameGroup = group !== undefined && index.places.get(target.subject.name)?.group === group;
    if (source.subject.cpu !== target.subject.cpu || !sameGroup) {
      const message = `switch event '${name}' (${source.group} ${source.event.id}) hands over from ${both(source.subject, target.subject)}, which are not on one CPU and in one scheduling group`;
      visit.report(source.event, message, 'Put both subjects into one scheduling group or use another mode.');
    }
  });
}

function checkSourceIds(index: PolicyIndex, visit: Visit): void {
  for (const subject of index.document.subjects) {
    for (const group of subject.sourceGroups) {
      if (group.name !== 'vmx_exit') continue;
      for (const event of group.events) {
        visit.examined();
        if (!isSubjectExit(event.id)) {
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
        const number = index.resources.get(device.physical)?.irqs.get(irq.physical);
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

/** Rules about events. */
export const EVENT_RULES: readonly Rule[] = [
  rule(
    {
      code: 'EVT-ENDS',
      area: 'events',
      title: 'Validate that each event has sources and exactly one target, and kernel-mode events have none.',
      severity: 'error',
    },
    checkCounts,
  ),
  rule(
    {
      code: 'EVT-SELF',
      area: 'events',
      title: 'Validate that self events have one subject as source and target, and a target action.',
      severity: 'error',
    },
    (index, visit) =>
      eachPair(index, 'self', (source, target, name) => {
        visit.examined();
        if (source.subject !== target.subject) {
          const message = `self event '${name}' goes from ${both(source.subject, target.subject)}`;
          visit.report(source.event, message, 'Use one subject for both ends or another mode.');
        }
        if (target.event.action === undefined) {
          visit.report(
            target.event,
            `self event '${name}' has no target action`,
            'Add <inject_interrupt vector="..."/> or <reset/>.',
          );
        }
      }),
  ),
  rule(
    {
      code: 'EVT-SELF-REFERENCE',
      area: 'events',
      title: 'Validate that only self events have one subject as source and target.',
      severity: 'error',
    },
    (index, visit) => {
      for (const mode of ['async', 'ipi', 'switch']) {
        eachPair(index, mode, (source, target, name) => {
          visit.examined();
          if (source.subject === target.subject) {
            visit.report(
              source.event,
              `${mode} event '${name}' has subject '${source.subject.name}' as source and target`,
              'Use mode self.',
            );
          }
        });
      }
    },
  ),
  rule(
    {
      code: 'EVT-IPI',
      area: 'events',
      title: 'Validate that subjects of IPI events run on different CPUs.',
      severity: 'error',
    },
    (index, visit) =>
      eachPair(index, 'ipi', (source, target, name) => {
        visit.examined();
        if (source.subject.cpu === target.subject.cpu) {
          visit.report(
            source.event,
            `ipi event '${name}' goes from ${both(source.subject, target.subject)}`,
            'Use mode async on one CPU.',
          );
        }
      }),
  ),
  rule(
    {
      code: 'EVT-SWITCH',
      area: 'events',
      title: 'Validate that switch events stay on one CPU and within one scheduling group.',
      severity: 'error',
    },
    checkSwitches,
  ),
  rule(
    {
      code: 'EVT-KERNEL-ACTION',
      area: 'events',
      title: 'Validate that sources of kernel-mode events have an action.',
      severity: 'error',
    },
    (index, visit) => {
      for (const event of index.document.events) {
        if (event.mode !== 'kernel') continue;
        for (const source of endsOf(index, event.name).sources) {
          visit.examined();
          if (source.event.action === undefined) {
            const message = `kernel event '${event.name}' of subject '${source.subject.name}' has no action`;
            visit.report(source.event, message, 'Add the action that the kernel takes, for example <system_panic/>.');
          }
        }
      }
    },
  ),
  rule(
    {
      code: 'EVT-SYSTEM-ACTION',
      area: 'events',
      title: 'Validate that system actions are used with kernel-mode events only.',
      severity: 'error',
    },
    (index, visit) => {
      for (const event of index.document.events) {
        for (const source of endsOf(index, event.name).sources) {
          const kind = source.event.action?.kind;
          if (kind === undefined || !SYSTEM_ACTIONS.has(kind)) continue;
          visit.examined();
          if (event.mode !== 'kernel') {
            const message = `event '${event.name}' of mode ${event.mode} has the action ${kind} in subject '${source.subject.name}'`;
            visit.report(source.event, message, 'Give the event mode kernel.');
          }
        }
      }
    },
  ),
  rule(
    {
      code: 'EVT-EXIT-IDS',
      area: 'events',
      title: 'Validate that vmx_exit events have ids of exits that subjects may handle.',
      severity: 'error',
    },
    checkSourceIds,
  ),
  rule(
    {
      code: 'EVT-EXITS-COMPLETE',
      area: 'events',
      title: 'Validate that each subject has a vmx_exit event for every exit.',
      severity: 'error',
    },
    checkCompleteness,
  ),
  rule(
    {
      code: 'EVT-UNMASK',
      area: 'events',
      title: 'Validate that subjects with a level-triggered IRQ have an event to unmask it.',
      severity: 'error',
    },
    checkUnmask,
  ),
];
