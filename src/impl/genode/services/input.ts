import type { XmlElement } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import { encodeInputEvent, INPUT_KINDS, type InputEvent, type InputKind, isValidEvent } from './input-event.ts';
import { INPUT_EVENT_BYTES, interfaceNamed } from './interfaces.ts';
import { type DataspaceId, returns, type Service, type ServiceEnv, type SessionNumber, withEntry } from './service.ts';
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

interface InputScript {
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

function readScript(config: XmlElement | undefined): Result<InputScript, string> {
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

/** Plays what is due of the script: one event for every session, a period apart. */
function play(ops: ServiceOps, script: InputScript, before: InputState, env: ServiceEnv): InputState {
  if (before.sessions.size === 0) return before;
  let state = before;
  const now = env.nowUs();
  const isOver = (played: number): boolean =>
    script.events.length === 0 || (!script.isRepeated && played >= script.events.length);
  while (!isOver(state.played) && state.dueUs <= now) {
    const event = script.events[state.played % script.events.length]!;
    for (const session of state.sessions.keys()) state = queueEvent(ops, state, session, event, env);
    state = { ...state, played: state.played + 1, dueUs: state.dueUs + script.periodUs };
  }
  if (!isOver(state.played)) env.wakeAtUs(state.dueUs);
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

/**
 * input_script: Input sessions whose events come from the configuration, one every `period_us` while anybody listens; it
 * stands for a driver of an input device.
 */
export function inputService(config: XmlElement | undefined, ops: ServiceOps): Result<Service<InputState>, string> {
  const script = readScript(config);
  if (!script.ok) return script;
  return ok({
    faces: [interfaceNamed('Input')],
    initial: { sessions: new Map(), played: 0, dueUs: 0, overflows: 0 },
    open(state, session, _request, env) {
      const dataspace = env.allocate(INPUT_QUEUE_EVENTS * INPUT_EVENT_BYTES);
      if (dataspace === undefined) return err('INSUFFICIENT_RAM');
      const sessions = withEntry(state.sessions, session, { dataspace, queue: [] });
      if (state.sessions.size > 0) return ok({ ...state, sessions });
      const dueUs = env.nowUs() + script.value.periodUs;
      env.wakeAtUs(dueUs);
      return ok({ ...state, sessions, dueUs });
    },
    close(state, session, env) {
      env.release(state.sessions.get(session)!.dataspace);
      return { ...state, sessions: withEntry(state.sessions, session, undefined) };
    },
    call(state, session, name, _values, env) {
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
    },
    wake: (state, env) => play(ops, script.value, state, env),
  });
}
