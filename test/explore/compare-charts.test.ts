import { describe, expect, it } from 'vitest';
import { compareWithCharts } from '../../src/explore/compare-charts.ts';
import { readModelSources } from '../../src/host/model-sources.ts';
import { MODELS } from '../../src/model/index.ts';
import { signalModel } from '../../src/model/signal.model.ts';

/** Few enough for xstate to step all of them here; `explore <model> --charts` does the others. */
const MOST_STATES = 1_200;

const small = MODELS.flatMap(({ id, sources, configurations }) =>
  configurations
    .filter(({ states = Number.POSITIVE_INFINITY }) => states <= MOST_STATES)
    .map(configuration => ({ id, sources, configuration, name: configuration.name })),
);

describe.each(small)('$id, $name: every reachable state, compiled and by xstate', ({ sources, configuration }) => {
  it('has the same steps', () => {
    const comparison = compareWithCharts(configuration.create(), readModelSources(sources), {});
    expect(comparison).toMatchObject({ difference: '', cut: '', states: configuration.states });
    expect(comparison.steps).toBeGreaterThanOrEqual(configuration.states!);
  });
});

describe('a difference', () => {
  const [configuration] = signalModel.configurations;
  const sources = readModelSources(signalModel.sources);

  it('is shown with mode, event and state', () => {
    const broken = { 'signal.ts': sources['signal.ts']!.replace('state.submits = 0', 'state.submits = 1') };
    expect(broken['signal.ts']).not.toBe(sources['signal.ts']);
    const { difference } = compareWithCharts(configuration!.create(), broken, {});
    expect(difference).toMatch(/in mode .* compiled vs xstate: .*submits/);
  });

  it('cannot be missed silently: what is not compared is named', () => {
    expect(compareWithCharts(configuration!.create(), sources, { maxStates: 5 }).cut).not.toBe('');
    expect(compareWithCharts(configuration!.create(), sources, { stop: () => true }).cut).not.toBe('');
  });
});
