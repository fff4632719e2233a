import { type ChannelLayout, type Word64, ZERO64 } from '../native/muchannel.ts';
import { initialWriter, type WriterState } from '../native/muchannel-writer.ts';
import type { LogMessage } from './log-message.ts';
import type { LocalProgram } from './log-program.ts';

export interface LogClientConfig {
  readonly layout: ChannelLayout;
  /** vmcall event that tells the server to look. */
  readonly event: number;
  /** vmcall event of the subject's own timer; undefined to pass the time with no-operations. */
  readonly timerEvent: number | undefined;
  /** Virtual address of the scheduling-info page. */
  readonly schedulingInfo: number;
  /** Messages that wait for the channel, at most. */
  readonly capacity: number;
  /** Requests that the local program makes per round. */
  readonly burst: number;
  /** Messages published per round, at most. */
  readonly sendBurst: number;
  /** No-operations per round without a timer. */
  readonly pauses: number;
  readonly program: LocalProgram;
}

export type LogClientPhase =
  | 'enable'
  | 'schedule'
  | 'previous'
  | 'choose'
  | 'initialize'
  | 'serve'
  | 'transfer'
  | 'published'
  | 'frameEnd'
  | 'arm'
  | 'pause'
  | 'halt';

/** An accepted message as a model sees it. */
export interface AcceptedMessage {
  readonly kind: LogMessage['kind'];
  readonly session: number;
  readonly sequence: number;
  /** String bytes with NUL; 0 for a close. */
  readonly lengthBytes: number;
}

export interface LogClientState {
  readonly phase: LogClientPhase;
  readonly writer: WriterState;
  readonly scheduleStart: Word64;
  readonly generation: number;
  /** Next sequence number by session slot; undefined where no session is open. */
  readonly sequences: readonly (number | undefined)[];
  /** Requests of the local program already answered. */
  readonly requestIndex: number;
  readonly buffer: readonly LogMessage[];
  /** Messages published in the present round. */
  readonly sentInRound: number;
  readonly pausesLeft: number;
  readonly acceptedCount: number;
  /** The last of the accepted messages, oldest first. */
  readonly accepted: readonly AcceptedMessage[];
  /** Writes dropped because the buffer was full. */
  readonly dropped: number;
  /** Writes refused because the string was too long or the session not open. */
  readonly refused: number;
  readonly sent: number;
  readonly hints: number;
}

export const initialLogClient: LogClientState = {
  phase: 'enable',
  writer: initialWriter,
  scheduleStart: ZERO64,
  generation: 0,
  sequences: [],
  requestIndex: 0,
  buffer: [],
  sentInRound: 0,
  pausesLeft: 0,
  acceptedCount: 0,
  accepted: [],
  dropped: 0,
  refused: 0,
  sent: 0,
  hints: 0,
};

/** What the client accepted, lost and sent: the part of its state that a model shows. */
export interface LogClientProgress {
  /** Low word of the channel epoch; 0 before initialisation. */
  readonly generation: number;
  readonly acceptedCount: number;
  /** The last (at most 64) accepted messages, oldest first. */
  readonly accepted: readonly AcceptedMessage[];
  readonly buffered: number;
  readonly dropped: number;
  readonly refused: number;
  readonly sent: number;
  readonly hints: number;
  /** Session slots that are open. */
  readonly openSessions: readonly number[];
}

/** Reads the progress out of the state of 'log-proxy-client'. */
export function logClientProgress(state: LogClientState): LogClientProgress {
  const { generation, acceptedCount, accepted, dropped, refused, sent, hints } = state;
  const openSessions = state.sequences.flatMap((sequence, session) => (sequence === undefined ? [] : [session]));
  return {
    generation,
    acceptedCount,
    accepted,
    buffered: state.buffer.length,
    dropped,
    refused,
    sent,
    hints,
    openSessions,
  };
}
