import { kindOf, MESSAGE_KINDS, type MessageKind, message, type ProxyMessage } from '../impl/genode/proxy/message.ts';
import type { ScriptStep } from '../trace/trace.ts';
import { ELAPSED_US, FACE, type ProxyWorld, SESSIONS } from './rpc-proxy-world.ts';
import { operand } from './script.ts';

/** A message that would be right but for its number, or for its generation: what a hostile peer tries most. */
export interface NearlyRight {
  readonly kind: MessageKind;
  /** Sessions, and the number that is right for each. */
  readonly waiting: readonly { readonly session: number; readonly next: number }[];
  readonly payload: readonly number[];
}

/** Message that a hostile peer writes: nearly right, or of any kind, session, number, function and payload. */
export function forged(step: ScriptStep, generation: number, near: NearlyRight): ProxyMessage {
  const request = operand(step, 2, 4);
  const isStale = operand(step, 3, 4) === 0;
  if (near.waiting.length > 0 && operand(step, 3, 3) > 0) {
    const { session, next } = near.waiting[operand(step, 1, near.waiting.length)]!;
    return message(near.kind, {
      generation: isStale ? generation - 1 : generation,
      session,
      request: isStale ? next : request,
      opcode: ELAPSED_US,
      payload: near.payload,
    });
  }
  return {
    kind: operand(step, 0, MESSAGE_KINDS.length + 2),
    generation: isStale ? generation - 1 : generation,
    session: operand(step, 1, SESSIONS * 2),
    request,
    opcode: operand(step, 4, FACE.functions.length + 2),
    status: operand(step, 3, 3),
    payload: Array.from({ length: operand(step, 2, 12) }, (_, index) => (index * 37 + operand(step, 4, 256)) & 0xff),
  };
}

/** A call of a session that the server has, and a reply to a call that the client waits for. */
export const nearCall = ({ server }: ProxyWorld): NearlyRight => ({
  kind: 'call',
  waiting: server.sessions.map(({ id, request }) => ({ session: id, next: request + 1 })),
  payload: [],
});
export const nearReply = ({ waiting }: ProxyWorld): NearlyRight => ({
  kind: 'reply',
  waiting: [...waiting].map(([session, { request }]) => ({ session, next: request })),
  payload: [9, 0, 0, 0, 0, 0, 0, 0],
});

/** A call whose number was served already, or is not the next one, must not reach the service, nor must anything of another life. */
export function attackServer(world: ProxyWorld, attack: ProxyMessage, send: (attack: ProxyMessage) => void): string {
  const { service, sessions, epoch } = world.server;
  const latest = sessions.find(({ id }) => id === attack.session)?.request;
  send(attack);
  if (attack.generation !== epoch && world.server.service !== service)
    return `a message of generation ${attack.generation} reaches the service in generation ${epoch}`;
  const isOutOfTurn = kindOf(attack) === 'call' && latest !== undefined && attack.request !== latest + 1;
  return isOutOfTurn && world.server.service !== service
    ? `call ${attack.request} of session ${attack.session} is performed after call ${latest}`
    : '';
}

/** A reply that does not name the waiting call must not answer it. */
export function attackClient(world: ProxyWorld, attack: ProxyMessage, send: (attack: ProxyMessage) => void): string {
  const waiting = world.waiting.get(attack.session);
  send(attack);
  const isAnswered = waiting !== undefined && !world.waiting.has(attack.session) && kindOf(attack) === 'reply';
  if (!isAnswered || (attack.request === waiting.request && attack.opcode === waiting.opcode)) return '';
  return `a reply to call ${attack.request} answers call ${waiting.request} of session ${attack.session}`;
}

export function openMessage(generation: number, session: number): ProxyMessage {
  return message('open', { generation, session, payload: [1, 0, 0, 1, 0, 0, 1, 0, 0] });
}
