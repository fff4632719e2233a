import { ackSignal, pendingSignal } from '../core/signals.ts';
import type { ComponentEvent, Program } from './component.ts';
import { ComponentEnv } from './component-env.ts';
import { exitComponent } from './exit-child.ts';
import { hasWaitingChild, runInit, startNextChild } from './init-component.ts';
import { LOG_HANDLE } from './init-log.ts';
import type { Library } from './library.ts';
import { loadProgram } from './load-program.ts';
import { handleOfImprint, opcodeOfImprint, sendCall } from './rpc-flow.ts';
import { serve } from './serve.ts';
import type { InstanceState } from './state.ts';
import type { Workspace } from './workspace.ts';

/** True if a component has something to do and does not wait for a reply. */
function isRunnable(state: InstanceState, id: number): boolean {
  const { isAlive, isCalling, isFaulted, calls, events, body } = state.components[id]!;
  if (!isAlive || isCalling || isFaulted) return false;
  const starts = body.kind === 'init' && body.waiting.length > 0;
  return calls.length > 0 || events.length > 0 || starts || state.signals.receivers[id]!.queue.length > 0;
}

/** Next component to run: of those of the highest priority the one after the last, round robin. */
export function nextComponent(state: InstanceState): number {
  const count = state.components.length;
  let best = -1;
  for (let step = 1; step <= count; step++) {
    const id = (state.lastRun + step) % count;
    const isFirst = best < 0 || state.components[id]!.priority.first < state.components[best]!.priority.first;
    if (isFirst && isRunnable(state, id)) best = id;
  }
  return best;
}

/** Takes the next event of a component: what waits in its queue, then signals. */
function takeEvent(ws: Workspace, id: number): ComponentEvent | undefined {
  const [event, ...events] = ws.component(id).events;
  if (event !== undefined) {
    ws.changeComponent(id, { events });
    return event;
  }
  const { signals, delivery } = pendingSignal(ws.state.signals, id);
  if (delivery === undefined) return undefined;
  // Handlers run to their end before the next event, so the acknowledgement can be given at once.
  ws.change({ signals: ackSignal(ws.ops.signal, signals, delivery.context).signals });
  const { imprint } = delivery;
  return { kind: 'signal', handle: handleOfImprint(imprint), opcode: opcodeOfImprint(imprint) };
}

/** True for an event of a session that this component serves. */
const isForServer = (ws: Workspace, id: number, event: ComponentEvent): boolean =>
  'session' in event && ws.state.sessions[event.session]?.server === id;

/** Lets a component do one thing: send a call, start a child, or handle an event. */
export function runComponent(ws: Workspace, id: number, library: Library): void {
  ws.change({ lastRun: id });
  if (ws.component(id).calls.length > 0) {
    sendCall(ws, id);
    return;
  }
  if (hasWaitingChild(ws, id)) {
    startNextChild(ws, id, library);
    return;
  }
  const event = takeEvent(ws, id);
  if (event === undefined) return;
  if (event.kind === 'heartbeat') {
    ws.changeComponent(id, { isBeatPending: false });
    return;
  }
  // A client may have taken back what it asked for.
  if (event.kind === 'session' && ws.state.sessions[event.session]?.status !== 'requested') return;
  const { body } = ws.component(id);
  if (body.kind === 'services') serve(ws, id, event, library);
  else if (body.kind === 'program') runProgram(ws, id, event, library);
  else if (body.kind === 'loading') loadProgram(ws, id, body, event, library);
  else if (isForServer(ws, id, event)) serve(ws, id, event, library);
  else runInit(ws, id, event, library);
  const { exitCode } = ws.component(id);
  if (exitCode !== undefined && ws.component(id).isAlive) exitComponent(ws, id, exitCode);
}

/** Hands an event to a program; its LOG session is opened before it starts. */
function runProgram(ws: Workspace, id: number, event: ComponentEvent, library: Library): void {
  const { body, source } = ws.component(id);
  if (body.kind !== 'program') return;
  const made = library.make(source);
  if (!made.ok || made.value.kind !== 'program') return;
  const isOfLog = 'handle' in event && event.handle === LOG_HANDLE;
  if (isOfLog && event.kind !== 'opened' && event.kind !== 'denied') return;
  const program: Program<never> = made.value.program;
  const env = new ComponentEnv(ws, id, body.served);
  if (event.kind === 'closed') env.served.removeSession(event.session);
  const state = program.handle(body.state as never, isOfLog ? { kind: 'start' } : event, env);
  ws.changeComponent(id, {
    body: { ...body, state, served: env.served.sessions },
    streams: mergedStreams(ws, id, env),
  });
}

/** Streams of the client's side after a handler: sessions that it closed meanwhile have none. */
function mergedStreams(ws: Workspace, id: number, env: ComponentEnv): ReturnType<Workspace['component']>['streams'] {
  const { handles } = ws.component(id);
  return new Map([...env.streams.sessions].filter(([handle]) => handles[handle] !== undefined));
}
