import type { ProgramOps } from '../../impl/genode/instance/component.ts';
import { interfaceNamed } from '../../impl/genode/services/interfaces.ts';
import { defined } from '../../units/invariant.ts';
import { createBench, type InstanceBench } from './instance-bench.ts';
import { clientState, isAtEnd, remoteConfigs } from './proxied-service-script.ts';
import { isLoss, type RestartCase, type RestartSeen, wrongSeen } from './restart-cases.ts';
import { scriptClient } from './script-client.ts';

/** Frames of both sides in which a client must get on. */
const MAX_IDLE_FRAMES = 1000;

export type RestartedSide = RestartSeen['side'];

/** What happened with a restart at one point. */
export interface RestartOutcome {
  /** Operations of the side that were executed before the restart. */
  readonly point: number;
  readonly what: string;
  readonly operations: number;
  /** Something that was under way failed. */
  readonly hasFailed: boolean;
  readonly answers: number;
}

function benchOf(ops: ProgramOps, { row, actions }: RestartCase): InstanceBench {
  const [client, server] = remoteConfigs(row);
  const programs = [scriptClient(interfaceNamed(row.service), actions, row.timed, true)];
  return createBench(
    [
      { name: 'apps', config: client, programs },
      { name: 'server', config: server },
    ],
    [{ name: 'link', ends: ['apps', 'server'] }],
    ops,
  );
}

const clientOf = (bench: InstanceBench) => defined(bench.find('apps'), 'apps');
const serverOf = (bench: InstanceBench) => defined(bench.find('server'), 'server');

const retiredBy = (bench: InstanceBench): number => bench.subjects.reduce((sum, { retired }) => sum + retired, 0);

/** True when the client has all its answers, and an instance that restarted is there again. */
const areDone = (bench: InstanceBench, { actions }: RestartCase): boolean =>
  isAtEnd(clientOf(bench), actions.length) && bench.subjects.every(({ state }) => state.inner.phase === 'run');

/** Runs frames until the client is done, from the subject at `first` on; what it sees. */
function runOn(bench: InstanceBench, restart: RestartCase, first: number): readonly string[] {
  const client = clientOf(bench);
  const count = bench.subjects.length;
  let [next, since] = [-1, first];
  for (let turn = first; turn < since + MAX_IDLE_FRAMES * count; turn++) {
    const state = clientState(client);
    if (state !== undefined && state.next !== next) [next, since] = [state.next, turn];
    if (bench.wrong !== '' || (turn % count === 0 && areDone(bench, restart))) break;
    bench.frame(bench.subjects[turn % count]!);
  }
  return clientState(client)?.seen ?? [];
}

/** A client that gets no further answer, by the last one that it got. */
const hangText = (seen: readonly string[]): string =>
  seen.length === 0 ? 'a client hangs and never gets an answer' : `a client hangs after "${seen.at(-1)}"`;

/** Restarts a side in a bench that is given up to it, and judges what its client sees afterwards. */
function restartNow(
  bench: InstanceBench,
  restart: RestartCase,
  side: RestartedSide,
  expected: readonly string[],
): Omit<RestartOutcome, 'point'> {
  const begun = clientState(clientOf(bench))?.next ?? 0;
  const linesBefore = side === 'server' ? bench.lines(serverOf(bench)) : [];
  const before = retiredBy(bench);
  const place = bench.subjects.findIndex(({ name }) => name === side);
  bench.subjects[place]!.reset();
  bench.endFrame();
  const seen = runOn(bench, restart, place + 1);
  const outcome: RestartSeen = { side, expected, seen, linesBefore, lines: bench.lines(serverOf(bench)) };
  const isDone = isAtEnd(clientOf(bench), restart.actions.length);
  const isLate = begun > restart.actions.length - restart.lastActions;
  return {
    what: bench.wrong || (isDone ? wrongSeen(restart, outcome, isLate) : hangText(seen)),
    operations: retiredBy(bench) - before,
    hasFailed: seen.some(text => isLoss(restart, text)),
    answers: seen.length,
  };
}

/**
 * Runs a client behind the proxies, and at points of one side's life a copy in which that side restarts: its memory keeps
 * what it held, its software begins anew. Of points between which nothing but the software's state changed, a restart
 * leaves the same, so the first stands for all.
 * @param chosen which of the points that differ are tried, by their number and the operations before them
 * @param visit is told each outcome; false ends the walk
 */
export function walkRestarts(
  ops: ProgramOps,
  restart: RestartCase,
  side: RestartedSide,
  chosen: (index: number, point: number) => boolean,
  visit: (outcome: RestartOutcome) => boolean,
): { readonly points: number; readonly distinct: number; readonly operations: number } {
  const expected = runOn(benchOf(ops, restart), restart, 0);
  const bench = benchOf(ops, restart);
  let distinct = 0;
  let isGoingOn = true;
  const subject = defined(bench.find(side), side);
  while (isGoingOn && bench.wrong === '' && !isAtEnd(clientOf(bench), restart.actions.length)) {
    for (const each of bench.subjects) {
      if (each !== subject) {
        bench.frame(each);
        continue;
      }
      let isNew = true;
      bench.frame(subject, undefined, hasEffect => {
        isNew ||= hasEffect;
        if (!isNew || !isGoingOn) return;
        isNew = false;
        distinct += 1;
        const point = subject.retired;
        if (chosen(distinct, point)) isGoingOn = visit({ point, ...restartNow(bench.fork(), restart, side, expected) });
      });
    }
  }
  return { points: subject.retired, distinct, operations: retiredBy(bench) };
}

/** The outcome of a restart after so many operations of a side. */
export function runWithRestart(
  ops: ProgramOps,
  restart: RestartCase,
  side: RestartedSide,
  point: number,
): RestartOutcome | undefined {
  let found: RestartOutcome | undefined;
  walkRestarts(
    ops,
    restart,
    side,
    (_, at) => at === point,
    outcome => {
      found = outcome;
      return false;
    },
  );
  return found;
}
