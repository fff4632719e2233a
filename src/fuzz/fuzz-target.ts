import { blockBytes, kindsFor, programBlocks } from '../arbitraries/machine-code/code-program.ts';
import { type CodeVocabulary, codeVocabulary } from '../arbitraries/machine-code/code-vocabulary.ts';
import { vocabularies } from '../arbitraries/vocabulary.ts';
import type { CheckContext } from '../engine/property.ts';
import { systemDigest } from '../impl/create-system.ts';
import { cyclesPerInstruction } from '../impl/time-model.ts';
import { ENTRY_FAILURE, MAX_TRAP } from '../impl/vmx/exit-reasons.ts';
import { Vmcs } from '../impl/vmx/vmcs.ts';
import type { TestBench } from '../refinement/test-bench.ts';
import { WatchedBench } from '../refinement/watched-run.ts';
import type { RunSpec, SubjectProgram } from '../trace/trace.ts';
import { err, ok, type Result } from '../units/result.ts';
import { Coverage, hitExit, hitModel, watchedSeams } from './coverage.ts';
import type { ExitInput, FuzzInput } from './fuzz-input.ts';
import { ALONE, operationsOf } from './fuzz-input.ts';
import { SurroundingsDecoder } from './surroundings.ts';

/** How far an execution goes. */
export interface Reach {
  /** Instructions that the shortest minor frame holds. */
  readonly instructionsPerFrame: number;
  readonly majorFrames: number;
  /** VM exits, at most. */
  readonly maxKernelSteps: number;
  /** Programs may do what stops the whole system. */
  readonly mayStop: boolean;
}

/** Short executions, so that many fit into a second. */
export const SHORT_REACH: Reach = { instructionsPerFrame: 400, majorFrames: 3, maxKernelSteps: 60, mayStop: true };
/** Exits of one execution that are recorded as material for other inputs. */
const MAX_RECORDED = 4;

/** Exits of one subject for one basic reason. */
export interface ExitCount {
  readonly subject: string;
  readonly reason: number;
  readonly count: number;
}

/** Beyond every basic exit reason. */
const REASONS = 0x1_0000;

/** What one execution showed. */
export interface Execution {
  readonly features: readonly number[];
  readonly kernelSteps: number;
  /** Exits of the subject under test and of all others that run machine code. */
  readonly exits: readonly ExitCount[];
  readonly recorded: readonly ExitInput[];
  /** Empty if the implementation did what the model says. */
  readonly failure: string;
}

/** A subject that can be the attacker. */
export interface Attacker {
  readonly subject: string;
  readonly code: CodeVocabulary | undefined;
  /** Exit reasons on which its trap table stops the system. */
  readonly stoppingReasons: ReadonlySet<number>;
}

/** The first executions of a system are repeated, too: what it keeps outside of its snapshot shows there. */
const FIRST_REPEATED = 32;

/** One of 16 inputs with structure, and one of four with interrupts. */
function isRepeated(input: FuzzInput): boolean {
  if (input.kind === 'bytes') return false;
  const { interrupts, others } = input.around;
  const words =
    input.kind === 'guest' ? input.words : [...others, ...input.exits.map(({ qualification }) => qualification)];
  const sum = words.reduce((total, word) => (total + word) >>> 0, 0);
  return sum % (interrupts.length > 0 ? 4 : 16) === 0;
}

/** One of four programs starts over when it is done. */
const startsOver = (words: readonly number[]): boolean => (words.at(-1) ?? 1) % 4 === 0;

/** A booted system that executes inputs, each from the same snapshot, beside the kernel model. */
export class FuzzTarget {
  readonly bench: TestBench;
  readonly attackers: readonly Attacker[];
  readonly #watched: WatchedBench;
  readonly #surroundings: SurroundingsDecoder;
  readonly #coverage: Coverage;
  readonly #reach: Reach;
  #executed = 0;
  readonly #context: CheckContext;
  /** Action of the policy by subject and reason. */
  readonly #actions: readonly (readonly number[])[];

  private constructor(context: CheckContext, watched: WatchedBench, coverage: Coverage, reach: Reach) {
    this.#reach = reach;
    this.#context = context;
    this.#coverage = coverage;
    this.#watched = watched;
    this.bench = watched.bench;
    const { tables } = this.bench.system.kernel;
    const found = vocabularies(context.document);
    this.#surroundings = new SurroundingsDecoder(found, watched.model, this.bench.system.time, this.#endTsc());
    this.attackers = found.map(words => ({
      subject: words.subject,
      code: codeVocabulary(context.document, tables, words, reach.mayStop),
      stoppingReasons: words.stoppingReasons,
    }));
    this.#actions = tables.subjects.map(subject =>
      Array.from({ length: MAX_TRAP + 1 }, (_, reason) => {
        const event = subject.traps[reason];
        return event === undefined ? 0 : (event.targetSubject + 1) * 4 + (event.handover ? 2 : 0) + 1;
      }),
    );
  }

  static create(context: CheckContext, reach = SHORT_REACH): Result<FuzzTarget, string> {
    const coverage = new Coverage();
    const watched = WatchedBench.create(context.document, watchedSeams(context.seams, coverage), context.contents);
    if (!watched.ok) return err(watched.error[0]?.message ?? 'the system cannot be built');
    return ok(new FuzzTarget(context, watched.value, coverage, reach));
  }

  #endTsc(): number {
    const { kernel, time } = this.bench.system;
    return time.startTsc + this.#reach.majorFrames * kernel.tables.majorFrames[0]!.periodCycles;
  }

  /** The run that an input stands for; undefined if the subject cannot run such a program. */
  specOf(input: FuzzInput): RunSpec | undefined {
    const program = this.#programOf(input);
    if (program === undefined) return undefined;
    const around = input.kind === 'bytes' ? ALONE : input.around;
    const generated = this.#surroundings.programs(around, input.subject);
    const taken = new Set([input.subject, ...generated.map(({ subject }) => subject)]);
    const others = this.#context.software.filter(({ subject }) => !taken.has(subject));
    return {
      cyclesPerInstruction: cyclesPerInstruction(this.bench.system.time, this.#reach.instructionsPerFrame),
      endTsc: this.#endTsc(),
      maxKernelSteps: this.#reach.maxKernelSteps,
      programs: [...others.map((row): SubjectProgram => row), ...generated, program],
      interrupts: this.#surroundings.interrupts(around),
      interleavings: this.#surroundings.interleavings(around),
    };
  }

  #programOf(input: FuzzInput): SubjectProgram | undefined {
    const { subject } = input;
    if (input.kind === 'exits')
      return { subject, operations: operationsOf(input.exits, word => this.#surroundings.operations(subject, word)) };
    const code = this.attackers.find(row => row.subject === subject)?.code;
    if (code === undefined) return undefined;
    if (input.kind === 'guest')
      return { subject, machineCode: programBlocks(input.words, code, [], startsOver(input.words)) };
    return { subject, machineCode: [{ address: code.entry, hex: input.hex.slice(0, 2 * code.roomBytes) }] };
  }

  /** Bytes of a block, for tests and listings. */
  blockOf(subject: string, word: number): readonly number[] {
    const code = this.attackers.find(row => row.subject === subject)?.code;
    return code === undefined ? [] : blockBytes(word, code, kindsFor(code));
  }

  /** Executes an input; some of them twice, which must give the same. */
  execute(input: FuzzInput): Execution {
    const first = this.executeOnce(input);
    const isFirst = this.#executed < FIRST_REPEATED;
    this.#executed += 1;
    if (first.failure !== '' || !(isFirst || isRepeated(input))) return first;
    const digest = systemDigest(this.bench.system);
    const second = this.executeOnce(input);
    const isEqual =
      second.failure === '' &&
      systemDigest(this.bench.system) === digest &&
      second.kernelSteps === first.kernelSteps &&
      second.features.length === first.features.length &&
      second.features.every((feature, index) => feature === first.features[index]);
    return isEqual ? first : { ...first, failure: 'the same input has another course when it is executed again' };
  }

  /** Executes an input without looking whether it would have the same course again. */
  executeOnce(input: FuzzInput): Execution {
    const spec = this.specOf(input);
    const none: Execution = { features: [], kernelSteps: 0, exits: [], recorded: [], failure: '' };
    if (spec === undefined) return none;
    const coverage = this.#coverage;
    const begun = this.#watched.begin(spec);
    if (!begun.ok) return none;
    const run = begun.value;
    const { system } = this.bench;
    coverage.begin();
    const id = system.kernel.tables.subjects.find(row => row.name === input.subject)!.id;
    let mode = 0;
    const { lockstep } = run;
    const follow = lockstep.onModelStep;
    lockstep.onModelStep = step => {
      follow?.(step);
      hitModel(coverage, mode, step.mode);
      mode = step.mode;
    };
    /** By subject and reason. */
    const exits = new Map<number, number>();
    const recorded: ExitInput[] = [];
    run.onExit = (cpu, subject, reason) => {
      const qualification = cpu.vmread(Vmcs.exitQualification);
      const interruptInfo = cpu.vmread(Vmcs.exitInterruptInfo);
      hitExit(coverage, reason, qualification, interruptInfo, this.#actions[subject]![reason & 0x3f] ?? 0);
      const basic = reason & 0xffff;
      if (subject === id || system.hosted[subject]!.runsMachineCode) {
        const key = subject * REASONS + basic;
        exits.set(key, (exits.get(key) ?? 0) + 1);
      }
      if (subject === id) {
        if (recorded.length < MAX_RECORDED && reason < ENTRY_FAILURE && basic !== 1 && basic !== 52) {
          const registers = [1, 2, 3, 4].map(
            register => [register, cpu.registers[2 * register]!, cpu.registers[2 * register + 1]!] as const,
          );
          recorded.push({ before: [], reason, qualification, interruptInfo, registers, fields: [] });
        }
      }
    };
    while (run.what === '' && system.step());
    system.observer = {};
    return {
      features: coverage.features(),
      kernelSteps: system.kernelSteps,
      exits: [...exits]
        .sort((a, b) => a[0] - b[0])
        .map(([key, count]) => ({
          subject: system.kernel.tables.subjects[Math.floor(key / REASONS)]!.name,
          reason: key % REASONS,
          count,
        })),
      recorded,
      failure: run.what,
    };
  }
}
