import { describe, expect, test } from 'vitest';
import { overallVerdict } from '../../src/engine/conclude.ts';
import type { Property, Task, TaskResult } from '../../src/engine/property.ts';
import { checkPolicyProperties } from '../../src/engine/run.ts';
import type { TaskReply } from '../../src/engine/task-queue.ts';
import { emptyResult, fakeContext, fakeProperty, outcomeOf, runBody } from './fake-property.ts';

const origin = {
  tool: 'muencheck test',
  policyPath: 'policy.xml',
  policySha256: '0'.repeat(64),
  policyGzipBase64: '',
  seed: 1,
};
const passing: TaskResult = { ...emptyResult, runs: 2, steps: 10, witnesses: { seen: 1 } };
const failing = (index: number): TaskResult => ({
  ...passing,
  failure: { body: runBody, outcome: outcomeOf(`part ${index}`) },
});

interface CheckSetup {
  readonly jobs?: number;
  readonly maxSteps?: number;
  readonly stopAfter?: number;
  /** Order in which replies arrive: a delay in turns of the event loop per task. */
  readonly delay?: (task: Task) => number;
}

async function check(properties: readonly Property[], setup: CheckSetup = {}) {
  const context = fakeContext({
    budget: { name: 'smoke', ...(setup.maxSteps === undefined ? {} : { maxSteps: setup.maxSteps }) },
  });
  const executed: string[] = [];
  const execute = async (task: Task): Promise<TaskReply> => {
    executed.push(`${task.property}#${task.index}`);
    for (let turn = setup.delay?.(task) ?? 0; turn > 0; turn--) await Promise.resolve();
    const property = properties.find(candidate => candidate.id === task.property);
    try {
      if (property === undefined) throw new Error('unknown property');
      return { kind: 'done', value: property.runTask(context, task), durationMs: 1 };
    } catch (cause) {
      return { kind: 'crashed', message: String(cause), stack: 'stack' };
    }
  };
  const stopReason = (): string =>
    setup.stopAfter !== undefined && executed.length >= setup.stopAfter ? 'time limit' : '';
  const result = await checkPolicyProperties(context, {
    properties,
    jobs: setup.jobs ?? 1,
    origin,
    execute,
    stopReason,
  });
  return { result, executed };
}

describe('verdict words', () => {
  const witnesses = [{ id: 'seen', description: 'it was seen' }];
  const cases: readonly (readonly [string, Property, string, RegExp])[] = [
    ['passes', fakeProperty('meta/a', 3, () => passing, { witnesses }), 'tested', /^$/],
    ['passes completely', fakeProperty('meta/a', 3, () => passing, { passes: 'proved' }), 'proved', /^$/],
    ['fails', fakeProperty('meta/a', 3, (_, task) => (task.index === 1 ? failing(1) : passing)), 'refuted', /part 1/],
    [
      'misses a witness',
      fakeProperty('meta/a', 3, () => ({ ...passing, witnesses: {} }), { witnesses }),
      'vacuous',
      /never seen: seen/,
    ],
    ['examines nothing', fakeProperty('meta/a', 3, () => emptyResult), 'vacuous', /nothing was examined/],
    ['has no work', fakeProperty('meta/a', 0, () => passing), 'vacuous', /nothing was examined/],
    ['is cut', fakeProperty('meta/a', 3, () => ({ ...passing, cut: 'state limit' })), 'inconclusive', /state limit/],
    [
      'is cut and misses a witness',
      fakeProperty('meta/a', 3, () => ({ ...passing, witnesses: {}, cut: 'limit' }), { witnesses }),
      'inconclusive',
      /limit/,
    ],
    [
      'does not apply',
      fakeProperty('meta/a', 3, () => passing, { notApplicable: () => 'no channel' }),
      'not-applicable',
      /no channel/,
    ],
  ];
  test.each(cases)('a property that %s', async (_, property, word, reason) => {
    const { result } = await check([property]);
    expect(result.properties[0]?.verdict).toBe(word);
    expect(result.properties[0]?.reason).toMatch(reason);
    expect(result.errors).toEqual([]);
  });

  test('a failure outweighs a cut and a missing witness', async () => {
    const property = fakeProperty(
      'meta/a',
      2,
      (_, task) => (task.index === 0 ? { ...emptyResult, runs: 1, cut: 'limit' } : failing(1)),
      { witnesses },
    );
    const { result } = await check([property]);
    expect(result.properties[0]?.verdict).toBe('refuted');
  });

  test('pairs: none effective is vacuous, some not effective is a caveat, excluded ones are kept', async () => {
    const pair = (low: string, effectiveRuns: number, excluded?: string) => ({
      high: 'h',
      low,
      effectiveRuns,
      totalRuns: 5,
      ...(excluded === undefined ? {} : { excluded }),
    });
    const none = fakeProperty('meta/a', 1, () => ({ ...passing, pairs: [pair('l', 0)] }));
    const some = fakeProperty('meta/b', 2, () => ({
      ...passing,
      pairs: [pair('l', 0), pair('m', 2), pair('x', 0, 'direct flow')],
    }));
    const all = fakeProperty('meta/c', 1, () => ({ ...passing, pairs: [pair('x', 0, 'direct flow')] }));
    const { result } = await check([none, some, all]);
    expect(result.properties.map(verdict => verdict.verdict)).toEqual(['vacuous', 'tested', 'vacuous']);
    expect(result.properties[1]?.reason).toBe('no effective run for h -> l');
    expect(result.properties[1]?.pairs).toEqual([
      { high: 'h', low: 'l', effectiveRuns: 0, totalRuns: 10 },
      { high: 'h', low: 'm', effectiveRuns: 4, totalRuns: 10 },
      { high: 'h', low: 'x', effectiveRuns: 0, totalRuns: 10, excluded: 'direct flow' },
    ]);
  });

  test('the whole is called by its weakest word', () => {
    expect(overallVerdict(['proved', 'tested', 'not-applicable'])).toBe('tested');
    expect(overallVerdict(['proved', 'exhausted'])).toBe('exhausted');
    expect(overallVerdict(['tested', 'vacuous', 'inconclusive'])).toBe('inconclusive');
    expect(overallVerdict(['inconclusive', 'refuted'])).toBe('refuted');
    expect(overallVerdict([])).toBe('not-applicable');
  });
});

describe('determinism', () => {
  const properties = [
    fakeProperty('meta/a', 7, (_, task) => (task.index >= 3 ? failing(task.index) : { ...passing, steps: task.index })),
    fakeProperty('meta/b', 9, (_, task) => ({ ...passing, unspecified: { [`reason ${task.index % 2}`]: 1 } })),
  ];
  test.each([
    ['in order', () => 0],
    ['later tasks first', (task: Task) => 20 - task.index],
    ['scrambled', (task: Task) => (task.index * 7) % 5],
  ] as const)('the result does not depend on jobs or on arrival: %s', async (_, delay) => {
    const reference = await check(properties);
    for (const jobs of [1, 2, 5, 16]) {
      const { durationsMs: _durations, ...result } = (await check(properties, { jobs, delay })).result;
      const { durationsMs: _reference, ...expected } = reference.result;
      expect(JSON.stringify(result)).toBe(JSON.stringify(expected));
    }
  });

  test('the first failure in task order counts, and only what came before it', async () => {
    const { result, executed } = await check(properties);
    expect(result.properties[0]).toMatchObject({
      verdict: 'refuted',
      reason: 'part 3',
      runs: 8,
      steps: 0 + 1 + 2 + 10,
    });
    expect(executed.filter(name => name.startsWith('meta/a'))).toHaveLength(4);
  });

  test('the step budget cuts after a whole task, whatever jobs is', async () => {
    const property = fakeProperty('meta/a', 10, () => passing);
    for (const jobs of [1, 4]) {
      const { result } = await check([property], { maxSteps: 25, jobs });
      expect(result.properties[0]).toMatchObject({
        verdict: 'inconclusive',
        steps: 30,
        reason: 'step budget of 25 used up after 3 of 10 parts of the work',
      });
    }
    expect((await check([property], { maxSteps: 100 })).result.properties[0]?.verdict).toBe('tested');
  });
});

describe('stopping and errors', () => {
  test('a stop leaves inconclusive, but keeps a failure that was found', async () => {
    const slow = fakeProperty('meta/a', 5, () => passing);
    const found = fakeProperty('meta/b', 1, () => failing(0));
    const { result } = await check([found, slow], { stopAfter: 3 });
    expect(result.properties.map(verdict => verdict.verdict)).toEqual(['refuted', 'inconclusive']);
    expect(result.properties[1]?.reason).toBe('time limit after 2 of 5 parts of the work');
  });

  test('a failure found out of order before a stop is not lost', async () => {
    const property = fakeProperty('meta/a', 3, (_, task) => (task.index === 1 ? failing(1) : passing));
    const execute = async (task: Task): Promise<TaskReply> =>
      task.index === 0
        ? { kind: 'cut', reason: 'interrupted' }
        : { kind: 'done', value: property.runTask(fakeContext(), task), durationMs: 0 };
    const result = await checkPolicyProperties(fakeContext(), { properties: [property], jobs: 2, origin, execute });
    expect(result.properties[0]).toMatchObject({ verdict: 'refuted', reason: 'part 1' });
  });

  test('an exception in a task, in tasks() or in notApplicable() is an internal error, never a verdict that holds', async () => {
    const explode = (): never => {
      throw new TypeError('boom');
    };
    const { result } = await check([
      fakeProperty('meta/a', 2, explode),
      fakeProperty('meta/b', 1, () => passing, { tasks: explode }),
      fakeProperty('meta/c', 1, () => passing, { notApplicable: explode }),
      fakeProperty('meta/d', 1, () => passing),
    ]);
    expect(result.properties.map(verdict => verdict.verdict)).toEqual([
      'inconclusive',
      'inconclusive',
      'inconclusive',
      'tested',
    ]);
    expect(result.errors.map(error => error.property).sort()).toEqual(['meta/a', 'meta/b', 'meta/c']);
  });
});
