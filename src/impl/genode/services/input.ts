import type { XmlElement } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import { encodeInputEvent, INPUT_KINDS, type InputEvent, type InputKind, isValidEvent } from './input-event.ts';
import { INPUT_EVENT_BYTES, interfaceNamed } from './interfaces.ts';
import {
  type Called,
  type DataspaceId,
  returns,
  type Service,
  type ServiceEnv,
  type SessionNumber,
  withEntry,
} from './service.ts';
import { numberOf } from './service-config.ts';
import type { ServiceOps } from './service-ops.ts';

/** Opcode by which a client is told that events wait. */
export const INPUT_SIGH = 3;
/** Events that a session holds. */
export const INPUT_QUEUE_EVENTS = 512;
/** Events that a configuration may list. */
const MAX_SCRIPT_EVENTS = 1000;
const MAX_PERIOD_US = 60_000_000;
const MIN_PERIOD_US = 100;

interface InputSession {
  readonly dataspace: DataspaceId;
  readonly queue: readonly InputEvent[];
}

export interface InputState {
  readonly sessions: ReadonlyMap<SessionNumber, InputSession>;
  /** Events of the script that were played. */
  readonly played: number;
  readonly dueUs: number;
  /** Times that a queue was reset because its client did not fetch. */
  readonly overflows: number;
}

export interface InputScript {
  readonly events: readonly InputEvent[];
  readonly periodUs: number;
  readonly isRepeated: boolean;
}

/** Attributes that the numbers of a kind are read from. */
const VALUE_NAMES: Readonly<Partial<Record<InputKind, readonly string[]>>> = {
  press: ['code', 'char'],
  release: ['code'],
  'rel-motion': ['rx', 'ry'],
  'abs-motion': ['x', 'y'],
  wheel: ['x', 'y'],
};

function readEvent(node: XmlElement): Result<InputEvent, string> {
  const kind = INPUT_KINDS.find(candidate => candidate === node.name);
  if (kind === undefined) return err(`<${node.name}> is no input event`);
  const values: number[] = [];
  for (const name of VALUE_NAMES[kind] ?? []) {
    const text = node.attributes[name] ?? '0';
    if (!/^-?\d{1,9}$/.test(text)) return err(`${name}="${text}" of <${kind}> is not a number`);
    values.push(Number(text));
  }
  const event: InputEvent = { kind, values };
  return isValidEvent(event) ? ok(event) : err(`<${kind}> has no valid key code`);
}

export function readScript(config: XmlElement | undefined): Result<InputScript, string> {
  const nodes = config?.children ?? [];
  if (nodes.length > MAX_SCRIPT_EVENTS) return err(`more than ${MAX_SCRIPT_EVENTS} events`);
  const events: InputEvent[] = [];
  for (const node of nodes) {
    const event = readEvent(node);
    if (!event.ok) return event;
    events.push(event.value);
  }
  const period = numberOf(config, 'period_us', { fallback: 10_000, min: MIN_PERIOD_US, max: MAX_PERIOD_US });
  if (!period.ok) return period;
  return ok({ events, periodUs: period.value, isRepeated: config?.attributes.repeat === 'yes' });
}

/** Queues an event for a session; one that finds no room resets the queue, as the stock event queue does. */
export function queueEvent(
  ops: ServiceOps,
  state: InputState,
  session: SessionNumber,
  event: InputEvent,
  env: ServiceEnv,
): InputState {
  const found = state.sessions.get(session);
  if (found === undefined || !isValidEvent(event)) return state;
  const isFull = found.queue.length >= INPUT_QUEUE_EVENTS;
  const queue = isFull ? ops.afterInputOverflow(found.queue) : [...found.queue, event];
  env.notify(session, INPUT_SIGH);
  return {
    ...state,
    overflows: state.overflows + (isFull ? 1 : 0),
    sessions: withEntry(state.sessions, session, { ...found, queue }),
  };
}

/** What is due of a script, and how far it is then; it goes on by a wake-up. */
export function dueEvents(
  script: InputScript,
  { played, dueUs }: Pick<InputState, 'played' | 'dueUs'>,
  env: ServiceEnv,
): { readonly events: readonly InputEvent[]; readonly played: number; readonly dueUs: number } {
  const now = env.nowUs();
  const events: InputEvent[] = [];
  let [count, due] = [played, dueUs];
  const isOver = (): boolean => script.events.length === 0 || (!script.isRepeated && count >= script.events.length);
  for (; !isOver() && due <= now; due += script.periodUs) {
    events.push(script.events[count % script.events.length]!);
    count += 1;
  }
  if (!isOver()) env.wakeAtUs(due);
  return { events, played: count, dueUs: due };
}

/** Plays what is due of the script: one event for every session, a period apart. */
function play(ops: ServiceOps, script: InputScript, before: InputState, env: ServiceEnv): InputState {
  if (before.sessions.size === 0) return before;
  const { events, played, dueUs } = dueEvents(script, before, env);
  let state: InputState = { ...before, played, dueUs };
  for (const event of events)
    for (const session of before.sessions.keys()) state = queueEvent(ops, state, session, event, env);
  return state;
}

function flush(state: InputState, session: SessionNumber, env: ServiceEnv) {
  const found = state.sessions.get(session)!;
  const bytes = new Uint8Array(found.queue.length * INPUT_EVENT_BYTES);
  found.queue.forEach((event, index) => {
    bytes.set(encodeInputEvent(event), index * INPUT_EVENT_BYTES);
  });
  env.write(found.dataspace, 0, bytes);
  const sessions = withEntry(state.sessions, session, { ...found, queue: [] });
  return returns({ ...state, sessions }, found.queue.length);
}

/** Gives a session its dataspace and an empty queue; undefined if there is no memory for it. */
export function addInputSession(state: InputState, session: SessionNumber, env: ServiceEnv): InputState | undefined {
  const dataspace = env.allocate(INPUT_QUEUE_EVENTS * INPUT_EVENT_BYTES);
  if (dataspace === undefined) return undefined;
  return { ...state, sessions: withEntry(state.sessions, session, { dataspace, queue: [] }) };
}

export function removeInputSession(state: InputState, session: SessionNumber, env: ServiceEnv): InputState {
  const found = state.sessions.get(session);
  if (found === undefined) return state;
  env.release(found.dataspace);
  return { ...state, sessions: withEntry(state.sessions, session, undefined) };
}

/** Performs a call of the Input interface. */
export function callInput(
  state: InputState,
  session: SessionNumber,
  name: string,
  env: ServiceEnv,
): Called<InputState> {
  const { dataspace, queue } = state.sessions.get(session)!;
  switch (name) {
    case 'dataspace':
      return returns(state, dataspace);
    case 'pending':
      return returns(state, queue.length > 0 ? 1 : 0);
    case 'flush':
      return flush(state, session, env);
    case 'sigh':
      if (queue.length > 0) env.notify(session, INPUT_SIGH);
      return returns(state);
    default:
      // `exclusive` is a wish to the window system, which an input driver is not.
      return returns(state);
  }
}

export const NO_INPUT: InputState = { sessions: new Map(), played: 0, dueUs: 0, overflows: 0 };

/**
 * input_script: Input sessions whose events come from the configuration, one every `period_us` while anybody listens; it
 * stands for a driver of an input device.
 */
export function inputService(config: XmlElement | undefined, ops: ServiceOps): Result<Service<InputState>, string> {
  const script = readScript(config);
  if (!script.ok) return script;
  return ok({
    faces: [interfaceNamed('Input')],
    initial: NO_INPUT,
    open(state, session, _request, env) {
      const added = addInputSession(state, session, env);
      if (added === undefined) return err('INSUFFICIENT_RAM');
      if (state.sessions.size > 0) return ok(added);
      const dueUs = env.nowUs() + script.value.periodUs;
      env.wakeAtUs(dueUs);
      return ok({ ...added, dueUs });
    },
    close: removeInputSession,
    call: (state, session, name, _values, env) => callInput(state, session, name, env),
    wake: (state, env) => play(ops, script.value, state, env),
  });
}
