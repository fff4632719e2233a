import { hasSource, isEnding } from './event-lemmas.ts';
import type { KernelConfig } from './kernel-config.ts';
import type { KernelState } from './kernel-state.ts';
import { currentSubject } from './scheduler.ts';

/* Where injections stay: what an induction needs to know to tell that a subject that was entered asleep executes nothing. */

type State = Readonly<KernelState>;
type Modes = readonly string[];

/** A subject into which an interrupt is being injected runs. */
export function injectedRuns(state: State, _modes: Modes, config: KernelConfig): boolean {
  for (let subject = 0; subject < config.subjectGroup.length; subject++) {
    if (state.subjects[subject]!.injection !== 0 && !state.subjects[subject]!.running) return false;
  }
  return true;
}

/** The CPU enters its subject again, whose entry failed, or hands over from it. */
function isAfterFailure(state: State, mode: string, cpu: number): boolean {
  const action = state.cpus[cpu]!.action;
  const delivers = mode === 'access.takeEvent' || mode === 'access.clearEvents';
  // Traps neither rest nor unmask.
  return delivers || isEnding(mode) || (hasSource(mode) && action !== 1 && action !== 2 && action !== 4);
}

/** An injection stays only until the subject leaves its CPU, or as long as its entry fails and another one of its group is active. */
export function injectedIsEntered(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let subject = 0; subject < config.subjectGroup.length; subject++) {
    const cpu = config.subjectCpu[subject]!;
    const isActive = state.groups[config.subjectGroup[subject]!]!.activeSubject === subject;
    const isCurrent = currentSubject(state, cpu, config) === subject;
    const stays = isCurrent && (modes[cpu] === 'guest' || isAfterFailure(state, modes[cpu]!, cpu));
    if (state.subjects[subject]!.injection !== 0 && isActive && !stays) return false;
  }
  return true;
}
