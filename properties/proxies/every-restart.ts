import type { CheckContext, Failure, Property, Task, TaskResult } from '../../src/engine/property.ts';
import { operationsUntilDone, type RestartedSide, runWithRestart } from '../../src/refinement/genode/restart-points.ts';
import type { TraceBody, TraceOutcome } from '../../src/trace/trace.ts';
import { usesGenode } from '../sessions/script-property.ts';

const ID = 'proxies/every-restart';
const SIDES: readonly RestartedSide[] = ['apps', 'server'];
/** Operations between two restarts that are tried. */
const STRIDE = { smoke: 512, deep: 32, exhaustive: 1 } as const;

const outcomeOf = (side: RestartedSide, point: number, what: string): TraceOutcome => ({
  summary: what,
  explanation: [
    'Let a client write twelve lines to the LOG service of another instance, behind proxies over a link.',
    `Let the instance "${side}" start anew after its operation ${point}; its memory keeps what it held.`,
    `Then ${what}.`,
  ],
  policyLines: [],
  timeline: [],
  digests: [],
});

function failureOf(side: RestartedSide, point: number, what: string): Failure {
  const body: TraceBody = { kind: 'script', steps: [{ operation: `restart ${side}`, operands: [point] }] };
  return { body, outcome: outcomeOf(side, point, what) };
}

function runTask({ seams, budget }: CheckContext, task: Task): TaskResult {
  const side = SIDES.find(name => name === task.slice.side) ?? 'apps';
  const end = operationsUntilDone(seams, side);
  const witnesses = { restart: 0, 'failed-call': 0, delivered: 0 };
  let runs = 0;
  let steps = 0;
  for (let point = 1; point < end; point += STRIDE[budget.name]) {
    const outcome = runWithRestart(seams, side, point);
    runs += 1;
    steps += outcome.operations;
    witnesses.restart += 1;
    witnesses['failed-call'] += outcome.hasFailedCall ? 1 : 0;
    witnesses.delivered += outcome.lines > 0 ? 1 : 0;
    if (outcome.what !== '')
      return { runs, steps, states: runs, witnesses, unspecified: {}, failure: failureOf(side, point, outcome.what) };
  }
  return { runs, steps, states: runs, witnesses, unspecified: {} };
}

/** Restart of either side of a proxy at points all over its life. */
export const everyRestart: Property = {
  id: ID,
  area: 'proxies',
  claim:
    'Whichever instance starts anew after any 512th (deep: 32nd, exhaustive: any) of its operations, every call ends, with its reply or a failure; no line is delivered twice, out of order or made up, and what is asked for afterwards is served.',
  method: 'restart at every n-th operation, two whole instances over a link',
  passes: 'exhausted',
  witnesses: [
    { id: 'restart', description: 'a side restarts' },
    { id: 'delivered', description: 'lines are delivered' },
  ],
  killedBy: ['vhw-reads-from-start', 'vhw-no-event'],
  notApplicable: context => (usesGenode(context) ? '' : 'no Genode software in any subject'),
  tasks: () => SIDES.map((side, index): Task => ({ property: ID, index, slice: { side } })),
  runTask,
  replay({ seams }, { body }) {
    const step = body.kind === 'script' ? body.steps[0] : undefined;
    const side = SIDES.find(name => step?.operation === `restart ${name}`);
    if (step === undefined || side === undefined) return undefined;
    const { what } = runWithRestart(seams, side, step.operands[0] ?? 1);
    return what === '' ? undefined : outcomeOf(side, step.operands[0] ?? 1, what);
  },
};
