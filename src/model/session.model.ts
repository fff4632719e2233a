import type { Model, ModelInstance } from './model.ts';
import { eraseInstance, party } from './model.ts';
import { createSessionMachine } from './session.machine.ts';
import type { SessionConfig, SessionEvent, SessionState } from './session-state.ts';
import { sessionSchema } from './session-state.ts';

const ANSWERS = ['deliver', 'deny', 'denyRam', 'denyCaps', 'confirm', 'closed'] as const;
const CALLS = ['fetch', 'close', 'clientExit', 'serverExit'] as const;

/** Every event that a session can be given, with donations from 0 up to more than the client has. */
export function sessionAlphabet({ clientQuota }: SessionConfig): readonly SessionEvent[] {
  const donations = Array.from({ length: clientQuota + 2 }, (_, amount) => amount).flatMap((amount): SessionEvent[] => [
    { type: 'request', amount },
    { type: 'upgrade', amount },
  ]);
  return [...donations, ...[...ANSWERS, ...CALLS].map((type): SessionEvent => ({ type }))];
}

/** One session with its quota. */
export function createSession(config: SessionConfig): ModelInstance<SessionState, SessionEvent> {
  const schema = sessionSchema(config);
  const { machine, definition } = createSessionMachine(config, schema);
  const total = config.clientQuota + config.parentQuota;
  const isOpen = (mode: string | undefined): boolean =>
    mode !== 'none' && mode !== 'clientless' && mode !== 'serverless' && mode !== 'gone';
  return {
    schema,
    parties: [
      party<SessionState, SessionEvent, SessionConfig, string, string>(
        'session',
        machine,
        definition,
        sessionAlphabet(config),
      ),
    ],
    invariants: [
      {
        id: 'quota-conserved',
        claim: 'Client, parent and server together hold what they started with.',
        holds: ({ client, parent, server }) => client + parent + server === total,
      },
      {
        id: 'donation-accounted',
        claim: 'The server holds the donation of an open session without the cost, and else nothing.',
        holds: ({ server, donated }, [mode]) => server === (isOpen(mode) ? donated - config.cost : 0),
      },
      {
        id: 'refunded',
        claim: 'Without a session client and parent hold what they started with.',
        holds: ({ client, parent }, [mode]) =>
          (mode !== 'none' && mode !== 'serverless') ||
          (client === config.clientQuota && parent === config.parentQuota),
      },
      {
        id: 'all-returned',
        claim: 'When both have ended the parent holds everything.',
        holds: ({ parent }, [mode]) => mode !== 'gone' || parent === total,
      },
    ],
    witnesses: [
      {
        id: 'upgraded',
        description: 'An upgrade waits for its confirmation.',
        seen: (_, [mode]) => mode === 'upgradeRequested',
      },
      {
        id: 'orphaned',
        description: 'A client ends before its server answered.',
        seen: (_, [mode]) => mode === 'orphanRequested',
      },
      { id: 'denied', description: 'A server denies.', seen: (_, [mode]) => mode === 'serviceDenied' },
    ],
  };
}

/** Genode's session protocol with quota donation. */
export const sessionModel: Model = {
  id: 'session',
  title: 'Genode session: request, answer, upgrade, close, end of either side, with quota',
  sources: ['session.ts'],
  configurations: [
    {
      name: 'client 3 units, parent 2 units',
      exhaustive: true,
      states: 34,
      create: () => eraseInstance(createSession({ clientQuota: 3, parentQuota: 2, cost: 1 })),
    },
  ],
};
