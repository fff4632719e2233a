import { endsSystem, type KernelConfig, type SourceEvent } from '../model/kernel-config.ts';
import type { RecordedKernel } from './recorded-kernel.ts';
import type { RecordedLine } from './recorded-line.ts';
import type { SerialState } from './serial-kernel.ts';

/** Cycles between two lines that are not at the end of a frame. */
const GAP_CYCLES = 1000;
/** A basic exit reason and a VMCALL number that no table has. */
const UNKNOWN_TRAP = 64;
const UNKNOWN_VMCALL = 64;
/** A host vector that no device has: routed interrupts end at 252. */
const UNROUTED_VECTOR = 253;

/** Basic exit reasons that the kernel handles itself: NMI, interrupt, interrupt window, VMCALL, machine check, timer, XSETBV. */
const HANDLED_BEFORE: readonly number[] = [0, 1, 7, 18, 41, 52, 55];

const isDeclared = ({ action, target }: SourceEvent): boolean => action !== 0 || target >= 0;

/** Numbers of the declared entries. */
export const declared = (table: readonly SourceEvent[]): number[] =>
  table.flatMap((entry, number) => (isDeclared(entry) ? [number] : []));

/** Traps of a subject that go on, and the first one that ends the system: most tables are filled with those. */
export function telltaleTraps(config: KernelConfig, subject: number): number[] {
  const table = config.traps[subject]!;
  const goesOn = declared(table).filter(number => !endsSystem(table[number]!.action));
  const first = table.findIndex(({ action }, number) => endsSystem(action) && !HANDLED_BEFORE.includes(number));
  return first < 0 ? goesOn : [...goesOn, first];
}

/** First number that the table does not declare, or -1. */
const undeclared = (table: readonly SourceEvent[]): number => table.findIndex(entry => !isDeclared(entry));

/** What a subject can do by itself. */
function subjectInputs(config: KernelConfig, subject: number): Pick<RecordedLine, 'event' | 'number'>[] {
  const calls = config.vmcalls[subject]!;
  const quiet = undeclared(calls);
  return [
    ...declared(calls).map(number => ({ event: 'vmcall', number }) as const),
    ...(quiet < 0 ? [] : [{ event: 'vmcall', number: quiet } as const]),
    { event: 'vmcall', number: UNKNOWN_VMCALL },
    ...telltaleTraps(config, subject).map(number => ({ event: 'trap', number }) as const),
    { event: 'trap', number: UNKNOWN_TRAP },
    // x87 alone is always allowed, nothing at all never.
    { event: 'xsetbv', number: 1 },
    { event: 'xsetbv', number: 0 },
    { event: 'nmi' },
    { event: 'machineCheck' },
  ];
}

/** Timed events: one that is due with the next minor frame, and one a major frame later. */
function timedInputs(config: KernelConfig, subject: number, frameEnd: number, major: number) {
  const numbers = declared(config.vmcalls[subject]!);
  const quiet = undeclared(config.vmcalls[subject]!);
  return [...(quiet < 0 ? [] : [quiet]), ...numbers].flatMap(number => [
    { event: 'timedEvent', number, trigger: frameEnd } as const,
    { event: 'timedEvent', number, trigger: frameEnd + config.periodsCycles[major]! } as const,
  ]);
}

/** Every line that can come next, in a fixed order: no CPU runs past the end of its frame, and time goes on. */
export function nextInputs(kernel: RecordedKernel, { state, tsc }: SerialState): RecordedLine[] {
  const { config } = kernel;
  const cpus = Array.from({ length: config.cpuCount }, (_, cpu) => cpu).filter(
    cpu => kernel.seen(state, cpu) !== undefined,
  );
  if (kernel.ending(state) !== undefined || cpus.length === 0) return [];
  const ends = cpus.map(cpu => kernel.frameEnd(state, cpu));
  const firstEnd = Math.min(...ends);
  const soon = tsc + GAP_CYCLES;
  const lines: RecordedLine[] = [];
  cpus.forEach((cpu, at) => {
    const end = ends[at]!;
    if (end === firstEnd || end <= tsc) lines.push({ cpu, tsc: Math.max(tsc, end), event: 'timerExpiry' });
  });
  if (soon >= firstEnd) return lines;
  for (const cpu of cpus) {
    const its = kernel.kernel(state);
    const subject = config.subjectNames.indexOf(kernel.subjectOf(state, cpu));
    if (!its.cpus[cpu]!.halted) {
      lines.push(...subjectInputs(config, subject).map(input => ({ cpu, tsc: soon, ...input })));
      const timed = timedInputs(config, subject, kernel.frameEnd(state, cpu), its.major);
      lines.push(...timed.map(input => ({ cpu, tsc: soon, ...input })));
    }
    const vectors = config.routes.flatMap(({ subject: owner }, vector) =>
      owner >= 0 && config.subjectCpu[owner] === cpu ? [vector] : [],
    );
    for (const number of [...vectors, UNROUTED_VECTOR]) {
      lines.push({ cpu, tsc: soon, event: 'interrupt', number });
      lines.push({ cpu, tsc: soon, event: 'interrupt', number, interrupts: 0 });
    }
    if (its.subjects[subject]!.windowOpen) lines.push({ cpu, tsc: soon, event: 'interruptWindow' });
  }
  if (config.periodsCycles.length > 1)
    config.periodsCycles.forEach((_, number) => {
      lines.push({ cpu: 0, tsc: soon, event: 'majorRequest', number });
    });
  return lines;
}

/** True if nothing runs after the line. */
export function isEnding({ config }: RecordedKernel, subject: number, { event, number = 0 }: RecordedLine): boolean {
  if (event === 'nmi' || event === 'machineCheck') return true;
  const entry = event === 'trap' ? config.traps[subject]![number] : undefined;
  if (event === 'trap') return entry === undefined || endsSystem(entry.action);
  return event === 'vmcall' && endsSystem(config.vmcalls[subject]![number]?.action ?? 0);
}
