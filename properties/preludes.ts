import type { Notification } from '../src/arbitraries/vocabulary.ts';
import type { CheckContext } from '../src/engine/property.ts';
import type { Operation } from '../src/units/operation.ts';
import type { Workbench } from './workbench.ts';

/** Operations before all others, by subject. */
export type Preludes = ReadonlyMap<string, readonly Operation[]>;

/** Later preludes of a subject come first: the way to the CPU, then handing back. */
export function joinPreludes(parts: readonly Preludes[]): Preludes {
  const joined = new Map<string, readonly Operation[]>();
  for (const part of parts) {
    for (const [subject, operations] of part) joined.set(subject, [...operations, ...(joined.get(subject) ?? [])]);
  }
  return joined;
}

const groupOf = (context: CheckContext, subject: string): readonly string[] =>
  context.document.scheduling.partitions
    .flatMap(partition => partition.groups)
    .find(group => group.subjects.some(member => member.name === subject))
    ?.subjects.map(member => member.name) ?? [];

const operationOf = (step: Notification): Operation =>
  step.kind === 'vmcall'
    ? { kind: 'vmcall', low: step.number, high: 0, cpl: 0 }
    : { kind: 'exit', reason: step.number, qualification: 0, interruptInfo: step.number === 0 ? 0x8000_0306 : 0 };

const handoversOf = (found: Workbench, subject: string): readonly Notification[] => {
  const row = found.vocabularies.find(candidate => candidate.subject === subject);
  const steps = [...(row?.vmcalls ?? []), ...(row?.traps ?? [])].filter(step => step.mode === 'switch');
  // A handover that resets its target comes last: the target would start anew.
  return [
    ...steps.filter(step => step.targetAction !== 'reset'),
    ...steps.filter(step => step.targetAction === 'reset'),
  ];
};

/** How often a silent member of a group hands the CPU back. */
const HANDBACKS = 6;

/** Members of the group of `subject` give the CPU back to it as soon as they have it. */
export function handbacks(context: CheckContext, found: Workbench, subject: string): Preludes {
  const back = new Map<string, readonly Operation[]>();
  for (const member of groupOf(context, subject)) {
    const step = handoversOf(found, member).find(row => row.target === subject);
    if (member !== subject && step !== undefined)
      back.set(
        member,
        Array.from({ length: HANDBACKS }, () => operationOf(step)),
      );
  }
  return back;
}

/** Way of a subject to the CPU: started by its monitor if it waits for that, else by the shortest chain of handovers from the first of its group. */
export function prelude(context: CheckContext, found: Workbench, subject: string): Preludes {
  const started = startedByMonitor(context, found, subject);
  if (started.size > 0) return started;
  const path = new Map<string, readonly Operation[]>();
  const start = groupOf(context, subject)[0];
  if (start === undefined || start === subject) return path;
  const cameFrom = new Map<string, { readonly from: string; readonly operation: Operation }>();
  const queue = [start];
  for (let at = queue.shift(); at !== undefined && !cameFrom.has(subject); at = queue.shift()) {
    for (const step of handoversOf(found, at)) {
      if (step.target === start || cameFrom.has(step.target)) continue;
      cameFrom.set(step.target, { from: at, operation: operationOf(step) });
      queue.push(step.target);
    }
  }
  for (let step = cameFrom.get(subject); step !== undefined; step = cameFrom.get(step.from))
    path.set(step.from, [step.operation]);
  return path;
}

/** Offset of CR4 in the state page, and the bit whose absence keeps a loaded subject from being entered. */
const STATE_CR4_OFFSET = 204;
const CR4_VMXE = 0x2000;

/** A subject that its policy starts with CR4.VMXE = 0 waits for its monitor to set the bit and hand over. */
function startedByMonitor(context: CheckContext, found: Workbench, subject: string): Preludes {
  const path = new Map<string, readonly Operation[]>();
  const spec = found.bench.system.kernel.tables.subjects.find(row => row.name === subject);
  const cr4 = spec?.initialState[STATE_CR4_OFFSET / 4] ?? CR4_VMXE;
  if ((cr4 & CR4_VMXE) !== 0) return path;
  for (const member of groupOf(context, subject)) {
    const state = context.document.subjects
      .find(row => row.name === member)
      ?.memory.find(row => row.physical === `${subject}|state` && row.writable);
    const resume = handoversOf(found, member).find(row => row.target === subject && row.kind === 'vmcall');
    if (state === undefined || resume === undefined) continue;
    const start: Operation = {
      kind: 'write',
      address: state.virtualAddress + STATE_CR4_OFFSET,
      sizeBytes: 4,
      low: (cr4 | CR4_VMXE) >>> 0,
      high: 0,
    };
    path.set(member, [start, operationOf(resume)]);
    return path;
  }
  return path;
}
