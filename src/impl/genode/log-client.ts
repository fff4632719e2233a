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

const hint = (config: LogClientConfig): Operation => ({ kind: 'vmcall', low: config.event, high: 0, cpl: 0 });

/** Publishes the next message of the round, or ends the round. */
function publish(config: LogClientConfig, channel: ChannelOps, ops: ProxyOps, state: LogClientState): Next {
  const message = state.sentInRound < config.sendBurst ? state.buffer[0] : undefined;
  if (message !== undefined) {
    const step = writerStep(config.layout, channel, beginWrite(state.writer, encodeMessage(message)), ZERO64);
    return { state: { ...state, phase: 'transfer', writer: step.state }, operation: step.operation ?? { kind: 'nop' } };
  }
  const isHintDue = state.sentInRound > 0 && ops.hintsAfterPublish();
  if (!isHintDue) return endRound(config, { ...state, phase: 'published' });
  return { state: { ...state, phase: 'published', hints: state.hints + 1 }, operation: hint(config) };
}

/** Waits for the next round: until the timer fires at the next dispatch after the present minor frame, or for some no-operations. */
function endRound(config: LogClientConfig, state: LogClientState): Next {
  if (config.timerEvent === undefined) {
    return { state: { ...state, phase: 'pause', pausesLeft: config.pauses }, operation: { kind: 'nop' } };
  }
  return {
    state: { ...state, phase: 'frameEnd' },
    operation: { kind: 'read', address: config.schedulingInfo + 8, sizeBytes: 8 },
  };
}

function beginRound(config: LogClientConfig, channel: ChannelOps, ops: ProxyOps, state: LogClientState): Next {
  const served = serveRound(config, ops, { ...state, sentInRound: 0 });
  if (ops.hintsAfterPublish() || served.buffer.length === 0) return publish(config, channel, ops, served);
  return { state: { ...served, phase: 'serve', hints: served.hints + 1 }, operation: hint(config) };
}

function transfer(
  config: LogClientConfig,
  channel: ChannelOps,
  ops: ProxyOps,
  state: LogClientState,
  value: Word64,
): Next {
  const step = writerStep(config.layout, channel, state.writer, value);
  const next = { ...state, writer: step.state };
  if (step.operation !== undefined) return { state: next, operation: step.operation };
  if (state.phase === 'initialize')
    return beginRound(config, channel, ops, { ...next, generation: next.writer.epoch.low });
  const sent = { ...next, buffer: next.buffer.slice(1), sent: next.sent + 1, sentInRound: next.sentInRound + 1 };
  return publish(config, channel, ops, sent);
}

function nextOfClient(
  config: LogClientConfig,
  channel: ChannelOps,
  ops: ProxyOps,
  state: LogClientState,
  input: SoftwareInput,
): Next {
  const value: Word64 = { low: input.low, high: input.high };
  switch (state.phase) {
    case 'enable':
      return { state: { ...state, phase: 'schedule' }, operation: { kind: 'sti' } };
    case 'schedule':
      return {
        state: { ...state, phase: 'previous' },
        operation: { kind: 'read', address: config.schedulingInfo, sizeBytes: 8 },
      };
    case 'previous':
      return {
        state: { ...state, phase: 'choose', scheduleStart: value },
        operation: loadAt(config.layout, HEADER.epoch),
      };
    case 'choose': {
      const step = writerStep(
        config.layout,
        channel,
        beginInit(state.writer, freshEpoch(state.scheduleStart, value)),
        ZERO64,
      );
      return {
        state: { ...state, phase: 'initialize', writer: step.state },
        operation: step.operation ?? { kind: 'nop' },
      };
    }
    case 'initialize':
    case 'transfer':
      return transfer(config, channel, ops, state, value);
    case 'serve':
      return publish(config, channel, ops, state);
    case 'published':
      return endRound(config, state);
    case 'frameEnd': {
      const operation: Operation = {
        kind: 'timedEvent',
        low: value.low,
        high: value.high,
        event: config.timerEvent ?? 0,
      };
      return { state: { ...state, phase: 'arm' }, operation };
    }
    case 'arm':
      return { state: { ...state, phase: 'halt' }, operation: { kind: 'hlt' } };
    case 'pause':
      if (state.pausesLeft > 0)
        return { state: { ...state, pausesLeft: state.pausesLeft - 1 }, operation: { kind: 'nop' } };
      return beginRound(config, channel, ops, state);
    case 'halt':
      return beginRound(config, channel, ops, state);
  }
}

/**
 * Proxy:Client of a LOG service: the local server of one Genode instance whose real service runs in another subject.
 *
 * It answers open, write and close of a local client program, keeps accepted messages in a bounded buffer, publishes
 * them in a channel, one element each, and then sends an event as a hint.
 */
export function logProxyClient(
  config: LogClientConfig,
  channel: ChannelOps,
  ops: ProxyOps,
): HostedSoftware<LogClientState> {
  return {
    name: 'log-proxy-client',
    initial: initialLogClient,
    next: (state, input) => nextOfClient(config, channel, ops, state, input),
  };
}
