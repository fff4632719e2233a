import type { EventMode, SourceEvent, Subject, TargetEvent } from '../policy/document.ts';
import type { FlowStatement } from './flow-edge.ts';
import { type PolicyLine, policyLine } from './flow-line.ts';
import type { FlowParties } from './flow-nodes.ts';

interface Endpoint<Event> {
  readonly subject: Subject;
  readonly event: Event;
}

/** Flows by notification: each source of an async, ipi or switch event reaches each of its targets; self events reach nobody else. */
export function eventFlows(parties: FlowParties): FlowStatement[] {
  const subjects = [...parties.subjects.values()];
  const sources = byEvent(subjects, subject => subject.sourceGroups.flatMap(group => group.events));
  const targets = byEvent(subjects, subject => subject.targetEvents);
  return parties.document.events.flatMap(event => {
    const mode = event.mode;
    if (mode === 'self' || mode === 'kernel') return [];
    return (sources.get(event.name) ?? []).flatMap(source =>
      (targets.get(event.name) ?? []).flatMap(target => [
        notification(mode, event.name, policyLine(event), source, target),
        ...(mode === 'ipi' ? stolenCycles(subjects, event.name, source, target) : []),
      ]),
    );
  });
}

function byEvent<Event extends { readonly physical: string }>(
  subjects: readonly Subject[],
  eventsOf: (subject: Subject) => readonly Event[],
): Map<string, Endpoint<Event>[]> {
  const result = new Map<string, Endpoint<Event>[]>();
  for (const subject of subjects) {
    for (const event of eventsOf(subject)) {
      const list = result.get(event.physical);
      if (list) list.push({ subject, event });
      else result.set(event.physical, [{ subject, event }]);
    }
  }
  return result;
}

function notification(
  mode: Exclude<EventMode, 'self' | 'kernel'>,
  via: string,
  line: PolicyLine,
  source: Endpoint<SourceEvent>,
  target: Endpoint<TargetEvent>,
): FlowStatement {
  return {
    from: source.subject.name,
    to: target.subject.name,
    mechanism: mode,
    via,
    fromLogical: [source.event.logical],
    toLogical: [target.event.logical],
    lines: [line, policyLine(source.event), policyLine(target.event)],
    detail: actionOf(target.event),
  };
}

function actionOf(event: TargetEvent): string {
  if (!event.action) return 'no action';
  return event.action.kind === 'reset' ? 'resets the target' : `injects vector ${event.action.vector}`;
}

/** The interrupt exits whatever subject runs on the target's CPU at that moment. */
function stolenCycles(
  subjects: readonly Subject[],
  via: string,
  source: Endpoint<SourceEvent>,
  target: Endpoint<TargetEvent>,
): FlowStatement[] {
  return subjects
    .filter(subject => subject.cpu === target.subject.cpu)
    .map(subject => ({
      from: source.subject.name,
      to: subject.name,
      mechanism: 'ipi-cycle-theft',
      via,
      fromLogical: [source.event.logical],
      lines: [policyLine(source.event), policyLine(target.event)],
      detail: `interrupts CPU ${target.subject.cpu}`,
    }));
}
