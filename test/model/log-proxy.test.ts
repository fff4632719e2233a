import { describe, expect, it } from 'vitest';
import { createHostileLogProxy, createLogProxy } from '../../src/model/log-proxy.model.ts';
import type { LogProxyConfig, LogProxyState } from '../../src/model/log-proxy-state.ts';
import { eraseInstance } from '../../src/model/model.ts';
import { explore } from './explore.ts';
import type { ChartData } from './patched.ts';
import { withChart } from './patched.ts';

const config: LogProxyConfig = {
  labels: ['net -> vim'],
  lengthsBytes: [232, 233],
  bufferMessages: 1,
  channelElements: 1,
  maxWrites: 2,
  epochs: 2,
};
const honest = eraseInstance(createLogProxy(config));

describe('LOG proxy', () => {
  it('ends, when nobody has anything left to do, with everything handled or counted', () => {
    const { terminal } = explore(honest);
    expect(terminal.length).toBeGreaterThan(0);
    for (const { state, modes } of terminal) {
      const { client, channel, server } = state as unknown as LogProxyState;
      expect(modes).toEqual(['serving', 'quiet', 'waiting']);
      expect(client.buffered).toBe(0);
      expect([server.epoch, server.rc]).toEqual([channel.epoch, channel.wc]);
      const session = client.sessions[0]!;
      const handled = server.sessions[0]!.last - server.sessions[0]!.missed;
      expect(session.issued).toBe(handled + session.dropped + server.skipped);
    }
  });

  it('does not accept a string above 232 bytes from a local client', () => {
    const { schema, parties } = createLogProxy(config);
    const { compiled } = parties[0]!;
    const state = schema.initial();
    compiled.step(compiled.initialMode, state, { type: 'open', session: 0 });
    expect(compiled.step(compiled.initialMode, state, { type: 'write', session: 0, length: 1 })).toBe(-1);
    expect(compiled.step(compiled.initialMode, state, { type: 'write', session: 0, length: 0 })).toBe(
      compiled.initialMode,
    );
  });

  it.each<readonly [string, string, (chart: ChartData) => void, readonly string[]]>([
    [
      'a server that does not look again after it acknowledged',
      'server',
      chart => {
        chart.states.rechecking!.on!.step = { target: 'waiting' };
      },
      ['no-lost-wake-up'],
    ],
    [
      'a client that raises the event before it publishes',
      'client',
      chart => {
        (chart.states.serving!.on as Record<string, unknown>).flush = {
          guard: 'hasBuffered',
          target: 'notify',
          actions: 'raiseEvent',
        };
        chart.states.notify!.on!.step = [
          { guard: 'hasBuffered', target: 'serving', actions: 'publish' },
          { target: 'serving', actions: 'raiseEvent' },
        ];
      },
      ['no-lost-wake-up'],
    ],
    [
      'a server that does not notice an overrun',
      'server',
      chart => {
        (chart.states.draining!.on!.step as unknown[]).splice(1, 1);
      },
      ['session-fifo'],
    ],
    [
      'a server that ignores a new epoch',
      'server',
      chart => {
        (chart.states.rechecking!.on!.step as unknown[]).shift();
      },
      ['no-lost-wake-up'],
    ],
    [
      'a server that forwards a message without noting it',
      'server',
      chart => {
        chart.states.forwarding!.on!.step = { target: 'draining' };
      },
      ['losses-counted'],
    ],
  ])('finds %s', (_name, id, change, invariants) => {
    const { violations } = explore(withChart(honest, id, change));
    expect([...violations.keys()]).toEqual(expect.arrayContaining([...invariants]));
  });

  it.each([
    ['length', 1],
    ['session id', 0],
  ])('finds a server that does not check the %s of a hostile message', (_what, index) => {
    const hostile = eraseInstance(createHostileLogProxy({ ...config, maxWrites: 1, epochs: 1 }));
    expect([...explore(hostile).violations.keys()]).toEqual([]);
    const faulty = withChart(hostile, 'server', chart => {
      (chart.states.validating!.on!.step as unknown[]).splice(index, 1);
    });
    const run = (): string[] => [...explore(faulty).violations.keys()];
    // Without a valid session id even the functions leave their arrays.
    if (index === 0) expect(run).toThrow(TypeError);
    else expect(run()).toEqual(['forwards-valid-only']);
  });
});
