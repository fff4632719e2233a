import { type Mix, type OperationDecoder, operationDecoder } from '../../src/arbitraries/decode-operation.ts';
import type { Notification, Vocabulary } from '../../src/arbitraries/vocabulary.ts';
import type { CheckContext } from '../../src/engine/property.ts';
import { dmaGrants, dmaSources } from '../../src/model/dma-grants.ts';
import { subjectGrants } from '../../src/model/grants.ts';
import type { Operation } from '../../src/units/operation.ts';
import { handbacks, joinPreludes, prelude } from '../preludes.ts';
import type { Workbench } from '../workbench.ts';

/** How an ordered pair of subjects is tested, or why it is not. */
export type PairPlan =
  | { readonly excluded: string }
  | {
      readonly high: OperationDecoder;
      /** What programs of `high` may use. */
      readonly highWords: Vocabulary;
      readonly low: OperationDecoder;
      /** Third parties that run programs of their own; the others stay silent. */
      readonly others: readonly { readonly subject: string; readonly decoder: OperationDecoder }[];
      /** Operations before all others, by subject: what it takes to get `high` and `low` onto the CPU. */
      readonly preludes: ReadonlyMap<string, readonly Operation[]>;
    };

const ACTIVE: Mix = {
  read: 6,
  write: 6,
  probe: 0,
  vmcall: 6,
  undeclared: 2,
  userVmcall: 0,
  trap: 2,
  xsetbv: 1,
  unknownExit: 0,
  timedEvent: 1,
  hlt: 1,
  rdtsc: 1,
  load: 3,
  sti: 2,
  cli: 1,
  nop: 1,
  stop: 0,
  fpu: 2,
  msr: 2,
  port: 3,
  controlRegister: 1,
};
/** Leaves traces in all state that is its own. */
const HIGH: Mix = { ...ACTIVE, mark: 12 };
/** Has its devices move memory as well, where it has any. */
const HIGH_WITH_DEVICES: Mix = { ...HIGH, dma: 16 };
/** Looks at everything that it can see. */
const LOW: Mix = { ...ACTIVE, read: 12, mark: 1, survey: 14 };
/** Third parties never sleep and keep no clock, so that what they do does not depend on who notifies them. */
const STEADY: Mix = { ...ACTIVE, timedEvent: 0, hlt: 0, xsetbv: 0, undeclared: 0 };

/** Decides how subject `high` is kept apart from subject `low`, from what the policy permits. */
export function pairPlan(
  context: CheckContext,
  found: Workbench,
  high: string,
  low: string,
  startTsc: number,
  endTsc: number,
): PairPlan {
  const excluded = exclusion(context, found, high, low);
  if (excluded !== '') return { excluded };
  const vocabulary = (name: string): Vocabulary => found.vocabularies.find(row => row.subject === name)!;
  const seats = seatsOf(context);
  const lowSeat = seats.get(low)!;
  const shareTime = (a: string, b: string): boolean => seats.get(a)!.partition === seats.get(b)!.partition;
  const mine = vocabulary(high);
  // What the policy permits `high` to do to time or control of `low` is held fixed: it does not do it in either run.
  // So is what `low` sees of a third subject through its pages: an event changes them.
  const isMonitored = (target: string): boolean =>
    context.document.subjects
      .find(row => row.name === low)
      ?.memory.some(({ physical }) => physical === `${target}|state` || physical === `${target}|interrupts`) === true;
  const mayNotify = (target: string, mode: string): boolean =>
    target === '' ||
    (!shareTime(target, low) && !isMonitored(target) && !(mode === 'ipi' && seats.get(target)!.cpu === lowSeat.cpu));
  const usable = (rows: readonly Notification[]): readonly Notification[] =>
    rows.filter(row => mayNotify(row.target, row.mode));
  const restricted: Vocabulary = { ...mine, vmcalls: usable(mine.vmcalls), traps: usable(mine.traps) };
  const notified = new Set([...restricted.vmcalls, ...restricted.traps].map(row => row.target));
  const others = found.vocabularies.flatMap(row => {
    if (row.subject === high || row.subject === low) return [];
    // Whoever `high` may influence directly stays silent, so that only the direct edge is under test.
    if (shareTime(row.subject, high) || notified.has(row.subject)) return [];
    if (dmaReach(context, high, row.subject) !== '') return [];
    const steady: Vocabulary = {
      ...row,
      vmcalls: row.vmcalls.filter(call => call.action === 'none'),
    };
    return [{ subject: row.subject, decoder: operationDecoder(steady, STEADY, startTsc, endTsc) }];
  });
  return {
    high: operationDecoder(restricted, mine.dma.length > 0 ? HIGH_WITH_DEVICES : HIGH, startTsc, endTsc),
    highWords: restricted,
    low: operationDecoder(vocabulary(low), LOW, startTsc, endTsc),
    others,
    preludes: joinPreludes([
      handbacks(context, found, high),
      prelude(context, found, low),
      prelude(context, found, high),
    ]),
  };
}

function exclusion(context: CheckContext, found: Workbench, high: string, low: string): string {
  const direct = found.flows.allowsDirect(high, low);
  const first = direct[0];
  if (first !== undefined) return `permitted flow: ${first.mechanism} ${first.via} (line ${first.lines[0] ?? 0})`;
  const dma = dmaReach(context, high, low);
  if (dma !== '') return dma;
  if (found.flows.samePartition(high, low))
    return 'shares a scheduling partition: sleep, yield and round robin are visible by design';
  const writesInterface = context.document.subjects
    .find(row => row.name === high)
    ?.memory.some(
      mapping =>
        mapping.writable &&
        context.document.memory.some(region => region.name === mapping.physical && region.type === 'kernel_interface'),
    );
  return writesInterface === true ? 'chooses the major frame for the whole system (kernel interface page)' : '';
}

/** How a device of `high` writes memory that `low` has, empty if none does. */
function dmaReach({ document }: CheckContext, high: string, low: string): string {
  const own = document.subjects.find(row => row.name === high)?.devices.map(({ physical }) => physical) ?? [];
  const subject = document.subjects.find(row => row.name === low);
  const seen = subject === undefined ? [] : subjectGrants(document, subject);
  for (const { name, domain, line } of dmaSources(document).filter(source => own.includes(source.name))) {
    const reached = dmaGrants(document, domain).filter(({ writable }) => writable);
    const isShared = reached.some(a => seen.some(b => a.pa < b.pa + b.sizeBytes && b.pa < a.pa + a.sizeBytes));
    if (isShared) return `permitted flow: DMA of ${name} (line ${line})`;
  }
  return '';
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
