import type { ProxiedCase } from './proxied-cases.ts';
import { type ClientAction, digest, fillBytes } from './script-client.ts';

/** What a client, and the LOG of the service's instance, show after one side of the link started anew. */
export interface RestartSeen {
  readonly side: 'apps' | 'server';
  /** What the client sees when nothing restarts. */
  readonly expected: readonly string[];
  /** What the latest life of the client saw. */
  readonly seen: readonly string[];
  /** LOG of the service's instance in the life before a restart of that instance, and at the end. */
  readonly linesBefore: readonly string[];
  readonly lines: readonly string[];
}

/** A client behind proxies, and what no restart may do to it. */
export interface RestartCase {
  readonly row: ProxiedCase;
  readonly actions: readonly ClientAction[];
  /** Actions at the end that must be served after a restart that came before them. */
  readonly lastActions: number;
  /** Texts besides a denied session that tell the client of a loss, and how many there may be. */
  readonly loss: RegExp;
  readonly mostLosses: number;
  /** What else is wrong; empty for nothing. */
  wrong(outcome: RestartSeen): string;
}

/** Packet streams are no larger than needed: core clears them word by word. */
const open = (label: string): ClientAction => ({ kind: 'open', label, args: { tx_buf_size: '24576' } });
const call = (opcode: number, ...values: string[]): ClientAction => ({ kind: 'call', opcode, values, fill: 0 });

const LINES = 12;
const ALL_LINES = Array.from({ length: LINES }, (_, index) => index + 1).join();

/** Lines of the client in the LOG of the server, by their numbers; -1 for a line that no client wrote. */
function numbersOf(lines: readonly string[]): number[] {
  return lines.map(line => {
    const match = /^\[init -> proxy -> apps -> client -> a\] line (\d+)$/.exec(line);
    return match === null ? -1 : Number(match[1]);
  });
}

/** What is wrong with the lines that one life of the server got, in order; empty if nothing is. */
function wrongOrder(numbers: readonly number[], lives: number): string {
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

function wrongLines({ side, linesBefore, lines }: RestartSeen): string {
  const [before, numbers] = [numbersOf(linesBefore), numbersOf(lines)];
  const wrong = wrongOrder(before, 1) || wrongOrder(numbers, side === 'apps' ? 2 : 1);
  if (wrong !== '') return wrong;
  if (side === 'apps') return numbers.slice(-LINES).join() === ALL_LINES ? '' : 'the second life loses lines';
  const again = numbers.find(number => before.includes(number));
  return again === undefined ? '' : `line ${again} is delivered to both lives of the server`;
}

/** Twelve lines, each written once. */
const LOG_CASE: RestartCase = {
  row: { service: 'LOG', binary: '', config: '', timed: [] },
  actions: [open('a'), ...Array.from({ length: LINES }, (_, index) => call(0, `line ${index + 1}\n`))],
  lastActions: 4,
  loss: /^write ! /,
  mostLosses: 1,
  wrong: wrongLines,
};

/** A module of three messages, again and again: its session may die while the reply is under way. */
const ROM_CASE: RestartCase = {
  row: { service: 'ROM', binary: '', config: '', timed: [] },
  actions: [open('b'), ...Array.from({ length: 4 }, () => call(0))],
  // A call that its session does not outlive, and the session that is opened in place of the next one.
  lastActions: 3,
  loss: /^dataspace ! /,
  mostLosses: 1,
  wrong: () => '',
};

const ROUNDS = 4;
const INFO = 0;
const BLOCK_BYTES = 512;
const blockPacket = (operation: 0 | 1, round: number, bytes: Uint8Array): ClientAction => ({
  kind: 'packet',
  bytes,
  more: [operation, round, round, 0, 1, 0],
});

/** Finds out whether its session is dead, opens another one if it is, writes a block and reads it back. */
const blockRound = (round: number): ClientAction[] => [
  call(INFO),
  call(INFO),
  blockPacket(1, round, fillBytes(BLOCK_BYTES, round)),
  blockPacket(0, round, new Uint8Array(BLOCK_BYTES)),
];

/** A block that was written and then read in another life of its disk, which holds zeros again. */
const NEW_DISK = new RegExp(`^packet 0,(\\d),\\1,0,1,1 ${digest(new Uint8Array(BLOCK_BYTES))}$`);

function wrongBlocks({ side, seen, expected }: RestartSeen): string {
  if (side === 'apps') return '';
  const zeros = seen.filter(text => !expected.includes(text) && NEW_DISK.test(text)).length;
  return zeros <= 1 ? '' : `${zeros} blocks lose what was written to them`;
}

const BLOCK_CASE: RestartCase = {
  row: { service: 'Block', binary: 'ram_block', config: '<config size="4096"/>', timed: [] },
  actions: [open('a'), ...Array.from({ length: ROUNDS }, (_, round) => blockRound(round)).flat()],
  lastActions: 8,
  loss: new RegExp(`^\\w+ ! session-dead$|^packet [01],(\\d),\\1,0,1,0 |${NEW_DISK.source}`),
  mostLosses: 4,
  wrong: wrongBlocks,
};

/** Clients whose proxies are restarted, by the way in which their service crosses: messages, copies, packets. */
export const RESTART_CASES: readonly RestartCase[] = [LOG_CASE, ROM_CASE, BLOCK_CASE];

/** True if a text tells the client that something was lost with the restart. */
export const isLoss = ({ loss }: RestartCase, text: string): boolean => text === 'denied' || loss.test(text);

/** What is wrong with what a client saw, in any case; `isLate`: the restart came after all but the last actions were begun. */
export function wrongSeen(restart: RestartCase, outcome: RestartSeen, isLate: boolean): string {
  const { side, expected, seen } = outcome;
  // A client that starts anew has forgotten the restart.
  if (side === 'apps') {
    const at = expected.findIndex((text, index) => seen[index] !== text);
    if (at >= 0 || seen.length !== expected.length)
      return `the second life of the client sees "${seen[at] ?? 'more'}" in place of "${expected[at] ?? 'nothing'}"`;
    return restart.wrong(outcome);
  }
  let next = 0;
  let losses = 0;
  for (const text of seen) {
    if (text === 'opened' || text.startsWith('tx_cap = ')) continue;
    const at = expected.indexOf(text, next);
    if (at >= 0) next = at + 1;
    else if (isLoss(restart, text)) losses += 1;
    else return `the client sees "${text}", which the service did not answer, or not again`;
  }
  if (losses > restart.mostLosses) return `the client loses ${losses} answers: ${seen.join(' | ')}`;
  if (!isLate && seen.at(-1) !== expected.at(-1))
    return `what is asked for after the restart is not served: ${seen.slice(-4).join(' | ')}`;
  return restart.wrong(outcome);
}
