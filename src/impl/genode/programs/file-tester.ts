import type { Environment, Handle } from '../instance/component.ts';
import { decodeFileRequest, encodeFileRequest, type FileOperation } from '../services/file-system-packet.ts';
import type { ClientReply } from './client-program.ts';
import { clientRow, textOf } from './program-config.ts';

interface FileTesterState {
  readonly file: number;
  readonly directory: number;
  readonly round: number;
}

const textBytes = (text: string): Uint8Array => Uint8Array.from(text, character => character.charCodeAt(0) & 0xff);
const lineOf = (text: string, round: number): string => `${text} ${round + 1}`;

function submit(env: Environment, handle: Handle, file: number, operation: FileOperation, bytes: Uint8Array): void {
  const more = encodeFileRequest({ handle: file, operation, position: 0n, lengthBytes: bytes.length, isDone: false });
  if (env.streams.submit(handle, 'tx', bytes, more) === undefined) env.log('no room for a request');
}

function collect(before: FileTesterState, env: Environment, handle: Handle, text: string, count: number) {
  let state = before;
  for (;;) {
    const packet = env.streams.takeAcknowledged(handle, 'tx');
    if (packet === undefined) return state;
    const { operation, isDone, lengthBytes } = decodeFileRequest(packet.more);
    const line = lineOf(text, state.round);
    if (!isDone || lengthBytes !== line.length) env.log(`${operation} failed`);
    else if (operation === 'write') submit(env, handle, state.file, 'read', new Uint8Array(line.length));
    else {
      const found = String.fromCharCode(...env.streams.readPacket(handle, 'tx', packet));
      env.log(found === line ? `file says "${line}"` : 'file DIFFERS');
      state = { ...state, round: state.round + 1 };
      if (state.round < count) submit(env, handle, state.file, 'write', textBytes(lineOf(text, state.round)));
      else env.call(handle, 'num_entries', state.directory);
    }
  }
}

function take(
  state: FileTesterState,
  reply: ClientReply,
  env: Environment,
  handle: Handle,
  name: string,
  text: string,
) {
  const { values, error } = reply;
  if (values === undefined) {
    // A file that is there from before is opened as it is.
    if (error === 'Node_already_exists') env.call(handle, 'file', state.directory, name, 3, 0);
    else env.log(`${reply.name} failed: ${error}`);
    return state;
  }
  const [first] = values.map(Number);
  if (reply.name === 'dir') {
    env.call(handle, 'file', first!, name, 3, 1);
    return { ...state, directory: first! };
  }
  if (reply.name === 'num_entries') env.log(`directory has ${first} entries`);
  if (reply.name !== 'file') return state;
  submit(env, handle, first!, 'write', textBytes(lineOf(text, state.round)));
  return { ...state, file: first! };
}

/** Writes lines into a file, reads them again and compares. */
export const fileTester = clientRow<'count', FileTesterState>(
  'file_tester',
  'Writes and reads a file of a File_system session',
  { count: { fallback: 2, min: 1, max: 1_000_000 } },
  ({ count }, config) => {
    const text = textOf(config, 'text', 'line').slice(0, 200);
    const name = textOf(config, 'name', 'test');
    return {
      sessions: [{ service: 'File_system', label: textOf(config, 'label', ''), args: { writeable: 'yes' } }],
      initial: { file: -1, directory: -1, round: 0 },
      begin(state, env, [files]) {
        env.call(files!, 'tx_cap');
        env.call(files!, 'dir', '/', 0);
        return state;
      },
      reply: (state, reply, env, [files]) => take(state, reply, env, files!, name, text),
      packets: (state, _place, env, [files]) => collect(state, env, files!, text, count),
    };
  },
);
