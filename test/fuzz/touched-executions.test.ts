import { expect, it } from 'vitest';
import type { Fault } from '../../src/faults/fault.ts';
import { FAULTS } from '../../src/faults/index.ts';
import type { Strategy } from '../../src/fuzz/fuzz-input.ts';
import { defaultSeams } from '../../src/impl/seams.ts';
import { executionsToKill, targetOf } from './executions-to-kill.ts';
import { TouchedExecutions } from './touched-executions.ts';

/** Touched by few executions, by the answers of hooks, and different from the start on. */
const FAULT_IDS = ['hypercall-from-ring-3', 'guest-rdtsc-unchecked', 'wrong-target-event'];
const faults = FAULTS.filter(({ id }) => FAULT_IDS.includes(id));
const CAP = 12;
const STRATEGIES: readonly Strategy[] = ['structured', 'coverage-guided', 'recorded'];

it('counts the executions that find a fault as a campaign on the faulty system does', () => {
  const executions = new TouchedExecutions('machine-code', faults);
  const counts = (strategy: Strategy): ReadonlyMap<string, number> => {
    const found = new Map<string, number>();
    const note = (fault: Fault, count: number): void => {
      found.set(fault.id, count);
    };
    const sought = faults.map(fault => ({ fault, from: 0 }));
    const search = executions.search(strategy, 1);
    // In two parts, of which the second goes on in the middle of a round.
    search.run(sought, 3, note);
    const left = sought.filter(({ fault }) => !found.has(fault.id)).map(({ fault }) => ({ fault, from: 3 }));
    search.run(left, CAP, note);
    return found;
  };
  const direct = faults.map(fault => targetOf('machine-code', fault.apply(defaultSeams)));
  let missed = 0;
  for (const strategy of STRATEGIES) {
    const expected = faults.flatMap(({ id }, index): readonly [string, number][] => {
      const found = executionsToKill(direct[index]!, strategy, 1, CAP);
      if (found === undefined) missed += 1;
      return found === undefined ? [] : [[id, found.executions]];
    });
    expect(counts(strategy), strategy).toEqual(new Map(expected));
  }
  expect(missed).toBeGreaterThan(0);
  expect(missed).toBeLessThan(faults.length * STRATEGIES.length);
  expect(executions.count.faulty).toBeLessThan(executions.count.faultless * faults.length);
});
