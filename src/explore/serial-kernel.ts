import type { JointState } from './joint-schema.ts';
import type { RecordedKernel } from './recorded-kernel.ts';
import type { RecordedLine } from './recorded-line.ts';

/** Interleavings of kernel steps that are tried for one line, in states. */
const MAX_INTERLEAVED = 5000;
/** Own steps of all kernels for one line: the kernel's loops are far shorter. */
const MAX_OWN_STEPS = 20_000;

/** A point of a trace at which every kernel waits: for an exit, for another CPU, or for ever. */
export interface SerialState {
  readonly state: JointState;
  /** TSC of the last line. */
  readonly tsc: number;
  /** Major frame that tau0 asks for. */
  readonly requested: number;
}

/** What one line leads to. */
export interface SerialStep {
  readonly after: SerialState;
  /** Transitions of the chart that it took, and other goals of a coverage, by name. */
  readonly reached: readonly string[];
  /** The line with what must be seen of its CPU, then what must be seen of others. */
  readonly lines: readonly RecordedLine[];
}

/** Name of a chart transition for people: where, event, which of the choices, where to. */
export function transitionName(kernel: RecordedKernel, index: number): string {
  const { chart } = kernel.instance.parties[0]!.compiled;
  const { from, to, event } = chart.transitions[index]!;
  const choices = chart.transitions.filter(other => other.from === from && other.event === event);
  const choice = choices.length === 1 ? '' : ` [${choices.indexOf(chart.transitions[index]!) + 1}]`;
  return `${chart.modes[from]} ${event}${choice} -> ${chart.modes[to]}`;
}

/** A policy's kernel model to which exits are handed one at a time, each handled before the next one comes. */
export class SerialKernel {
  readonly kernel: RecordedKernel;
  private readonly names: readonly string[];

  constructor(kernel: RecordedKernel) {
    this.kernel = kernel;
    this.names = kernel.instance.parties[0]!.compiled.chart.transitions.map((_, index) =>
      transitionName(kernel, index),
    );
  }

  get transitions(): readonly string[] {
    return this.names;
  }

  boot(): SerialState {
    return { state: this.kernel.initial(), tsc: 0, requested: 0 };
  }

  /** Lets the kernels run, lowest CPU first; tells whether two of them could have taken turns. */
  private settle(state: JointState, tsc: number, requested: number, reached: Set<string>) {
    const { kernel } = this;
    const { cpuCount } = kernel.config;
    let current = state;
    let races = false;
    for (let steps = 0; steps < MAX_OWN_STEPS; steps++) {
      let next: JointState | undefined;
      let able = 0;
      for (let cpu = 0; cpu < cpuCount; cpu++) {
        const event = kernel.ownEvent(current, cpu, tsc, requested);
        const after = event === undefined ? undefined : kernel.step(current, cpu, event);
        if (event === undefined || after === undefined) continue;
        // A CPU that spins changes nothing.
        const spins = kernel.key(after) === kernel.key(current);
        if (!spins) able += 1;
        if (!spins && next !== undefined) continue;
        if (!spins) next = after;
        const transition = this.names[kernel.transitionOf(current, cpu, event)];
        if (transition !== undefined) reached.add(transition);
      }
      if (next === undefined) return { state: current, races };
      if (able > 1) races = true;
      current = next;
    }
    return undefined;
  }

  /** True if every order in which the kernels can take their steps ends in `end`. */
  private isCertain(start: JointState, end: JointState, tsc: number, requested: number): boolean {
    const { kernel } = this;
    const wanted = kernel.key(end);
    const seen = new Set([kernel.key(start)]);
    const queue = [start];
    for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
      const key = kernel.key(state);
      let isEnd = true;
      for (const after of kernel.inner(state, tsc, requested)) {
        const afterKey = kernel.key(after);
        if (afterKey === key) continue;
        isEnd = false;
        if (seen.has(afterKey)) continue;
        seen.add(afterKey);
        queue.push(after);
      }
      if (isEnd && key !== wanted) return false;
      if (seen.size > MAX_INTERLEAVED) return false;
    }
    return true;
  }

  /** Events that reach a subject as an interrupt, a wake-up or a reset, and frames that begin. */
  private noteEntries(before: JointState, after: JointState, reached: Set<string>): void {
    const { kernel } = this;
    for (let cpu = 0; cpu < kernel.config.cpuCount; cpu++) {
      const seen = kernel.seen(after, cpu);
      if (seen === undefined) continue;
      reached.add(`enter ${seen.subject}`);
      if (seen.vector >= 0) reached.add(`inject ${seen.subject} ${seen.vector}`);
      const { major, cpus } = kernel.kernel(after);
      const was = kernel.kernel(before);
      if (major !== was.major || cpus[cpu]!.minor !== was.cpus[cpu]!.minor || was.cpus[cpu]!.minor === 1)
        reached.add(`frame cpu ${cpu} major ${major} minor ${cpus[cpu]!.minor}`);
    }
  }

  /** Hands one line over; undefined if nothing takes it, or if what is seen would depend on how CPUs take turns. */
  take(from: SerialState, line: RecordedLine): SerialStep | undefined {
    const { kernel } = this;
    if (line.event === 'majorRequest') {
      const requested = line.number ?? 0;
      return { after: { ...from, tsc: line.tsc, requested }, reached: [`request major ${requested}`], lines: [line] };
    }
    const before = kernel.seen(from.state, line.cpu);
    const event = kernel.eventOf(from.state, line);
    const exited = event === undefined ? undefined : kernel.step(from.state, line.cpu, event);
    if (before === undefined || event === undefined || exited === undefined) return undefined;
    const reached = new Set<string>();
    const transition = this.names[kernel.transitionOf(from.state, line.cpu, event)];
    if (transition !== undefined) reached.add(transition);
    const settled = this.settle(exited, line.tsc, from.requested, reached);
    if (settled === undefined) return undefined;
    const { state, races } = settled;
    if (races && !this.isCertain(exited, state, line.tsc, from.requested)) return undefined;
    reached.add(`${line.event}${line.number === undefined ? '' : ` ${line.number}`} of ${before.subject}`);
    this.noteEntries(from.state, state, reached);
    const lines = this.observed(line, before.subject, from.state, state);
    return { after: { ...from, state, tsc: line.tsc }, reached: [...reached], lines };
  }

  /** The line with everything that can be seen, then an entry of each other CPU that left its kernel. */
  private observed(line: RecordedLine, subject: string, before: JointState, after: JointState): RecordedLine[] {
    const { kernel } = this;
    const entered = (cpu: number) => {
      const seen = kernel.seen(after, cpu);
      return seen && { enters: seen.subject, injects: seen.vector, frameEnd: seen.frameEnd };
    };
    const ends = kernel.ending(after);
    const own = ends === undefined ? (entered(line.cpu) ?? {}) : { ends };
    const others = Array.from({ length: kernel.config.cpuCount }, (_, cpu): RecordedLine[] => {
      const seen = cpu === line.cpu || ends !== undefined ? undefined : entered(cpu);
      const wasInKernel = kernel.seen(before, cpu) === undefined;
      return seen !== undefined && wasInKernel ? [{ cpu, tsc: line.tsc, event: 'entry', ...seen }] : [];
    });
    return [{ ...line, subject, ...(line.event === 'timedEvent' ? {} : own) }, ...others.flat()];
  }
}
