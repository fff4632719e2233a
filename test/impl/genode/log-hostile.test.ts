import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeMessage } from '../../../src/impl/genode/log-message.ts';
import type { ProxyOps } from '../../../src/impl/genode/log-ops.ts';
import { logServerCounters, logServerDelivered, logServerSessions } from '../../../src/impl/genode/log-server.ts';
import { HEADER, HEADER_BYTES, type Word64 } from '../../../src/impl/native/muchannel.ts';
import { forge, forgedLines, honestWrite, openPair, type ProxyPair } from './log-run.ts';

describe('a hostile client', () => {
  test('sessions are open', () => {
    const pair = openPair();
    forge(pair, encodeMessage(honestWrite(pair)));
    expect(logServerDelivered(pair.server.state).at(-1)).toEqual({ session: 0, sequence: 2, text: 'hello' });
    expect(forgedLines(pair)).toEqual(['[client -> app0] hello']);
  });

  const bad: readonly (readonly [string, (pair: ProxyPair) => Word64[], string])[] = [
    [
      'an unknown kind',
      pair => [{ low: 9, high: pair.client.state.generation }, ...encodeMessage(honestWrite(pair)).slice(1)],
      'badKind',
    ],
    [
      'a reserved word that is not zero',
      pair => encodeMessage(honestWrite(pair)).map((word, index) => (index === 2 ? { ...word, high: 1 } : word)),
      'badKind',
    ],
    ['an old generation', pair => encodeMessage(honestWrite(pair, { generation: 1 })), 'badGeneration'],
    ['a session that is not open', pair => encodeMessage(honestWrite(pair, { session: 5 })), 'badSession'],
    ['a huge session', pair => encodeMessage(honestWrite(pair, { session: 0xffff_ffff })), 'badSession'],
    ['a repeated sequence number', pair => encodeMessage(honestWrite(pair, { sequence: 0 })), 'replayed'],
    [
      'length 0',
      pair => encodeMessage(honestWrite(pair)).map((word, index) => (index === 2 ? { low: 0, high: 0 } : word)),
      'badLength',
    ],
    ['length 233', pair => encodeMessage(honestWrite(pair, { text: 'x'.repeat(232) })), 'badLength'],
    [
      'a huge length',
      pair =>
        encodeMessage(honestWrite(pair)).map((word, index) => (index === 2 ? { low: 0xffff_ffff, high: 0 } : word)),
      'badLength',
    ],
    [
      'no NUL at the end',
      pair => encodeMessage(honestWrite(pair)).map((word, index) => (index === 2 ? { low: 5, high: 0 } : word)),
      'badLength',
    ],
    ['a NUL inside', pair => encodeMessage(honestWrite(pair, { text: 'a\0b' })), 'badLength'],
    [
      'a close that carries a string',
      pair =>
        encodeMessage(honestWrite(pair, { kind: 'close' })).map((word, index) =>
          index === 2 ? { low: 6, high: 0 } : word,
        ),
      'badLength',
    ],
    ['the number before', pair => encodeMessage(honestWrite(pair, { sequence: 1 })), 'replayed'],
  ];

  test.each(bad)('%s is refused', (_name, words, counter) => {
    const pair = openPair();
    forge(pair, words(pair));
    expect(logServerCounters(pair.server.state)).toMatchObject({ [counter]: 1, delivered: 2 });
    expect(forgedLines(pair)).toEqual([]);
    forge(pair, encodeMessage(honestWrite(pair, { text: 'still served' })));
    expect(forgedLines(pair)).toEqual(['[client -> app0] still served']);
  });

  test('text cannot forge a line of another session', () => {
    const pair = openPair();
    forge(pair, encodeMessage(honestWrite(pair, { text: 'x\n[client -> app1] forged\u001b[2J' })));
    expect(forgedLines(pair)).toEqual(['[client -> app0] x.[client -> app1] forged.[2J']);
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

describe('a fault of the server lets a hostile client through', () => {
  const faults: readonly (readonly [string, Partial<ProxyOps>, (pair: ProxyPair) => boolean])[] = [
    [
      'length not checked',
      { validateLength: () => true },
      pair => {
        forge(pair, encodeMessage(honestWrite(pair, { text: 'x'.repeat(232) })));
        return forgedLines(pair).length === 0;
      },
    ],
    [
      'replay not checked',
      { isFresh: () => true },
      pair => {
        forge(pair, encodeMessage(honestWrite(pair)));
        forge(pair, encodeMessage(honestWrite(pair)));
        return forgedLines(pair).length === 1;
      },
    ],
    [
      'generation not checked',
      { isCurrent: () => true },
      pair => {
        forge(pair, encodeMessage(honestWrite(pair, { generation: 1 })));
        return forgedLines(pair).length === 0;
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
        forge(pair, encodeMessage(honestWrite(pair, { text: 'a\nb' })));
        return forgedLines(pair).length === 1;
      },
    ],
  ];

  test.each(faults)('%s', (_name, fault, holds) => {
    expect(holds(openPair())).toBe(true);
    expect(holds(openPair(fault))).toBe(false);
  });
});
