import type { Model, ModelInstance } from './model.ts';
import { eraseInstance, party } from './model.ts';
import { createRpcClient, createRpcServer } from './rpc-proxy.machine.ts';
import type { RpcProxyConfig, RpcProxyEvent, RpcProxyState } from './rpc-proxy-state.ts';
import { rpcProxySchema } from './rpc-proxy-state.ts';

const CLIENT_EVENTS: readonly RpcProxyEvent[] = [
  { type: 'open' },
  { type: 'call' },
  { type: 'take' },
  { type: 'follow' },
  { type: 'restart' },
];
const SERVER_EVENTS: readonly RpcProxyEvent[] = [
  { type: 'take' },
  { type: 'repeat' },
  { type: 'answer' },
  { type: 'follow' },
  { type: 'restart' },
];

/** Nothing is under way, and each side knows that the other is the one that it deals with. */
const isQuiet = ({ client, server, clientEpoch, serverEpoch, toServer, toClient }: Readonly<RpcProxyState>): boolean =>
  client.known === serverEpoch && server.known === clientEpoch && toServer.count === 0 && toClient.count === 0;

/** Client proxy, link and server proxy, with restarts of either side. */
export function createRpcProxy(config: RpcProxyConfig): ModelInstance<RpcProxyState, RpcProxyEvent> {
  const schema = rpcProxySchema(config);
  const client = createRpcClient(config, schema);
  const server = createRpcServer(config, schema);
  const parties = [
    party<RpcProxyState, RpcProxyEvent, RpcProxyConfig, string, string>(
      'client',
      client.machine,
      client.definition,
      CLIENT_EVENTS,
    ),
    party<RpcProxyState, RpcProxyEvent, RpcProxyConfig, string, string>(
      'server',
      server.machine,
      server.definition,
      SERVER_EVENTS,
    ),
  ];
  return {
    schema,
    parties,
    invariants: [
      {
        id: 'at-most-once',
        claim: 'No call is performed twice, whatever restarts.',
        holds: ({ performed }) => performed.every(count => count <= 1),
      },
      {
        id: 'no-invention',
        claim: 'A call that is answered was performed.',
        holds: ({ client: { answered }, performed }) => answered === 0 || performed[answered - 1]! > 0,
      },
      {
        id: 'sessions-agree',
        claim: 'When nothing is under way, a session that is open for the client is open at the server.',
        holds: (state, [atClient, atServer]) =>
          !isQuiet(state) ||
          (atClient !== 'open' && atClient !== 'calling') ||
          atServer === 'open' ||
          atServer === 'serving',
      },
      {
        id: 'no-lost-open',
        claim: 'A session that is asked for is opened: while nothing is under way nobody waits for it.',
        holds: (state, [atClient]) => !isQuiet(state) || atClient !== 'opening',
      },
      {
        id: 'no-lost-call',
        claim: 'A call that waits while nothing is under way is being served.',
        holds: (state, [atClient, atServer]) => !isQuiet(state) || atClient !== 'calling' || atServer === 'serving',
      },
    ],
    witnesses: [
      { id: 'answered', description: 'A call is answered.', seen: state => state.client.answered > 0 },
      {
        id: 'failed',
        description: 'A call fails because the server restarted.',
        seen: state => state.client.hasFailed,
      },
      { id: 'discarded', description: 'A message of a former life is discarded.', seen: state => state.hasDiscarded },
      {
        id: 'both-restarted',
        description: 'Both sides restarted and the session is open again.',
        seen: ({ clientEpoch, serverEpoch }, [atClient]) =>
          clientEpoch === config.epochs && serverEpoch === config.epochs && atClient === 'open',
      },
    ],
  };
}

const SMALL: RpcProxyConfig = {
  epochs: 2,
  calls: 2,
  room: 2,
  checksGeneration: true,
  checksRequest: true,
};

const faulty = (changes: Partial<RpcProxyConfig>) => () => eraseInstance(createRpcProxy({ ...SMALL, ...changes }));

/** Proxies of a session between two Genode instances. */
export const rpcProxyModel: Model = {
  id: 'rpc-proxy',
  title: 'Session through proxies: client, link and server, with restarts of either side',
  sources: ['rpc-proxy.ts'],
  configurations: [
    { name: '2 epochs, 2 calls', exhaustive: true, states: 1424, create: () => eraseInstance(createRpcProxy(SMALL)) },
    {
      name: '3 epochs, 2 calls',
      exhaustive: true,
      states: 10_329,
      create: () => eraseInstance(createRpcProxy({ ...SMALL, epochs: 3 })),
    },
  ],
  faults: [
    {
      id: 'stale-messages-taken',
      title: 'messages of a former life are taken',
      precedent: 'XSA-343: event channels used across a reset',
      violates: ['no-lost-open'],
      create: faulty({ checksGeneration: false }),
    },
    {
      id: 'call-performed-again',
      title: 'a call that the link shows again is performed again',
      precedent: 'XSA-155 (CVE-2015-8550): the same request of a shared ring taken twice',
      violates: ['at-most-once'],
      create: faulty({ checksRequest: false }),
    },
  ],
};
