import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logClientProgress } from '../../../src/impl/genode/log-client-state.ts';
import {
  decodeMessage,
  encodeMessage,
  LOG_STRING_BYTES,
  type LogMessage,
  MESSAGE_BYTES,
  MESSAGE_WORDS,
} from '../../../src/impl/genode/log-message.ts';
import { type ProxyOps, proxyOps } from '../../../src/impl/genode/log-ops.ts';
import { localRequest } from '../../../src/impl/genode/log-program.ts';
import { logServerCounters, logServerDelivered, logServerSessions } from '../../../src/impl/genode/log-server.ts';
import { HEADER, HEADER_BYTES, type Word64 } from '../../../src/impl/native/muchannel.ts';
import { CHANNEL, PROGRAM, ProxyPair } from './log-run.ts';

/** Texts that the program writes per session, oversized ones left out. */
function writtenTexts(): string[][] {
  const texts: string[][] = Array.from({ length: PROGRAM.sessions }, () => []);
  for (let index = 0; ; index++) {
    const request = localRequest(PROGRAM, index);
    if (request === undefined) return texts;
    if (request.kind === 'write' && request.text.length < LOG_STRING_BYTES) texts[request.session]!.push(request.text);
  }
}

/** Rule that a run breaks: delivered texts are, per session, a subsequence of the written ones. */
function brokenOrder(pair: ProxyPair): string {
  for (const [session, texts] of writtenTexts().entries()) {
    let position = 0;
    for (const { text } of logServerDelivered(pair.server.state).filter(message => message.session === session)) {
      const found = texts.indexOf(text, position);
      if (found < 0) return `session ${session}: "${text}" is invented, repeated or out of order`;
      position = found + 1;
    }
  }
  return '';
}

function poke(pair: ProxyPair, slot: number, words: readonly Word64[]): void {
  const view = new DataView(pair.channel.buffer);
  words.forEach(({ low, high }, index) => {
    view.setUint32(HEADER_BYTES + slot * MESSAGE_BYTES + index * 8, low, true);
    view.setUint32(HEADER_BYTES + slot * MESSAGE_BYTES + index * 8 + 4, high, true);
  });
}

/** Publishes words as the next element, as a hostile client would. */
function forge(pair: ProxyPair, words: readonly Word64[]): void {
  const view = new DataView(pair.channel.buffer);
  const written = view.getUint32(HEADER.writeCount, true);
  poke(pair, written % CHANNEL.elements, words);
  view.setUint32(HEADER.writeStart, written + 1, true);
  view.setUint32(HEADER.writeCount, written + 1, true);
  pair.server.interrupt(32);
  pair.runServer();
}

/** A pair with both sessions of the client open. */
function openPair(serverOps: Partial<ProxyOps> = {}): ProxyPair {
  const pair = new ProxyPair({ program: { messages: 1 }, burst: 2, serverOps });
  pair.runRound();
  pair.runServer();
  return pair;
}

const write = (pair: ProxyPair, changes: Partial<LogMessage> = {}): LogMessage => ({
  kind: 'write',
  generation: pair.client.state.generation,
  session: 0,
  sequence: 1,
  text: 'hello',
  ...changes,
});

describe('messages', () => {
  test('encoding and decoding', () => {
    const text = fc.string({ maxLength: LOG_STRING_BYTES - 1, unit: 'grapheme-ascii' });
    const word = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(text, word, word, word, (string, generation, session, sequence) => {
        const words = encodeMessage({ kind: 'write', generation, session, sequence, text: string });
        expect(words).toHaveLength(MESSAGE_WORDS);
        const raw = decodeMessage(words);
        expect(raw).toMatchObject({
          kind: 2,
          generation,
          session,
          sequence,
          lengthBytes: string.length + 1,
          reserved: 0,
        });
        expect(String.fromCharCode(...raw.payload.slice(0, string.length))).toBe(string);
        expect(raw.payload.slice(string.length).every(byte => byte === 0)).toBe(true);
      }),
    );
  });
});

describe('a fast server', () => {
  test('delivers every write in order and logs it with label and text', () => {
    const pair = new ProxyPair({ burst: 2 });
    for (let round = 0; round < 12; round++) {
      pair.runRound();
      pair.runServer();
    }
    const texts = writtenTexts();
    for (const session of [0, 1]) {
      const delivered = logServerDelivered(pair.server.state).filter(message => message.session === session);
      expect(delivered.map(({ text }) => text)).toEqual(texts[session]);
      expect(delivered.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6]);
    }
    expect(pair.lines()).toContain(`[client -> client -> app0] ${texts[0]![0]}`);
    expect(pair.lines()).toHaveLength(12);
    expect(logServerCounters(pair.server.state)).toMatchObject({
      delivered: 12,
      lost: 0,
      replayed: 0,
      overruns: 0,
      badSession: 0,
    });
    expect(logServerSessions(pair.server.state)).toEqual([]);
    expect(logClientProgress(pair.client.state)).toMatchObject({
      acceptedCount: 16,
      sent: 16,
      dropped: 0,
      refused: 0,
      buffered: 0,
      openSessions: [],
    });
    expect([...pair.client.faults, ...pair.server.faults]).toEqual([]);
    expect(pair.server.vmcalls.filter(event => event === 3).length).toBeGreaterThan(3);
  });

  test('the client arms its timer for the end of the minor frame', () => {
    const pair = new ProxyPair();
    pair.runRound();
    expect(pair.client.timedEvents).toEqual([{ kind: 'timedEvent', low: 0x200, high: 0, event: 31 }]);
  });
});

describe('bounds', () => {
  test('a full buffer drops writes and counts them', () => {
    const pair = new ProxyPair({ burst: 6, sendBurst: 1, capacity: 3 });
    for (let round = 0; round < 30; round++) {
      pair.runRound();
      pair.runServer();
    }
    const { acceptedCount, dropped, buffered, sent } = logClientProgress(pair.client.state);
    expect(dropped).toBeGreaterThan(0);
    expect(acceptedCount + dropped).toBe(16);
    expect(sent + buffered).toBe(acceptedCount);
    expect(logServerCounters(pair.server.state)).toMatchObject({ delivered: 12 - dropped, lost: 0 });
  });

  test('strings that LOG does not allow are refused locally', () => {
    const pair = new ProxyPair({ program: { oversizedEvery: 2 } });
    for (let round = 0; round < 20; round++) {
      pair.runRound();
      pair.runServer();
    }
    expect(logClientProgress(pair.client.state).refused).toBe(6);
    expect(logServerCounters(pair.server.state)).toMatchObject({ delivered: 6, badLength: 0, lost: 0 });
  });

  test('overruns lose messages but never order, and the loss is counted', () => {
    const pair = new ProxyPair({ burst: 2, sendBurst: 2 });
    pair.runRound();
    pair.runServer();
    for (let round = 0; round < 4; round++) pair.runRound();
    pair.runServer();
    pair.runRound();
    pair.runServer();
    const { delivered, lost, overruns } = logServerCounters(pair.server.state);
    expect(overruns).toBe(1);
    expect(lost).toBeGreaterThan(0);
    expect(delivered + lost).toBe(10);
    expect(brokenOrder(pair)).toBe('');
  });
});

describe('restart of the client', () => {
  test('a new epoch ends all sessions, and the new life is served', () => {
    const pair = openPair();
    expect(logServerSessions(pair.server.state)).toHaveLength(2);
    const first = pair.client.state.generation;
    pair.resetClient();
    pair.runRound();
    pair.runServer();
    expect(pair.client.state.generation).not.toBe(first);
    expect(logServerCounters(pair.server.state)).toMatchObject({ deadSessions: 2, epochChanges: 1 });
    expect(logServerSessions(pair.server.state)).toHaveLength(2);
    expect(logServerSessions(pair.server.state).every(({ nextSequence }) => nextSequence === 1)).toBe(true);
  });
});

describe('a hostile client', () => {
  test('sessions are open', () => {
    const pair = openPair();
    forge(pair, encodeMessage(write(pair)));
    expect(logServerDelivered(pair.server.state)).toEqual([{ session: 0, sequence: 1, text: 'hello' }]);
  });

  const bad: readonly (readonly [string, (pair: ProxyPair) => Word64[], string])[] = [
    [
      'an unknown kind',
      pair => [{ low: 9, high: pair.client.state.generation }, ...encodeMessage(write(pair)).slice(1)],
      'badKind',
    ],
    [
      'a reserved word that is not zero',
      pair => encodeMessage(write(pair)).map((word, index) => (index === 2 ? { ...word, high: 1 } : word)),
      'badKind',
    ],
    ['an old generation', pair => encodeMessage(write(pair, { generation: 1 })), 'badGeneration'],
    ['a session that is not open', pair => encodeMessage(write(pair, { session: 5 })), 'badSession'],
    ['a huge session', pair => encodeMessage(write(pair, { kind: 'open', session: 0xffff_ffff })), 'badSession'],
    ['a repeated sequence number', pair => encodeMessage(write(pair, { sequence: 0 })), 'replayed'],
    [
      'length 0',
      pair => encodeMessage(write(pair)).map((word, index) => (index === 2 ? { low: 0, high: 0 } : word)),
      'badLength',
    ],
    ['length 233', pair => encodeMessage(write(pair, { text: 'x'.repeat(232) })), 'badLength'],
    [
      'a huge length',
      pair => encodeMessage(write(pair)).map((word, index) => (index === 2 ? { low: 0xffff_ffff, high: 0 } : word)),
      'badLength',
    ],
    [
      'no NUL at the end',
      pair => encodeMessage(write(pair)).map((word, index) => (index === 2 ? { low: 5, high: 0 } : word)),
      'badLength',
    ],
    ['a NUL inside', pair => encodeMessage(write(pair, { text: 'a\0b' })), 'badLength'],
    [
      'a label that is too long',
      pair => encodeMessage(write(pair, { kind: 'open', text: 'x'.repeat(200) })),
      'badLength',
    ],
  ];

  test.each(bad)('%s is refused', (_name, words, counter) => {
    const pair = openPair();
    const before = pair.lines();
    forge(pair, words(pair));
    expect(logServerCounters(pair.server.state)).toMatchObject({ [counter]: 1, delivered: 0 });
    expect(pair.lines()).toEqual(before);
    forge(pair, encodeMessage(write(pair, { text: 'still served' })));
    expect(pair.lines()).toContain('[client -> client -> app0] still served');
  });

  test('text cannot forge a line of another session', () => {
    const pair = openPair();
    forge(pair, encodeMessage(write(pair, { text: 'x\n[client -> client -> app1] forged\u001b[2J' })));
    expect(pair.lines()).toEqual(['[client -> client -> app0] x.[client -> client -> app1] forged.[2J']);
  });

  test('no content of the channel stops the server or makes it store outside its log', () => {
    const channelWord = fc.tuple(
      fc.oneof(
        fc.constantFrom(...Object.values(HEADER)),
        fc.integer({ min: 0, max: 130 }).map(index => HEADER_BYTES + index * 8),
      ),
      fc.oneof(fc.constantFrom(0, 1, 2, 3, 8, 232, 233, 0xffff_ffff), fc.integer({ min: 0, max: 0xffff_ffff })),
      fc.constantFrom(0, 4),
      fc.integer({ min: 0, max: 60 }),
    );
    fc.assert(
      fc.property(fc.array(channelWord, { maxLength: 60 }), list => {
        const pair = openPair();
        const view = new DataView(pair.channel.buffer);
        for (const [offset, value, half, steps] of list) {
          view.setUint32(offset + half, value, true);
          pair.server.interrupt(32);
          for (let count = 0; count < steps; count++) pair.server.step();
        }
        expect(pair.server.faults).toEqual([]);
        expect(logServerSessions(pair.server.state).length).toBeLessThanOrEqual(8);
      }),
      { numRuns: 150, seed: 4 },
    );
  });
});

const turns = fc.array(fc.tuple(fc.integer({ min: 0, max: 90 }), fc.integer({ min: 0, max: 90 }), fc.boolean()), {
  maxLength: 40,
});

/** Runs a pair by turns and then to rest; the broken rule, or nothing. */
function judge(pair: ProxyPair, list: readonly (readonly [number, number, boolean])[]): string {
  for (const [ofClient, ofServer, timer] of list) {
    if (timer) pair.client.interrupt(33);
    for (let count = 0; count < ofClient; count++) pair.stepClient();
    for (let count = 0; count < ofServer; count++) pair.server.step();
  }
  for (let round = 0; round < 3; round++) pair.runRound();
  pair.runServer();
  const order = brokenOrder(pair);
  if (order !== '') return order;
  if (pair.server.faults.length + pair.client.faults.length > 0) return 'an access was not allowed';
  const { sent, acceptedCount, buffered } = logClientProgress(pair.client.state);
  if (sent + buffered !== acceptedCount) return 'accepted messages are neither sent nor buffered';
  if (buffered > 4) return 'the buffer is larger than allowed';
  const { overruns, delivered, lost, replayed, badSession } = logServerCounters(pair.server.state);
  const writes = pair.client.state.accepted.filter(({ kind }) => kind === 'write').length;
  const pending = pair.client.state.buffer.filter(({ kind }) => kind === 'write').length;
  if (overruns === 0 && (delivered !== writes - pending || lost + replayed + badSession > 0))
    return 'a published message was not delivered';
  return '';
}

describe('any interleaving', () => {
  test('FIFO per session, nothing invented, nothing lost without an overrun, no wake-up lost', () => {
    fc.assert(
      fc.property(turns, list => {
        expect(judge(new ProxyPair(), list)).toBe('');
      }),
      { numRuns: 250, seed: 6 },
    );
  });

  const faults: readonly (readonly [string, Partial<ProxyOps>, 'clientOps' | 'serverOps'])[] = [
    ['sleeps without looking again', { drainAgain: () => false }, 'serverOps'],
    ['sequence number not advanced', { nextSequence: sequence => sequence }, 'clientOps'],
    ['sequence number advanced by two', { nextSequence: sequence => sequence + 2 }, 'clientOps'],
    ['buffer without bound', { admits: () => true }, 'clientOps'],
    ['first session takes all', { chooseSession: sessions => sessions[0] }, 'serverOps'],
  ];

  test.each(faults)('a fault is found: %s', (_name, fault, side) => {
    const result = fc.check(
      fc.property(turns, list => judge(new ProxyPair({ [side]: fault }), list) === ''),
      { numRuns: 1500, seed: 6, endOnFailure: true },
    );
    expect(result.failed).toBe(true);
  });

  /** Whether everything arrives at a server that goes to sleep whenever it can. */
  function servesEagerly(clientOps: Partial<ProxyOps>): boolean {
    const pair = new ProxyPair({ burst: 2, clientOps });
    for (let round = 0; round < 12; round++) {
      pair.client.interrupt(33);
      while (!pair.client.isAsleep) {
        pair.stepClient();
        pair.runServer();
      }
    }
    return logServerCounters(pair.server.state).delivered === 12 && logServerSessions(pair.server.state).length === 0;
  }

  test('a fault is found: event before the data', () => {
    expect(servesEagerly({})).toBe(true);
    expect(servesEagerly({ hintsAfterPublish: () => false })).toBe(false);
  });

  test('states are plain data', () => {
    const pair = openPair();
    const round = <T>(state: T): unknown => JSON.parse(JSON.stringify(state));
    expect(round(pair.server.state)).toEqual(pair.server.state);
    expect(round(pair.client.state)).toEqual(pair.client.state);
  });

  const serverFaults: readonly (readonly [string, Partial<ProxyOps>, (pair: ProxyPair) => boolean])[] = [
    [
      'length not checked',
      { validateLength: () => true },
      pair => {
        forge(pair, encodeMessage(write(pair, { text: 'x'.repeat(232) })));
        return pair.lines().length === 0;
      },
    ],
    [
      'replay not checked',
      { isFresh: () => true },
      pair => {
        forge(pair, encodeMessage(write(pair)));
        forge(pair, encodeMessage(write(pair)));
        return pair.lines().length === 1;
      },
    ],
    [
      'generation not checked',
      { isCurrent: () => true },
      pair => {
        forge(pair, encodeMessage(write(pair, { generation: 1 })));
        return pair.lines().length === 0;
      },
    ],
    [
      'sessions outlive the epoch',
      { keepsSessions: () => true },
      pair => {
        pair.resetClient();
        pair.runRound();
        pair.runServer();
        return logServerCounters(pair.server.state).deadSessions === 2;
      },
    ],
    [
      'text not made printable',
      { printable: byte => byte },
      pair => {
        forge(pair, encodeMessage(write(pair, { text: 'a\nb' })));
        return pair.lines().length === 1;
      },
    ],
  ];

  test.each(serverFaults)('a fault is found: %s', (_name, fault, holds) => {
    expect(holds(openPair())).toBe(true);
    expect(holds(openPair(fault))).toBe(false);
  });
});

test('the default decisions accept what LOG allows', () => {
  expect([0, 1, 232, 233].map(proxyOps.validateLength)).toEqual([false, true, true, false]);
  expect(proxyOps.nextSequence(0xffff_ffff)).toBe(0);
});
