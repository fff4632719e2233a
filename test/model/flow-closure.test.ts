import { describe, expect, it } from 'vitest';
import { closureDiffToText, closureToText, diffClosures, flowPaths } from '../../src/model/flow-closure.ts';
import { flowGraph } from '../../src/model/flow-policy.ts';
import { DEMO, goldenPolicies, goldenText, haveGolden, needsGolden, parse } from '../policy/intent-editing.ts';
import { alphaMemory, both, drop, map, unmap } from '../policy/policy-editing.ts';
import { smallPolicy } from '../policy/small-policy.ts';

const graphOf = (text: string) => flowGraph(parse(text));

describe('closure of flows', () => {
  it('has the steps of a shortest path with the lines that grant them', () => {
    const paths = flowPaths(graphOf(smallPolicy()));
    const path = paths.find(({ from, to }) => from === 'alpha' && to === 'beta');
    expect(path?.steps.map(({ mechanism, via }) => [mechanism, via])).toEqual([['channel', 'data']]);
    expect(closureToText([path!])).toMatch(/^1 alpha -channel data:\d+-> beta\n$/);
  });

  it('shows pairs that an edit connects', () => {
    const before = both(unmap('data'), unmap('data'), drop('data'))(smallPolicy());
    const cut = before.replaceAll(/<event id="1" logical="wake" physical="wake"\/>/g, '');
    const after = alphaMemory(map('beta|text', '16#4000_0000#', 'other', true))(cut);
    const diff = diffClosures(flowPaths(graphOf(cut)), flowPaths(graphOf(after)));
    const pairs = diff.added.map(({ from, to }) => `${from} ${to}`);
    expect(pairs).toContain('alpha beta');
    expect(diff.removed).toEqual([]);
    expect(closureDiffToText(diff)).toContain('+ alpha -');
  });
});

describe.skipIf(!haveGolden)(`closure of real systems${needsGolden}`, () => {
  it.each(goldenPolicies('systems').map(name => `systems/${name}/policy_b.xml`))(
    '%s: paths are chains of flows, for exactly the pairs of the closure',
    file => {
      const graph = graphOf(goldenText(file));
      const paths = flowPaths(graph);
      const closure = graph.closure();
      expect(new Set(paths.map(({ from, to }) => `${from} ${to}`))).toEqual(
        new Set([...closure].flatMap(([from, reached]) => [...reached].map(to => `${from} ${to}`))),
      );
      const kernels = new Set(graph.nodes.filter(({ kind }) => kind === 'kernel').map(({ id }) => id));
      for (const { from, to, steps } of paths) {
        expect([steps[0]!.from, steps.at(-1)!.to]).toEqual([from, to]);
        steps.slice(1).forEach((step, index) => {
          expect(step.from).toBe(steps[index]!.to);
          expect(kernels.has(step.from)).toBe(false);
        });
        // A direct flow is never explained by a detour.
        if (graph.allowsDirect(from, to).length > 0) expect(steps).toHaveLength(1);
        for (const { lines, permittedByDesign } of steps) expect(lines.length > 0 || permittedByDesign).toBe(true);
      }
    },
  );

  it('finds the way of the keyboard to the network Linux of the demo system', () => {
    const paths = flowPaths(graphOf(goldenText(DEMO)));
    const path = paths.find(({ from, to }) => from === 'ps2' && to === 'nic_linux');
    expect(path?.steps.map(({ to }) => to)).toEqual(['vt', 'nic_linux']);
  });
});
