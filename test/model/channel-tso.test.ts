import { describe, expect, it } from 'vitest';
import { explorationReport } from '../../src/explore/report.ts';
import { breadthFirst } from '../../src/explore/search.ts';
import { compileModel } from '../../src/explore/symbolic/packed-model.ts';
import { readModelSources } from '../../src/host/model-sources.ts';
import { channelTsoModel } from '../../src/model/channel-tso.model.ts';
import { MODELS } from '../../src/model/index.ts';
import { explore } from './explore.ts';

/** Faults that violate an invariant; those that only leak are refuted by unwinding. */
const faults = MODELS.flatMap(({ id, sources, faults: its = [] }) =>
  its.filter(({ violates }) => violates.length > 0).map(fault => ({ model: id, sources, fault })),
);

describe('faults of models', () => {
  it.each(faults)('$model, $fault.id is refuted by an interleaving', ({ sources, fault }) => {
    const system = compileModel(fault.create(), readModelSources(sources));
    const all = fault.violates.length;
    const report = explorationReport(system, breadthFirst(system, { stopAtViolation: all === 1, maxStates: 400_000 }));
    const violated = report.invariants.filter(({ holds }) => !holds);
    expect(report.verdict).toBe('refuted');
    for (const { id, trace } of violated) {
      expect(fault.violates).toContain(id);
      expect(trace!.steps.length).toBeGreaterThan(5);
    }
  });

  it.each(faults)(
    '$model, $fault.id: its trace is as short as an independent breadth-first search finds',
    ({ sources, fault }) => {
      const instance = fault.create();
      const system = compileModel(instance, readModelSources(sources));
      const report = explorationReport(system, breadthFirst(system, { stopAtViolation: true }));
      const { id, trace } = report.invariants.find(({ holds }) => !holds)!;
      // States as plain objects, stepped by the charts, in a table of their own.
      const other = explore(instance, { limit: 60_000 }).violations.get(id);
      expect(trace!.steps).toHaveLength(other?.length ?? -1);
    },
  );

  it('show who stores what, and what the reader has copied by then', () => {
    const fault = channelTsoModel.faults!.find(({ id }) => id === 'no-recheck')!;
    const system = compileModel(fault.create(), readModelSources(channelTsoModel.sources));
    const { invariants } = explorationReport(system, breadthFirst(system, { stopAtViolation: true }));
    const { trace } = invariants.find(({ holds }) => !holds)!;
    const steps = trace!.steps.map(({ step, changes }) => `${step}: ${changes.join('; ')}`);
    expect(steps).toContainEqual(expect.stringMatching(/^memory .*flush.*data\[0\]\.first: \d+ -> \d+/));
    expect(steps).toContainEqual(expect.stringMatching(/^reader .*step.*reader\.first: 0 -> \d+/));
  });
});
