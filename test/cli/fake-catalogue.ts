import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import type { Catalogue } from '../../src/cli/catalogue.ts';
import {
  emptyResult,
  fakeProperty,
  fakeSeams,
  isMarked,
  markedSeams,
  outcomeOf,
  runBody,
} from '../engine/fake-property.ts';

const policyFile = fileURLToPath(new URL('../../scenarios/two-subjects/policy.xml', import.meta.url));

/** Keeps one thread busy without yielding, as a real task does. */
function spin(durationMs: number): void {
  const end = process.hrtime.bigint() + BigInt(durationMs) * 1_000_000n;
  while (process.hrtime.bigint() < end);
}

const passing = { ...emptyResult, runs: 10, steps: 100, witnesses: { acted: 3 } };
const hostileName = '\u001b[31mred\u001b[0m<script>alert(1)</script>\u202e';

/** Fake registry: one property per way in which a check can end. */
export const catalogue: Catalogue = {
  properties: [
    fakeProperty('meta/holds', 6, (context, task) => ({ ...passing, runs: (context.budget.runs ?? 10) + task.index }), {
      witnesses: [{ id: 'acted', description: 'something happened' }],
    }),
    fakeProperty('meta/proved', 1, () => ({ ...passing, states: 7 }), { passes: 'proved' }),
    fakeProperty(
      'meta/refuted',
      5,
      (_, task) =>
        task.index < 2
          ? passing
          : { ...passing, failure: { body: runBody, outcome: outcomeOf(`refuted in part ${task.index}`) } },
      { replay: () => outcomeOf('refuted in part 2') },
    ),
    fakeProperty('meta/vacuous', 2, () => ({ ...passing, witnesses: {} }), {
      witnesses: [{ id: 'acted', description: 'something happened' }],
    }),
    fakeProperty('meta/inconclusive', 2, () => ({ ...passing, cut: 'state limit of 10 reached' })),
    fakeProperty('meta/inapplicable', 1, () => passing, { notApplicable: () => 'the policy has no channel' }),
    fakeProperty('meta/throws', 1, () => {
      throw new TypeError('a defect of ours');
    }),
    fakeProperty('meta/dies', 3, (_, task) => {
      if (task.index === 1 && !isMainThread) process.exit(9);
      return passing;
    }),
    fakeProperty('meta/slow', 400, (_, task) => {
      if (task.index === 2) process.stderr.write('working\n');
      spin(50);
      return passing;
    }),
    fakeProperty(
      'meta/finds-mark',
      3,
      (context, task) =>
        isMarked(context.seams) && task.index === 1
          ? { ...passing, runs: 4, failure: { body: runBody, outcome: outcomeOf('the mark shows') } }
          : passing,
      { replay: context => (isMarked(context.seams) ? outcomeOf('the mark shows') : undefined) },
    ),
    fakeProperty(
      'meta/hostile',
      1,
      () => ({
        ...passing,
        failure: { body: runBody, outcome: { ...outcomeOf(hostileName), explanation: [`${hostileName}\n::error::x`] } },
      }),
      { claim: hostileName },
    ),
  ],
  faults: [
    {
      id: 'fake-mark',
      title: 'leaves a mark',
      seam: 'kernel',
      precedent: 'none: made for a test',
      apply: markedSeams,
      killedBy: ['meta/holds', 'meta/finds-mark'],
    },
    {
      id: 'fake-unseen',
      title: 'changes nothing',
      seam: 'kernel',
      precedent: 'none: made for a test',
      apply: seams => seams,
      killedBy: ['meta/finds-mark'],
    },
  ],
  seams: fakeSeams,
  rules: [{ code: 'FAKE-RULE', area: 'memory', title: 'Validate nothing.', severity: 'error' }],
  scenarios: [{ name: 'two-subjects', title: 'two subjects', description: '', diagram: [], policyFile, software: [] }],
  models: [{ id: 'fake', title: 'a fake model', configurations: [], charts: () => ['stateDiagram-v2'] }],
  defaultScenario: 'two-subjects',
};
