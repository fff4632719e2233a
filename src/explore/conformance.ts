import type { KernelConfig } from '../model/kernel-config.ts';
import { createRng } from '../units/rng.ts';
import { declared, isEnding, nextInputs, telltaleTraps } from './conformance-inputs.ts';
import { RecordedKernel } from './recorded-kernel.ts';
import type { RecordedLine } from './recorded-line.ts';
import { SerialKernel, type SerialState, type SerialStep } from './serial-kernel.ts';

/** What a suite shall cover: transitions of the kernel's chart, or what the policy declares. */
export const COVERAGES = ['transitions', 'declared', 'all'] as const;
export type Coverage = (typeof COVERAGES)[number];

export interface SuiteOptions {
  readonly coverage: Coverage;
  readonly seed: number;
  /** Lines of one trace, at most. */
  readonly length: number;
  /** Random walks that look for what the ordered search did not reach. */
  readonly walks: number;
  /** Called between traces; true ends the generation. */
  readonly stop?: () => boolean;
}

/** A trace that ends in something that must be seen. */
export interface SuiteTrace {
  readonly lines: readonly RecordedLine[];
  /** Goals that no trace before it reaches. */
  readonly covers: readonly string[];
}

export interface Suite {
  readonly traces: readonly SuiteTrace[];
  readonly covered: readonly string[];
  readonly uncovered: readonly string[];
  /** True if the generation was stopped before it was done. */
  readonly stopped: boolean;
}

/** Lines handed over in one ordered search before it gives up. */
const SEARCH_STEPS = 4000;
const WALK_LINES = 60;

/** Things that the policy declares and a trace can show. */
function declaredGoals(config: KernelConfig): string[] {
  const goals = config.subjectNames.flatMap((name, subject) => [
    `enter ${name}`,
    ...declared(config.vmcalls[subject]!).map(number => `vmcall ${number} of ${name}`),
    ...telltaleTraps(config, subject).map(number => `trap ${number} of ${name}`),
  ]);
  const isSource = (subject: number, event: number): boolean =>
    [...config.vmcalls, ...config.traps].some(table =>
      table.some(({ target, targetEvent }) => target === subject && targetEvent === event),
    );
  const injections = config.targets.flatMap((table, subject) =>
    table.flatMap(({ action, vector }, event) =>
      action === 1 && isSource(subject, event) ? [`inject ${config.subjectNames[subject]} ${vector}`] : [],
    ),
  );
  const interrupts = config.routes.flatMap(({ subject, vector }) =>
    subject < 0 ? [] : [`inject ${config.subjectNames[subject]} ${vector}`],
  );
  const frames = config.plans.flatMap((majors, cpu) =>
    majors.flatMap((minors, major) => minors.map((_, minor) => `frame cpu ${cpu} major ${major} minor ${minor + 1}`)),
  );
  return [...new Set([...goals, ...injections, ...interrupts, ...frames])];
}

/** Everything that a suite for the policy could cover. */
export function suiteGoals(kernel: SerialKernel, coverage: Coverage): readonly string[] {
  return [
    ...(coverage === 'declared' ? [] : kernel.transitions),
    ...(coverage === 'transitions' ? [] : declaredGoals(kernel.kernel.config)),
  ];
}

/** A trace under construction: inputs without observations, which follow from them. */
interface Path {
  readonly inputs: readonly RecordedLine[];
  readonly at: SerialState;
}

class Generator {
  readonly serial: SerialKernel;
  readonly open: Set<string>;
  readonly traces: SuiteTrace[] = [];
  private readonly options: SuiteOptions;

  constructor(serial: SerialKernel, goals: readonly string[], options: SuiteOptions) {
    this.serial = serial;
    this.open = new Set(goals);
    this.options = options;
  }

  private boot(): Path {
    return { inputs: [], at: this.serial.boot() };
  }

  private ends({ state }: SerialState, line: RecordedLine): boolean {
    const { kernel } = this.serial;
    return isEnding(kernel, kernel.config.subjectNames.indexOf(kernel.subjectOf(state, line.cpu)), line);
  }

  private news(step: SerialStep): readonly string[] {
    return step.reached.filter(goal => this.open.has(goal));
  }

  /** Nearest continuation that reaches an open goal, in steps, then in the order of the inputs. */
  private nearest(start: Path): Path | undefined {
    const { kernel } = this.serial;
    let level = [start];
    const seen = new Set<string>();
    for (let steps = 0; level.length > 0; ) {
      const next: Path[] = [];
      for (const path of level) {
        for (const input of nextInputs(kernel, path.at)) {
          steps += 1;
          if (steps > SEARCH_STEPS) return undefined;
          const step = this.serial.take(path.at, input);
          if (step === undefined) continue;
          const longer = { inputs: [...path.inputs, input], at: step.after };
          if (this.news(step).length > 0) return longer;
          const key = `${step.after.requested} ${kernel.key(step.after.state)}`;
          if (seen.has(key)) continue;
          seen.add(key);
          next.push(longer);
        }
      }
      level = next;
    }
    return undefined;
  }

  /** Runs inputs from boot; undefined where one of them cannot come any more. */
  private replay(inputs: readonly RecordedLine[]): readonly SerialStep[] | undefined {
    const { kernel } = this.serial;
    const steps: SerialStep[] = [];
    let at = this.serial.boot();
    for (const input of inputs) {
      // Inputs keep their kind; their time follows from what is left before them.
      const same = nextInputs(kernel, at).find(
        ({ cpu, event, number, trigger, interrupts }) =>
          cpu === input.cpu &&
          event === input.event &&
          number === input.number &&
          interrupts === input.interrupts &&
          (trigger === undefined) === (input.trigger === undefined),
      );
      const timed = same && input.trigger !== undefined ? { ...same, trigger: input.trigger } : same;
      const step = timed === undefined ? undefined : this.serial.take(at, timed);
      if (step === undefined) return undefined;
      steps.push(step);
      at = step.after;
    }
    return steps;
  }

  /** Leaves out inputs, one by one from the end, as long as the same open goals are reached. */
  private shorten(inputs: readonly RecordedLine[], goals: readonly string[]): readonly RecordedLine[] {
    let current = inputs;
    for (let index = current.length - 1; index >= 0; index--) {
      const rest = current.toSpliced(index, 1);
      const reached = new Set(this.replay(rest)?.flatMap(step => step.reached));
      if (goals.every(goal => reached.has(goal))) current = rest;
    }
    return current;
  }

  private keep(inputs: readonly RecordedLine[]): void {
    const steps = this.replay(inputs) ?? [];
    const covers = [...new Set(steps.flatMap(step => this.news(step)))];
    if (covers.length === 0) return;
    for (const goal of covers) this.open.delete(goal);
    this.traces.push({ lines: steps.flatMap(({ lines }) => lines), covers });
  }

  /** Goals within a few lines of each other, one after the other in long traces. */
  search(): boolean {
    for (;;) {
      if (this.options.stop?.() === true) return false;
      let path = this.boot();
      const before = new Set(this.open);
      while (path.inputs.length < this.options.length) {
        const longer = this.nearest(path);
        if (longer === undefined || longer.inputs.length > this.options.length) break;
        path = longer;
        for (const step of this.replay(path.inputs) ?? []) for (const goal of this.news(step)) this.open.delete(goal);
      }
      // The trace is recorded as a whole, with all that it reached.
      for (const goal of before) this.open.add(goal);
      if (path.inputs.length === 0) return true;
      this.keep(path.inputs);
    }
  }

  /** Random walks; a walk that reaches something new is shortened to what it needs for that. */
  walk(): boolean {
    const rng = createRng(this.options.seed);
    const { kernel } = this.serial;
    for (let count = 0; count < this.options.walks && this.open.size > 0; count++) {
      if (this.options.stop?.() === true) return false;
      const inputs: RecordedLine[] = [];
      let at = this.serial.boot();
      let useful = 0;
      const goals = new Set<string>();
      for (let length = 0; length < WALK_LINES; length++) {
        const all = nextInputs(kernel, at);
        // What ends the system ends the walk: it comes seldom. Frames end often, else nothing would.
        const some = all.filter(line => !this.ends(at, line) || rng.below(200) === 0);
        const ticks = some.filter(({ event }) => event === 'timerExpiry');
        const from = ticks.length > 0 && rng.below(4) === 0 ? ticks : some;
        const input = from[rng.below(Math.max(1, from.length))];
        if (input === undefined) break;
        const step = this.serial.take(at, input);
        if (step === undefined) continue;
        inputs.push(input);
        at = step.after;
        for (const goal of this.news(step)) {
          if (!goals.has(goal)) useful = inputs.length;
          goals.add(goal);
        }
      }
      if (goals.size === 0) continue;
      const kept = inputs.slice(0, useful);
      this.keep(this.replay(kept) === undefined ? kept : this.shorten(kept, [...goals]));
    }
    return true;
  }
}

/**
 * Traces that together reach as many goals as are found, with all that must be seen.
 *
 * Each line is handed over when every kernel has finished with the one before; a line after which what is seen would depend on the order in
 * which CPUs take their steps is left out.
 */
export function generateSuite(config: KernelConfig, options: SuiteOptions): Suite {
  const serial = new SerialKernel(new RecordedKernel(config));
  const goals = suiteGoals(serial, options.coverage);
  const generator = new Generator(serial, goals, options);
  const isDone = generator.search() && generator.walk();
  return {
    traces: generator.traces,
    covered: goals.filter(goal => !generator.open.has(goal)),
    uncovered: goals.filter(goal => generator.open.has(goal)),
    stopped: !isDone,
  };
}
