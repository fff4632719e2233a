import type { KernelConfig } from '../model/kernel-config.ts';
import { decodeJson } from '../trace/decode.ts';
import { defined } from '../units/invariant.ts';
import type { JointState } from './joint-schema.ts';
import { RecordedKernel } from './recorded-kernel.ts';
import { type RecordedLine, recordedLine, type TraceHeader, traceHeader } from './recorded-line.ts';

const MAX_LINES = 1_000_000;
/** States that may explain a prefix at once; CPUs between two of their own steps multiply them. */
const MAX_CANDIDATES = 20_000;

export type Validation =
  | { readonly kind: 'explained'; readonly exits: number }
  /** Line is no record of an exit. */
  | { readonly kind: 'unreadable'; readonly line: number; readonly message: string }
  /** First line that no transition of the model explains, and what the model would allow instead. */
  | {
      readonly kind: 'unexplained';
      readonly line: number;
      readonly message: string;
      readonly allowed: readonly string[];
    }
  | { readonly kind: 'inconclusive'; readonly line: number; readonly message: string };

/** States of the kernel model that agree with everything recorded so far. */
class Candidates {
  readonly kernel: RecordedKernel;
  private states = new Map<string, JointState>();
  /** Major frame that tau0 asks for; undefined while the trace does not tell. */
  private requested: number | undefined;
  private readonly lastTsc: number[];

  constructor(config: KernelConfig) {
    this.kernel = new RecordedKernel(config);
    this.lastTsc = Array.from({ length: config.cpuCount }, () => 0);
    const state = this.kernel.initial();
    this.states.set(this.kernel.key(state), state);
  }

  get size(): number {
    return this.states.size;
  }

  /** All states that steps of the kernels themselves lead to; false if they are too many. */
  close(tsc: number): boolean {
    const queue = [...this.states.values()];
    for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
      for (const after of this.kernel.inner(state, tsc, this.requested)) {
        const key = this.kernel.key(after);
        if (this.states.has(key)) continue;
        this.states.set(key, after);
        queue.push(after);
      }
      if (this.states.size > MAX_CANDIDATES) return false;
    }
    return true;
  }

  request(major: number): void {
    this.requested = major;
  }

  /** False if the CPU's clock would run backwards. */
  advance(cpu: number, tsc: number): boolean {
    if (tsc < this.lastTsc[cpu]!) return false;
    this.lastTsc[cpu] = tsc;
    return true;
  }

  /** Takes the event in every state whose CPU runs a subject. */
  take(line: RecordedLine): void {
    const next = new Map<string, JointState>();
    for (const state of this.states.values()) {
      if (this.kernel.mode(state, line.cpu) !== 'guest') continue;
      const event = this.kernel.eventOf(state, line);
      const after = event === undefined ? undefined : this.kernel.step(state, line.cpu, event);
      if (after !== undefined) next.set(this.kernel.key(after), after);
    }
    this.states = next;
  }

  /** Keeps the states that the test accepts and returns what it says of the others. */
  keep(test: (state: JointState) => true | string | undefined): readonly string[] {
    const others = new Set<string>();
    const kept = [...this.states].filter(([, state]) => {
      const answer = test(state);
      if (typeof answer === 'string') others.add(answer);
      return answer === true;
    });
    this.states = new Map(kept);
    return [...others];
  }

  /** What the CPU may be running. */
  runs(cpu: number): readonly string[] {
    return [
      ...new Set([...this.states.values()].map(state => this.kernel.seen(state, cpu)?.subject ?? 'the kernel')),
    ].map(name => `CPU ${cpu} runs ${name}`);
  }
}

const withVector = (vector: number): string => (vector < 0 ? '' : ` with vector ${vector}`);

type Unexplained = Omit<Validation & { kind: 'unexplained' }, 'line' | 'kind'>;

/** Checks what ran, and that a preemption timer does not expire early. */
function judgeBefore(candidates: Candidates, its: RecordedLine): Unexplained | undefined {
  const { kernel } = candidates;
  const { cpu, tsc, event, subject } = its;
  if (subject !== undefined) {
    const others = candidates.keep(state => {
      const seen = kernel.seen(state, cpu);
      return seen?.subject === subject || (seen && `CPU ${cpu} runs ${seen.subject}`);
    });
    if (candidates.size === 0) return { message: `CPU ${cpu} runs ${subject} before ${event}`, allowed: others };
  }
  if (event !== 'timerExpiry') return undefined;
  // The timer counts in units whose phase is not known: it may expire up to two units before the end of the frame.
  const slack = 2 * kernel.config.timerUnitCycles;
  const early = candidates.keep(state => {
    const end = kernel.frameEnd(state, cpu);
    return tsc >= end - slack || `the frame of CPU ${cpu} ends at ${end}`;
  });
  return candidates.size > 0 ? undefined : { message: `the timer of CPU ${cpu} expires at ${tsc}`, allowed: early };
}

/** Checks what was seen after an event. */
function judgeAfter(candidates: Candidates, its: RecordedLine): Unexplained | undefined {
  const { kernel } = candidates;
  const { cpu, event, enters, injects, frameEnd, ends } = its;
  if (ends !== undefined) {
    const others = candidates.keep(state => {
      const ending = kernel.ending(state);
      return ending === ends || `the system ${ending === undefined ? 'goes on' : `ends by ${ending}`}`;
    });
    if (candidates.size === 0) return { message: `the system ends by ${ends} after ${event}`, allowed: others };
  }
  if (enters === undefined && injects === undefined && frameEnd === undefined) return undefined;
  const others = candidates.keep(state => {
    const seen = kernel.seen(state, cpu);
    if (seen === undefined) return undefined;
    const isSame =
      (enters === undefined || seen.subject === enters) &&
      (injects === undefined || seen.vector === injects) &&
      (frameEnd === undefined || seen.frameEnd === frameEnd);
    const told = frameEnd === undefined ? '' : `, frame ends at ${seen.frameEnd}`;
    return isSame || `enters ${seen.subject}${withVector(seen.vector)}${told}`;
  });
  if (candidates.size > 0) return undefined;
  const told = frameEnd === undefined ? '' : `, frame ends at ${frameEnd}`;
  const message = `CPU ${cpu} enters ${enters ?? 'a subject'}${withVector(injects ?? -1)}${told} after ${event}`;
  return { message, allowed: others };
}

/** Judges one line; undefined if it is explained. */
function judge(candidates: Candidates, its: RecordedLine, line: number): Validation | undefined {
  const { config } = candidates.kernel;
  const { cpu, tsc, event } = its;
  const unexplained = ({ message, allowed }: Unexplained): Validation => ({
    kind: 'unexplained',
    line,
    message,
    allowed,
  });
  if (cpu >= config.cpuCount) return unexplained({ message: `there is no CPU ${cpu}`, allowed: [] });
  if (!candidates.advance(cpu, tsc))
    return unexplained({ message: `the TSC of CPU ${cpu} runs backwards`, allowed: [] });
  const crowded: Validation = {
    kind: 'inconclusive',
    line,
    message: `more than ${MAX_CANDIDATES} states explain the trace`,
  };
  if (event === 'majorRequest') {
    candidates.request(its.number ?? 0);
    return undefined;
  }
  if (!candidates.close(tsc)) return crowded;
  if (event !== 'entry') {
    const before = judgeBefore(candidates, its);
    if (before !== undefined) return unexplained(before);
    const runs = candidates.runs(cpu);
    candidates.take(its);
    if (candidates.size === 0)
      return unexplained({ message: `the exit ${event} cannot happen on CPU ${cpu}`, allowed: runs });
    if (!candidates.close(tsc)) return crowded;
  }
  const after = judgeAfter(candidates, its);
  return after === undefined ? undefined : unexplained(after);
}

/** The line with TSC values counted from the start of the first major frame; undefined if one is before it. */
function relative(its: RecordedLine, { startTsc = 0 }: TraceHeader): RecordedLine | undefined {
  const { tsc, trigger, frameEnd } = its;
  // A trigger in the past is due, whenever it was.
  const due = trigger === undefined ? {} : { trigger: Math.max(0, trigger - startTsc) };
  const end = frameEnd === undefined ? {} : { frameEnd: frameEnd - startTsc };
  return tsc < startTsc ? undefined : { ...its, ...due, ...end, tsc: tsc - startTsc };
}

/**
 * Validates a trace recorded elsewhere against the kernel model of a policy; the text is hostile.
 *
 * The first line is the header, each other one an event of a CPU; empty lines are skipped. docs/trace-format.md has the format.
 *
 * @param policyDigest SHA-256 of the policy; a header that names another one is refused.
 */
export function validateEvents(config: KernelConfig, text: string, policyDigest = ''): Validation {
  const lines = text.split('\n');
  const first = decodeJson(traceHeader, lines[0] ?? '');
  if (!first.ok)
    return { kind: 'unreadable', line: 1, message: `the first line must be {"format":"muencheck-events","version":1}` };
  const { policy } = first.value;
  if (policy !== undefined && policyDigest !== '' && policy !== policyDigest)
    return {
      kind: 'unreadable',
      line: 1,
      message: `the trace is of the policy with SHA-256 ${policy}, not of this one`,
    };
  const candidates = new Candidates(config);
  let exits = 0;
  for (let line = 2; line <= lines.length; line++) {
    const content = defined(lines[line - 1], 'line');
    if (content.trim() === '') continue;
    const decoded = decodeJson(recordedLine, content);
    if (!decoded.ok) {
      const message = decoded.error.map(problem => `${problem.path}: ${problem.message}`).join('; ');
      return { kind: 'unreadable', line, message };
    }
    const its = relative(decoded.value, first.value);
    if (its === undefined) return { kind: 'unreadable', line, message: '$.tsc: before startTsc of the header' };
    const found = judge(candidates, its, line);
    if (found !== undefined) return found;
    exits += 1;
    if (exits > MAX_LINES) return { kind: 'inconclusive', line, message: `more than ${MAX_LINES} exits` };
  }
  return { kind: 'explained', exits };
}
