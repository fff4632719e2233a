import { describe, expect, it } from 'vitest';
import { modelSystem } from '../../src/explore/model-system.ts';
import { breadthFirst } from '../../src/explore/search.ts';
import { checkUnwinding } from '../../src/explore/unwinding.ts';
import type { ModelInstance } from '../../src/model/model.ts';
import { partitionKernelModel } from '../../src/model/partition-kernel.model.ts';
import { defined } from '../../src/units/invariant.ts';

function unwind(instance: ModelInstance) {
  const system = modelSystem(instance);
  const search = breadthFirst({ ...system, claims: [] });
  return checkUnwinding(instance, defined(instance.domains, 'domains'), system, search);
}

describe('unwinding of the small separation kernel', () => {
  it('holds over the whole reachable space of the right kernel', () => {
    const { failure, checks, states } = unwind(partitionKernelModel.configurations[0]!.create());
    expect(failure).toBeUndefined();
    expect(states).toBe(partitionKernelModel.configurations[0]!.states);
    expect(checks).toBeGreaterThan(3 * states);
  });

  const observers: Readonly<Record<string, string>> = {
    'full-queue-reported': 'first',
    'shared-identifiers': 'second',
    'foreign-port-status': 'third',
    'idle-partitions-skipped': 'first',
    'occupancy-reported': 'first',
    'buffer-not-cleared': 'second',
  };

  it.each(partitionKernelModel.faults!)('$id is refuted with two runs', fault => {
    const { failure } = unwind(fault.create());
    const { condition, observer, left, right, leftView, rightView } = defined(failure, fault.id);
    expect(condition).toMatch(/consistency|local respect/);
    expect(leftView).not.toBe(rightView);
    // Two different runs, each from the start, short enough to read.
    const texts = [left, right].map(({ steps }) => steps.map(({ step }) => step).join('; '));
    expect(texts[0]).not.toBe(texts[1]);
    for (const { steps } of [left, right]) expect(steps.length).toBeLessThanOrEqual(12);
    expect(observer).toBe(observers[fault.id]);
  });

  it('has a fault for each of the six classes', () => {
    expect(partitionKernelModel.faults!.map(({ id }) => id)).toEqual(Object.keys(observers));
  });
});
