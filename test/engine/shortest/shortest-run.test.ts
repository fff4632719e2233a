import { expect, test } from 'vitest';
import { type RunSearchTarget, shortestRun } from '../../../src/engine/shortest/shortest-run.ts';
import type { RunSpec } from '../../../src/trace/trace.ts';
import type { Operation } from '../../../src/units/operation.ts';

const EMPTY: RunSpec = {
  cyclesPerInstruction: 1,
  endTsc: 10,
  maxKernelSteps: 10,
  programs: [],
  interrupts: [],
  interleavings: [],
};
const call = (low: number): Operation => ({ kind: 'vmcall', low, high: 0, cpl: 0 });

/** A system of one subject that fails after the calls 1 and 2, in this order, with an interrupt between or after them. */
function target(onProbe: () => void): RunSearchTarget {
  return {
    alphabet: new Map([['a', [{ kind: 'nop' }, call(1), call(2)]]]),
    probe({ programs, interrupts }, _last, isKnown) {
      onProbe();
      const [program] = programs;
      const calls = (program !== undefined && 'operations' in program ? program.operations : []).flatMap(operation =>
        operation.kind === 'vmcall' ? [operation.low] : [],
      );
      const key = `${calls.join()} ${interrupts.length}`;
      return {
        fails: !isKnown(key) && calls.join().includes('1,2') && interrupts.length > 0,
        key,
        hasEffect: true,
        open: ['a'],
        interrupts: interrupts.length === 0 ? [{ tsc: 5, cpu: 0, vector: 40 }] : [],
        interleavings: [],
      };
    },
  };
}

test('the fewest operations and events, and each state once', () => {
  let probes = 0;
  const found = shortestRun(
    target(() => probes++),
    EMPTY,
    { maxElements: 5, maxRuns: 1000 },
  );
  expect(found.isComplete).toBe(true);
  expect(found.runs).toBe(probes);
  expect(found.run?.interrupts).toHaveLength(1);
  expect(found.run?.programs).toEqual([{ subject: 'a', operations: [call(1), call(2)] }]);
});

test('nothing shorter, and a budget that ends first', () => {
  const ignore = (): void => undefined;
  expect(shortestRun(target(ignore), EMPTY, { maxElements: 2, maxRuns: 1000 })).toMatchObject({ isComplete: true });
  const cut = shortestRun(target(ignore), EMPTY, { maxElements: 5, maxRuns: 3 });
  expect(cut).toEqual({ isComplete: false, runs: 3 });
});
