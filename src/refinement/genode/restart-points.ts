import type { ProgramOps } from '../../impl/genode/instance/component.ts';
import { interfaceNamed } from '../../impl/genode/services/interfaces.ts';
import { defined } from '../../units/invariant.ts';
import { InstanceBench } from './instance-bench.ts';
import { clientState, isAtEnd, remoteConfigs } from './proxied-service-script.ts';
import { type ClientAction, scriptClient } from './script-client.ts';

const LINES = 12;
const WRITE = 0;
/** Frames that both sides get after a restart. */
const MAX_FRAMES = 400;

export type RestartedSide = 'apps' | 'server';

const ACTIONS: readonly ClientAction[] = [
  { kind: 'open', label: 'a' },
  ...Array.from(
    { length: LINES },
    (_, index): ClientAction => ({ kind: 'call', opcode: WRITE, values: [`line ${index + 1}\n`], fill: 0 }),
  ),
];

function createBench(ops: ProgramOps): InstanceBench {
  const row = { service: 'LOG', binary: '', config: '', timed: [] };
  const [client, server] = remoteConfigs(row);
  const programs = [scriptClient(interfaceNamed('LOG'), ACTIONS, [], true)];
  return new InstanceBench(
    [
      { name: 'apps', config: client, programs },
      { name: 'server', config: server },
    ],
    [{ name: 'link', ends: ['apps', 'server'] }],
    ops,
  );
}

const ALL_LINES = Array.from({ length: LINES }, (_, index) => index + 1).join();

/** Lines of the client in the LOG of the server, by their numbers; -1 for a line that no client wrote. */
function numbersOf(lines: readonly string[]): number[] {
  return lines.map(line => {
    const match = /^\[init -> proxy -> apps -> client -> a\] line (\d+)$/.exec(line);
    return match === null ? -1 : Number(match[1]);
  });
}

/** What is wrong with the lines that one life of the server got, in order; empty if nothing is. */
function wrongLines(numbers: readonly number[], lives: number): string {
  let restarts = 0;
  for (const [index, number] of numbers.entries()) {
    if (number < 0) return 'the LOG has a line that no client wrote';
    const previous = numbers[index - 1] ?? 0;
    // A client that starts anew begins with its first line; within one life every line comes once and in order.
    if (number <= previous) {
      restarts += 1;
      if (number !== 1) return `line ${number} comes after line ${previous}`;
    }
  }
  return restarts < lives ? '' : `the lines ${numbers.join(', ')} are more than ${lives} lives of the client can write`;
}

/** Operations that a side executes until the client is done; what a restart can be placed between. */
export function operationsUntilDone(ops: ProgramOps, side: RestartedSide): number {
  const bench = createBench(ops);
  const client = defined(bench.find('apps'), 'apps');
  const subject = defined(bench.find(side), side);
  for (let frame = 0; frame < MAX_FRAMES && !isAtEnd(client, ACTIONS.length); frame++)
    for (const each of bench.subjects) bench.frame(each);
  return subject.retired;
}

/** What happened with a restart at one point. */
export interface RestartOutcome {
  readonly what: string;
  readonly operations: number;
  /** A call was under way and failed. */
  readonly hasFailedCall: boolean;
  readonly lines: number;
}

/**
 * Runs a client that writes lines behind the proxies, and restarts one side after so many of its operations: its memory
 * keeps what it held, its software begins anew.
 */
export function runWithRestart(ops: ProgramOps, side: RestartedSide, point: number): RestartOutcome {
  const bench = createBench(ops);
  const client = defined(bench.find('apps'), 'apps');
  const server = defined(bench.find('server'), 'server');
  const subject = defined(bench.find(side), side);
  let isRestarted = false;
  let before: number[] = [];
  for (let frame = 0; frame < MAX_FRAMES; frame++) {
    for (const each of bench.subjects) {
      const rest = point - subject.retired;
      if (each === subject && !isRestarted && rest <= 50) {
        bench.frame(subject, Math.max(0, rest));
        if (subject.retired < point) continue;
        before = side === 'server' ? numbersOf(bench.lines(server)) : [];
        subject.reset();
        isRestarted = true;
      } else bench.frame(each);
    }
    if (bench.wrong !== '' || (isRestarted && isAtEnd(client, ACTIONS.length))) break;
  }
  const seen = clientState(client)?.seen ?? [];
  const numbers = numbersOf(bench.lines(server));
  return {
    what: bench.wrong || wrongOutcome(isRestarted, isAtEnd(client, ACTIONS.length), before, numbers, side),
    operations: bench.subjects.reduce((sum, { retired }) => sum + retired, 0),
    hasFailedCall: seen.some(text => text.includes('session-dead')),
    lines: numbers.length,
  };
}

function wrongOutcome(
  isRestarted: boolean,
  isDone: boolean,
  before: readonly number[],
  numbers: readonly number[],
  side: RestartedSide,
): string {
  if (!isRestarted) return 'the restart is never reached';
  if (!isDone) return 'a client gets no answer to a call after the restart';
  const lives = side === 'apps' ? 2 : 1;
  const wrong = wrongLines(before, 1) || wrongLines(numbers, lives);
  if (wrong !== '') return wrong;
  if (side === 'apps') return numbers.slice(-LINES).join() === ALL_LINES ? '' : 'the second life loses lines';
  const again = numbers.find(number => before.includes(number));
  return again === undefined ? '' : `line ${again} is delivered to both lives of the server`;
}
