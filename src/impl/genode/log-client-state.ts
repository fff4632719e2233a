import { type ChannelLayout, type Word64, ZERO64 } from '../native/muchannel.ts';
import { initialWriter, type WriterState } from '../native/muchannel-writer.ts';
import type { LogMessage } from './log-message.ts';
import type { LocalProgram } from './log-program.ts';

export interface LogClientConfig {
  readonly layout: ChannelLayout;
  /** Labels of the sessions that may be opened, the same list as at the server. */
  readonly labels: readonly string[];
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

/** What the client does next. */
export type LogClientPhase =
  | 'enable'
  | 'schedule'
  | 'previous'
  | 'choose'
  | 'initialize'
  | 'initialized'
  | 'announced'
  | 'transfer'
  | 'published'
  | 'frameEnd'
  | 'arm'
  | 'pause'
  | 'halt';

/** A session of the local LOG server; a session is opened once per life of the client. */
export interface LocalSession {
  readonly status: 'unused' | 'open' | 'closing' | 'closed';
  /** Sequence number of the latest message, dropped ones included. */
  readonly issued: number;
  /** Writes that found the buffer full. */
  readonly dropped: number;
}

export interface LogClientState {
  readonly phase: LogClientPhase;
  readonly writer: WriterState;
  readonly scheduleStart: Word64;
  readonly generation: number;
  /** By index of the label. */
  readonly sessions: readonly LocalSession[];
  /** Requests of the local program already answered. */
  readonly requestIndex: number;
  readonly buffer: readonly LogMessage[];
  /** Messages published in the present round. */
  readonly sentInRound: number;
  readonly pausesLeft: number;
  /** Requests refused: a string too long, a session not open, or one that cannot be opened. */
  readonly refused: number;
  readonly sent: number;
  readonly hints: number;
}

/** State of a client at its entry point. */
export function initialLogClient(config: LogClientConfig): LogClientState {
  return {
    phase: 'enable',
    writer: initialWriter,
    scheduleStart: ZERO64,
    generation: 0,
    sessions: config.labels.map(() => ({ status: 'unused', issued: 0, dropped: 0 })),
    requestIndex: 0,
    buffer: [],
    sentInRound: 0,
    pausesLeft: 0,
    refused: 0,
    sent: 0,
    hints: 0,
  };
}

/** A message as a model sees it. */
export interface AbstractMessage {
  readonly kind: LogMessage['kind'];
  readonly session: number;
  readonly sequence: number;
  /** String bytes with NUL; 0 for a close. */
  readonly lengthBytes: number;
}

/** What a model shows of a client. */
export interface LogClientProgress {
  /** Low word of the channel epoch; 0 before initialisation. */
  readonly generation: number;
  readonly sessions: readonly LocalSession[];
  /** Accepted messages that are not published yet, oldest first. */
  readonly buffer: readonly AbstractMessage[];
  readonly refused: number;
  /** Messages published since the client started. */
  readonly sent: number;
  readonly hints: number;
}

/** Reads the progress out of the state of 'log-proxy-client'. */
export function logClientProgress(state: LogClientState): LogClientProgress {
  const { generation, sessions, refused, sent, hints } = state;
  const buffer = state.buffer.map(
    ({ kind, session, sequence, text }): AbstractMessage => ({
      kind,
      session,
      sequence,
      lengthBytes: kind === 'close' ? 0 : text.length + 1,
    }),
  );
  return { generation, sessions, buffer, refused, sent, hints };
}
