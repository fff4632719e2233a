import type { CheckContext, Property, Task, TaskResult } from '../../src/engine/property.ts';
import type { Seams } from '../../src/impl/seams.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import type { RunSpec, TraceBody, TraceOutcome } from '../../src/trace/trace.ts';

/** Seams of fake properties: they look at nothing but the mark that the fake fault leaves. */
export const fakeSeams = {} as Seams;
export const markedSeams = (seams: Seams): Seams => ({ ...seams, mark: 1 }) as Seams;
export const isMarked = (seams: Seams): boolean => 'mark' in seams;

export const emptyResult: TaskResult = { runs: 0, steps: 0, states: 0, witnesses: {}, unspecified: {} };

/** A context without a policy, for engine tests. */
export function fakeContext(overrides: Partial<CheckContext> = {}): CheckContext {
  return {
    document: {} as PolicyDocument,
    policyText: '<system>\n  <subject name="a"/>\n</system>\n',
    policyPath: 'policy.xml',
    policySha256: '0'.repeat(64),
    seams: fakeSeams,
    seed: 1,
    budget: { name: 'smoke' },
    software: [],
    ...overrides,
  };
}

/** A property with `count` equal tasks. */
export function fakeProperty(
  id: Property['id'],
  count: number,
  runTask: (context: CheckContext, task: Task) => TaskResult,
  overrides: Partial<Property> = {},
): Property {
  return {
    id,
    area: 'meta',
    claim: `Claim of ${id}.`,
    method: 'fake',
    passes: 'tested',
    witnesses: [],
    killedBy: [],
    notApplicable: () => '',
    tasks: () => Array.from({ length: count }, (_, index) => ({ property: id, index, slice: { index } })),
    runTask,
    replay: () => undefined,
    ...overrides,
  };
}

export const emptyRun: RunSpec = {
  cyclesPerInstruction: 10,
  endTsc: 1000,
  maxKernelSteps: 100,
  programs: [],
  interrupts: [],
  interleavings: [],
};

export const outcomeOf = (summary: string, digests: readonly string[] = ['00ff']): TraceOutcome => ({
  summary,
  explanation: ['Let s = the common state.', 'Then it differs: a contradiction.'],
  policyLines: [2],
  timeline: [
    { step: 0, tsc: 0, cpu: 0, subject: 'a', event: 'frame 0.0 begins' },
    { step: 1, tsc: 1200, cpu: 0, subject: 'b', event: 'vmcall event 3', note: 'differs' },
  ],
  digests,
});

export const runBody: TraceBody = {
  kind: 'run',
  run: { ...emptyRun, programs: [{ subject: 'a', operations: [{ kind: 'vmcall', low: 3, high: 0, cpl: 0 }] }] },
};
