import { setup } from 'xstate';
import { defineModel } from './define.ts';
import type { Schema } from './schema.ts';
import * as session from './session.ts';
import type { SessionConfig, SessionEvent, SessionState } from './session-state.ts';
import { sessionSchema } from './session-state.ts';

const types = {} as { context: SessionState; events: SessionEvent };

/** The life of one session between a client and a server that answers asynchronously, as their parent sees it. */
export function createSessionMachine(config: SessionConfig, schema: Schema<SessionState> = sessionSchema(config)) {
  const { canRequest, canUpgrade } = session;
  const { donate, donateMore, refundClient, refundParent, endClient, endServer, repayClient, forgetDonation } = session;
  const definition = defineModel<SessionState, SessionEvent, SessionConfig, string, string>({
    schema,
    config,
    guards: { canRequest, canUpgrade },
    actions: { donate, donateMore, refundClient, refundParent, endClient, endServer, repayClient, forgetDonation },
  });
  const serverExit = { target: 'serverless', actions: ['endServer', 'repayClient'] };
  const failed = {
    on: {
      fetch: { target: 'none', actions: 'refundClient' },
      close: { target: 'none', actions: 'refundClient' },
      clientExit: { target: 'clientless', actions: ['endClient', 'refundParent'] },
      serverExit,
    },
  };
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'session',
    context: schema.initial(),
    initial: 'none',
    states: {
      none: {
        on: {
          request: { guard: 'canRequest', target: 'createRequested', actions: 'donate' },
          clientExit: { target: 'clientless', actions: 'endClient' },
          serverExit: { target: 'serverless', actions: 'endServer' },
        },
      },
      createRequested: {
        on: {
          deliver: { target: 'available' },
          deny: { target: 'serviceDenied' },
          denyRam: { target: 'insufficientRam' },
          denyCaps: { target: 'insufficientCaps' },
          clientExit: { target: 'orphanRequested', actions: 'endClient' },
          serverExit,
        },
      },
      available: {
        on: {
          fetch: { target: 'capHandedOut' },
          close: { target: 'closeRequested' },
          clientExit: { target: 'orphanClosing', actions: 'endClient' },
          serverExit,
        },
      },
      capHandedOut: {
        on: {
          upgrade: { guard: 'canUpgrade', target: 'upgradeRequested', actions: 'donateMore' },
          close: { target: 'closeRequested' },
          clientExit: { target: 'orphanClosing', actions: 'endClient' },
          serverExit,
        },
      },
      upgradeRequested: {
        on: {
          confirm: { target: 'capHandedOut' },
          close: { target: 'closeRequested' },
          clientExit: { target: 'orphanClosing', actions: 'endClient' },
          serverExit,
        },
      },
      closeRequested: {
        on: {
          closed: { target: 'none', actions: 'refundClient' },
          clientExit: { target: 'orphanClosing', actions: 'endClient' },
          serverExit,
        },
      },
      serviceDenied: failed,
      insufficientRam: failed,
      insufficientCaps: failed,
      orphanRequested: {
        on: {
          deliver: { target: 'orphanClosing' },
          deny: { target: 'clientless', actions: 'refundParent' },
          denyRam: { target: 'clientless', actions: 'refundParent' },
          denyCaps: { target: 'clientless', actions: 'refundParent' },
          serverExit: { target: 'gone', actions: ['endServer', 'forgetDonation'] },
        },
      },
      orphanClosing: {
        on: {
          closed: { target: 'clientless', actions: 'refundParent' },
          serverExit: { target: 'gone', actions: ['endServer', 'forgetDonation'] },
        },
      },
      clientless: { on: { serverExit: { target: 'gone', actions: 'endServer' } } },
      serverless: { on: { clientExit: { target: 'gone', actions: 'endClient' } } },
      gone: {},
    },
  });
  return { definition, machine };
}
