import type { PolicyDocument } from '../policy/document.ts';
import { createKernel } from './kernel.model.ts';
import { kernelAlphabet } from './kernel-alphabet.ts';
import { endsSystem, type KernelConfig, kernelConfig } from './kernel-config.ts';
import type { KernelEvent, KernelState } from './kernel-state.ts';
import type { ModelInstance } from './model.ts';

/** How much of a policy's abstract system an exploration covers. */
export interface PolicyScope {
  /** With timed events: each subject may set a due or a distant one for each of its events. */
  readonly timers: boolean;
  /** With the interrupts that the policy routes. */
  readonly interrupts: boolean;
}

/**
 * The configuration with time folded: major frames have period 0, so that every one happens at the same TSC values and the
 * reachable space is finite. Deadlines within a major frame become their ordinal.
 */
export function foldTime(config: KernelConfig): KernelConfig {
  const plans = config.plans.map(majors =>
    majors.map(minors => minors.map((minor, index) => ({ ...minor, deadlineCycles: 4 * (index + 1) }))),
  );
  return { ...config, plans, periodsCycles: config.periodsCycles.map(() => 0), timerUnitCycles: 1 };
}

const isDeclared = ({ action, target }: KernelConfig['vmcalls'][number][number]): boolean =>
  action !== 0 || target >= 0;

/** Everything that can happen on one CPU of a system: declared events, traps that do not stop it, routed interrupts. */
function policyAlphabet(config: KernelConfig, cpu: number, scope: PolicyScope): KernelEvent[] {
  const subjects = config.subjectCpu.flatMap((its, subject) => (its === cpu ? [subject] : []));
  const numbers = (tables: KernelConfig['vmcalls']): number[] => [
    ...new Set(subjects.flatMap(subject => tables[subject]!.flatMap((entry, id) => (isDeclared(entry) ? [id] : [])))),
  ];
  const vmcalls = numbers(config.vmcalls).sort((a, b) => a - b);
  const vectors = config.routes.flatMap(({ subject }, vector) =>
    subjects.includes(subject) && scope.interrupts ? [vector] : [],
  );
  const events = kernelAlphabet(cpu, {
    nowTscs: scope.timers ? [1, 6] : [1],
    vmcalls,
    timers: scope.timers ? vmcalls.map(id => [5, id] as const) : [],
    requestedMajors: cpu === 0 ? config.periodsCycles.map((_, major) => major) : [0],
    vectors,
    otherExits: false,
    timerExpiry: true,
    instructionLength: 0,
    interruptFlag: true,
  });
  const like = events.find(({ type }) => type === 'timerExpiry');
  if (like === undefined || !('ripLow' in like)) return events;
  const traps = subjects.flatMap(subject =>
    config.traps[subject]!.flatMap((entry, reason) => (isDeclared(entry) && !endsSystem(entry.action) ? [reason] : [])),
  );
  const seen = [...new Set(traps)].sort((a, b) => a - b);
  return [...events, ...seen.map((reason): KernelEvent => ({ ...like, type: 'trap', reason }))];
}

/** A policy's whole abstract system: the kernels of all CPUs with every event that the policy declares, and folded time. */
export function policyKernel(
  document: PolicyDocument,
  scope: PolicyScope,
): ModelInstance<KernelState, KernelEvent> & { readonly config: KernelConfig } {
  const config = foldTime(kernelConfig(document));
  const alphabets = Array.from({ length: config.cpuCount }, (_, cpu) => policyAlphabet(config, cpu, scope));
  return { ...createKernel(config, alphabets, []), config };
}
