import { describe, expect, it } from 'vitest';
import { groupLiveness } from '../../src/explore/kernel-liveness.ts';
import { checkLiveness } from '../../src/explore/liveness.ts';
import { breadthFirst } from '../../src/explore/search.ts';
import { compileModel } from '../../src/explore/symbolic/packed-model.ts';
import { readModelSources } from '../../src/host/model-sources.ts';
import { kernelModel } from '../../src/model/kernel.model.ts';
import { defined } from '../../src/units/invariant.ts';
import { counters } from './small-systems.ts';

describe('the scheduler', () => {
  const configuration = kernelModel.configurations.find(({ name }) => name === '1 CPU, 2 partitions, timed events');
  const instance = defined(configuration, 'configuration').create();
  const system = compileModel(instance, readModelSources(kernelModel.sources));
  const search = breadthFirst({ ...system, claims: [] });

  it('lets every ready group run again within a few major frames', () => {
    const groups = groupLiveness(instance, system, search);
    const rounds = groups.map(({ answer }) =>
      answer.kind === 'served' && answer.waitingStates > 0 ? answer.rounds : -1,
    );
    // Two groups share the first partition: a sleeper that is woken waits for the other one's turn.
    expect(rounds).toEqual([3, 2, 1]);
    expect(groups.map(({ subjects }) => subjects)).toEqual([['first'], ['second'], ['driver']]);
  });
});

describe('liveness', () => {
  const system = counters(1, 5);
  const search = breadthFirst(system);

  it('is broken by a cycle in which rounds end and nobody is served', () => {
    const answer = checkLiveness(system, search, { waits: () => true, endsRound: (_, to) => to === 0 });
    expect(answer.kind).toBe('starves');
  });

  it('counts the most rounds until the service', () => {
    const answer = checkLiveness(system, search, { waits: state => state !== 4, endsRound: () => true });
    expect(answer).toEqual({ kind: 'served', waitingStates: 4, rounds: 3 });
  });
});
