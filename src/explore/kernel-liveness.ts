import type { KernelConfig } from '../model/kernel-config.ts';
import type { KernelState } from '../model/kernel-state.ts';
import type { ModelInstance } from '../model/model.ts';
import { currentGroup } from '../model/scheduler.ts';
import { MODES_FIELD } from './joint-schema.ts';
import { checkLiveness, type LivenessAnswer, type LivenessQuestion } from './liveness.ts';
import { modelView } from './model-system.ts';
import type { SearchResult } from './search.ts';
import type { CompiledSystem } from './symbolic/packed-model.ts';

/** "A group that is ready runs again after at most N major frames": rounds are major frames, which never stop. */
export interface GroupLiveness {
  readonly group: number;
  /** Subjects of the group. */
  readonly subjects: readonly string[];
  readonly answer: LivenessAnswer;
}

/**
 * Decides for every scheduling group whether it runs again within a bounded number of major frames whenever it is ready: its subject is in
 * the middle of something, or an event waits for it.
 *
 * @param instance the kernel that was compiled to `system` and searched completely.
 */
export function groupLiveness(
  instance: ModelInstance,
  system: CompiledSystem,
  search: SearchResult,
): readonly GroupLiveness[] {
  const config = instance.parties[0]!.definition.config as KernelConfig;
  const { schema } = modelView(instance);
  const scratch = schema.initial();
  const wide = schema.pack(scratch);
  const at = (index: number): { readonly state: KernelState; readonly modes: readonly string[] } => {
    schema.unpack(system.widen(search.table.states, index * system.words, wide), 0, scratch);
    const modes = scratch[MODES_FIELD].map((mode, cpu) => instance.parties[cpu]!.compiled.modes[mode]!);
    return { state: scratch as unknown as KernelState, modes };
  };
  const question = (group: number): LivenessQuestion => ({
    waits(index) {
      const { state, modes } = at(index);
      const subject = state.subjects[state.groups[group]!.activeSubject]!;
      const isReady = subject.running || subject.pendingLow !== 0 || subject.pendingHigh !== 0;
      const runs = modes.some((mode, cpu) => mode === 'guest' && currentGroup(state, cpu, config) === group);
      return isReady && !runs && !modes.includes('stopped') && !modes.includes('dead');
    },
    // A CPU leaves the second meeting at the end of a major frame: its first minor frame begins.
    endsRound(from, to) {
      const before = at(from).modes;
      const after = at(to);
      return before.some(
        (mode, cpu) =>
          mode === 'choose.released' && after.modes[cpu] === 'choose.timers' && after.state.cpus[cpu]!.minor === 1,
      );
    },
  });
  return config.groupPartition.slice(1).map((_, index) => ({
    group: index + 1,
    subjects: config.subjectNames.filter((_name, subject) => config.subjectGroup[subject] === index + 1),
    answer: checkLiveness(system, search, question(index + 1)),
  }));
}
