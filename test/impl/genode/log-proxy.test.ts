import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logClientProgress } from '../../../src/impl/genode/log-client-state.ts';
import { decodeMessage, encodeMessage, LOG_STRING_BYTES, MESSAGE_WORDS } from '../../../src/impl/genode/log-message.ts';
import { type ProxyOps, proxyOps } from '../../../src/impl/genode/log-ops.ts';
import { localRequest } from '../../../src/impl/genode/log-program.ts';
import { logServerCounters, logServerDelivered, logServerSessions } from '../../../src/impl/genode/log-server.ts';
import { openPair, PROGRAM, ProxyPair } from './log-run.ts';

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
          kind: 1,
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
    expect(pair.lines()).toContain(`[client -> app0] ${texts[0]![0]}`);
    expect(pair.lines()).toHaveLength(12);
    expect(logServerCounters(pair.server.state)).toMatchObject({
      delivered: 12,
      missed: 0,
      replayed: 0,
      overruns: 0,
      badSession: 0,
    });
    expect(logServerSessions(pair.server.state)).toMatchObject([
      { label: 'client -> app0', isOpen: false, lastSequence: 7, missed: 0 },
      { label: 'client -> app1', isOpen: false, lastSequence: 7, missed: 0 },
    ]);
    expect(logClientProgress(pair.client.state)).toMatchObject({ sent: 14, refused: 0, buffer: [], hints: 15 });
    expect(pair.client.state.sessions).toEqual(Array(2).fill({ status: 'closed', issued: 7, dropped: 0 }));
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
    const { sessions, sent, buffer } = logClientProgress(pair.client.state);
    const dropped = sessions.reduce((sum, session) => sum + session.dropped, 0);
    expect(dropped).toBeGreaterThan(0);
    expect(sent + buffer.length + dropped).toBe(14);
    expect(logServerCounters(pair.server.state)).toMatchObject({ delivered: 12 - dropped, missed: dropped });
    expect(logServerSessions(pair.server.state).map(({ missed }) => missed)).toEqual(
      sessions.map(session => session.dropped),
    );
  });

  test('strings that LOG does not allow are refused locally', () => {
    const pair = new ProxyPair({ program: { oversizedEvery: 2 } });
    for (let round = 0; round < 20; round++) {
      pair.runRound();
      pair.runServer();
    }
    expect(logClientProgress(pair.client.state).refused).toBe(6);
    expect(logServerCounters(pair.server.state)).toMatchObject({ delivered: 6, badLength: 0, missed: 0 });
  });

  test('overruns lose messages but never order, and the loss is counted', () => {
    const pair = new ProxyPair({ burst: 2, sendBurst: 2 });
    pair.runRound();
    pair.runServer();
    for (let round = 0; round < 4; round++) pair.runRound();
    pair.runServer();
    pair.runRound();
    pair.runServer();
    const { delivered, missed, overruns } = logServerCounters(pair.server.state);
    expect(overruns).toBe(1);
    expect(missed).toBeGreaterThan(0);
    expect(delivered + missed).toBe(10);
    expect(brokenOrder(pair)).toBe('');
  });
});

describe('restart of the client', () => {
  test('a new epoch ends all sessions, and the new life is served', () => {
    const pair = openPair();
    expect(logServerSessions(pair.server.state).every(({ isOpen }) => isOpen)).toBe(true);
    const first = pair.client.state.generation;
    pair.resetClient();
    pair.runRound();
    pair.runServer();
    expect(pair.client.state.generation).not.toBe(first);
    expect(logServerCounters(pair.server.state)).toMatchObject({ deadSessions: 2, epochChanges: 1 });
    expect(logServerSessions(pair.server.state).map(({ isOpen, lastSequence }) => [isOpen, lastSequence])).toEqual([
      [true, 1],
      [true, 1],
    ]);
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
  const { sessions, buffer, sent } = logClientProgress(pair.client.state);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const accepted = sum(sessions.map(({ issued, dropped }) => issued - dropped));
  if (sent + buffer.length !== accepted) return 'accepted messages are neither sent nor buffered';
  if (buffer.length > 4) return 'the buffer is larger than allowed';
  const { overruns, replayed, badSession, badLength, badGeneration, badKind } = logServerCounters(pair.server.state);
  if (replayed + badSession + badLength + badGeneration + badKind > 0) return 'an honest message was refused';
  if (overruns > 0) return '';
  for (const [index, { issued, dropped }] of sessions.entries()) {
    const server = logServerSessions(pair.server.state)[index]!;
    const waiting = buffer.filter(({ session }) => session === index);
    const last = waiting[0]?.sequence ?? issued + 1;
    if (server.lastSequence >= last) return 'a message arrived before it was sent';
    if (server.missed > dropped) return 'more was missed than the client dropped';
    if (waiting.length === 0 && dropped === 0 && server.lastSequence !== issued)
      return 'a published message was not handled';
  }
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
    ['sequence number not advanced', { nextSequence: sequence => sequence }, 'clientOps'],
    ['sequence number advanced by two', { nextSequence: sequence => sequence + 2 }, 'clientOps'],
    ['buffer without bound', { admits: () => true }, 'clientOps'],
    ['first session takes all', { chooseSession: () => 0 }, 'serverOps'],
  ];

  test.each(faults)('a fault is found: %s', (_name, fault, side) => {
    const result = fc.check(
      fc.property(turns, list => judge(new ProxyPair({ burst: 6, [side]: fault }), list) === ''),
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
    return (
      logServerCounters(pair.server.state).delivered === 12 &&
      logServerSessions(pair.server.state).every(({ isOpen }) => !isOpen)
    );
  }

  test('a fault is found: event before the data', () => {
    expect(servesEagerly({})).toBe(true);
    expect(servesEagerly({ hintsAfterPublish: () => false })).toBe(false);
  });

  /** Number of operations of the server before which a complete round of the client loses its wake-up. */
  function lostWakeUps(serverOps: Partial<ProxyOps>): number {
    let lost = 0;
    for (let position = 0; position < 120; position++) {
      const pair = new ProxyPair({ burst: 3, serverOps });
      pair.runRound();
      for (let count = 0; count < position; count++) pair.server.step();
      pair.runRound();
      pair.runServer();
      if (logServerCounters(pair.server.state).delivered !== pair.client.state.sent) lost += 1;
    }
    return lost;
  }

  test('a fault is found: sleeps without looking again', () => {
    expect(lostWakeUps({})).toBe(0);
    expect(lostWakeUps({ drainAgain: () => false })).toBeGreaterThan(0);
  });

  test('states are plain data', () => {
    const pair = openPair();
    const round = <T>(state: T): unknown => JSON.parse(JSON.stringify(state));
    expect(pair.server.state.epoch).toStrictEqual({ low: 0x100, high: 0 });
    expect(round(pair.server.state)).toEqual(pair.server.state);
    expect(round(pair.client.state)).toEqual(pair.client.state);
  });
});

test('the default decisions accept what LOG allows', () => {
  expect([0, 1, 232, 233].map(proxyOps.validateLength)).toEqual([false, true, true, false]);
  expect([0, 1, 2].map(id => proxyOps.chooseSession(id, 2))).toEqual([0, 1, undefined]);
});
