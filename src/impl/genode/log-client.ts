import type { Operation } from '../../units/operation.ts';
import type { HostedSoftware, SoftwareInput } from '../hosted.ts';
import { type ChannelOps, HEADER, loadAt, type Word64, ZERO64 } from '../native/muchannel.ts';
import { freshEpoch } from '../native/muchannel-element.ts';
import { beginInit, beginWrite, writerStep } from '../native/muchannel-writer.ts';
import { initialLogClient, type LogClientConfig, type LogClientState } from './log-client-state.ts';
import { serveRound } from './log-local.ts';
import { encodeMessage } from './log-message.ts';
import type { ProxyOps } from './log-ops.ts';

interface Next {
  readonly state: LogClientState;
  readonly operation: Operation;
}

/** Everything that does not change while the client runs. */
interface Parts {
  readonly config: LogClientConfig;
  readonly channel: ChannelOps;
  readonly ops: ProxyOps;
}

function read(config: LogClientConfig, offset: number): Operation {
  return { kind: 'read', address: config.schedulingInfo + offset, sizeBytes: 8 };
}

/** Raises the event; the client goes on in `phase`. */
function hint(parts: Parts, state: LogClientState, phase: 'initialized' | 'announced' | 'published'): Next {
  const operation: Operation = { kind: 'vmcall', low: parts.config.event, high: 0, cpl: 0 };
  return { state: { ...state, phase, hints: state.hints + 1 }, operation };
}

/** Waits for the next round: until the timer fires at the next dispatch after this minor frame, or some no-operations. */
function endRound(parts: Parts, state: LogClientState): Next {
  const { timerEvent, pauses } = parts.config;
  if (timerEvent !== undefined) return { state: { ...state, phase: 'frameEnd' }, operation: read(parts.config, 8) };
  return { state: { ...state, phase: 'pause', pausesLeft: pauses }, operation: { kind: 'nop' } };
}

/** Begins to publish the oldest message. */
function beginTransfer(parts: Parts, state: LogClientState): Next {
  const message = state.buffer[0];
  if (message === undefined) return endRound(parts, state);
  const begun = beginWrite(state.writer, encodeMessage(message));
  const step = writerStep(parts.config.layout, parts.channel, begun, ZERO64);
  return { state: { ...state, phase: 'transfer', writer: step.state }, operation: step.operation ?? { kind: 'nop' } };
}

/** Publishes the next message of the round, or ends the round. */
function publishNext(parts: Parts, state: LogClientState): Next {
  const isDone = state.buffer.length === 0 || state.sentInRound >= parts.config.sendBurst;
  if (isDone) return endRound(parts, state);
  return parts.ops.hintsAfterPublish() ? beginTransfer(parts, state) : hint(parts, state, 'announced');
}

function beginRound(parts: Parts, state: LogClientState): Next {
  return publishNext(parts, serveRound(parts.config, parts.ops, { ...state, sentInRound: 0 }));
}

/** The channel writer goes on; when it is done the server is told. */
function transfer(parts: Parts, state: LogClientState, value: Word64): Next {
  const step = writerStep(parts.config.layout, parts.channel, state.writer, value);
  const next = { ...state, writer: step.state };
  if (step.operation !== undefined) return { state: next, operation: step.operation };
  if (state.phase === 'initialize') return hint(parts, { ...next, generation: next.writer.epoch.low }, 'initialized');
  const sent = { ...next, buffer: next.buffer.slice(1), sent: next.sent + 1, sentInRound: next.sentInRound + 1 };
  return parts.ops.hintsAfterPublish() ? hint(parts, sent, 'published') : publishNext(parts, sent);
}

function chooseEpoch(parts: Parts, state: LogClientState, previous: Word64): Next {
  const begun = beginInit(state.writer, freshEpoch(state.scheduleStart, previous));
  const step = writerStep(parts.config.layout, parts.channel, begun, ZERO64);
  return { state: { ...state, phase: 'initialize', writer: step.state }, operation: step.operation ?? { kind: 'nop' } };
}

function nextOfClient(parts: Parts, state: LogClientState, input: SoftwareInput): Next {
  const value: Word64 = { low: input.low, high: input.high };
  switch (state.phase) {
    case 'enable':
      return { state: { ...state, phase: 'schedule' }, operation: { kind: 'sti' } };
    case 'schedule':
      return { state: { ...state, phase: 'previous' }, operation: read(parts.config, 0) };
    case 'previous':
      return {
        state: { ...state, phase: 'choose', scheduleStart: value },
        operation: loadAt(parts.config.layout, HEADER.epoch),
      };
    case 'choose':
      return chooseEpoch(parts, state, value);
    case 'initialize':
    case 'transfer':
      return transfer(parts, state, value);
    case 'announced':
      return beginTransfer(parts, state);
    case 'published':
      return publishNext(parts, state);
    case 'frameEnd': {
      const event = parts.config.timerEvent ?? 0;
      return {
        state: { ...state, phase: 'arm' },
        operation: { kind: 'timedEvent', low: value.low, high: value.high, event },
      };
    }
    case 'arm':
      return { state: { ...state, phase: 'halt' }, operation: { kind: 'hlt' } };
    case 'pause':
      if (state.pausesLeft === 0) return beginRound(parts, state);
      return { state: { ...state, pausesLeft: state.pausesLeft - 1 }, operation: { kind: 'nop' } };
    case 'initialized':
    case 'halt':
      return beginRound(parts, state);
  }
}

/**
 * Proxy:Client of a LOG service: the local server of one Genode instance whose real service runs in another subject.
 *
 * It answers open, write and close of a local client program, keeps accepted messages in a bounded buffer, publishes
 * them in a channel, one element each, and after each sends an event as a hint. Sessions and their labels are declared
 * on both sides: a one-way channel cannot negotiate.
 */
export function logProxyClient(
  config: LogClientConfig,
  channel: ChannelOps,
  ops: ProxyOps,
): HostedSoftware<LogClientState> {
  const parts: Parts = { config, channel, ops };
  return {
    name: 'log-proxy-client',
    initial: initialLogClient(config),
    next: (state, input) => nextOfClient(parts, state, input),
  };
}
