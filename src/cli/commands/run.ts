import type { System } from '../../impl/system.ts';
import type { PolicyDocument } from '../../policy/document.ts';
import { TestBench } from '../../refinement/test-bench.ts';
import { toJson } from '../../trace/json.ts';
import { groupDigits, layoutTable } from '../../trace/text.ts';
import type { RunSpec } from '../../trace/trace.ts';
import { printable } from '../../units/printable.ts';
import type { Command, Environment } from '../command.ts';
import { type Console, consolesOf } from '../consoles.ts';
import { givenFiles } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { contentsOf, filesOption, withFiles } from '../files-input.ts';
import { printFindings, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION } from '../options.ts';
import { type PolicyInput, readPolicyInput } from '../policy-input.ts';
import { SOURCE_OPTIONS } from '../source-input.ts';

const DEFAULT_FRAMES = 10;
const MAX_KERNEL_STEPS = 10_000_000;
/** Operations that fit into the shortest minor frame: enough for a message, few enough that a run stays quick. */
const OPERATIONS_PER_FRAME = 1000;
/** Actions of the system between two looks at the consoles. */
const LOOK_EVERY = 256;

interface ConsoleLine {
  readonly tsc: number;
  readonly ms: number;
  readonly subject: string;
  readonly text: string;
}

/** Runs `majorFrames` of the plan with the software of the scenario. */
function specOf(policy: PolicyInput, system: System, majorFrames: number): RunSpec {
  const { tables } = system.kernel;
  const { startTsc, unitCycles, shortestFrameCycles } = system.time;
  const longest = Math.max(...tables.majorFrames.map(({ periodCycles }) => periodCycles));
  const cycles = Math.floor(shortestFrameCycles / OPERATIONS_PER_FRAME / unitCycles) * unitCycles;
  return {
    cyclesPerInstruction: Math.max(unitCycles, cycles),
    endTsc: startTsc + majorFrames * longest,
    maxKernelSteps: MAX_KERNEL_STEPS,
    programs: policy.software.map(({ subject, software, parameters }) => ({ subject, software, parameters })),
    interrupts: [],
    interleavings: [],
  };
}

/** Runs to the end and hands on what appears on the consoles, in order of time. */
function watch(
  system: System,
  document: PolicyDocument,
  consoles: readonly Console[],
  show: (line: ConsoleLine) => void,
): void {
  const cyclesPerMs = document.hardware.processor.speedKhz;
  const look = (): void => {
    const tsc = Math.max(...system.cpus.map(cpu => cpu.tsc)) - system.time.startTsc;
    for (const console of consoles) {
      for (const text of console.read(system.memory))
        show({ tsc, ms: tsc / cyclesPerMs, subject: console.subject, text });
    }
  };
  for (let actions = 1; system.step(); actions++) if (actions % LOOK_EVERY === 0) look();
  look();
}

interface SubjectCount {
  readonly subject: string;
  readonly cpu: number;
  readonly operations: number;
  readonly exits: number;
}

/** Counts operations and exits of each subject while the system runs. */
function countSubjects(system: System): () => readonly SubjectCount[] {
  const { subjects } = system.kernel.tables;
  const operations = subjects.map(() => 0);
  const exits = subjects.map(() => 0);
  system.observer = {
    onOperation(_cpu, subject) {
      operations[subject]! += 1;
    },
    onExit(_cpu, subject) {
      exits[subject]! += 1;
    },
  };
  return () =>
    subjects.map(({ id, name, cpu }) => ({ subject: name, cpu, operations: operations[id]!, exits: exits[id]! }));
}

function summary(system: System, counts: readonly SubjectCount[], ms: number): string {
  const { power, stopReason } = system.kernel.platform;
  const rows = counts.map(({ subject, cpu, operations, exits }) => [
    subject,
    `cpu${cpu}`,
    groupDigits(operations),
    groupDigits(exits),
  ]);
  const table = layoutTable([['subject', 'cpu', 'operations', 'exits'], ...rows], { right: [2, 3] });
  const end =
    power === 'running'
      ? ''
      : `\nthe system ended: ${printable(power)}${stopReason === '' ? '' : `, ${printable(stopReason)}`}`;
  return `${table.join('\n')}\n${ms.toFixed(3)} ms of virtual time, ${groupDigits(system.kernelSteps)} kernel steps${end}\n`;
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const catalogue = await environment.loadCatalogue();
  const input = readPolicyInput(args.positionals[0] ?? '', catalogue, args);
  if (!input.ok) return usageError(environment, 'run', input.error);
  const filed = withFiles(input.value, args.texts.get('files'));
  if (!filed.ok) return usageError(environment, 'run', filed.error);
  const policy = filed.value;
  const { document } = policy;
  const bench =
    document === undefined || !policy.valid
      ? undefined
      : TestBench.create(document, catalogue.seams, contentsOf(document, givenFiles(policy.files)).contents);
  if (document === undefined || bench === undefined || !bench.ok) {
    const findings = bench?.ok === false ? bench.error : policy.findings.filter(({ severity }) => severity === 'error');
    printFindings({ ...environment, stdout: environment.stderr }, policy.path, findings);
    return EXIT.invalid;
  }
  const frames = args.numbers.get('frames') ?? DEFAULT_FRAMES;
  const loaded = bench.value.load(specOf(policy, bench.value.system, frames));
  if (!loaded.ok) return usageError(environment, 'run', loaded.error);
  const system = loaded.value;
  const counts = countSubjects(system);
  const consoles = consolesOf(document, policy.software);
  const isJson = args.flags.has('json');
  const lines: ConsoleLine[] = [];
  watch(system, document, consoles, line => {
    if (isJson) lines.push(line);
    else
      environment.stdout(
        `[${line.ms.toFixed(3).padStart(9)} ms] ${printable(line.subject)}: ${printable(line.text)}\n`,
      );
  });
  const ms =
    (Math.max(...system.cpus.map(cpu => cpu.tsc)) - system.time.startTsc) / document.hardware.processor.speedKhz;
  if (isJson) {
    const { power, stopReason } = system.kernel.platform;
    environment.stdout(
      `${toJson({ policy: policy.path, virtualMs: ms, kernelSteps: system.kernelSteps, power, stopReason, lines, subjects: counts() })}\n`,
    );
  } else if (!args.flags.has('quiet')) {
    const without =
      consoles.length === 0
        ? 'no subject has a console: only Genode LOG services and debug-log channels are shown\n'
        : '';
    environment.stderr(`${without}${summary(system, counts(), ms)}`);
  }
  return EXIT.holds;
}

export const runCommand: Command = {
  name: 'run',
  summary: 'boot a scenario and show the consoles of its subjects for a virtual time',
  operands: '<scenario | policy.xml>',
  minOperands: 1,
  maxOperands: 1,
  options: [
    {
      name: 'frames',
      kind: 'count',
      placeholder: 'n',
      min: 1,
      max: 100_000,
      help: `major frames to run (default ${DEFAULT_FRAMES})`,
    },
    filesOption('subjects run them'),
    JSON_OPTION,
    ...SOURCE_OPTIONS,
    ...COMMON_OPTIONS,
  ],
  examples: ['run genode-log', 'run log-proxy --frames 50 --json'],
  run,
};
