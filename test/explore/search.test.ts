import { describe, expect, it } from 'vitest';
import { type ExploreTarget, handle, targetSystem } from '../../src/cli/explore-target.ts';
import { modelSystem } from '../../src/explore/model-system.ts';
import { explorationReport } from '../../src/explore/report.ts';
import { breadthFirst, type SearchOptions, type SearchResult } from '../../src/explore/search.ts';
import { type ExpandReply, expandBlock, parallelBreadthFirst } from '../../src/explore/search-parallel.ts';
import { traceTo } from '../../src/explore/search-trace.ts';
import { workerRunner } from '../../src/host/workers.ts';
import { MODELS } from '../../src/model/index.ts';
import { explore } from '../model/explore.ts';
import { counters } from './small-systems.ts';

const exhaustive = MODELS.flatMap(({ id, configurations }) =>
  configurations.filter(configuration => configuration.exhaustive).map(configuration => ({ id, configuration })),
);

/** Everything that two searches must agree on. */
const facts = ({ table, ...rest }: SearchResult) => ({
  ...rest,
  states: Array.from(table.states.subarray(0, table.size * table.words)),
  parents: Array.from(table.parents.subarray(0, table.size)),
});

const inBlocks = (system: ReturnType<typeof counters>, options: SearchOptions): Promise<SearchResult> =>
  parallelBreadthFirst(system, options, async job => expandBlock(system, job));

describe.each(exhaustive)('$id, $configuration.name', ({ configuration }) => {
  const instance = configuration.create();
  const system = modelSystem(instance);
  const report = explorationReport(system, breadthFirst(system));

  it('has the pinned states, keeps its invariants and shows its witnesses', () => {
    expect(report.states).toBe(configuration.states);
    expect(report.verdict).toBe('exhausted');
  });
});

describe('breadth-first search', () => {
  it('finds the same shortest traces as the plain enumeration of the tests', () => {
    const { configuration } = exhaustive.find(({ id }) => id === 'channel')!;
    const instance = configuration.create();
    const system = modelSystem(instance);
    const result = breadthFirst(system);
    const plain = explore(instance);
    const lengths = result.found.map(
      ({ claim, state }) => [system.claims[claim]!.id, traceTo(system, result.table, state).length] as const,
    );
    expect(new Map(lengths)).toEqual(new Map([...plain.witnesses].map(([id, trace]) => [id, trace.length])));
    expect(result.transitions).toBe(plain.transitions);
  });

  it('reports the shortest violation, step by step', () => {
    const system = counters(3, 4, [{ id: 'below', kind: 'invariant', text: 'Not all counters are at the top.' }]);
    const result = breadthFirst(system, { stopAtViolation: true });
    const report = explorationReport(system, result);
    expect(report.verdict).toBe('refuted');
    expect(report.invariants[0]?.trace?.steps).toHaveLength(9);
    expect(report.invariants[0]?.trace?.state).toEqual([3, 3, 3]);
  });

  it('says why it ended early', () => {
    const system = counters(4, 30);
    expect(breadthFirst(system, { maxStates: 1000 }).reason).toMatch(/more than 1000 states/);
    const small = breadthFirst(system, { maxBytes: 2 ** 18 });
    expect(small.complete).toBe(false);
    expect(small.reason).toMatch(/--memory/);
    expect(small.table.bytes).toBeLessThanOrEqual(2 ** 18);
    expect(explorationReport(system, small).verdict).toBe('inconclusive');
    let calls = 0;
    const stopped = breadthFirst(system, { stop: () => ++calls > 3 });
    expect(stopped.reason).toBe('stopped');
  });

  it.each([{}, { maxStates: 5000 }, { maxBytes: 2 ** 18 }, { stopAtViolation: true }])(
    'gives the same result in blocks of several threads: %j',
    async options => {
      const claims = [{ id: 'below', kind: 'invariant', text: 'Not all counters are at the top.' }] as const;
      const system = counters(4, 12, claims);
      expect(facts(await inBlocks(system, options))).toEqual(facts(breadthFirst(system, options)));
    },
  );

  it('gives the same result with worker threads', async () => {
    const target: ExploreTarget = {
      kind: 'model',
      model: 'channel',
      configuration: '1 element, 2 writes, hostile writer',
    };
    const system = targetSystem(target);
    const module = new URL('../../src/cli/explore-target.ts', import.meta.url).href;
    const runner = workerRunner<Parameters<typeof handle>[0], ExpandReply>(module, 2);
    const parallel = await parallelBreadthFirst(system, {}, async job => {
      const reply = await runner.submit({ target, job });
      if (reply.kind !== 'done') throw new Error(JSON.stringify(reply));
      return reply.value;
    });
    await runner.close();
    expect(facts(parallel)).toEqual(facts(breadthFirst(system)));
    const first = { table: parallel.table, from: 0, to: 10, settled: new Uint8Array(system.claims.length) };
    expect(handle({ target, job: first })).toEqual(expandBlock(system, first));
  });
});
