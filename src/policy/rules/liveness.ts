import type { SchedulingGroup, Subject } from '../document.ts';
import type { PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit } from '../rule.ts';

/** Subjects that can make a sleeping subject active again: what sets its events, its interrupts or its timer. */
function wakers(index: PolicyIndex, subject: Subject): readonly string[] {
  const found: string[] = [];
  for (const target of subject.targetEvents) {
    for (const source of index.sources.get(target.physical) ?? []) {
      if (source.subject !== subject) found.push(`event '${target.logical}' of '${source.subject.name}'`);
    }
  }
  for (const device of subject.devices) {
    for (const irq of device.irqs) found.push(`IRQ '${irq.logical}' of device '${device.logical}'`);
  }
  const pages = new Set(['state', 'timed_event', 'interrupts'].map(suffix => `${subject.name}|${suffix}`));
  for (const { owner, mapping } of index.mappings) {
    // Its own timed event page counts: it can set an alarm before it sleeps.
    if (owner.kind === 'subject' && mapping.writable && pages.has(mapping.physical)) {
      found.push(`'${mapping.logical}' of '${owner.subject.name}'`);
    }
  }
  return found;
}

function checkSleepers(index: PolicyIndex, visit: Visit): void {
  for (const subject of index.document.subjects) {
    const sleep = subject.sourceGroups
      .flatMap(group => group.events)
      .find(event => event.action?.kind === 'subject_sleep');
    if (sleep === undefined) continue;
    visit.examined();
    if (wakers(index, subject).length > 0) continue;
    const message = `subject '${subject.name}' can sleep with event '${sleep.logical}', but no event, IRQ, timer or monitor wakes it`;
    visit.report(sleep, message, 'Give it a target event, an IRQ or its timed event page.');
  }
}

/** Members to which each member of a group can hand over; `timed` limits that to what a timed event can trigger. */
function handovers(
  { subjects, events, targets }: PolicyIndex,
  group: SchedulingGroup,
  timed: boolean,
): ReadonlyMap<string, ReadonlySet<string>> {
  const members = new Set(group.subjects.map(member => member.name));
  const edges = new Map<string, Set<string>>();
  for (const name of members) {
    const reached = new Set<string>();
    for (const source of subjects.get(name)?.sourceGroups ?? []) {
      // A timed event names an event of the vmcall group (muen.md section 1.7).
      if (timed && source.name !== 'vmcall') continue;
      for (const { physical } of source.events) {
        if (events.get(physical)?.mode !== 'switch') continue;
        for (const { subject } of targets.get(physical) ?? []) if (members.has(subject.name)) reached.add(subject.name);
      }
    }
    edges.set(name, reached);
  }
  return edges;
}

function reachableFrom(edges: ReadonlyMap<string, ReadonlySet<string>>, start: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const next of edges.get(name) ?? []) {
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(next);
    }
  }
  return seen;
}

/** Groups above this size are not examined pair by pair; no real one comes near. */
const MAX_GROUP = 64;

function checkHandovers(index: PolicyIndex, visit: Visit): void {
  for (const partition of index.document.scheduling.partitions) {
    for (const group of partition.groups) {
      if (group.subjects.length < 2 || group.subjects.length > MAX_GROUP) continue;
      const timed = handovers(index, group, true);
      const all = handovers(index, group, false);
      for (const [name, targets] of timed) {
        for (const target of targets) {
          visit.examined();
          if (target === name || reachableFrom(all, target).has(name)) continue;
          const member = group.subjects.find(entry => entry.name === name) ?? group;
          const message = `a timed event of subject '${name}' can hand over to '${target}', from which no handover leads back to '${name}'`;
          const hint = 'The group stays with the other for ever; add a switch event back, or use an async event.';
          visit.report(member, message, hint);
        }
      }
    }
  }
}

/** Rules about subjects that stop for ever, none of which the real validator has. */
export const LIVENESS_RULES: readonly Rule[] = [
  rule(
    {
      code: 'SCHED-SLEEPER',
      area: 'scheduling',
      title: 'Validate that somebody can wake each subject that may sleep.',
      severity: 'error',
    },
    checkSleepers,
  ),
  rule(
    {
      code: 'SCHED-HANDOVER',
      area: 'scheduling',
      title: 'Validate that no chain of timed events and handovers can starve a member of a scheduling group.',
      severity: 'warning',
    },
    checkHandovers,
  ),
];
