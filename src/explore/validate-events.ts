import { createKernel } from '../model/kernel.model.ts';
import type { KernelConfig } from '../model/kernel-config.ts';
import type { KernelEvent, KernelState } from '../model/kernel-state.ts';
import { eraseInstance, type ModelInstance } from '../model/model.ts';
import { currentSubject } from '../model/scheduler.ts';
import { type Decoder, decodeJson, integer, literal, object, string } from '../trace/decode.ts';
import { defined } from '../units/invariant.ts';
import { initialJoint, type JointState, jointSchema, MODES_FIELD } from './joint-schema.ts';

/** One line of a recorded trace: an exit of what a CPU runs, and what was seen next on that CPU. */
export interface RecordedExit {
  readonly cpu: number;
  readonly tsc: number;
  readonly event: 'timerExpiry' | 'vmcall' | 'trap' | 'interrupt' | 'interruptWindow';
  /** VMCALL number, basic exit reason or host vector. */
  readonly number?: number;
  /** Subject that the CPU entered next, if that was recorded. */
  readonly enters?: string;
  /** Vector injected at that entry, -1 for none, if that was recorded. */
  readonly injects?: number;
}

const MAX_LINES = 1_000_000;
/** States that may explain a prefix at once; CPUs between two of their own steps multiply them. */
const MAX_CANDIDATES = 20_000;

const header = object({ format: literal('muencheck-events'), version: literal(1) });
const exit = object(
  {
    cpu: integer(0, 255),
    tsc: integer(0, Number.MAX_SAFE_INTEGER),
    event: literal('timerExpiry', 'vmcall', 'trap', 'interrupt', 'interruptWindow'),
  },
  { number: integer(0, 0xffff), enters: string({ maxLength: 1000 }), injects: integer(-1, 255) },
) as Decoder<RecordedExit>;

export type Validation =
  | { readonly kind: 'explained'; readonly exits: number }
  /** Line is no record of an exit. */
  | { readonly kind: 'unreadable'; readonly line: number; readonly message: string }
  /** First exit that no transition of the model explains, and what the model would allow instead. */
  | {
      readonly kind: 'unexplained';
      readonly line: number;
      readonly message: string;
      readonly allowed: readonly string[];
    }
  | { readonly kind: 'inconclusive'; readonly line: number; readonly message: string };

function toEvent({ cpu, tsc, event, number = 0 }: RecordedExit): KernelEvent {
  const saved = {
    cpu,
    nowTsc: tsc,
    ripLow: 0,
    ripHigh: 0,
    interruptFlag: true,
    interruptibility: 0,
    activity: 0,
    instructionLength: 0,
    entryFailed: false,
  };
  if (event === 'vmcall') return { ...saved, type: 'vmcall', raxLow: number, raxHigh: 0 };
  if (event === 'trap') return { ...saved, type: 'trap', reason: number };
  return event === 'interrupt' ? { ...saved, type: 'externalInterrupt', vector: number } : { ...saved, type: event };
}

/** States of the kernel model that agree with everything recorded so far. */
class Candidates {
  readonly instance: ModelInstance;
  readonly config: KernelConfig;
  private readonly schema;
  states = new Map<string, JointState>();

  constructor(config: KernelConfig) {
    this.config = config;
    const none = Array.from({ length: config.cpuCount }, () => []);
    this.instance = eraseInstance(createKernel(config, none, []));
    this.schema = jointSchema(this.instance);
    this.add(this.states, initialJoint(this.instance, this.schema));
  }

  private add(to: Map<string, JointState>, state: JointState): boolean {
    const key = this.schema.pack(state).join(' ');
    if (to.has(key)) return false;
    to.set(key, state);
    return true;
  }

  mode(state: JointState, cpu: number): string {
    return defined(this.instance.parties[cpu]?.compiled.modes[state[MODES_FIELD][cpu]!], 'mode');
  }

  private step(state: JointState, cpu: number, event: KernelEvent): JointState | undefined {
    const after = this.schema.clone(state);
    const mode = this.instance.parties[cpu]!.compiled.step(after[MODES_FIELD][cpu]!, after, event);
    if (mode < 0) return undefined;
    after[MODES_FIELD][cpu] = mode;
    return after;
  }

  /** Steps that kernels take by themselves, on every CPU that is not in a subject. */
  private *inner(state: JointState, tsc: number): Generator<JointState> {
    for (let cpu = 0; cpu < this.config.cpuCount; cpu++) {
      const mode = this.mode(state, cpu);
      if (mode === 'guest' || mode === 'stopped') continue;
      const majors = mode === 'access.majorAdvance' ? this.config.periodsCycles.map((_, major) => major) : [0];
      const next = mode.startsWith('choose.')
        ? [this.step(state, cpu, { type: 'continue', cpu, nowTsc: tsc })]
        : majors.map(requestedMajor => this.step(state, cpu, { type: 'proceed', cpu, nowTsc: tsc, requestedMajor }));
      for (const after of next) if (after !== undefined) yield after;
    }
  }

  /** All states that inner steps lead to; false if they are too many. */
  close(tsc: number): boolean {
    const queue = [...this.states.values()];
    for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
      for (const after of this.inner(state, tsc)) if (this.add(this.states, after)) queue.push(after);
      if (this.states.size > MAX_CANDIDATES) return false;
    }
    return true;
  }

  /** Takes the exit in every state whose CPU runs a subject. */
  take(cpu: number, event: KernelEvent): void {
    const next = new Map<string, JointState>();
    for (const state of this.states.values()) {
      const after = this.mode(state, cpu) === 'guest' ? this.step(state, cpu, event) : undefined;
      if (after !== undefined) this.add(next, after);
    }
    this.states = next;
  }

  /** What the CPU runs: subject and injected vector. */
  seen(state: JointState, cpu: number): { readonly subject: string; readonly vector: number } | undefined {
    if (this.mode(state, cpu) !== 'guest') return undefined;
    const kernel = state as unknown as KernelState;
    const subject = currentSubject(kernel, cpu, this.config);
    const { injection } = kernel.subjects[subject]!;
    return { subject: this.config.subjectNames[subject]!, vector: injection === 0 ? -1 : injection & 0xff };
  }

  keep(test: (state: JointState) => boolean): void {
    this.states = new Map([...this.states].filter(([, state]) => test(state)));
  }
}

/** Judges one exit; undefined if it is explained. */
function judge(candidates: Candidates, its: RecordedExit, line: number): Validation | undefined {
  const { cpu, tsc, enters, injects } = its;
  if (cpu >= candidates.config.cpuCount)
    return { kind: 'unexplained', line, message: `there is no CPU ${cpu}`, allowed: [] };
  const crowded: Validation = {
    kind: 'inconclusive',
    line,
    message: `more than ${MAX_CANDIDATES} states explain the trace`,
  };
  if (!candidates.close(tsc)) return crowded;
  const runs = new Set(
    [...candidates.states.values()].map(state => candidates.seen(state, cpu)?.subject ?? 'the kernel'),
  );
  candidates.take(cpu, toEvent(its));
  if (candidates.states.size === 0) {
    const message = `the exit ${its.event} cannot happen on CPU ${cpu}`;
    return { kind: 'unexplained', line, message, allowed: [...runs].map(name => `CPU ${cpu} runs ${name}`) };
  }
  if (!candidates.close(tsc)) return crowded;
  if (enters === undefined) return undefined;
  const allowed = new Set<string>();
  candidates.keep(state => {
    const seen = candidates.seen(state, cpu);
    if (seen !== undefined)
      allowed.add(`enters ${seen.subject}${seen.vector < 0 ? '' : ` with vector ${seen.vector}`}`);
    return seen?.subject === enters && (injects === undefined || seen.vector === injects);
  });
  if (candidates.states.size > 0) return undefined;
  const vector = injects === undefined || injects < 0 ? '' : ` with vector ${injects}`;
  return {
    kind: 'unexplained',
    line,
    message: `CPU ${cpu} enters ${enters}${vector} after ${its.event}`,
    allowed: [...allowed],
  };
}

/**
 * Validates a trace recorded elsewhere against the kernel model of a policy; the text is hostile.
 *
 * The first line is the header, each other one an exit; empty lines are skipped.
 */
export function validateEvents(config: KernelConfig, text: string): Validation {
  const lines = text.split('\n');
  const first = decodeJson(header, lines[0] ?? '');
  if (!first.ok)
    return { kind: 'unreadable', line: 1, message: `the first line must be {"format":"muencheck-events","version":1}` };
  const candidates = new Candidates(config);
  let exits = 0;
  for (let line = 2; line <= lines.length; line++) {
    const content = lines[line - 1]!;
    if (content.trim() === '') continue;
    const decoded = decodeJson(exit, content);
    if (!decoded.ok) {
      const message = decoded.error.map(problem => `${problem.path}: ${problem.message}`).join('; ');
      return { kind: 'unreadable', line, message };
    }
    const found = judge(candidates, decoded.value, line);
    if (found !== undefined) return found;
    exits += 1;
    if (exits > MAX_LINES) return { kind: 'inconclusive', line, message: `more than ${MAX_LINES} exits` };
  }
  return { kind: 'explained', exits };
}
