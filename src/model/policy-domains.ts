import type { FlowGraph } from './flow-policy.ts';
import type { KernelConfig } from './kernel-config.ts';
import type { KernelState } from './kernel-state.ts';
import { currentPartition, currentSubject } from './scheduler.ts';
import { isMarkedActive } from './scheduler-groups.ts';

/** Subjects of a policy as security domains of its kernel, between two exits. */
export interface PolicyDomains {
  readonly names: readonly string[];
  /** Subjects of one scheduling partition, which see each other sleep, yield and hand over. */
  siblings(domain: number): readonly number[];
  /** Whether the policy declares any flow from one subject to the other. */
  mayFlow(from: number, to: number): boolean;
  /** Everything that the subject can see or that its next steps depend on, as text. */
  view(domain: number, state: Readonly<KernelState>, isEntered: readonly boolean[]): string;
}

/** Flows that let more pass than a moment of delay. */
const isAboutTime = new Set(['barrier', 'ipi-cycle-theft', 'irq-cycle-theft', 'io-apic-lock', 'scheduling-info']);

/** The domains of a policy: who may influence whom is what its flow graph says, delays left out. */
export function policyDomains(config: KernelConfig, flows: FlowGraph): PolicyDomains {
  const names = config.subjectNames;
  const partitionOf = (subject: number): number => config.groupPartition[config.subjectGroup[subject]!]!;
  const siblings = names.map((_, subject) =>
    names.flatMap((_name, other) => (partitionOf(other) === partitionOf(subject) ? [other] : [])),
  );
  const allowed = names.map(from =>
    names.map(to => from === to || flows.directEdges(from, to).some(({ mechanism }) => !isAboutTime.has(mechanism))),
  );
  return {
    names,
    siblings: domain => siblings[domain]!,
    mayFlow: (from, to) => allowed[from]![to]!,
    view(domain, state, isEntered) {
      const group = config.subjectGroup[domain]!;
      const partition = partitionOf(domain);
      const cpu = config.subjectCpu[domain]!;
      const { activityLow: _low, activityHigh: _high, ...turn } = state.partitions[partition]!;
      const isHere = currentPartition(state, cpu, config) === partition;
      const runs = isEntered[cpu] === true && isHere && currentSubject(state, cpu, config) === domain;
      return JSON.stringify({
        runs,
        // How far the plan is on each CPU is known to all: no subject can change it, else it would show here.
        plan: [state.major, ...state.cpus.map(({ minor }, its) => (isEntered[its] === true ? minor : -minor))],
        halted: isHere && state.cpus[cpu]!.halted,
        subject: state.subjects[domain],
        active: state.groups[group]!.activeSubject,
        timeout: [state.groups[group]!.timeoutLow, state.groups[group]!.timeoutHigh],
        marked: isMarkedActive(state, partition, config.groupIndex[group]!),
        turn,
      });
    },
  };
}
