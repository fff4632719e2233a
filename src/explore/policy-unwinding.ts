import type { KernelConfig } from '../model/kernel-config.ts';
import { endsSystem } from '../model/kernel-config.ts';
import { foldTime } from '../model/kernel-policy.ts';
import type { KernelEvent } from '../model/kernel-state.ts';
import type { PolicyDomains } from '../model/policy-domains.ts';
import { isEnding } from './conformance-inputs.ts';
import type { JointState } from './joint-schema.ts';
import { RecordedKernel } from './recorded-kernel.ts';
import type { RecordedLine } from './recorded-line.ts';
import type { UnwindingCondition } from './unwinding.ts';

/** Bounds of an unwinding over a policy. */
export interface PolicyUnwindingOptions {
  readonly maxStates: number;
  /** With the device interrupts that the policy routes. */
  readonly interrupts: boolean;
  readonly stop?: () => boolean;
}

/** Two runs that a subject must not tell apart, and can after a step. */
export interface PolicyUnwindingFailure {
  readonly condition: UnwindingCondition;
  readonly observer: string;
  readonly actor: string;
  readonly step: string;
  readonly left: readonly string[];
  readonly right: readonly string[];
  readonly leftView: string;
  readonly rightView: string;
}

export interface PolicyUnwinding {
  readonly states: number;
  readonly steps: number;
  readonly checks: number;
  readonly depth: number;
  /** True if every reachable state was looked at. */
  readonly complete: boolean;
  readonly failure?: PolicyUnwindingFailure;
}

/** A step of the whole system between two states in which no kernel runs. */
interface MacroStep {
  readonly label: string;
  /** Subject that acts; -1 for the plan and for devices. */
  readonly actor: number;
  readonly lines: readonly RecordedLine[];
}

const KERNEL = -1;
/** TSC at which everything happens: time is folded. */
const NOW = 1;

/** The kernels of a policy, exit by exit, with folded time. */
class MacroKernel {
  readonly kernel: RecordedKernel;
  private readonly interrupts: boolean;

  constructor(config: KernelConfig, interrupts: boolean) {
    this.kernel = new RecordedKernel(foldTime(config));
    this.interrupts = interrupts;
  }

  entered(state: JointState): boolean[] {
    return Array.from({ length: this.kernel.config.cpuCount }, (_, cpu) => this.kernel.mode(state, cpu) === 'guest');
  }

  private subject(state: JointState, cpu: number): number {
    return this.kernel.config.subjectNames.indexOf(this.kernel.subjectOf(state, cpu));
  }

  /** The next frames begin on the CPUs whose frames end first: the plan alone says when. */
  private tick(state: JointState, cpus: readonly number[]): MacroStep {
    const ends = cpus.map(cpu => this.kernel.frameEnd(state, cpu));
    const first = Math.min(...ends);
    const lines = cpus.flatMap((cpu, at): RecordedLine[] =>
      ends[at] === first ? [{ cpu, tsc: NOW, event: 'timerExpiry' }] : [],
    );
    return { label: `end of frame on CPU ${lines.map(({ cpu }) => cpu).join(', ')}`, actor: KERNEL, lines };
  }

  /** Everything that can happen next, but for what ends the system. */
  steps(state: JointState): MacroStep[] {
    const { config } = this.kernel;
    const entered = this.entered(state);
    const cpus = entered.flatMap((is, cpu) => (is ? [cpu] : []));
    if (cpus.length === 0) return [];
    const steps: MacroStep[] = [this.tick(state, cpus)];
    for (const cpu of cpus) {
      const subject = this.subject(state, cpu);
      const name = config.subjectNames[subject]!;
      const act = (line: Pick<RecordedLine, 'event' | 'number'>): void => {
        const whole: RecordedLine = { cpu, tsc: NOW, ...line };
        if (!isEnding(this.kernel, subject, whole))
          steps.push({ label: `${name}: ${line.event} ${line.number}`, actor: subject, lines: [whole] });
      };
      if (!this.kernel.kernel(state).cpus[cpu]!.halted) {
        config.vmcalls[subject]!.forEach(({ action, target }, number) => {
          if (action !== 0 || target >= 0) act({ event: 'vmcall', number });
        });
        config.traps[subject]!.forEach(({ action }, number) => {
          if (!endsSystem(action)) act({ event: 'trap', number });
        });
      }
      if (!this.interrupts) continue;
      config.routes.forEach(({ subject: owner }, number) => {
        if (owner < 0 || config.subjectCpu[owner] !== cpu) return;
        const line: RecordedLine = { cpu, tsc: NOW, event: 'interrupt', number };
        steps.push({ label: `interrupt ${number} on CPU ${cpu}`, actor: KERNEL, lines: [line] });
      });
    }
    return steps;
  }

  /** The state when all kernels have finished; undefined if the step is not possible, or would not end. */
  take(state: JointState, { lines }: MacroStep): JointState | undefined {
    const { kernel } = this;
    let current: JointState | undefined = state;
    for (const line of lines) {
      if (current === undefined) return undefined;
      const event: KernelEvent | undefined = kernel.eventOf(current, line);
      current = event && kernel.step(current, line.cpu, event);
    }
    for (let steps = 0; current !== undefined && steps < 100_000; steps++) {
      const key = kernel.key(current);
      let next: JointState | undefined;
      for (let cpu = 0; next === undefined && cpu < kernel.config.cpuCount; cpu++) {
        const event = kernel.ownEvent(current, cpu, NOW, kernel.kernel(current).major);
        const after = event && kernel.step(current, cpu, event);
        if (after !== undefined && kernel.key(after) !== key) next = after;
      }
      if (next === undefined) return current;
      current = next;
    }
    return undefined;
  }
}

/** Same views, same outcome; the state that had another one otherwise. */
class Outcomes {
  private readonly known = new Map<string, { readonly state: number; readonly after: string }>();

  conflict(key: string, state: number, after: string) {
    const found = this.known.get(key);
    if (found === undefined) this.known.set(key, { state, after });
    return found === undefined || found.after === after ? undefined : found;
  }
}

/**
 * Unwinding of a policy's whole system for the intransitive flows that the policy declares, over every reachable state between two exits.
 *
 * Local respect: a step of a subject changes nothing for one that it may not influence. Step consistency: what a step changes for a subject
 * follows from what the subject, the actor and, where the step is about their partition, its siblings see. Output consistency: what a
 * subject can do follows from what it sees. Time is folded to one major frame, which the subjects cannot change; timed events are left out.
 *
 * @param system what runs; the domains may come from another document, to find where it differs.
 */
export function unwindPolicy(
  system: KernelConfig,
  domains: PolicyDomains,
  options: PolicyUnwindingOptions,
): PolicyUnwinding {
  const macro = new MacroKernel(system, options.interrupts);
  const { kernel } = macro;
  const states: JointState[] = [kernel.initial()];
  const parents: { readonly from: number; readonly label: string }[] = [{ from: -1, label: '' }];
  const depths = [0];
  const index = new Map([[kernel.key(states[0]!), 0]]);
  const outcomes = new Outcomes();
  let steps = 0;
  let checks = 0;
  const viewsOf = (state: JointState): string[] => {
    const entered = macro.entered(state);
    return domains.names.map((_, domain) => domains.view(domain, kernel.kernel(state), entered));
  };
  const pathTo = (state: number): string[] => {
    const path: string[] = [];
    for (let at = state; parents[at]!.from >= 0; at = parents[at]!.from) path.push(parents[at]!.label);
    return path.reverse();
  };
  const result = (complete: boolean, failure?: PolicyUnwindingFailure): PolicyUnwinding => ({
    states: states.length,
    steps,
    checks,
    depth: depths.at(-1)!,
    complete,
    ...(failure === undefined ? {} : { failure }),
  });
  const nameOf = (actor: number): string => domains.names[actor] ?? 'the plan or a device';
  for (let at = 0; at < states.length; at++) {
    if (states.length > options.maxStates || (at % 64 === 0 && options.stop?.() === true)) return result(false);
    const state = states[at]!;
    const before = viewsOf(state);
    const possible = domains.names.map((): string[] => []);
    for (const step of macro.steps(state)) {
      const next = macro.take(state, step);
      if (next === undefined) continue;
      steps += 1;
      if (step.actor >= 0) possible[step.actor]!.push(step.label);
      const after = viewsOf(next);
      for (const domain of domains.names.keys()) {
        checks += 1;
        const common = { observer: domains.names[domain]!, actor: nameOf(step.actor), step: step.label };
        if (step.actor >= 0 && !domains.mayFlow(step.actor, domain)) {
          if (before[domain] === after[domain]) continue;
          const left = pathTo(at);
          return result(false, {
            ...common,
            condition: 'local respect',
            left: [...left, step.label],
            right: left,
            leftView: after[domain]!,
            rightView: before[domain]!,
          });
        }
        const siblings = domains.siblings(domain);
        const isOwn = step.actor === KERNEL || siblings.includes(step.actor);
        const seen = [domain, ...(step.actor >= 0 ? [step.actor] : []), ...(isOwn ? siblings : [])];
        const views = [...new Set(seen)].sort((a, b) => a - b).map(its => before[its]);
        const known = outcomes.conflict(JSON.stringify([domain, step.label, step.actor, views]), at, after[domain]!);
        if (known === undefined) continue;
        return result(false, {
          ...common,
          condition: 'step consistency',
          left: [...pathTo(known.state), step.label],
          right: [...pathTo(at), step.label],
          leftView: known.after,
          rightView: after[domain]!,
        });
      }
      const key = kernel.key(next);
      if (index.has(key)) continue;
      index.set(key, states.length);
      states.push(next);
      parents.push({ from: at, label: step.label });
      depths.push(depths[at]! + 1);
    }
    for (const domain of domains.names.keys()) {
      checks += 1;
      const its = possible[domain]!.join('; ');
      const known = outcomes.conflict(`can ${domain} ${before[domain]}`, at, its);
      if (known === undefined) continue;
      return result(false, {
        observer: domains.names[domain]!,
        actor: domains.names[domain]!,
        step: 'what it can do',
        condition: 'output consistency',
        left: pathTo(known.state),
        right: pathTo(at),
        leftView: known.after,
        rightView: its,
      });
    }
  }
  return result(true);
}
