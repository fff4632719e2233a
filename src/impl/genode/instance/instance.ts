import { defined } from '../../../units/invariant.ts';
import { pagesInside } from '../core/ram.ts';
import { createParent } from '../core/sessions.ts';
import { ackSignal, pendingSignal } from '../core/signals.ts';
import type { InitConfig } from '../init/config.ts';
import { PROGRAMS } from '../programs/programs.ts';
import { hasVector } from '../services/irq.ts';
import type { RomModules } from '../services/rom.ts';
import type { Service } from '../services/service.ts';
import {
  type HostedService,
  hostCall,
  hostClose,
  hostInterrupt,
  hostOpen,
  hostPackets,
  hostStart,
  hostWake,
} from '../services/service-host.ts';
import type { ComponentEvent, Program, ProgramOps, ProgramRow } from './component.ts';
import { ComponentEnv, hostEnvOf, LOG_HANDLE, wakeClient } from './component-env.ts';
import { LOG_REGION } from './core-services.ts';
import type { EventLoop } from './event-loop.ts';
import { type Guest, numberAt } from './guest.ts';
import { Library } from './library.ts';
import { handleOfImprint, opcodeOfImprint, reply, sendCall } from './rpc-flow.ts';
import { acceptSession, denySession, openSession } from './session-flow.ts';
import { addComponent, startChild } from './start-child.ts';
import { type ComponentBody, type InstanceState, initialInstance } from './state.ts';
import { isInfoComplete, readInfoHeader, readInfoResource, SCHEDULING_INFO_ADDRESS } from './subject-info.ts';
import { CORE, Workspace } from './workspace.ts';

/** Name of the memory region that all RAM comes from. */
export const RAM_REGION = 'ram';
/** Name of the timer's event and vector in the subject information. */
export const TIMER = 'timer';
/** Name of the event that puts the subject to sleep. */
export const SLEEP = 'sleep';
/** Capabilities of the whole instance. */
const ALL_CAPS = 10_000;
/** What core keeps of RAM and capabilities for itself: buffers of its ROM sessions and such. */
const CORE_RESERVE = { ramBytes: 0x1_0000, caps: 500 };

export interface InstanceConfig {
  readonly init: InitConfig;
  readonly modules: RomModules;
  /** Programs besides those that everybody has. */
  readonly programs?: readonly ProgramRow[];
}

const failed = (state: InstanceState, failure: string): InstanceState => ({ ...state, phase: 'failed', failure });

/** Boot of core: RAM, accounts, its services and the first init. */
function bootCore(ws: Workspace, config: InstanceConfig, library: Library): void {
  const info = defined(ws.state.info, 'subject information');
  const region = info.memory.find(({ name, isWritable }) => name === RAM_REGION && isWritable);
  if (region === undefined) {
    ws.state = failed(ws.state, `no writable memory region "${RAM_REGION}"`);
    return;
  }
  const pages = pagesInside(region);
  const startTsc = numberAt(ws.guest.read(SCHEDULING_INFO_ADDRESS, 8), 0, 8);
  const parent = createParent({ ramBytes: pages.sizeBytes, caps: ALL_CAPS });
  const own = { ...parent.own, isAlive: true };
  ws.change({
    startTsc,
    free: [pages],
    ram: parent.ram,
    caps: parent.caps,
    books: new Map([[CORE, { own: parent.own, children: [own], sessions: [] }]]),
  });
  const services = library.core(info);
  const body: ComponentBody = { kind: 'services', binary: 'core', services: services.map(library.hosted) };
  addComponent(ws, {
    name: 'core',
    path: [],
    init: -1,
    child: 0,
    node: undefined,
    config: undefined,
    body,
    faces: services.map(service => service.faces),
  });
  const log = info.memory.find(({ name, isWritable }) => name === LOG_REGION && isWritable);
  if (log !== undefined) {
    ws.regionDataspace(log.address, log.sizeBytes, true);
    // A line count from before a reset of the subject would say that there are lines which there are not.
    ws.guest.write(log.address, new Uint8Array(8));
  }
  startFirstInit(ws, config, pages.sizeBytes);
}

function startFirstInit(ws: Workspace, config: InstanceConfig, ramBytes: number): void {
  const quota = { ramBytes: ramBytes - CORE_RESERVE.ramBytes, caps: ALL_CAPS - CORE_RESERVE.caps };
  const funded = ws.fund(CORE, quota);
  if (funded < 0) {
    ws.state = failed(ws.state, `${ramBytes} bytes of RAM are not enough`);
    return;
  }
  const body: ComponentBody = { kind: 'init', config: config.init };
  const init = addComponent(ws, {
    name: 'init',
    path: ['init'],
    init: CORE,
    child: funded,
    node: undefined,
    config: undefined,
    body,
  });
  const own = ws.parent(CORE).children[funded]!;
  ws.change({
    phase: 'run',
    books: new Map(ws.state.books).set(init, { own, children: [own], sessions: [] }),
  });
  openSession(ws, init, 'LOG', '', {});
}

/** Turns vectors into events: the timer, and what programs listen to. */
function takeVectors(ws: Workspace, vectors: readonly number[]): void {
  const info = defined(ws.state.info, 'subject information');
  ws.change({ isTimeUnknown: true });
  for (const vector of vectors)
    if (info.devices.some(device => hasVector(device, vector))) ws.post(CORE, { kind: 'interrupt', vector });
  for (const { name, value } of info.vectors) {
    if (!vectors.includes(value)) continue;
    if (name === TIMER) ws.change({ armedUs: undefined });
    ws.state.components.forEach((component, id) => {
      if (component.vectors.includes(name)) ws.post(id, { kind: 'vector', name });
    });
  }
}

/** Wakes every component whose time has come. */
function passTime(ws: Workspace): void {
  ws.change({ isTimeUnknown: false });
  if (ws.state.components.every(({ wakesUs }) => wakesUs.length === 0)) return;
  const now = ws.nowUs();
  ws.state.components.forEach(({ wakesUs }, id) => {
    const later = wakesUs.filter(us => us > now);
    if (later.length === wakesUs.length) return;
    ws.changeComponent(id, { wakesUs: later });
    ws.post(id, { kind: 'wake' });
  });
}

/** Earliest time at which a component wants to be woken. */
function earliestWish({ components }: InstanceState): number | undefined {
  const wishes = components.flatMap(({ isAlive, wakesUs }) => (isAlive ? wakesUs.slice(0, 1) : []));
  return wishes.length === 0 ? undefined : Math.min(...wishes);
}

const needsTimer = (state: InstanceState): boolean => {
  const wish = earliestWish(state);
  return wish !== undefined && (state.armedUs === undefined || wish < state.armedUs);
};

/**
 * Arms the timed event for the earliest wish. Time is known by the start of minor frames, so a wish inside of the present
 * one is for its end: the kernel looks at the trigger when the next one begins.
 */
function armTimer(ws: Workspace): void {
  const { info, startTsc } = ws.state;
  const wish = defined(earliestWish(ws.state), 'wish');
  ws.change({ armedUs: wish });
  const event = info?.events.find(({ name }) => name === TIMER)?.value;
  if (event === undefined) return;
  const frameEnd = numberAt(ws.guest.read(SCHEDULING_INFO_ADDRESS + 8, 8), 0, 8);
  const due = startTsc + Math.ceil((wish * (info?.tscKhz ?? 0)) / 1000);
  ws.guest.armTimer(Math.max(due, frameEnd), event);
}

/** True if a component has something to do and does not wait for a reply. */
function isRunnable(state: InstanceState, id: number): boolean {
  const { isAlive, isCalling, calls, events, body, started } = state.components[id]!;
  if (!isAlive || isCalling) return false;
  const starts = body.kind === 'init' && started > 0 && started <= body.config.starts.length;
  return calls.length > 0 || events.length > 0 || starts || state.signals.receivers[id]!.queue.length > 0;
}

/** Next component to run: the one after the last, round robin. */
function nextComponent(state: InstanceState): number {
  const count = state.components.length;
  for (let step = 1; step <= count; step++) {
    const id = (state.lastRun + step) % count;
    if (isRunnable(state, id)) return id;
  }
  return -1;
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

function runComponent(ws: Workspace, id: number, library: Library): void {
  ws.change({ lastRun: id });
  if (ws.component(id).calls.length > 0) {
    sendCall(ws, id);
    return;
  }
  const { body, started } = ws.component(id);
  if (body.kind === 'init' && started > 0 && started <= body.config.starts.length) {
    ws.changeComponent(id, { started: started + 1 });
    startChild(ws, id, body.config.starts[started - 1]!, library);
    return;
  }
  const event = takeEvent(ws, id);
  if (event === undefined) return;
  if (body.kind === 'services') serve(ws, id, event, library);
  else if (body.kind === 'program') runProgram(ws, id, event, library);
  else if ((event.kind === 'opened' || event.kind === 'denied') && event.handle === LOG_HANDLE)
    ws.changeComponent(id, { started: 1 });
}

/** Services of a component: core's, or those of its binary. */
function servicesOf(ws: Workspace, id: number, library: Library): readonly Service<never>[] {
  const { body, config } = ws.component(id);
  if (id === CORE) return library.core(ws.state.info!);
  const made = body.kind === 'services' ? library.make(id, body.binary, config) : undefined;
  return made?.ok === true && made.value.kind === 'services' ? made.value.services : [];
}

function setHosted(ws: Workspace, id: number, index: number, hosted: HostedService<never>): void {
  const { body } = ws.component(id);
  if (body.kind !== 'services') return;
  const services = body.services.map((old, place) => (place === index ? hosted : old));
  ws.changeComponent(id, { body: { ...body, services } });
}

/** Hands an event to the services of a component that only serves. */
function serve(ws: Workspace, id: number, event: ComponentEvent, library: Library): void {
  const env = hostEnvOf(ws, id, session => wakeClient(ws, session));
  const services = servicesOf(ws, id, library);
  const { stream } = ws.ops;
  const hostedAt = (index: number): HostedService<never> => {
    const { body } = ws.component(id);
    return defined(body.kind === 'services' ? body.services[index] : undefined, 'hosted service');
  };
  if (event.kind === 'start' || event.kind === 'wake') {
    const run = event.kind === 'start' ? hostStart : hostWake;
    for (const [index, service] of services.entries())
      setHosted(ws, id, index, run(stream, service, hostedAt(index), env));
    return;
  }
  if (event.kind === 'interrupt') {
    for (const [index, service] of services.entries())
      setHosted(ws, id, index, hostInterrupt(stream, service, hostedAt(index), event.vector, env));
    return;
  }
  if (!('session' in event)) return;
  const { session } = event;
  const index = ws.state.sessions[session]!.service;
  const service = services[index]!;
  const hosted = hostedAt(index);
  switch (event.kind) {
    case 'session': {
      const opened = hostOpen(stream, service, hosted, session, event.request, env);
      if (opened.ok) {
        setHosted(ws, id, index, opened.value);
        acceptSession(ws, session);
      } else denySession(ws, session, opened.error);
      return;
    }
    case 'rpc': {
      const called = hostCall(stream, service, hosted, session, event.opcode, event.values, env);
      setHosted(ws, id, index, called.state);
      if ('error' in called) reply(ws, session, undefined, called.error);
      else reply(ws, session, called.values, '');
      return;
    }
    case 'closed':
      setHosted(ws, id, index, hostClose(stream, service, hosted, session, env));
      return;
    case 'clientPackets':
      setHosted(ws, id, index, hostPackets(stream, service, hosted, session, env));
  }
}

/** Hands an event to a program; its LOG session is opened before it starts. */
function runProgram(ws: Workspace, id: number, event: ComponentEvent, library: Library): void {
  const { body, config } = ws.component(id);
  if (body.kind !== 'program') return;
  const made = library.make(id, body.binary, config);
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

/** Reads the subject information, one resource at a time. */
function readInfo(ws: Workspace): void {
  const { info, phase } = ws.state;
  if (phase === 'header' || info === undefined) {
    const header = readInfoHeader(ws.guest);
    ws.state =
      header === undefined
        ? failed(ws.state, 'no subject information of a known version')
        : { ...ws.state, phase: 'resources', info: header };
    return;
  }
  if (isInfoComplete(info)) ws.change({ phase: 'core' });
  else ws.change({ info: readInfoResource(ws.guest, info) });
}

/** One Genode instance as an event loop of its subject. */
export function genodeInstance(config: InstanceConfig, ops: ProgramOps): EventLoop<InstanceState> {
  const library = new Library(config.modules, [...PROGRAMS, ...(config.programs ?? [])], ops);
  const step = (ws: Workspace, vectors: readonly number[]): boolean => {
    const { phase } = ws.state;
    if (phase === 'failed') return false;
    if (phase === 'header' || phase === 'resources') readInfo(ws);
    else if (phase === 'core') bootCore(ws, config, library);
    else if (vectors.length > 0) takeVectors(ws, vectors);
    else if (ws.state.isTimeUnknown) passTime(ws);
    else if (needsTimer(ws.state)) armTimer(ws);
    else {
      const id = nextComponent(ws.state);
      if (id < 0) return false;
      runComponent(ws, id, library);
    }
    return true;
  };
  return {
    name: 'genode',
    initial: initialInstance,
    handle(state, vectors, guest: Guest) {
      const ws = new Workspace(ops.genode, state, guest);
      return step(ws, vectors) ? ws.state : undefined;
    },
    sleepEvent: ({ info }) => info?.events.find(({ name }) => name === SLEEP)?.value,
  };
}
