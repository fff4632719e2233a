import type { ChartTransition, GuardExpression } from '../model/chart.ts';
import { createKernel } from '../model/kernel.model.ts';
import type { KernelConfig } from '../model/kernel-config.ts';
import type { KernelEvent, KernelState } from '../model/kernel-state.ts';
import { eraseInstance, type ModelInstance } from '../model/model.ts';
import { currentPartition, currentSubject } from '../model/scheduler.ts';
import { defined, invariant } from '../units/invariant.ts';
import { highWord, lowWord } from '../units/word.ts';
import { initialJoint, type JointState, jointSchema, MODES_FIELD } from './joint-schema.ts';
import { ENDINGS, type RecordedLine } from './recorded-line.ts';

/** What can be seen of a CPU that runs a subject. */
export interface Seen {
  readonly subject: string;
  /** Vector injected at the entry, -1 for none. */
  readonly vector: number;
  /** End of the minor frame that the subject is told. */
  readonly frameEnd: number;
}

/** The guarded choice that a chart makes. */
function isEnabled(
  guard: GuardExpression | undefined,
  guards: Readonly<Record<string, unknown>>,
  args: readonly [unknown, KernelEvent, unknown],
): boolean {
  if (guard === undefined) return true;
  if (guard.kind === 'name')
    return (defined(guards[guard.name], guard.name) as (...all: readonly unknown[]) => boolean)(...args);
  if (guard.kind === 'not') return !isEnabled(guard.of[0], guards, args);
  const test = (inner: GuardExpression): boolean => isEnabled(inner, guards, args);
  return guard.kind === 'and' ? guard.of.every(test) : guard.of.some(test);
}

/** The kernel model of a policy in real time, stepped by the lines of a trace. */
export class RecordedKernel {
  readonly config: KernelConfig;
  readonly instance: ModelInstance;
  private readonly schema;

  constructor(config: KernelConfig) {
    this.config = config;
    const none = Array.from({ length: config.cpuCount }, () => []);
    this.instance = eraseInstance(createKernel(config, none, []));
    this.schema = jointSchema(this.instance);
  }

  /** State at boot. */
  initial(): JointState {
    return initialJoint(this.instance, this.schema);
  }

  key(state: JointState): string {
    return this.schema.pack(state).join(' ');
  }

  /** The kernel's own fields. */
  kernel(state: JointState): KernelState {
    return state as unknown as KernelState;
  }

  mode(state: JointState, cpu: number): string {
    return defined(this.instance.parties[cpu]?.compiled.modes[state[MODES_FIELD][cpu]!], 'mode');
  }

  step(state: JointState, cpu: number, event: KernelEvent): JointState | undefined {
    const after = this.schema.clone(state);
    const mode = this.instance.parties[cpu]!.compiled.step(after[MODES_FIELD][cpu]!, after, event);
    if (mode < 0) return undefined;
    after[MODES_FIELD][cpu] = mode;
    return after;
  }

  /** Index of the chart transition that the event takes; -1 for none. */
  transitionOf(state: JointState, cpu: number, event: KernelEvent): number {
    const { compiled, definition } = this.instance.parties[cpu]!;
    const mode = state[MODES_FIELD][cpu]!;
    const guards = definition.guards as unknown as Readonly<Record<string, unknown>>;
    return compiled.chart.transitions.findIndex(
      (candidate: ChartTransition) =>
        candidate.from === mode &&
        candidate.event === event.type &&
        isEnabled(candidate.guard, guards, [state, event, definition.config]),
    );
  }

  /** What the kernel of a CPU does next by itself; undefined while a subject runs, and at the end. */
  ownEvent(state: JointState, cpu: number, nowTsc: number, requestedMajor: number): KernelEvent | undefined {
    const mode = this.mode(state, cpu);
    if (mode === 'guest' || mode === 'stopped' || mode === 'dead') return undefined;
    return mode.startsWith('choose.')
      ? { type: 'continue', cpu, nowTsc }
      : { type: 'proceed', cpu, nowTsc, requestedMajor };
  }

  /** States after one own step of some CPU; `requested` undefined stands for any major frame. */
  *inner(state: JointState, tsc: number, requested: number | undefined): Generator<JointState> {
    for (let cpu = 0; cpu < this.config.cpuCount; cpu++) {
      const isChoice = this.mode(state, cpu) === 'access.majorAdvance' && requested === undefined;
      const majors = isChoice ? this.config.periodsCycles.map((_, major) => major) : [requested ?? 0];
      for (const major of majors) {
        const event = this.ownEvent(state, cpu, tsc, major);
        const after = event === undefined ? undefined : this.step(state, cpu, event);
        if (after !== undefined) yield after;
      }
    }
  }

  /** The event of the model that a line stands for in this state; undefined for a line that is no event of a CPU. */
  eventOf(state: JointState, line: RecordedLine): KernelEvent | undefined {
    const { cpu, tsc, event, number = 0, trigger = 0, interrupts = 1 } = line;
    const saved = {
      cpu,
      nowTsc: tsc,
      ripLow: 0,
      ripHigh: 0,
      interruptFlag: interrupts === 1,
      interruptibility: 0,
      // A subject that was entered in HLT is still there.
      activity: this.kernel(state).cpus[cpu]!.halted ? 1 : 0,
      instructionLength: 0,
      entryFailed: false,
    };
    switch (event) {
      case 'vmcall':
        return { ...saved, type: 'vmcall', raxLow: number, raxHigh: 0 };
      case 'trap':
        return { ...saved, type: 'trap', reason: number };
      case 'interrupt':
        return { ...saved, type: 'externalInterrupt', vector: number };
      case 'xsetbv':
        return { ...saved, type: 'xsetbv', privilege: 0, index: 0, valueLow: number, valueHigh: 0 };
      case 'nmi':
        return { ...saved, type: 'fatal', reason: 0, vector: 2 };
      case 'machineCheck':
        return { ...saved, type: 'fatal', reason: 0, vector: 18 };
      case 'timedEvent':
        return {
          type: 'timedEventWrite',
          cpu,
          nowTsc: tsc,
          triggerLow: lowWord(trigger),
          triggerHigh: highWord(trigger),
          timedEvent: number,
        };
      case 'timerExpiry':
      case 'interruptWindow':
        return { ...saved, type: event };
      default:
        return undefined;
    }
  }

  /** Subject that the CPU runs, or ran before the exit that its kernel handles. */
  subjectOf(state: JointState, cpu: number): string {
    return defined(this.config.subjectNames[currentSubject(this.kernel(state), cpu, this.config)], 'subject');
  }

  /** End of the CPU's minor frame as TSC. */
  frameEnd(state: JointState, cpu: number): number {
    const { major, majorStartTsc, cpus } = this.kernel(state);
    const frame = this.config.plans[cpu]?.[major]?.[cpus[cpu]!.minor - 1];
    return majorStartTsc + defined(frame, 'frame').deadlineCycles;
  }

  /** What the CPU runs; undefined while its kernel does. */
  seen(state: JointState, cpu: number): Seen | undefined {
    if (this.mode(state, cpu) !== 'guest') return undefined;
    const kernel = this.kernel(state);
    const { injection } = kernel.subjects[currentSubject(kernel, cpu, this.config)]!;
    const { endTsc } = kernel.partitions[currentPartition(kernel, cpu, this.config)]!;
    return {
      subject: this.subjectOf(state, cpu),
      vector: injection === 0 ? -1 : injection & 0xff,
      frameEnd: endTsc,
    };
  }

  /** How the system ended; undefined while it runs. */
  ending(state: JointState): (typeof ENDINGS)[number] | undefined {
    const { outcome } = this.kernel(state);
    invariant(outcome <= ENDINGS.length, `outcome ${outcome}`);
    return outcome === 0 ? undefined : ENDINGS[outcome - 1];
  }
}
