import { describe, expect, test } from 'vitest';
import { everyStep } from '../../../src/engine/shortest/operand-values.ts';
import { shortestScript } from '../../../src/engine/shortest/shortest-script.ts';
import { operand, ScriptLog, type ScriptRunner } from '../../../src/refinement/script.ts';

/** A counter modulo 64 that fails at 37; steps add 1, 5 or a chosen amount of 2 or 3. */
const counter: ScriptRunner<{ readonly tellsState: boolean }> = ({ tellsState }, steps) => {
  const log = new ScriptLog([]);
  let value = 0;
  for (const [index, step] of steps.entries()) {
    if (step.operation === 'one') value += 1;
    else if (step.operation === 'five') value += 5;
    else if (step.operation === 'some') value += 2 + operand(step, 0, 2);
    value %= 64;
    log.effective();
    log.fail(index, value === 37 ? 'it is 37' : '');
    if (log.hasFailed) break;
  }
  return tellsState ? log.judgement(value) : log.judgement();
};

describe('shortest scripts', () => {
  test('the first script found is a shortest one', () => {
    const found = shortestScript(['one', 'five', 'some'], steps => counter({ tellsState: true }, steps), {
      maxSteps: 20,
      maxRuns: 10_000,
    });
    expect(found.isComplete).toBe(true);
    // 7 fives and one 2.
    expect(found.script).toHaveLength(8);
  });

  test('a state is expanded once', () => {
    const { runs, states } = shortestScript(['one'], steps => counter({ tellsState: true }, steps), {
      maxSteps: 36,
      maxRuns: 10_000,
    });
    expect({ runs, states }).toEqual({ runs: 37, states: 36 });
  });

  test('without states every script is tried, as long as the budget lasts', () => {
    const options = { maxSteps: 8, maxRuns: 200 };
    const found = shortestScript(['one', 'five'], steps => counter({ tellsState: false }, steps), options);
    expect(found).toMatchObject({ isComplete: false, runs: 200 });
  });

  test('nothing below the bound', () => {
    const found = shortestScript(['five', 'some'], steps => counter({ tellsState: true }, steps), {
      maxSteps: 7,
      maxRuns: 10_000,
    });
    expect(found).toMatchObject({ isComplete: true });
    expect(found.script).toBeUndefined();
  });

  test('operands are varied where they are asked for, over the values that matter', () => {
    const seen: string[] = [];
    everyStep('x', step => {
      const first = operand(step, 2, 3);
      const rest = first === 1 ? [operand(step, 0, 2), operand(step, 1, 1000)] : [];
      seen.push([first, ...rest].join());
      return false;
    });
    expect(seen).toEqual(['0', '1,0,0', '1,0,999', '1,1,0', '1,1,999', '2']);
  });

  test('a place that is asked for in two ways has a value for each combination', () => {
    const seen = new Set<string>();
    everyStep('x', step => {
      seen.add(`${operand(step, 0, 2)} ${operand(step, 0, 3)}`);
      return false;
    });
    expect(seen.size).toBe(6);
  });
});
