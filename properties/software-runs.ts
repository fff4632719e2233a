import fc from 'fast-check';
import { type Mix, type OperationDecoder, operationDecoder } from '../src/arbitraries/decode-operation.ts';
import type { Notification, Vocabulary } from '../src/arbitraries/vocabulary.ts';
import type { CheckContext } from '../src/engine/property.ts';
import { cyclesPerInstruction } from '../src/impl/time-model.ts';
import type { Interleaving, RunSpec, SubjectProgram } from '../src/trace/trace.ts';
import type { Operation } from '../src/units/operation.ts';
import { handbacks, joinPreludes, type Preludes, prelude } from './preludes.ts';
import type { Workbench } from './workbench.ts';

/** What bystanders do: everything that does not stop the system. */
const BYSTANDERS: Mix = {
  read: 4,
  write: 4,
  probe: 0,
  vmcall: 6,
  undeclared: 1,
  userVmcall: 0,
  trap: 2,
  xsetbv: 1,
  unknownExit: 0,
  timedEvent: 1,
  hlt: 1,
  rdtsc: 1,
  load: 1,
  sti: 2,
  cli: 1,
  nop: 2,
  stop: 0,
  fpu: 2,
  msr: 1,
  port: 1,
  controlRegister: 1,
};
const BYSTANDER_OPERATIONS = 60;
const MAX_INTERLEAVINGS = 12;
const MAX_MAJOR_FRAMES = 48;
/** Operations that the shortest frame of a party holds. */
const FRAME_OPERATIONS: readonly number[] = [5, 12, 40, 120];
const MAX_OPERATIONS_PER_CPU = 5_000;
const MAX_KERNEL_STEPS = 4_000;

/** Speed and length of a run. */
export type Timing = Pick<RunSpec, 'cyclesPerInstruction' | 'endTsc' | 'maxKernelSteps'>;

/** Lengths of the minor frames in which a subject may run, in cycles, in the first major frame. */
function framesOfSubject({ document }: CheckContext, subject: string): readonly number[] {
  const { partitions, majorFrames, tickRateHz } = document.scheduling;
  const partition = partitions.find(row =>
    row.groups.some(group => group.subjects.some(member => member.name === subject)),
  );
  const cyclesPerTick = Math.floor((document.hardware.processor.speedKhz * 1000) / tickRateHz);
  return (majorFrames[0]?.cpus ?? []).flatMap(cpu =>
    cpu.minorFrames.filter(minor => minor.partition === partition?.name).map(minor => minor.ticks * cyclesPerTick),
  );
}

/**
 * Runs in which every party has about `operations` operations, in frames that hold few or many of them. Parties that get little of the
 * time get less, so that a run stays short.
 */
export function timingArbitrary(
  context: CheckContext,
  { bench }: Workbench,
  parties: readonly string[],
  operations: number,
): fc.Arbitrary<Timing> {
  const { time, kernel } = bench.system;
  const periodCycles = Math.min(...kernel.tables.majorFrames.map(frame => frame.periodCycles));
  const frames = parties.map(party => framesOfSubject(context, party));
  const shortestFrameCycles = Math.min(...frames.flat());
  const choices = FRAME_OPERATIONS.map(perFrame => {
    const cycles = cyclesPerInstruction({ ...time, shortestFrameCycles }, perFrame);
    const perMajorFrame = Math.min(...frames.map(own => own.reduce((sum, length) => sum + length / cycles, 0)));
    const wanted = Math.ceil(operations / perMajorFrame);
    const affordable = Math.floor((MAX_OPERATIONS_PER_CPU * cycles) / periodCycles);
    return { cycles, affordable, majorFrames: Math.min(MAX_MAJOR_FRAMES, wanted, Math.max(1, affordable)) };
  });
  const usable = choices.filter(({ affordable }) => affordable >= 1);
  return fc.constantFrom(...(usable.length > 0 ? usable : choices.slice(0, 1))).map(({ cycles, majorFrames }) => ({
    cyclesPerInstruction: cycles,
    endTsc: time.startTsc + majorFrames * periodCycles,
    maxKernelSteps: Math.min(MAX_KERNEL_STEPS, context.budget.maxSteps ?? MAX_KERNEL_STEPS),
  }));
}

/** Deviations from the default order of CPUs at atomic accesses of the kernel. */
export function interleavingsArbitrary({ bench }: Workbench): fc.Arbitrary<readonly Interleaving[]> {
  const { cpuCount } = bench.system.kernel.tables;
  if (cpuCount < 2) return fc.constant([]);
  const deviation = fc.record({ gap: fc.nat(24), cpu: fc.nat(cpuCount - 1) });
  return fc.array(deviation, { maxLength: MAX_INTERLEAVINGS, size: 'max' }).map(rows => {
    let point = 0;
    return rows.map(({ gap, cpu }) => {
      point += 1 + gap;
      return { point, cpu };
    });
  });
}

const groupOf = (context: CheckContext, subject: string): readonly string[] =>
  context.document.scheduling.partitions
    .flatMap(partition => partition.groups)
    .find(group => group.subjects.some(member => member.name === subject))
    ?.subjects.map(member => member.name) ?? [];

/** True if a subject gets the CPU whatever the others do: its group is the first of a planned partition, and it is its first or is handed over to. */
export function runsByItself(context: CheckContext, found: Workbench, subject: string): boolean {
  const { partitions, majorFrames } = context.document.scheduling;
  const partition = partitions.find(row => row.groups[0]?.subjects.some(member => member.name === subject) === true);
  if (partition === undefined) return false;
  const isPlanned = majorFrames[0]?.cpus.some(cpu => cpu.minorFrames.some(minor => minor.partition === partition.name));
  if (isPlanned !== true) return false;
  return groupOf(context, subject)[0] === subject || prelude(context, found, subject).size > 0;
}

/** What it takes to get all parties onto their CPUs, by subject. */
const preludesOf = (context: CheckContext, found: Workbench, parties: readonly string[]): Preludes =>
  joinPreludes(parties.flatMap(party => [handbacks(context, found, party), prelude(context, found, party)]));

interface Bystander {
  readonly subject: string;
  readonly decoder: OperationDecoder;
  /** Its software in the scenario, if there is one. */
  readonly software: SubjectProgram | undefined;
}

/**
 * Subjects that may do anything beside the parties of a run. Left out are those that the policy lets act on a party itself: members of its
 * group, and whoever may write its state, interrupts or timed event; nobody resets a party.
 */
function bystandersOf(
  context: CheckContext,
  found: Workbench,
  parties: readonly string[],
  endTsc: number,
): Bystander[] {
  const { kernel, time } = found.bench.system;
  const pages = kernel.tables.subjects
    .filter(subject => parties.includes(subject.name))
    .flatMap(subject => [subject.pages.state, subject.pages.interrupts, subject.pages.timedEvent]);
  const owned = new Set(
    context.document.memory.filter(region => pages.includes(region.physicalAddress)).map(region => region.name),
  );
  const members = new Set(parties.flatMap(party => groupOf(context, party)));
  const acts = (subject: string): boolean =>
    context.document.subjects
      .find(row => row.name === subject)
      ?.memory.some(mapping => mapping.writable && owned.has(mapping.physical)) === true;
  const harmless = (row: Notification): boolean => row.targetAction !== 'reset' || !parties.includes(row.target);
  return found.vocabularies
    .filter(({ subject }) => !members.has(subject) && !acts(subject))
    .map(vocabulary => {
      const allowed: Vocabulary = {
        ...vocabulary,
        vmcalls: vocabulary.vmcalls.filter(harmless),
        traps: vocabulary.traps.filter(harmless),
      };
      return {
        subject: vocabulary.subject,
        decoder: operationDecoder(allowed, BYSTANDERS, time.startTsc, endTsc),
        software: context.software.find(row => row.subject === vocabulary.subject),
      };
    });
}

/** Programs of everyone but the parties: ways to the CPU, the scenario's software, random operations or silence. */
export function othersArbitrary(
  context: CheckContext,
  found: Workbench,
  parties: readonly string[],
  endTsc: number,
): fc.Arbitrary<readonly SubjectProgram[]> {
  const ways: SubjectProgram[] = [...preludesOf(context, found, parties)]
    .filter(([subject]) => !parties.includes(subject))
    .map(([subject, operations]) => ({ subject, operations }));
  const bystanders = bystandersOf(context, found, parties, endTsc).filter(
    ({ subject }) => !ways.some(way => way.subject === subject),
  );
  if (bystanders.length === 0) return fc.constant(ways);
  const step = fc.tuple(fc.nat(bystanders.length - 1), fc.nat(0x7fff_ffff));
  return fc
    .record({
      steps: fc.array(step, { maxLength: BYSTANDER_OPERATIONS, size: 'max' }),
      keepsSoftware: fc.boolean(),
    })
    .map(({ steps, keepsSoftware }) => {
      const programs = bystanders.map((): Operation[] => []);
      for (const [index, word] of steps) programs[index]!.push(...bystanders[index]!.decoder.decode(word));
      const others = bystanders.flatMap(({ subject, software }, index): readonly SubjectProgram[] => {
        if (keepsSoftware && software !== undefined) return [software];
        const operations = programs[index]!;
        return operations.length === 0 ? [] : [{ subject, operations }];
      });
      return [...ways, ...others];
    });
}
