import { setup } from 'xstate';
import { defineModel } from './define.ts';
import * as proxy from './rpc-proxy.ts';
import type { RpcProxyConfig, RpcProxyEvent, RpcProxyState } from './rpc-proxy-state.ts';
import { rpcProxySchema } from './rpc-proxy-state.ts';
import type { Schema } from './schema.ts';

const types = {} as { context: RpcProxyState; events: RpcProxyEvent };

/** Proxy:Client with one session and at most one call at a time. */
export function createRpcClient(config: RpcProxyConfig, schema: Schema<RpcProxyState> = rpcProxySchema(config)) {
  const { serverChanged, canSend, canCall, hasReply, isOpened, isReply, clientMayRestart } = proxy;
  const { sendOpen, sendCall, takeReply, noteAnswer, noteDiscard, followServer, noteFailure, restartClient } = proxy;
  const definition = defineModel<RpcProxyState, RpcProxyEvent, RpcProxyConfig, string, string>({
    schema,
    config,
    guards: { serverChanged, canSend, canCall, hasReply, isOpened, isReply, clientMayRestart },
    actions: { sendOpen, sendCall, takeReply, noteAnswer, noteDiscard, followServer, noteFailure, restartClient },
  });
  const restart = { guard: 'clientMayRestart', target: '#rpc-proxy-client.alone', actions: 'restartClient' } as const;
  const follow = { guard: 'serverChanged', target: '#rpc-proxy-client.closed', actions: 'followServer' } as const;
  const discard = { guard: 'hasReply', actions: ['noteDiscard', 'takeReply'] } as const;
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'rpc-proxy-client',
    context: schema.initial(),
    initial: 'alone',
    states: {
      alone: { on: { follow, restart } },
      closed: {
        on: { open: { guard: 'canSend', target: 'opening', actions: 'sendOpen' }, take: discard, follow, restart },
      },
      opening: {
        on: { take: [{ guard: 'isOpened', target: 'open', actions: 'takeReply' }, discard], follow, restart },
      },
      open: {
        on: { call: { guard: 'canCall', target: 'calling', actions: 'sendCall' }, follow, restart },
      },
      calling: {
        on: {
          take: { guard: 'isReply', target: 'open', actions: ['noteAnswer', 'takeReply'] },
          follow: { guard: 'serverChanged', target: 'closed', actions: ['followServer', 'noteFailure'] },
          restart,
        },
      },
    },
  });
  return { definition, machine };
}

/** Proxy:Server with the session of the real service. */
export function createRpcServer(config: RpcProxyConfig, schema: Schema<RpcProxyState> = rpcProxySchema(config)) {
  const { clientChanged, hasRequest, isOpen, isCall, canAnswer, serverMayRestart } = proxy;
  const { takeRequest, performCall, sendOpened, sendReply, followClient, noteDiscard, restartServer } = proxy;
  const definition = defineModel<RpcProxyState, RpcProxyEvent, RpcProxyConfig, string, string>({
    schema,
    config,
    guards: {
      clientChanged,
      hasRequest,
      isOpen,
      isCall,
      canAnswer,
      serverMayRestart,
    },
    actions: { takeRequest, performCall, sendOpened, sendReply, followClient, noteDiscard, restartServer },
  });
  const restart = { guard: 'serverMayRestart', target: '#rpc-proxy-server.none', actions: 'restartServer' } as const;
  const discard = { guard: 'hasRequest', actions: ['noteDiscard', 'takeRequest'] } as const;
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'rpc-proxy-server',
    context: schema.initial(),
    initial: 'none',
    states: {
      none: {
        on: {
          follow: { guard: 'clientChanged', actions: 'followClient' },
          take: [{ guard: 'isOpen', target: 'open', actions: ['sendOpened', 'takeRequest'] }, discard],
          restart,
        },
      },
      open: {
        on: {
          follow: { guard: 'clientChanged', target: 'none', actions: 'followClient' },
          take: [{ guard: 'isCall', target: 'serving', actions: ['performCall', 'takeRequest'] }, discard],
          // A hostile or faulty link shows the same call twice.
          repeat: { guard: 'isCall', target: 'serving', actions: 'performCall' },
          restart,
        },
      },
      serving: {
        on: {
          follow: { guard: 'clientChanged', target: 'none', actions: 'followClient' },
          answer: { guard: 'canAnswer', target: 'open', actions: 'sendReply' },
          restart,
        },
      },
    },
  });
  return { definition, machine };
}
