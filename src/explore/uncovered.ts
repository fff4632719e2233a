import type { KernelConfig } from '../model/kernel-config.ts';
import {
  ACTION_POWER_OFF,
  ACTION_REBOOT,
  ACTION_SLEEP,
  ACTION_UNMASK,
  ACTION_YIELD,
  TARGET_RESET,
} from '../model/kernel-config.ts';
import { createRng } from '../units/rng.ts';
import { nextInputs } from './conformance-inputs.ts';
import type { RecordedKernel } from './recorded-kernel.ts';
import { transitionName } from './serial-kernel.ts';

/** A reason why a policy has nothing that takes some transitions. */
interface Absence {
  /** Transitions that it is about. */
  readonly of: RegExp;
  readonly holds: (config: KernelConfig) => boolean;
  readonly reason: string;
}

const hasAction = ({ vmcalls, traps }: KernelConfig, ...actions: readonly number[]): boolean =>
  [...vmcalls, ...traps].some(table => table.some(({ action }) => actions.includes(action)));
const hasRoute = ({ routes }: KernelConfig, test: (level: boolean) => boolean): boolean =>
  routes.some(({ subject, level }) => subject >= 0 && test(level));
const usesLock = (config: KernelConfig): boolean =>
  hasAction(config, ACTION_UNMASK) || hasRoute(config, level => level);
const rests = (config: KernelConfig): boolean => hasAction(config, ACTION_SLEEP, ACTION_YIELD);
/** Groups stay marked as long as none sleeps. */
const REST = /access\.(rest|scan(Check|Unmark|Recheck|Mark))|choose\.rest|timerMark/;

/** What a policy can lack, most specific first. */
const ABSENCES: readonly Absence[] = [
  {
    of: /choose\.action continue \[1\]/,
    holds: config => !hasAction(config, ACTION_REBOOT),
    reason: 'no event reboots',
  },
  {
    of: /choose\.action continue \[2\]/,
    holds: config => !hasAction(config, ACTION_POWER_OFF),
    reason: 'no event powers off',
  },
  {
    of: /choose\.action continue \[4\]/,
    holds: config => !hasAction(config, ACTION_SLEEP),
    reason: 'no event makes a subject sleep',
  },
  {
    of: /choose\.action continue \[5\]/,
    holds: config => !hasAction(config, ACTION_YIELD),
    reason: 'no event makes a subject yield',
  },
  {
    of: /choose\.action continue \[6\]|lockRelease proceed \[2\]/,
    holds: config => !hasAction(config, ACTION_UNMASK),
    reason: 'no event unmasks an interrupt',
  },
  {
    of: /externalInterrupt \[2\]|interruptIndicate proceed \[1\]|lockRelease proceed \[1\]/,
    holds: config => !hasRoute(config, level => level),
    reason: 'no level-triggered interrupt is routed',
  },
  {
    of: /externalInterrupt \[[13]\]|interruptIndicate/,
    holds: config => !hasRoute(config, () => true),
    reason: 'no interrupt is routed',
  },
  {
    of: /interruptIndicate proceed \[2\]/,
    holds: config => !hasRoute(config, level => !level),
    reason: 'no edge-triggered interrupt is routed',
  },
  {
    of: /access\.lock|access\.line/,
    holds: config => !usesLock(config),
    reason: 'nothing uses the I/O APIC at run time',
  },
  { of: /lockSpin/, holds: config => config.cpuCount === 1, reason: 'there is one CPU' },
  {
    of: /clearEvents/,
    holds: ({ targets }) => targets.every(table => table.every(({ action }) => action !== TARGET_RESET)),
    reason: 'no target event resets a subject',
  },
  { of: REST, holds: config => !rests(config), reason: 'no event makes a subject sleep or yield' },
  {
    of: /choose\.chosen continue \[[34]\]/,
    holds: config => !rests(config),
    reason: 'no event makes a subject sleep or yield',
  },
  {
    of: /scanRead proceed \[[234]\]|choose\.chosen continue \[2\]/,
    holds: config => !rests(config),
    reason: 'no event makes a subject sleep or yield',
  },
  { of: /access\.barrierSpin/, holds: config => config.cpuCount === 1, reason: 'there is one CPU' },
  {
    of: /auditSlot proceed \[2\]/,
    holds: config => config.cpuCount <= config.maxDumps,
    reason: 'every CPU finds a free crash dump',
  },
  {
    of: /takeEvent proceed \[3\]/,
    holds: ({ targets, deliveriesPerExit, vmcalls, traps }) =>
      targets.every(
        (_, subject) =>
          new Set(
            [...vmcalls, ...traps]
              .flat()
              .flatMap(({ target, targetEvent }) => (target === subject ? [targetEvent] : [])),
          ).size < deliveriesPerExit,
      ),
    reason: 'no subject has as many events as one exit delivers',
  },
  {
    of: /choose\.frame continue \[2\]/,
    holds: ({ plans }) => plans.flat(2).every(({ barrier }) => barrier === 0),
    reason: 'no minor frame has a barrier',
  },
  {
    of: /choose\.frame continue \[3\]/,
    holds: ({ plans }) =>
      plans.flat().every(minors => minors.every(({ barrier }, at) => barrier !== 0 || at === minors.length - 1)),
    reason: 'every minor frame but the last one has a barrier',
  },
  {
    of: /setPending proceed \[2\]/,
    holds: ({ subjectGroup }) => new Set(subjectGroup).size === subjectGroup.length,
    reason: 'every group has one subject',
  },
];

/** Why the policy lacks what takes a transition; undefined if it does not. */
export function absenceOf(config: KernelConfig, transition: string): string | undefined {
  return ABSENCES.find(({ of, holds }) => of.test(transition) && holds(config))?.reason;
}

/** Transitions that random walks take in which CPUs take their steps in any order. */
export function interleavedTransitions(kernel: RecordedKernel, seed: number, steps: number): ReadonlySet<string> {
  const rng = createRng(seed);
  const { cpuCount } = kernel.config;
  const names = kernel.instance.parties[0]!.compiled.chart.transitions.map((_, index) => transitionName(kernel, index));
  const taken = new Set<string>();
  let state = kernel.initial();
  let tsc = 0;
  let requested = 0;
  let age = 0;
  for (let count = 0; count < steps; count++) {
    const cpu = rng.below(cpuCount);
    const own = kernel.ownEvent(state, cpu, tsc, requested);
    const inputs =
      own === undefined ? nextInputs(kernel, { state, tsc, requested }).filter(line => line.cpu === cpu) : [];
    const ticks = inputs.filter(({ event }) => event === 'timerExpiry');
    const from = ticks.length > 0 && rng.below(4) === 0 ? ticks : inputs;
    const line = from.length === 0 ? undefined : from[rng.below(from.length)];
    if (line?.event === 'majorRequest') requested = line.number ?? 0;
    const event = own ?? (line && kernel.eventOf(state, line));
    const after = event && kernel.step(state, cpu, event);
    age += 1;
    if (event !== undefined && after !== undefined) {
      const name = names[kernel.transitionOf(state, cpu, event)];
      if (name !== undefined) taken.add(name);
      state = after;
      tsc = Math.max(tsc, line?.tsc ?? 0);
    }
    if (age < 400 && kernel.ending(state) === undefined) continue;
    state = kernel.initial();
    tsc = 0;
    requested = 0;
    age = 0;
  }
  return taken;
}

/** Why a goal is not covered. */
export interface Uncovered {
  readonly goal: string;
  readonly reason: string;
}

/** Says of each goal that a suite does not reach why it does not. */
export function explainUncovered(
  kernel: RecordedKernel,
  goals: readonly string[],
  seed: number,
  steps: number,
): readonly Uncovered[] {
  const { config } = kernel;
  const left = goals.filter(goal => absenceOf(config, goal) === undefined);
  const interleaved = left.length === 0 ? new Set<string>() : interleavedTransitions(kernel, seed, steps);
  return goals.map(goal => {
    const absence = absenceOf(config, goal);
    if (absence !== undefined) return { goal, reason: `the policy lacks it: ${absence}` };
    if (interleaved.has(goal))
      return { goal, reason: 'only while CPUs interleave inside of their kernels, which a trace cannot direct' };
    return { goal, reason: `not found: neither exit by exit nor in ${steps} interleaved steps` };
  });
}
