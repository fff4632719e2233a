import { operationDecoder, type Mix, type OperationDecoder } from '../../src/arbitraries/decode-operation.ts';
import type { Notification, Vocabulary } from '../../src/arbitraries/vocabulary.ts';
import type { CheckContext } from '../../src/engine/property.ts';
import type { Operation } from '../../src/units/operation.ts';
import type { Workbench } from '../workbench.ts';

/** How an ordered pair of subjects is tested, or why it is not. */
export type PairPlan =
  | { readonly excluded: string }
  | {
      readonly high: OperationDecoder;
      readonly low: OperationDecoder;
      /** Third parties that run programs of their own; the others stay silent. */
      readonly others: readonly { readonly subject: string; readonly decoder: OperationDecoder }[];
      /** Operations before all others, by subject: what it takes to get `high` and `low` onto the CPU. */
      readonly preludes: ReadonlyMap<string, readonly Operation[]>;
    };

const ACTIVE: Mix = {
  read: 6, write: 6, probe: 0, vmcall: 6, undeclared: 2, userVmcall: 0, trap: 2, xsetbv: 1, unknownExit: 0, timedEvent: 1, hlt: 1, rdtsc: 1, load: 3, sti: 2, cli: 1, nop: 1, stop: 0,
};
/** Third parties never sleep and keep no clock, so that what they do does not depend on who notifies them. */
const STEADY: Mix = { ...ACTIVE, timedEvent: 0, hlt: 0, xsetbv: 0, undeclared: 0 };

/** Decides how subject `high` is kept apart from subject `low`, from what the policy permits. */
export function pairPlan(context: CheckContext, found: Workbench, high: string, low: string, startTsc: number, endTsc: number): PairPlan {
  const excluded = exclusion(context, found, high, low);
  if (excluded !== '') return { excluded };
  const vocabulary = (name: string): Vocabulary => found.vocabularies.find(row => row.subject === name)!;
  const seats = seatsOf(context);
  const lowSeat = seats.get(low)!;
  const shareTime = (a: string, b: string): boolean => seats.get(a)!.partition === seats.get(b)!.partition;
  const mine = vocabulary(high);
  // What the policy permits `high` to do to time or control of `low` is held fixed: it does not do it in either run.
  const mayNotify = (target: string, mode: string): boolean =>
    target === '' || (!shareTime(target, low) && !(mode === 'ipi' && seats.get(target)!.cpu === lowSeat.cpu));
  const usable = (rows: readonly Notification[]): readonly Notification[] => rows.filter(row => mayNotify(row.target, row.mode));
  const restricted: Vocabulary = { ...mine, vmcalls: usable(mine.vmcalls), traps: usable(mine.traps) };
  const notified = new Set([...restricted.vmcalls, ...restricted.traps].map(row => row.target));
  const others = found.vocabularies.flatMap(row => {
    if (row.subject === high || row.subject === low) return [];
    // Whoever `high` may influence directly stays silent, so that only the direct edge is under test.
    if (shareTime(row.subject, high) || notified.has(row.subject)) return [];
    const steady: Vocabulary = {
      ...row,
      vmcalls: row.vmcalls.filter(call => call.action === 'none'),
    };
    return [{ subject: row.subject, decoder: operationDecoder(steady, STEADY, startTsc, endTsc) }];
  });
  return {
    high: operationDecoder(restricted, ACTIVE, startTsc, endTsc),
    low: operationDecoder(vocabulary(low), { ...ACTIVE, read: 12 }, startTsc, endTsc),
    others,
    preludes: joinPreludes([handbacks(context, found, high), prelude(context, found, low), prelude(context, found, high)]),
  };
}

function exclusion(context: CheckContext, found: Workbench, high: string, low: string): string {
  const direct = found.flows.allowsDirect(high, low);
  const first = direct[0];
  if (first !== undefined) return `permitted flow: ${first.mechanism} ${first.via} (line ${first.lines[0] ?? 0})`;
  if (found.flows.samePartition(high, low)) return 'shares a scheduling partition: sleep, yield and round robin are visible by design';
  const writesInterface = context.document.subjects
    .find(row => row.name === high)
    ?.memory.some(mapping => mapping.writable && context.document.memory.some(region => region.name === mapping.physical && region.type === 'kernel_interface'));
  return writesInterface === true ? 'chooses the major frame for the whole system (kernel interface page)' : '';
}

interface Seat {
  readonly partition: number;
  readonly cpu: number;
}

function seatsOf(context: CheckContext): ReadonlyMap<string, Seat> {
  const seats = new Map<string, Seat>();
  for (const partition of context.document.scheduling.partitions) {
    for (const group of partition.groups) {
      for (const subject of group.subjects) seats.set(subject.name, { partition: partition.id, cpu: partition.cpu });
    }
  }
  return seats;
}

type Preludes = ReadonlyMap<string, readonly Operation[]>;

/** Later preludes of a subject come first: the way to the CPU, then handing back. */
function joinPreludes(parts: readonly Preludes[]): Preludes {
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
  return [...steps.filter(step => step.targetAction !== 'reset'), ...steps.filter(step => step.targetAction === 'reset')];
};

/** How often a silent member of a group hands the CPU back. */
const HANDBACKS = 6;

/** Members of the group of `subject` give the CPU back to it as soon as they have it. */
function handbacks(context: CheckContext, found: Workbench, subject: string): Preludes {
  const back = new Map<string, readonly Operation[]>();
  for (const member of groupOf(context, subject)) {
    const step = handoversOf(found, member).find(row => row.target === subject);
    if (member !== subject && step !== undefined) back.set(member, Array.from({ length: HANDBACKS }, () => operationOf(step)));
  }
  return back;
}

/** Way of a subject to the CPU: started by its monitor if it waits for that, else by the shortest chain of handovers from the first of its group. */
function prelude(context: CheckContext, found: Workbench, subject: string): Preludes {
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
  for (let step = cameFrom.get(subject); step !== undefined; step = cameFrom.get(step.from)) path.set(step.from, [step.operation]);
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
    const state = context.document.subjects.find(row => row.name === member)?.memory.find(row => row.physical === `${subject}|state` && row.writable);
    const resume = handoversOf(found, member).find(row => row.target === subject && row.kind === 'vmcall');
    if (state === undefined || resume === undefined) continue;
    const start: Operation = { kind: 'write', address: state.virtualAddress + STATE_CR4_OFFSET, sizeBytes: 4, low: (cr4 | CR4_VMXE) >>> 0, high: 0 };
    path.set(member, [start, operationOf(resume)]);
    return path;
  }
  return path;
}
