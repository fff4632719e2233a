import { nativeSubject, PANIC_TRAPS } from '../../../scenarios/native-subject.ts';
import type {
  EventDescription,
  KernelAction,
  MinorFrameDescription,
  PartitionDescription,
  SubjectDescription,
} from '../../../scenarios/policy-description.ts';
import { writePolicy } from '../../../scenarios/policy-writer.ts';
import { createSystem, installSoftware, systemDigest } from '../../../src/impl/create-system.ts';
import { scriptSoftware } from '../../../src/impl/hosted.ts';
import { ATOMIC_ACCESS_NAMES, type Kernel } from '../../../src/impl/muen/kernel-context.ts';
import { StateWord } from '../../../src/impl/muen/state-layout.ts';
import { defaultSeams, type Seams } from '../../../src/impl/seams.ts';
import type { System } from '../../../src/impl/system.ts';
import { roundUp } from '../../../src/impl/time-model.ts';
import { Vmcs } from '../../../src/impl/vmx/vmcs.ts';
import type { PolicyDocument } from '../../../src/policy/document.ts';
import type { Operation } from '../../../src/units/operation.ts';
import type { ExternalInterrupt, Interleaving } from '../../../src/units/schedule.ts';
import { bytesOf, parsed } from '../../policy/shared-files.ts';

/* Small kernels for examples: a policy in a few lines, programs as lists of operations, and a log of what happened. */

/** Every subject of a scene can sleep and yield by these calls. */
export const SLEEP = 60;
export const YIELD = 61;

/** TSC cycles of one scheduling tick of a scene. */
export const TICK_CYCLES = 240_000;

export interface Scene {
  /** Per CPU the partitions: names of the subjects of each group, the initial one first. A partition is named after its first subject. */
  readonly cpus: readonly (readonly (readonly (readonly string[])[])[])[];
  /** Per major frame and CPU the minor frames: partition and ticks. Without it each partition gets 2 ticks, the last one the rest of 8. */
  readonly frames?: readonly (readonly (readonly (readonly [partition: string, ticks: number])[])[])[];
  readonly events?: readonly EventDescription[];
  /** Changes of the generated subjects, by name. */
  readonly subjects?: Readonly<Record<string, Partial<SubjectDescription>>>;
}

const PERIOD_TICKS = 8;

function defaultFrames(partitions: readonly (readonly (readonly string[])[])[]): MinorFrameDescription[] {
  return partitions.map((groups, index) => {
    const isLast = index === partitions.length - 1;
    return { partition: groups[0]![0]!, ticks: isLast ? PERIOD_TICKS - 2 * index : 2 };
  });
}

/** Policy document of a scene. */
export function sceneDocument(scene: Scene): PolicyDocument {
  const { cpus, frames, events = [], subjects = {} } = scene;
  const names = cpus.flatMap((partitions, cpu) => partitions.flat(2).map(name => ({ name, cpu })));
  const kernelEvent = (name: string, action: KernelAction, id: number): EventDescription => ({
    name: `${name}_${action}`,
    mode: 'kernel',
    source: { subject: name, logical: action, id, action },
  });
  const partitions: PartitionDescription[] = cpus.flat().map(groups => ({ name: groups[0]![0]!, groups }));
  const text = writePolicy({
    name: 'scene',
    speedKhz: 2_400_000,
    tickRateHz: 10_000,
    vmxTimerRate: 5,
    subjects: names.map(({ name, cpu }) => ({ ...nativeSubject(name, cpu), ...subjects[name] })),
    channels: [],
    events: [
      ...events,
      ...names.flatMap(({ name }) => [
        kernelEvent(name, 'subject_sleep', SLEEP),
        kernelEvent(name, 'subject_yield', YIELD),
      ]),
    ],
    partitions,
    majorFrames: frames?.map(major =>
      major.map(minors => minors.map(([partition, ticks]) => ({ partition, ticks }))),
    ) ?? [cpus.map(defaultFrames)],
  });
  return parsed(bytesOf(text)).document;
}

/** The document with a device whose interrupt `subject` gets as `vector`; level-triggered ones are PCI without MSI. */
export function withDevice(
  document: PolicyDocument,
  subject: string,
  irq: number,
  vector: number,
  isLevel: boolean,
): PolicyDocument {
  const at = { line: 0, column: 1 };
  const parts = { at, memory: [], ioPorts: [], reservedMemory: [] };
  const pci = { at, bus: 0, device: 1, function: 0, msi: false };
  const physical = {
    ...parts,
    name: 'timer',
    irqs: [{ at, name: 'irq', number: irq, msis: [] }],
    capabilities: [],
    ...(isLevel ? { pci } : {}),
  };
  const logical = {
    ...parts,
    logical: 'timer',
    physical: 'timer',
    irqs: [{ at, logical: 'irq', physical: 'irq', vector, msis: [] }],
  };
  return {
    ...document,
    hardware: { ...document.hardware, devices: [...document.hardware.devices, physical] },
    subjects: document.subjects.map(row =>
      row.name === subject ? { ...row, devices: [...row.devices, logical] } : row,
    ),
  } as PolicyDocument;
}

/** Source event of a scene: a call of one subject that sets an event of another. */
export function callEvent(
  mode: 'async' | 'ipi' | 'self' | 'switch',
  source: string,
  id: number,
  target: string,
  more: Omit<NonNullable<EventDescription['target']>, 'subject' | 'logical'> = {},
): EventDescription {
  const name = `${source}_${id}_to_${target}`;
  return {
    name,
    mode,
    source: { subject: source, logical: name, id },
    target: { subject: target, logical: name, ...more },
  };
}

/** Traps of a subject that go to a monitor. */
export function trapsTo(
  subject: string,
  monitor: string,
): { readonly event: EventDescription; readonly subject: Partial<SubjectDescription> } {
  const name = `${subject}_trap`;
  return {
    event: { name, mode: 'switch', target: { subject: monitor, logical: name } },
    subject: { traps: { ...PANIC_TRAPS, event: name, panic: false } },
  };
}

export const vmcall = (low: number, high = 0): Operation => ({ kind: 'vmcall', low, high, cpl: 0 });
export const nop: Operation = { kind: 'nop' };
export const sti: Operation = { kind: 'sti' };
export const repeat = (count: number, operation: Operation): Operation[] =>
  Array.from({ length: count }, () => operation);
/** Sets the subject's own timed event. */
export const timedEvent = (triggerTsc: number, event: number): Operation => ({
  kind: 'timedEvent',
  low: triggerTsc >>> 0,
  high: Math.floor(triggerTsc / 2 ** 32),
  event,
});
/** Writes RCX, RDX and RAX and executes XSETBV. */
export const xsetbv = (value: number, index = 0, high = 0): Operation[] => [
  { kind: 'load', register: 3, low: index, high: 0 },
  { kind: 'load', register: 4, low: high, high: 0 },
  { kind: 'load', register: 1, low: value, high: 0 },
  { kind: 'exit', reason: 55, qualification: 0, interruptInfo: 0 },
];

/** Boots a document. */
export function boot(document: PolicyDocument, seams: Seams = defaultSeams): System {
  const system = createSystem(document, seams);
  if (!system.ok) throw new Error(system.error.map(({ message }) => message).join('\n'));
  return system.value;
}

export interface Input {
  readonly programs?: Readonly<Record<string, readonly Operation[]>>;
  /** Ticks to run; a whole period by default. */
  readonly ticks?: number;
  /** Operations per tick, 40 by default. */
  readonly operationsPerTick?: number;
  /** TSC relative to the start. */
  readonly interrupts?: readonly ExternalInterrupt[];
  readonly interleavings?: readonly Interleaving[];
  readonly maxKernelSteps?: number;
}

/** Something that happened, as text: `exit 18 alice`, `enter bob`, `retire nop alice`, `pendingSet`. */
export interface Entry {
  readonly cpu: number;
  /** TSC relative to the start. */
  readonly tsc: number;
  readonly text: string;
}

export interface Log {
  readonly entries: readonly Entry[];
  readonly digests: readonly string[];
  /** Texts of a CPU (or all) that match. */
  texts(pattern: RegExp, cpu?: number): string[];
}

/** Runs programs on a booted system and logs exits, accesses, entries and operations. */
export function run(system: System, input: Input): Log {
  const { tables } = system.kernel;
  const { startTsc } = system.time;
  const entries: Entry[] = [];
  const digests: string[] = [];
  const nameOf = (subject: number): string => tables.subjects[subject]?.name ?? '?';
  const note = (cpu: { id: number; tsc: number }, text: string): void => {
    entries.push({ cpu: cpu.id, tsc: cpu.tsc - startTsc, text });
  };
  const software = Object.entries(input.programs ?? {}).map(
    ([name, operations]) => [idOf(system, name), scriptSoftware(operations)] as const,
  );
  installSoftware(system, new Map(software));
  system.observer = {
    onExit: (cpu, subject, reason) => note(cpu, `exit ${reason & 0xffff} ${nameOf(subject)}`),
    onSegment: (cpu, access) => {
      if (access !== 0) note(cpu, ATOMIC_ACCESS_NAMES[access]!);
    },
    onEntry: (cpu, subject) => {
      const info = cpu.vmread(Vmcs.entryInterruptInfo);
      note(cpu, `enter ${nameOf(subject)}${info >= 0x8000_0000 ? ` inject ${info & 0xff}` : ''}`);
      digests.push(systemDigest(system));
    },
    onOperation: (cpu, subject, hosted) => note(cpu, `retire ${hosted.operation?.kind} ${nameOf(subject)}`),
  };
  const ticks = input.ticks ?? PERIOD_TICKS;
  system.begin({
    cyclesPerInstruction: roundUp(TICK_CYCLES / (input.operationsPerTick ?? 40), system.time.unitCycles),
    endTsc: startTsc + ticks * TICK_CYCLES,
    maxKernelSteps: input.maxKernelSteps ?? 10_000,
    interrupts: (input.interrupts ?? []).map(row => ({ ...row, tsc: row.tsc + startTsc })),
    interleavings: input.interleavings ?? [],
  });
  system.run();
  system.observer = {};
  return {
    entries,
    digests,
    texts: (pattern, cpu) =>
      entries
        .filter(entry => (cpu === undefined || entry.cpu === cpu) && pattern.test(entry.text))
        .map(({ text }) => text),
  };
}

/** Id of a subject by name. */
export function idOf(system: System, name: string): number {
  const found = system.kernel.tables.subjects.find(subject => subject.name === name);
  if (found === undefined) throw new Error(`no subject ${name}`);
  return found.id;
}

/** Word of a subject's state page. */
export const stateWord = (system: System, name: string, word: keyof typeof StateWord): number =>
  system.memory.readWord(system.kernel.at.stateSlots[idOf(system, name)]!, StateWord[word]);

/** Pending events of a subject, as numbers. */
export function pendingEvents({ kernel, memory }: System, subject: number): number[] {
  const word = (event: number): number =>
    memory.readWord(kernel.at.globalSlot, kernel.at.pendingBase + 2 * subject + (event >>> 5));
  return Array.from({ length: 64 }, (_, event) => event).filter(event => (word(event) & (1 << (event & 31))) !== 0);
}

/** Pending vectors of a subject. */
export function pendingVectors(
  { kernel, memory }: { kernel: Kernel; memory: System['memory'] },
  subject: number,
): number[] {
  const word = (vector: number): number => memory.readWord(kernel.at.interruptSlots[subject]!, vector >>> 5);
  return Array.from({ length: 256 }, (_, vector) => vector).filter(
    vector => (word(vector) & (1 << (vector & 31))) !== 0,
  );
}
