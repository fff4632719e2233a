import type { SessionInterface } from '../services/interface.ts';
import type { ProxyMessage } from './message.ts';
import { answerCall, answerOpen, answerSignal, followClient, receiveFromClient } from './proxy-server.ts';
import {
  initialServer,
  type ProxyServerOps,
  type ServerState,
  type ServerStep,
  type ServiceRequest,
} from './server-state.ts';
import type { RpcValue } from './values.ts';

/** A service without packet streams that answers at once, for a server side that nothing else is around of. */
export interface ProxiedService<State> {
  readonly face: SessionInterface;
  readonly initial: State;
  /** Opens a session; undefined denies it. */
  open(state: State, session: number, label: string): State | undefined;
  close(state: State, session: number): State;
  /** Performs a call; `error` is an index into the errors of the function, -1 for success. */
  call(
    state: State,
    session: number,
    opcode: number,
    values: readonly RpcValue[],
  ): {
    readonly state: State;
    readonly values: readonly RpcValue[];
    readonly error: number;
    /** Numbers of signals that the call submits to its own session. */
    readonly signals: readonly number[];
  };
}

export interface SynchronousState<State> extends ServerState {
  readonly service: State;
}

export interface SynchronousStep<State> {
  readonly state: SynchronousState<State>;
  readonly sends: readonly ProxyMessage[];
}

export const initialSynchronous = <State>(service: ProxiedService<State>, epoch: number): SynchronousState<State> => ({
  ...initialServer(epoch),
  service: service.initial,
});

/** Lets the service answer what a step asks of it, and what that leads to. */
function perform<State>(service: ProxiedService<State>, before: State, step: ServerStep): SynchronousStep<State> {
  let { state } = step;
  let inner = before;
  const sends = [...step.sends];
  const follow = (next: ServerStep): void => {
    state = next.state;
    sends.push(...next.sends);
  };
  for (const request of step.requests) {
    const answered = answer(service, inner, request);
    inner = answered.inner;
    for (const next of answered.steps) follow(next(state));
  }
  return { state: { ...state, service: inner }, sends };
}

function answer<State>(
  service: ProxiedService<State>,
  inner: State,
  request: ServiceRequest,
): { readonly inner: State; readonly steps: readonly ((state: ServerState) => ServerStep)[] } {
  const { key, session } = request;
  switch (request.kind) {
    case 'open': {
      const opened = service.open(inner, session, request.label);
      return { inner: opened ?? inner, steps: [state => answerOpen(state, key, opened !== undefined)] };
    }
    case 'close':
      return { inner: service.close(inner, session), steps: [] };
    case 'call': {
      const { face } = service;
      const done = service.call(inner, session, request.opcode, request.values);
      const error = face.functions[request.opcode]!.errors[done.error] ?? '';
      const values = done.error < 0 ? done.values : undefined;
      return {
        inner: done.state,
        steps: [
          state => answerCall(face, state, key, values, error),
          ...done.signals.map(signal => (state: ServerState) => answerSignal(state, key, signal)),
        ],
      };
    }
    case 'packet':
      return { inner, steps: [] };
  }
}

export function receiveSynchronously<State>(
  ops: ProxyServerOps,
  service: ProxiedService<State>,
  state: SynchronousState<State>,
  peer: string,
  received: ProxyMessage,
): SynchronousStep<State> {
  return perform(service, state.service, receiveFromClient(ops, service.face, state, peer, received));
}

export function followSynchronously<State>(
  ops: ProxyServerOps,
  service: ProxiedService<State>,
  state: SynchronousState<State>,
  peerEpoch: number,
): SynchronousStep<State> {
  return perform(service, state.service, followClient(ops, state, peerEpoch));
}
