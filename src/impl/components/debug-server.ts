import type { HostedSoftware } from '../hosted.ts';
import type { ChannelLayout, ChannelOps, Word64 } from '../native/muchannel.ts';
import {
  beginRead,
  initialReader,
  type ReaderOutcome,
  type ReaderState,
  readerStep,
} from '../native/muchannel-reader.ts';
import { pause, type RoundState, roundSoftware, type Steps } from '../native/rounds.ts';
import { type ComponentEntry, hasFile, present } from './component.ts';
import { logLayout, MESSAGE_BYTES } from './debug-log.ts';
import { some, table } from './entry-parts.ts';
import { type Column, readRows, writeRows } from './parameter-rows.ts';

/** Muen's debug-log server (dbgserver): reads the debug-log channels in turn and prints their lines on a serial line. */
export interface DebugServerConfig {
  readonly channels: readonly ChannelLayout[];
  /** First port of the serial line; undefined if the lines are only read. */
  readonly serialPort: number | undefined;
}

const LINE_STATUS = 5;
const TRANSMITTER_EMPTY = 0x20;
const LINE_FEED = 10;

function* print(port: number, code: number): Steps<void> {
  for (;;) {
    const { low } = yield { kind: 'in', port: port + LINE_STATUS, sizeBytes: 1 };
    if ((low & TRANSMITTER_EMPTY) !== 0) break;
  }
  yield { kind: 'out', port, sizeBytes: 1, value: code };
}

/** Characters of an element, up to the first zero. */
export function messageOf(element: readonly Word64[]): string {
  let text = '';
  for (let index = 0; index < MESSAGE_BYTES; index++) {
    const { low, high } = element[1 + (index >>> 3)] ?? { low: 0, high: 0 };
    const code = ((index % 8 < 4 ? low : high) >>> (8 * (index % 4))) & 0xff;
    if (code === 0) break;
    text += String.fromCharCode(code);
  }
  return text;
}

function* receive(
  layout: ChannelLayout,
  ops: ChannelOps,
  reader: ReaderState,
): Steps<{ readonly reader: ReaderState; readonly outcome: ReaderOutcome }> {
  let state = beginRead(reader);
  let answer: Word64 = { low: 0, high: 0 };
  for (;;) {
    const step = readerStep(layout, ops, state, answer);
    if (step.operation === undefined) return { reader: step.state, outcome: step.outcome };
    const { low, high } = yield step.operation;
    answer = { low, high };
    ({ state } = step);
  }
}

interface ServerState {
  readonly readers: readonly ReaderState[];
  /** Channel of the next round. */
  readonly turn: number;
  /** The last line printed was complete. */
  readonly isAtStart: boolean;
}

export function debugServer(config: DebugServerConfig, ops: ChannelOps): HostedSoftware<RoundState<ServerState>> {
  const { channels, serialPort } = config;
  const first: ServerState = { readers: channels.map(() => initialReader), turn: 0, isAtStart: true };
  return roundSoftware<ServerState>('dbgserver', first, function* (state) {
    const { turn } = state;
    const layout = channels[turn];
    if (layout === undefined) {
      yield* pause();
      return { ...state, turn: 0 };
    }
    const { reader, outcome } = yield* receive(layout, ops, state.readers[turn]!);
    const readers = state.readers.map((known, index) => (index === turn ? reader : known));
    if (outcome.result !== 'success') return { ...state, readers, turn: turn + 1 };
    const message = messageOf(outcome.element);
    // The rest of a long line follows without its source.
    const text = state.isAtStart ? `${turn.toString(16).padStart(4, '0')}|${message}` : message;
    if (serialPort !== undefined) for (const character of text) yield* print(serialPort, character.charCodeAt(0));
    const isAtStart = message === '' || message.charCodeAt(message.length - 1) === LINE_FEED;
    return { readers, turn: isAtStart ? turn + 1 : turn, isAtStart };
  });
}

const CHANNELS: readonly Column[] = ['number', 'number'];

export const dbgserver: ComponentEntry = {
  title: 'Debug-log server: prints the lines of all debug-log channels on a serial line',
  limits: 'no console commands, no other sinks, no timestamps; a line is led by the number of its channel',
  parameters: {
    channels: table('channels: address and size', CHANNELS),
    serialPort: { kind: 'number', meaning: 'first port of the serial line, 0 for none', fallback: 0, max: 0xffff },
  },
  recognises: facts => hasFile(facts, 'dbgserver'),
  parametersOf: facts => {
    const rows = facts.subject.memory.filter(row => facts.region(row)?.type === 'subject_channel' && !row.writable);
    const console = facts.subject.devices.find(({ logical }) => logical === 'debugconsole');
    return present({
      channels: writeRows(rows.map(row => [row.virtualAddress, facts.region(row)!.sizeBytes])),
      serialPort: console === undefined ? undefined : facts.port(console),
    });
  },
  create: (given, ops) =>
    debugServer(
      {
        channels: readRows(given.text('channels'), CHANNELS).map(([at, size]) => logLayout(Number(at), Number(size))),
        serialPort: some(given.number('serialPort')),
      },
      ops.channel,
    ),
};
