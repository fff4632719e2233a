import { describe, expect, it } from 'vitest';
import { MODES_FIELD } from '../../src/explore/joint-schema.ts';
import { checkLiveness } from '../../src/explore/liveness.ts';
import { modelView } from '../../src/explore/model-system.ts';
import { breadthFirst } from '../../src/explore/search.ts';
import { compileModel } from '../../src/explore/symbolic/packed-model.ts';
import { readModelSources } from '../../src/host/model-sources.ts';
import { kernelModel } from '../../src/model/kernel.model.ts';
import type { KernelConfig } from '../../src/model/kernel-config.ts';
import type { KernelState } from '../../src/model/kernel-state.ts';
import { currentGroup } from '../../src/model/scheduler.ts';
import { defined } from '../../src/units/invariant.ts';

/** A small kernel, its reachable states, and for each state what is needed of it. */
function explored(name: string) {
  const configuration = defined(
    kernelModel.configurations.find(its => its.name === name),
    name,
  );
  const instance = configuration.create();
  const config = instance.parties[0]!.definition.config as KernelConfig;
  const system = compileModel(instance, readModelSources(kernelModel.sources));
  const search = breadthFirst({ ...system, claims: [] });
  const { schema } = modelView(instance);
  const scratch = schema.initial();
  const wide = schema.pack(scratch);
  const at = (index: number): { readonly state: KernelState; readonly modes: readonly string[] } => {
    schema.unpack(system.widen(search.table.states, index * system.words, wide), 0, scratch);
    const modes = scratch[MODES_FIELD].map((mode, cpu) => instance.parties[cpu]!.compiled.modes[mode]!);
    return { state: scratch as unknown as KernelState, modes };
  };
  /** Group is ready: its subject runs, or something is pending for it; and no CPU is in it. */
  const waits = (group: number) => (index: number) => {
    const { state, modes } = at(index);
    const subject = state.subjects[state.groups[group]!.activeSubject]!;
    const isReady = subject.running || subject.pendingLow !== 0 || subject.pendingHigh !== 0;
    const runs = modes.some((mode, cpu) => mode === 'guest' && currentGroup(state, cpu, config) === group);
    return isReady && !runs && !modes.includes('stopped');
  };
  /** The CPU leaves the second meeting at the end of a major frame: its first minor frame begins. */
  const endsRound = (from: number, to: number): boolean => {
    const before = [...at(from).modes];
    const after = at(to);
    return before.some(
      (mode, cpu) =>
        mode === 'choose.released' && after.modes[cpu] === 'choose.timers' && after.state.cpus[cpu]!.minor === 1,
    );
  };
  return { system, search, waits, endsRound, groups: config.groupPartition.length - 1 };
}

describe('the scheduler', () => {
  const { system, search, waits, endsRound, groups } = explored('1 CPU, 2 partitions, timed events');

  it('lets every ready group run again within a few major frames', () => {
    const rounds = Array.from({ length: groups }, (_, index) => {
      const answer = checkLiveness(system, search, { waits: waits(index + 1), endsRound });
      return answer.kind === 'served' && answer.waitingStates > 0 ? answer.rounds : -1;
    });
    // Two groups share the first partition: a sleeper that is woken waits for the other one's turn.
    expect(rounds).toEqual([3, 2, 1]);
  });

  it('would starve a group that waits for what never comes', () => {
    const answer = checkLiveness(system, search, { waits: () => true, endsRound });
    expect(answer.kind).toBe('starves');
  });
});
