import { describe, expect, it } from 'vitest';
import { bitstateSearch } from '../../src/explore/bitstate.ts';
import { breadthFirst } from '../../src/explore/search.ts';
import { compileModel } from '../../src/explore/symbolic/packed-model.ts';
import { readModelSources } from '../../src/host/model-sources.ts';
import { channelTsoModel } from '../../src/model/channel-tso.model.ts';
import { counters } from './small-systems.ts';

describe('bitstate search', () => {
  it('sees all states of a small system when there is room', () => {
    const system = counters(3, 12);
    const full = breadthFirst(system);
    const { states, transitions, depth, missed, reason } = bitstateSearch(system, 24);
    expect([states, transitions, depth, reason]).toEqual([full.table.size, full.transitions, full.depth, '']);
    expect(missed).toBeLessThan(1e-9);
  });

  it('misses states when there is none, and says how full it is', () => {
    const { states, filled, missed } = bitstateSearch(counters(3, 12), 10);
    expect(states).toBeLessThan(1728);
    expect(filled).toBeGreaterThan(0.5);
    expect(missed).toBeCloseTo(filled ** 3);
  });

  it('finds a fault at the depth of the shortest trace', () => {
    const fault = channelTsoModel.faults!.find(({ id }) => id === 'no-recheck')!;
    const system = compileModel(fault.create(), readModelSources(channelTsoModel.sources));
    const full = breadthFirst(system, { stopAtViolation: true });
    const { violation } = bitstateSearch(system, 24);
    expect(violation?.depth).toBe(full.depth);
  });

  it('can be stopped', () => {
    expect(bitstateSearch(counters(2, 4), 12, () => true).reason).toBe('stopped');
  });
});
