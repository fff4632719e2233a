import { describe, expect, test } from 'vitest';
import { initialClient, proxyClientOps } from '../../../../src/impl/genode/proxy/client-state.ts';
import { kindOf, message, notProxyable, type ProxyMessage } from '../../../../src/impl/genode/proxy/message.ts';
import {
  callService,
  closeLocalSession,
  followPeer,
  openSession,
  receiveFromServer,
} from '../../../../src/impl/genode/proxy/proxy-client.ts';
import { proxyServerOps } from '../../../../src/impl/genode/proxy/server-state.ts';
import {
  initialSynchronous,
  type ProxiedService,
  receiveSynchronously,
} from '../../../../src/impl/genode/proxy/synchronous-service.ts';
import { interfaceOf, SESSION_INTERFACES } from '../../../../src/impl/genode/services/interfaces.ts';

const face = interfaceOf('Rtc')!;
const CURRENT_TIME = 1;
/** A clock that stands still; its state is the labels of its sessions. */
const clock: ProxiedService<readonly string[]> = {
  face,
  initial: [],
  open: (labels, _, label) => [...labels, label],
  close: labels => labels.slice(1),
  call: state => ({ state, values: [1, 2, 3, 4, 5, 6, 2026], error: -1, signals: [] }),
};
const connected = { ...initialClient(1), peerEpoch: 2 };
const serving = { ...initialSynchronous(clock, 2), peerEpoch: 1 };
const serve = (state: typeof serving, received: ProxyMessage) =>
  receiveSynchronously(proxyServerOps, clock, state, 'apps', received);

/** A client with session 0 open, and the server that serves it. */
function opened() {
  const opening = openSession(connected, 'panel');
  const server = serve(serving, opening.sends[0]!);
  const client = receiveFromServer(proxyClientOps, face, opening.state, server.sends[0]!);
  return { client: client.state, server: server.state, events: client.events };
}

describe('a session through the proxies', () => {
  test('is opened at the service with the name of the peer in front of its label', () => {
    const { server, events } = opened();
    expect(server.service).toEqual(['apps -> panel']);
    expect(events).toEqual([{ kind: 'opened', session: 0 }]);
  });
  test('a call comes back with the results of the service', () => {
    const { client, server } = opened();
    const call = callService(proxyClientOps, face, client, 0, CURRENT_TIME, []);
    expect(callService(proxyClientOps, face, call.state, 0, CURRENT_TIME, []).refused).toBe('busy');
    const reply = serve(server, call.sends[0]!);
    const { events } = receiveFromServer(proxyClientOps, face, call.state, reply.sends[0]!);
    expect(events).toMatchObject([{ kind: 'reply', session: 0, request: 1, values: [1, 2, 3, 4, 5, 6, 2026] }]);
    expect(serve(reply.state, call.sends[0]!).state.refused).toEqual({ request: 1 });
  });
  test('a call fails when the server restarts, and a late reply is discarded', () => {
    const { client, server } = opened();
    const call = callService(proxyClientOps, face, client, 0, CURRENT_TIME, []);
    const reply = serve(server, call.sends[0]!).sends[0]!;
    const dead = followPeer(proxyClientOps, call.state, 3);
    expect(dead.events).toMatchObject([{ kind: 'reply', values: undefined, error: 'session-dead' }]);
    expect(receiveFromServer(proxyClientOps, face, dead.state, reply).state.discarded).toBe(1);
    expect(callService(proxyClientOps, face, dead.state, 0, CURRENT_TIME, []).refused).toBe('not-open');
    expect(closeLocalSession(dead.state, 0).state.sessions).toEqual([undefined]);
  });
  test('is closed at the service', () => {
    const { client, server } = opened();
    const closing = closeLocalSession(client, 0);
    const closed = serve(server, closing.sends[0]!);
    expect(closed.state.service).toEqual([]);
    expect(receiveFromServer(proxyClientOps, face, closing.state, closed.sends[0]!).state.sessions).toEqual([
      undefined,
    ]);
  });
});

test.each([
  ['another life of the server', message('open', { generation: 1 }), 'generation'],
  ['an unknown session', message('call', { generation: 2, session: 7 }), 'session'],
  ['a label without end', message('open', { generation: 2, payload: [9] }), 'label'],
])('a message with %s is refused', (_, received, reason) => {
  expect(serve(serving, received).state.refused).toEqual({ [reason]: 1 });
});

describe('what can be called through a proxy', () => {
  test.each([
    ['LOG', 0, ''],
    ['Timer', 2, ''],
    ['ROM', 0, ''],
    ['Block', 1, 'Block.tx_cap is answered locally'],
    ['Gui', 0, 'Gui.framebuffer opens a session of its own'],
    ['IO_PORT', 0, 'IO_PORT stands for objects of one instance'],
    ['LOG', 1, 'LOG has no function 1'],
  ])('%s function %i: "%s"', (service, opcode, reason) => {
    expect(notProxyable(interfaceOf(service)!, opcode)).toBe(reason);
  });
  test('an unknown kind of message has no meaning', () => {
    expect(kindOf({ ...message('open', {}), kind: 99 })).toBeUndefined();
  });
});

test('interfaces: each service once, functions named once, streams only where a function hands out their channel', () => {
  const services = SESSION_INTERFACES.map(({ service }) => service);
  expect(new Set(services).size).toBe(services.length);
  for (const { functions, streams } of SESSION_INTERFACES) {
    const names = functions.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name } of streams) expect(names).toContain(`${name}_cap`);
  }
});
