import { ok, type Result } from '../../../units/result.ts';
import type { StreamOps } from '../core/packet-stream.ts';
import type { Quota } from '../core/parent.ts';
import type { RpcValue } from '../proxy/values.ts';
import type { Called, Service, SessionError, SessionNumber, SessionRequest } from './service.ts';
import { type HostEnv, type HostedSession, StreamUse } from './stream-use.ts';

/** A service with its open sessions. */
export interface HostedService<State> {
  readonly state: State;
  readonly sessions: ReadonlyMap<SessionNumber, HostedSession>;
}

export const hostService = <State>(service: Service<State>): HostedService<State> => ({
  state: service.initial,
  sessions: new Map(),
});

/** Opens a session with its packet streams. */
export function hostOpen<State>(
  ops: StreamOps,
  service: Service<State>,
  host: HostedService<State>,
  session: SessionNumber,
  request: SessionRequest,
  env: HostEnv,
): Result<HostedService<State>, SessionError> {
  const face = service.faces.find(candidate => candidate.service === request.service);
  if (face === undefined || host.sessions.has(session)) return { ok: false, error: 'DENIED' };
  const use = new StreamUse(ops, host.sessions, env);
  if (!use.addSession(session, face, request)) return { ok: false, error: 'INSUFFICIENT_RAM' };
  const opened = service.open(host.state, session, request, use);
  if (opened.ok) return ok({ state: opened.value, sessions: use.sessions });
  use.removeSession(session);
  return opened;
}

export function hostClose<State>(
  ops: StreamOps,
  service: Service<State>,
  host: HostedService<State>,
  session: SessionNumber,
  env: HostEnv,
): HostedService<State> {
  if (!host.sessions.has(session)) return host;
  const use = new StreamUse(ops, host.sessions, env);
  const state = service.close(host.state, session, use);
  use.removeSession(session);
  return { state, sessions: use.sessions };
}

/** Performs a call of an open session; the values have the types of the interface table. */
export function hostCall<State>(
  ops: StreamOps,
  service: Service<State>,
  host: HostedService<State>,
  session: SessionNumber,
  opcode: number,
  values: readonly RpcValue[],
  env: HostEnv,
): Called<HostedService<State>> {
  const found = host.sessions.get(session);
  const called = found?.face.functions[opcode];
  if (found === undefined || called === undefined) return { state: host, error: 'INVALID' };
  const { name } = called;
  const stream = name === 'tx_cap' ? 'tx' : name === 'rx_cap' ? 'rx' : undefined;
  if (stream !== undefined) {
    return { state: host, values: [found.streams[stream]?.dataspace ?? 0] };
  }
  const use = new StreamUse(ops, host.sessions, env);
  const outcome = service.call(host.state, session, name, values, use);
  return { ...outcome, state: { state: outcome.state, sessions: use.sessions } };
}

/** Lets a service look at the packet streams of a session. */
export function hostPackets<State>(
  ops: StreamOps,
  service: Service<State>,
  host: HostedService<State>,
  session: SessionNumber,
  env: HostEnv,
): HostedService<State> {
  if (service.packets === undefined || !host.sessions.has(session)) return host;
  const use = new StreamUse(ops, host.sessions, env);
  return { state: service.packets(host.state, session, use), sessions: use.sessions };
}

/** Tells a service of more quota for a session. */
export function hostUpgrade<State>(
  ops: StreamOps,
  service: Service<State>,
  host: HostedService<State>,
  session: SessionNumber,
  more: Quota,
  env: HostEnv,
): HostedService<State> {
  if (service.upgrade === undefined || !host.sessions.has(session)) return host;
  const use = new StreamUse(ops, host.sessions, env);
  return { state: service.upgrade(host.state, session, more, use), sessions: use.sessions };
}

export function hostWake<State>(
  ops: StreamOps,
  service: Service<State>,
  host: HostedService<State>,
  env: HostEnv,
): HostedService<State> {
  if (service.wake === undefined) return host;
  const use = new StreamUse(ops, host.sessions, env);
  return { state: service.wake(host.state, use), sessions: use.sessions };
}

export function hostInterrupt<State>(
  ops: StreamOps,
  service: Service<State>,
  host: HostedService<State>,
  vector: number,
  env: HostEnv,
): HostedService<State> {
  if (service.interrupt === undefined) return host;
  const use = new StreamUse(ops, host.sessions, env);
  return { state: service.interrupt(host.state, vector, use), sessions: use.sessions };
}

export function hostStart<State>(
  ops: StreamOps,
  service: Service<State>,
  host: HostedService<State>,
  env: HostEnv,
): HostedService<State> {
  if (service.start === undefined) return host;
  const use = new StreamUse(ops, host.sessions, env);
  return { state: service.start(host.state, use), sessions: use.sessions };
}
