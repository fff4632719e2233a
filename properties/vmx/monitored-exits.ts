import { codeVocabulary } from '../../src/arbitraries/machine-code/code-vocabulary.ts';
import { CodeWriter, Reg } from '../../src/arbitraries/machine-code/code-writer.ts';
import type { CheckContext, Failure, ScenarioSoftware, Task, TaskResult } from '../../src/engine/property.ts';
import type { Cpu } from '../../src/impl/cpu.ts';
import { guestRip } from '../../src/impl/hosted-subject.ts';
import { hexOfBytes } from '../../src/impl/machine-code/code-image.ts';
import { cyclesPerInstruction } from '../../src/impl/time-model.ts';
import { Vmcs, vmcsWord } from '../../src/impl/vmx/vmcs.ts';
import { type MonitoredRegisters, type MonitorFacts, monitoredExit } from '../../src/model/subject-monitor.ts';
import type { RunSpec, SubjectProgram } from '../../src/trace/trace.ts';
import { hpa } from '../../src/units/address.ts';
import { joinBig } from '../../src/units/word.ts';
import { type RunFinding, runProperty } from '../run-property.ts';
import { subjectLine, type Workbench } from '../workbench.ts';

const ID = 'vmx/monitored-exits';
const MONITOR = 'sm';
const CR0 = vmcsWord('GUEST_CR0');
const OPERATIONS_PER_FRAME = 500;
const MAJOR_FRAMES = 3;
const MAX_KERNEL_STEPS = 60;
/** Exits that come from outside. */
const PLATFORM_EXITS: readonly number[] = [1, 7, 52];

interface Case {
  readonly name: string;
  /** EAX and ECX before the instruction. */
  readonly eax: number;
  readonly ecx: number;
  readonly code: readonly number[];
}

const leaf = (eax: number, ecx = 0): Case => ({
  name: `CPUID ${eax.toString(16)}.${ecx}`,
  eax,
  ecx,
  code: [0x0f, 0xa2],
});
const rdmsr = (ecx: number): Case => ({ name: `RDMSR ${ecx.toString(16)}`, eax: 0x5555, ecx, code: [0x0f, 0x32] });
/** MOV DX, port; IN or OUT with AL, AX or EAX. */
function port(number: number, sizeBytes: 1 | 2 | 4, isInput: boolean): Case {
  const opcode = (isInput ? 0xec : 0xee) | (sizeBytes === 1 ? 0 : 1);
  return {
    name: `${isInput ? 'IN' : 'OUT'} of ${sizeBytes} at ${number.toString(16)}`,
    eax: 0x1234_5678,
    ecx: 0,
    code: [0x66, 0xba, number & 0xff, number >>> 8, ...(sizeBytes === 2 ? [0x66] : []), opcode],
  };
}
const plain = (name: string, code: readonly number[], eax = 0x31): Case => ({ name, eax, ecx: 0, code });

/** One of each kind that a Linux meets, and the borders between kinds. */
const CASES: readonly Case[] = [
  ...[0, 1, 2, 3, 5, 0xd, 0x4000_0000, 0x8000_0000, 0x8000_0001, 0x8000_0002, 0x8000_0007, 0x8000_0008].map(eax =>
    leaf(eax),
  ),
  leaf(1, 7),
  leaf(4, 0),
  leaf(4, 1),
  leaf(4, 9),
  leaf(7, 0),
  leaf(7, 1),
  leaf(7, 2),
  leaf(0xd, 1),
  leaf(0xd, 2),
  leaf(0xd, 9),
  ...[0x1a0, 0x10, 0x8b, 0x17, 0xc000_0103].map(rdmsr),
  plain('WRMSR', [0x0f, 0x30]),
  plain('RDTSC', [0x0f, 0x31]),
  plain('INVLPG', [0x0f, 0x01, 0x38]),
  plain('WBINVD', [0x0f, 0x09]),
  plain('MOV DR0, EAX', [0x0f, 0x23, 0xc0]),
  plain('MOV CR0, EAX without NE', [0x0f, 0x22, 0xc0], 0x11),
  plain('MOV CR0, ECX', [0x0f, 0x22, 0xc1]),
  plain('a read of nothing', [0xa1, 0, 0, 0xff, 0x0f]),
  plain('a write to nothing', [0xa3, 0, 0, 0xff, 0x0f]),
  plain('INSB', [0x6c]),
  ...[0x20, 0x40, 0x41, 0x60, 0x62, 0x80, 0xcf8, 0x3f8, 0x3f9, 0x3fa, 0x3fd, 0x70, 0x71, 0x1234].map(at =>
    port(at, 1, true),
  ),
  port(0xcfc, 4, true),
  port(0xcfc, 2, true),
  port(0x3f9, 1, false),
  port(0x80, 1, false),
  port(0x70, 1, false),
];

/** A subject whose exits a stand-in for Muen's monitor handles from the start. */
interface Monitored {
  readonly subject: string;
  readonly monitor: ScenarioSoftware;
}

/** Programs that are software by name: of a scenario, or of a run. */
const softwareOf = (spec: RunSpec): readonly ScenarioSoftware[] =>
  spec.programs.flatMap(row => ('software' in row ? [row] : []));

function monitoredOf(context: CheckContext, software: readonly ScenarioSoftware[]): Monitored | undefined {
  const { document } = context;
  for (const row of software) {
    if (row.software !== MONITOR || row.parameters.loadEvent !== undefined) continue;
    // Of a monitor with other events or pages than it has here nothing is expected.
    const own = context.software.find(({ subject, software: name }) => subject === row.subject && name === MONITOR);
    if (own !== undefined && JSON.stringify(own.parameters) !== JSON.stringify(row.parameters)) continue;
    const holder = document.subjects.find(({ name }) => name === row.subject);
    const mapping = holder?.memory.find(({ virtualAddress }) => virtualAddress === Number(row.parameters.stateAddress));
    const subject = document.subjects.find(({ name }) => `${name}|state` === mapping?.physical);
    if (subject !== undefined && subject.vcpu.controls.proc2.EnableEPT === 1)
      return { subject: subject.name, monitor: row };
  }
  return undefined;
}

function factsOf({ monitor }: Monitored): Omit<MonitorFacts, 'frameEnd'> {
  const lines = String(monitor.parameters.cpuid ?? '')
    .split('\n')
    .filter(line => line !== '');
  const cpuid = lines.map(line => line.split(' ').map(Number) as [number, number, number, number, number, number]);
  return { cpuid, miscEnable: Number(monitor.parameters.miscEnable ?? 0) };
}

function specOf(
  context: CheckContext,
  found: Workbench,
  { subject }: Monitored,
  { eax, ecx, code }: Case,
): RunSpec | undefined {
  const { kernel, time } = found.bench.system;
  const words = found.vocabularies.find(row => row.subject === subject)!;
  const vocabulary = codeVocabulary(context.document, kernel.tables, words, true);
  if (vocabulary === undefined) return undefined;
  const writer = new CodeWriter(vocabulary.is64Bit).set(Reg.bx, 0xbbbb_bbbb).set(Reg.dx, 0xdddd_dddd);
  writer
    .set(Reg.ax, eax)
    .set(Reg.cx, ecx)
    .emit(...code, 0xeb, 0xfe);
  const others = context.software.filter(row => row.subject !== subject).map((row): SubjectProgram => row);
  return {
    cyclesPerInstruction: cyclesPerInstruction(time, OPERATIONS_PER_FRAME),
    endTsc: time.startTsc + MAJOR_FRAMES * kernel.tables.majorFrames[0]!.periodCycles,
    maxKernelSteps: MAX_KERNEL_STEPS,
    programs: [
      ...others,
      { subject, machineCode: [{ address: vocabulary.entry, hex: hexOfBytes(Uint8Array.from(writer.bytes)) }] },
    ],
    interrupts: [],
    interleavings: [],
  };
}

function registersOf(cpu: Cpu): MonitoredRegisters {
  const register = (index: number): bigint => joinBig(cpu.registers[2 * index]!, cpu.registers[2 * index + 1]!);
  const cr0 = joinBig(cpu.vmread(CR0), cpu.vmread(CR0 + 1));
  return { rax: register(1), rbx: register(2), rcx: register(3), rdx: register(4), cr0 };
}

interface Seen {
  readonly what: string;
  readonly exits: number;
  readonly resumed: number;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

function differenceOf(expected: MonitoredRegisters, seen: MonitoredRegisters): string {
  const names = ['rax', 'rbx', 'rcx', 'rdx', 'cr0'] as const;
  const wrong = names.find(name => expected[name] !== seen[name]);
  return wrong === undefined ? '' : `${wrong.toUpperCase()} is ${hex(seen[wrong])} instead of ${hex(expected[wrong])}`;
}

/** Runs a case up to the point where the subject goes on after its first exit, or the end. */
function observe(context: CheckContext, found: Workbench, spec: RunSpec): Seen {
  const monitored = monitoredOf(context, softwareOf(spec));
  const loaded = found.bench.load(spec);
  if (monitored === undefined || !loaded.ok) return { what: '', exits: 0, resumed: 0 };
  const { system } = found.bench;
  const { memory, kernel } = system;
  const id = kernel.tables.subjects.find(row => row.name === monitored.subject)!.id;
  const scheduling = context.document.memory.find(
    row => row.name === `scheduling_info_${kernel.tables.subjects[id]!.partition}`,
  )!.physicalAddress;
  let exit:
    | {
        readonly reason: number;
        readonly rip: number;
        readonly length: number;
        readonly what: ReturnType<typeof monitoredExit>;
        /** Registers afterwards, if the monitor looks at the end of a frame. */
        readonly registersFor: (frameEnd: bigint) => MonitoredRegisters;
      }
    | undefined;
  let what = '';
  let resumed = 0;
  const frameEnd = (): bigint =>
    joinBig(memory.readWordAt(hpa(scheduling + 8)), memory.readWordAt(hpa(scheduling + 12)));
  system.observer = {
    onExit(cpu, subject, reason) {
      if (subject !== id || exit !== undefined || PLATFORM_EXITS.includes(reason)) return;
      const facts = factsOf(monitored);
      const qualification = cpu.vmread(Vmcs.exitQualification);
      const before = registersOf(cpu);
      const outcomeFor = (end: bigint) => monitoredExit({ ...facts, frameEnd: end }, { reason, qualification }, before);
      exit = {
        reason,
        rip: guestRip(cpu),
        length: cpu.vmread(Vmcs.exitInstructionLength),
        what: outcomeFor(frameEnd()),
        registersFor: end => outcomeFor(end).registers,
      };
    },
    onEntry(cpu, subject) {
      if (subject !== id || exit === undefined || resumed > 0) return;
      resumed += 1;
      const { registers, resumes } = exit.what;
      const named = `after exit ${exit.reason} ${monitored.subject}`;
      if (!resumes) what = `${named} goes on, which its monitor gives up`;
      else if (guestRip(cpu) !== exit.rip + exit.length)
        what = `${named} goes on at ${hex(BigInt(guestRip(cpu)))} instead of behind the instruction`;
      else {
        // A monitor that starts, or waits for the time, handles the exit in a later frame than that of the exit.
        const later = differenceOf(exit.registersFor(frameEnd()), registersOf(cpu));
        const difference = later === '' ? '' : differenceOf(registers, registersOf(cpu));
        if (difference !== '') what = `${named} goes on where ${difference}`;
      }
    },
  };
  while (resumed === 0 && system.step());
  system.observer = {};
  // A subject that has not gone on when a run is cut short may be on its way.
  const isLost = exit?.what.resumes === true && resumed === 0 && hasTime(context, found, spec);
  if (isLost && what === '') what = `${monitored.subject} does not go on after exit ${exit?.reason ?? 0}`;
  return { what, exits: exit === undefined ? 0 : 1, resumed };
}

/** The run is as long as the property makes it, and everyone takes part who has a part in the emulation. */
function hasTime(context: CheckContext, found: Workbench, spec: RunSpec): boolean {
  const { time, kernel } = found.bench.system;
  const wanted = time.startTsc + MAJOR_FRAMES * kernel.tables.majorFrames[0]!.periodCycles;
  const names = new Set(softwareOf(spec).map(({ subject }) => subject));
  const timed = context.document.subjects.filter(({ memory }) =>
    memory.some(({ logical }) => logical.startsWith('time_export')),
  );
  return (
    spec.endTsc >= wanted &&
    spec.cyclesPerInstruction <= cyclesPerInstruction(time, OPERATIONS_PER_FRAME) &&
    spec.maxKernelSteps >= MAX_KERNEL_STEPS &&
    timed.every(({ name }) => names.has(name))
  );
}

function judge(context: CheckContext, found: Workbench, spec: RunSpec): RunFinding {
  const { what } = observe(context, found, spec);
  const subject = monitoredOf(context, softwareOf(spec))?.subject ?? '';
  const line = subjectLine(context, subject);
  return {
    what,
    explanation:
      what === ''
        ? []
        : [`Let ${subject} execute an instruction that its monitor emulates.`, `Then ${what}: a contradiction.`],
    policyLines: line === 0 ? [] : [line],
    step: found.bench.system.kernelSteps,
  };
}

function runSlice(
  context: CheckContext,
  found: Workbench,
  _task: Task,
  explain: (spec: RunSpec) => Failure,
): TaskResult {
  const monitored = monitoredOf(context, context.software);
  const empty = { runs: 0, steps: 0, states: 0, witnesses: {}, unspecified: {} };
  if (monitored === undefined) return empty;
  let steps = 0;
  let exits = 0;
  let resumed = 0;
  for (const [index, row] of CASES.entries()) {
    const spec = specOf(context, found, monitored, row);
    if (spec === undefined) return empty;
    const seen = observe(context, found, spec);
    steps += found.bench.system.kernelSteps;
    exits += seen.exits;
    resumed += seen.resumed;
    const result = { ...empty, runs: index + 1, steps, states: index + 1, witnesses: { exit: exits, resumed } };
    if (seen.what !== '') return { ...result, failure: explain(spec) };
  }
  return { ...empty, runs: CASES.length, steps, states: CASES.length, witnesses: { exit: exits, resumed } };
}

/** Every kind of exit that a stand-in for the subject monitor emulates, beside a model of it. */
export const monitoredExits = runProperty({
  id: ID,
  area: 'vmx',
  claim:
    'What a Linux subject may not do itself is emulated as its monitor is specified, and the subject goes on behind the instruction.',
  method: 'enumerated exits of machine code',
  runsKernel: true,
  passes: 'exhausted',
  witnesses: [
    { id: 'exit', description: 'a VM exit that the monitor was handed' },
    { id: 'resumed', description: 'the subject went on' },
  ],
  killedBy: [
    'monitor-cpuid-unmasked',
    'monitor-cache-leaf',
    'monitor-rdmsr-stale',
    'monitor-real-time',
    'monitor-numeric-error',
  ],
  alsoNotApplicable: context =>
    monitoredOf(context, context.software) === undefined
      ? 'no virtual machine runs under a stand-in for the subject monitor from its start'
      : '',
  tasks: () => [{ property: ID, index: 0, slice: {} }],
  runSlice,
  judge,
});
