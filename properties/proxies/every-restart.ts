import type { CheckContext, Failure, Property, Task, TaskResult } from '../../src/engine/property.ts';
import { RESTART_CASES, type RestartCase } from '../../src/refinement/genode/restart-cases.ts';
import { type RestartedSide, runWithRestart, walkRestarts } from '../../src/refinement/genode/restart-points.ts';
import type { TraceBody, TraceOutcome } from '../../src/trace/trace.ts';
import { defined } from '../../src/units/invariant.ts';
import { usesGenode } from '../sessions/script-property.ts';

const ID = 'proxies/every-restart';
const SIDES: readonly RestartedSide[] = ['apps', 'server'];
/** Of how many points that differ one is tried. */
const STRIDE: Readonly<Record<string, { readonly smoke: number; readonly deep: number; readonly exhaustive: 1 }>> = {
  LOG: { smoke: 32, deep: 2, exhaustive: 1 },
  ROM: { smoke: 384, deep: 16, exhaustive: 1 },
  Block: { smoke: 512, deep: 16, exhaustive: 1 },
};

const caseOf = (service: unknown): RestartCase =>
  RESTART_CASES.find(({ row }) => row.service === service) ?? RESTART_CASES[0]!;

const outcomeOf = (restart: RestartCase, side: RestartedSide, point: number, what: string): TraceOutcome => ({
  summary: what,
  explanation: [
    `Let a client use the ${restart.row.service} service of another instance, behind proxies over a link.`,
    `Let the instance "${side}" start anew after its operation ${point}; its memory keeps what it held.`,
    `Then ${what}.`,
  ],
  policyLines: [],
  timeline: [],
  digests: [],
});

function failureOf(restart: RestartCase, side: RestartedSide, point: number, what: string): Failure {
  const body: TraceBody = {
    kind: 'script',
    steps: [{ operation: `restart ${side} ${restart.row.service}`, operands: [point] }],
  };
  return { body, outcome: outcomeOf(restart, side, point, what) };
}

function runTask({ seams, budget }: CheckContext, task: Task): TaskResult {
  const restart = caseOf(task.slice.service);
  const side = SIDES.find(name => name === task.slice.side) ?? 'apps';
  const stride = defined(STRIDE[restart.row.service], 'stride')[budget.name];
  const witnesses = { restart: 0, failed: 0, answered: 0 };
  let runs = 0;
  let steps = 0;
  let failure: Failure | undefined;
  walkRestarts(
    seams,
    restart,
    side,
    index => index % stride === 0,
    ({ point, what, operations, hasFailed, answers }) => {
      runs += 1;
      steps += operations;
      witnesses.restart += 1;
      witnesses.failed += hasFailed ? 1 : 0;
      witnesses.answered += answers > 0 ? 1 : 0;
      failure = what === '' ? undefined : failureOf(restart, side, point, what);
      return failure === undefined;
    },
  );
  return { runs, steps, states: runs, witnesses, unspecified: {}, ...(failure === undefined ? {} : { failure }) };
}

/** Restart of either side of a proxy at points all over its life. */
export const everyRestart: Property = {
  id: ID,
  area: 'proxies',
  claim:
    'Whichever instance starts anew after any of its operations that another life can tell apart (smoke and deep: after every n-th), every call and packet ends, answered or failed; nothing is delivered twice, out of order or made up, and what is asked for afterwards is served.',
  method: 'restart after every n-th operation, two whole instances over a link; LOG, ROM and Block',
  passes: 'exhausted',
  witnesses: [
    { id: 'restart', description: 'a side restarts' },
    { id: 'failed', description: 'something that was under way fails' },
    { id: 'answered', description: 'a client gets answers' },
  ],
  killedBy: ['vhw-reads-from-start', 'vhw-no-event', 'proxy-packets-kept'],
  notApplicable: context => (usesGenode(context) ? '' : 'no Genode software in any subject'),
  tasks: () =>
    RESTART_CASES.flatMap(({ row }, place) =>
      SIDES.map(
        (side, index): Task => ({ property: ID, index: 2 * place + index, slice: { side, service: row.service } }),
      ),
    ),
  runTask,
  replay({ seams }, { body }) {
    const step = body.kind === 'script' ? body.steps[0] : undefined;
    const [, sideName, service] = step?.operation.split(' ') ?? [];
    const side = SIDES.find(name => name === sideName);
    const point = step?.operands[0];
    if (point === undefined || side === undefined) return undefined;
    const restart = caseOf(service);
    const outcome = runWithRestart(seams, restart, side, point);
    return outcome === undefined || outcome.what === '' ? undefined : outcomeOf(restart, side, point, outcome.what);
  },
};
