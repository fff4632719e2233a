import { and, setup } from 'xstate';
import { defineModel } from './define.ts';
import * as proxy from './log-proxy.ts';
import type { LogProxyConfig, LogProxyEvent, LogProxyState } from './log-proxy-state.ts';
import { logProxySchema } from './log-proxy-state.ts';
import type { Schema } from './schema.ts';

const types = {} as { context: LogProxyState; events: LogProxyEvent };

/** Client side: the local LOG server. It is in `notify` between publishing and raising the event for what it published. */
export function createLogClient(config: LogProxyConfig, schema: Schema<LogProxyState> = logProxySchema(config)) {
  const { isUnused, isOpen, isClosing, canWrite, hasRoom, hasBuffered, restartLeft } = proxy;
  const { openSession, beginClose, bufferWrite, dropWrite, bufferClose, publish, raiseEvent, restartClient } = proxy;
  const definition = defineModel({
    schema,
    config,
    guards: { isUnused, isOpen, isClosing, canWrite, hasRoom, hasBuffered, restartLeft },
    actions: { openSession, beginClose, bufferWrite, dropWrite, bufferClose, publish, raiseEvent, restartClient },
  });
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'log-proxy-client',
    context: schema.initial(),
    initial: 'serving',
    on: { restart: { guard: 'restartLeft', target: '.notify', actions: 'restartClient' } },
    states: {
      serving: {
        on: {
          open: { guard: 'isUnused', actions: 'openSession' },
          write: [
            { guard: and(['canWrite', 'hasRoom']), actions: 'bufferWrite' },
            { guard: 'canWrite', actions: 'dropWrite' },
          ],
          close: [
            { guard: and(['isOpen', 'hasRoom']), actions: 'bufferClose' },
            { guard: 'isOpen', actions: 'beginClose' },
          ],
          retry: { guard: and(['isClosing', 'hasRoom']), actions: 'bufferClose' },
          flush: { guard: 'hasBuffered', target: 'notify', actions: 'publish' },
        },
      },
      notify: { on: { step: { target: 'serving', actions: 'raiseEvent' } } },
    },
  });
  return { definition, machine };
}

/** A compromised client: publishes what it wants and raises the event when it wants. */
export function createHostileLogClient(config: LogProxyConfig, schema: Schema<LogProxyState> = logProxySchema(config)) {
  const { channelCounterLeft, restartLeft, injectMessage, raiseEvent, restartClient } = proxy;
  const definition = defineModel({
    schema,
    config,
    guards: { channelCounterLeft, restartLeft },
    actions: { injectMessage, raiseEvent, restartClient },
  });
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'log-proxy-hostile-client',
    context: schema.initial(),
    initial: 'unrestricted',
    states: {
      unrestricted: {
        on: {
          inject: { guard: 'channelCounterLeft', actions: 'injectMessage' },
          step: { actions: 'raiseEvent' },
          restart: { guard: 'restartLeft', actions: 'restartClient' },
        },
      },
    },
  });
  return { definition, machine };
}

/** Virtual hardware: Muen's event from the client's subject to the server's. Its pending bit is the mode: events coalesce there. */
export function createVirtualHardware(config: LogProxyConfig, schema: Schema<LogProxyState> = logProxySchema(config)) {
  const { isRaised, takeDoorbell, setSignal } = proxy;
  const definition = defineModel<
    LogProxyState,
    LogProxyEvent,
    LogProxyConfig,
    'isRaised',
    'takeDoorbell' | 'setSignal'
  >({
    schema,
    config,
    guards: { isRaised },
    actions: { takeDoorbell, setSignal },
  });
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'log-proxy-virtual-hardware',
    context: schema.initial(),
    initial: 'quiet',
    states: {
      quiet: { on: { deliver: { guard: 'isRaised', target: 'pending', actions: 'takeDoorbell' } } },
      pending: {
        on: {
          deliver: { guard: 'isRaised', actions: 'takeDoorbell' },
          'inject-vector': { target: 'quiet', actions: 'setSignal' },
        },
      },
    },
  });
  return { definition, machine };
}

/**
 * Server side: the client of the real LOG service. It drains the channel, acknowledges the signal only then, and looks once more, because a
 * message that was published between its last look and the acknowledgement has no signal left.
 */
export function createLogServer(config: LogProxyConfig, schema: Schema<LogProxyState> = logProxySchema(config)) {
  const { isSignalled, epochChanged, isLapped, hasMessage, isOversized, isUnknownSession, isStale, isClose } = proxy;
  const { needsSession, adoptEpoch, skipMessages, takeMessage, rejectMessage, openRealSession } = proxy;
  const { forwardMessage, closeRealSession, acknowledge } = proxy;
  const definition = defineModel({
    schema,
    config,
    guards: {
      isSignalled,
      epochChanged,
      isLapped,
      hasMessage,
      isOversized,
      isUnknownSession,
      isStale,
      isClose,
      needsSession,
    },
    actions: {
      adoptEpoch,
      skipMessages,
      takeMessage,
      rejectMessage,
      openRealSession,
      forwardMessage,
      closeRealSession,
      acknowledge,
    },
  });
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'log-proxy-server',
    context: schema.initial(),
    initial: 'waiting',
    states: {
      waiting: { on: { signal: { guard: 'isSignalled', target: 'draining' } } },
      draining: {
        on: {
          step: [
            { guard: 'epochChanged', actions: 'adoptEpoch' },
            { guard: 'isLapped', actions: 'skipMessages' },
            { guard: 'hasMessage', target: 'validating', actions: 'takeMessage' },
            { target: 'acknowledging' },
          ],
        },
      },
      validating: {
        on: {
          step: [
            { guard: 'isUnknownSession', target: 'draining', actions: 'rejectMessage' },
            { guard: 'isOversized', target: 'draining', actions: 'rejectMessage' },
            { guard: 'isStale', target: 'draining', actions: 'rejectMessage' },
            { guard: 'isClose', target: 'draining', actions: 'closeRealSession' },
            { guard: 'needsSession', target: 'forwarding', actions: 'openRealSession' },
            { target: 'forwarding' },
          ],
        },
      },
      forwarding: { on: { step: { target: 'draining', actions: 'forwardMessage' } } },
      acknowledging: { on: { step: { target: 'rechecking', actions: 'acknowledge' } } },
      rechecking: {
        on: {
          step: [
            { guard: 'epochChanged', target: 'draining' },
            { guard: 'hasMessage', target: 'draining' },
            { target: 'waiting' },
          ],
        },
      },
    },
  });
  return { definition, machine };
}
