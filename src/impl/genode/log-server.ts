import type { Operation } from '../../units/operation.ts';
import type { HostedSoftware, SoftwareInput } from '../hosted.ts';
import { type ChannelOps, isEqual64, isZero64, type Word64, ZERO64 } from '../native/muchannel.ts';
import type { ReaderOutcome } from '../native/muchannel-reader.ts';
import {
  initialReceiver,
  type ReceiverConfig,
  type ReceiverState,
  receiverStep,
} from '../native/muchannel-receiver.ts';
import { bytesOfText, decodeMessage, MESSAGE_KINDS, type RawMessage, wordsOfBytes } from './log-message.ts';
import type { ProxyOps, ServerSession } from './log-ops.ts';

/** Delivered messages that the state remembers for comparison with a model. */
const REMEMBERED = 64;

export interface LogServerConfig extends ReceiverConfig {
  /** Labels of the sessions, the same list as at the client. */
  readonly labels: readonly string[];
  /** Virtual address of the private log memory: {bytes appended u64}, then a ring of lines. */
  readonly logAddress: number;
  /** Bytes of the log memory, a multiple of 8, at least 16. */
  readonly logBytes: number;
  /** vmcall event raised when the channel is empty after something was delivered; undefined for none. */
  readonly notifyEvent: number | undefined;
  /** Name of the peer subject: what it logs is labelled `<peer> -> <label>`, so that it cannot pose as a local component. */
  readonly peer: string;
}

/** A delivered write. */
export interface DeliveredMessage {
  readonly session: number;
  readonly sequence: number;
  readonly text: string;
}

/** What the server refused or lost, by reason. */
export interface LogServerCounters {
  readonly delivered: number;
  /** Sequence numbers passed over within sessions: dropped by the client or lost to overruns. */
  readonly missed: number;
  readonly replayed: number;
  readonly badKind: number;
  readonly badLength: number;
  readonly badSession: number;
  readonly badGeneration: number;
  /** Sessions that ended because the channel's epoch changed or the channel became inactive. */
  readonly deadSessions: number;
  readonly overruns: number;
  readonly epochChanges: number;
  readonly incompatible: number;
}

export interface LogServerState {
  readonly receiver: ReceiverState;
  /** By index of the label. */
  readonly sessions: readonly ServerSession[];
  /** Epoch that the sessions belong to. */
  readonly epoch: Word64;
  /** Stores into the log memory still to be done, in order: offset and value. */
  readonly stores: readonly { readonly offset: number; readonly value: Word64 }[];
  /** Bytes appended to the log, padding included. */
  readonly logged: number;
  readonly isNotificationDue: boolean;
  readonly counters: LogServerCounters;
  /** The last of the delivered messages, oldest first. */
  readonly delivered: readonly DeliveredMessage[];
}

const noCounters: LogServerCounters = {
  delivered: 0,
  missed: 0,
  replayed: 0,
  badKind: 0,
  badLength: 0,
  badSession: 0,
  badGeneration: 0,
  deadSessions: 0,
  overruns: 0,
  epochChanges: 0,
  incompatible: 0,
};

const freshSessions = (config: LogServerConfig): ServerSession[] =>
  config.labels.map(label => ({ label: `${config.peer} -> ${label}`, isOpen: false, lastSequence: 0, missed: 0 }));

function initialLogServer(config: LogServerConfig): LogServerState {
  return {
    receiver: initialReceiver,
    sessions: freshSessions(config),
    epoch: ZERO64,
    stores: [],
    logged: 0,
    isNotificationDue: false,
    counters: noCounters,
    delivered: [],
  };
}

function count(state: LogServerState, counter: keyof LogServerCounters, amount = 1): LogServerState {
  return { ...state, counters: { ...state.counters, [counter]: state.counters[counter] + amount } };
}

/** String of `lengthBytes` bytes with its NUL; undefined unless the NUL is the last byte and the only one. */
function readString(ops: ProxyOps, message: RawMessage): string | undefined {
  const { lengthBytes, payload } = message;
  if (!ops.validateLength(lengthBytes)) return undefined;
  const end = payload.indexOf(0);
  if (end >= 0 ? end !== lengthBytes - 1 : lengthBytes <= payload.length) return undefined;
  return String.fromCharCode(...payload.slice(0, lengthBytes - 1).map(ops.printable));
}

/** Appends a line to the ring: each line starts on an 8-byte boundary and ends with a newline and NUL padding. */
function appendLine(config: LogServerConfig, state: LogServerState, line: string): LogServerState {
  const words = wordsOfBytes(bytesOfText(`${line}\n`));
  const ringBytes = config.logBytes - 8;
  const stores = words.map((value, index) => ({ offset: 8 + ((state.logged + index * 8) % ringBytes), value }));
  const logged = state.logged + words.length * 8;
  return {
    ...state,
    logged,
    stores: [...stores, { offset: 0, value: { low: logged >>> 0, high: Math.floor(logged / 2 ** 32) } }],
  };
}

/** Notes that a message of a session was handled, and the gap before it; the session is open or not afterwards. */
function noteSequence(state: LogServerState, index: number, sequence: number, isOpen: boolean): LogServerState {
  const session = state.sessions[index]!;
  const gap = Math.max(0, sequence - session.lastSequence - 1);
  const noted: ServerSession = { ...session, isOpen, lastSequence: sequence, missed: session.missed + gap };
  return count(
    { ...state, sessions: state.sessions.map((old, other) => (other === index ? noted : old)) },
    'missed',
    gap,
  );
}

function deliver(
  config: LogServerConfig,
  ops: ProxyOps,
  state: LogServerState,
  index: number,
  sequence: number,
  text: string,
): LogServerState {
  const delivered = [...state.delivered, { session: index, sequence, text }].slice(-REMEMBERED);
  const noted = noteSequence({ ...state, delivered, isNotificationDue: true }, index, sequence, true);
  return appendLine(config, count(noted, 'delivered'), ops.logLine(state.sessions[index]!.label, text));
}

/** Judges a message that was copied out of the channel, and does what it asks for; the first write opens the session. */
function handleMessage(
  config: LogServerConfig,
  ops: ProxyOps,
  state: LogServerState,
  message: RawMessage,
): LogServerState {
  const { kind, sequence } = message;
  if (!ops.isCurrent(message.generation, state.epoch.low)) return count(state, 'badGeneration');
  if ((kind !== MESSAGE_KINDS.write && kind !== MESSAGE_KINDS.close) || message.reserved !== 0)
    return count(state, 'badKind');
  const index = ops.chooseSession(message.session, state.sessions.length);
  if (index === undefined) return count(state, 'badSession');
  const isWrite = kind === MESSAGE_KINDS.write;
  const text = isWrite ? readString(ops, message) : '';
  if (text === undefined || (!isWrite && message.lengthBytes !== 0)) return count(state, 'badLength');
  if (!ops.isFresh(state.sessions[index]!.lastSequence, sequence)) return count(state, 'replayed');
  return isWrite ? deliver(config, ops, state, index, sequence, text) : noteSequence(state, index, sequence, false);
}

/** Ends all sessions when the channel is no longer the one they belong to. */
function followEpoch(config: LogServerConfig, ops: ProxyOps, state: LogServerState): LogServerState {
  const { epoch } = state.receiver.reader;
  if (isEqual64(epoch, state.epoch)) return state;
  const moved = isZero64(state.epoch) ? { ...state, epoch } : count({ ...state, epoch }, 'epochChanges');
  if (ops.keepsSessions()) return moved;
  const dead = state.sessions.filter(({ isOpen }) => isOpen).length;
  return count({ ...moved, sessions: freshSessions(config) }, 'deadSessions', dead);
}

function handleOutcome(
  config: LogServerConfig,
  ops: ProxyOps,
  before: LogServerState,
  outcome: ReaderOutcome,
): LogServerState {
  const state = followEpoch(config, ops, before);
  switch (outcome.result) {
    case 'success':
      return handleMessage(config, ops, state, decodeMessage(outcome.element));
    case 'overrun_detected':
      return count(state, 'overruns');
    case 'incompatible_interface':
      return count(state, 'incompatible');
    case 'epoch_changed':
    case 'inactive':
    case 'no_data':
      return state;
  }
}

function nextOfServer(
  config: LogServerConfig,
  channel: ChannelOps,
  ops: ProxyOps,
  before: LogServerState,
  input: SoftwareInput,
) {
  let state = before;
  for (;;) {
    const [store, ...stores] = state.stores;
    if (store !== undefined) {
      const isHinted = state.receiver.isHinted || input.vectors.length > 0;
      const { low, high } = store.value;
      const operation: Operation = {
        kind: 'write',
        address: config.logAddress + store.offset,
        sizeBytes: 8,
        low,
        high,
      };
      return { state: { ...state, stores, receiver: { ...state.receiver, isHinted } }, operation };
    }
    const step = receiverStep(config, channel, ops.drainAgain, state.receiver, input);
    state = { ...state, receiver: step.state };
    if (step.operation !== undefined) return { state, operation: step.operation };
    if (step.outcome === undefined) continue;
    state = handleOutcome(config, ops, state, step.outcome);
    const isEmpty = step.outcome.result === 'no_data';
    if (isEmpty && state.isNotificationDue && config.notifyEvent !== undefined) {
      const operation: Operation = { kind: 'vmcall', low: config.notifyEvent, high: 0, cpl: 0 };
      return { state: { ...state, isNotificationDue: false }, operation };
    }
  }
}

/**
 * Proxy:Server of a LOG service and the service itself: the remote side of a `log-proxy-client`.
 *
 * The channel is under the peer's control: every element is copied once, then judged (generation, kind, session,
 * sequence, length, NUL), and nothing is ever written to the channel. Text is delivered by appending a line
 * `[label] text` to private log memory. A change of epoch ends all sessions.
 */
export function logProxyServer(
  config: LogServerConfig,
  channel: ChannelOps,
  ops: ProxyOps,
): HostedSoftware<LogServerState> {
  return {
    name: 'log-proxy-server',
    initial: initialLogServer(config),
    next: (state, input) => nextOfServer(config, channel, ops, state, input),
  };
}

/** The last (at most 64) delivered writes, oldest first. */
export function logServerDelivered(state: LogServerState): readonly DeliveredMessage[] {
  return state.delivered;
}

/** What the server counted since it started. */
export function logServerCounters(state: LogServerState): LogServerCounters {
  return state.counters;
}

/** All sessions by index of their label, as a model sees them. */
export function logServerSessions(state: LogServerState): readonly ServerSession[] {
  return state.sessions;
}
