import type { Environment, Handle } from '../instance/component.ts';
import { decodeBlockRequest, encodeBlockRequest } from '../services/block-packet.ts';
import { clientRow, textOf } from './program-config.ts';

interface BlockTesterState {
  readonly blockBytes: number;
  readonly blocks: number;
  readonly block: number;
  readonly isReading: boolean;
}

/** What is written into a block: its number and a pattern of its own. */
const pattern = (block: number, sizeBytes: number): Uint8Array =>
  Uint8Array.from({ length: sizeBytes }, (_, index) => (block * 37 + index * 11 + 1) & 0xff);

function submit(state: BlockTesterState, env: Environment, handle: Handle): void {
  const { block, blockBytes, isReading } = state;
  const operation = isReading ? 'read' : 'write';
  const more = encodeBlockRequest({ operation, tag: block, block: BigInt(block), count: 1, isDone: false });
  const bytes = isReading ? new Uint8Array(blockBytes) : pattern(block, blockBytes);
  if (env.streams.submit(handle, 'tx', bytes, more) === undefined) env.log(`no room for block ${block}`);
}

/** Takes what came back: a written block is read next, a read one compared. */
function collect(before: BlockTesterState, env: Environment, handle: Handle, count: number): BlockTesterState {
  let state = before;
  for (;;) {
    const packet = env.streams.takeAcknowledged(handle, 'tx');
    if (packet === undefined) return state;
    const { tag, isDone } = decodeBlockRequest(packet.more);
    if (tag !== state.block || !isDone) {
      env.log(`block ${state.block} failed`);
      return state;
    }
    if (state.isReading) {
      const expected = pattern(state.block, state.blockBytes);
      const isSame = env.streams.readPacket(handle, 'tx', packet).every((byte, index) => byte === expected[index]);
      env.log(`block ${state.block} ${isSame ? 'read as written' : 'DIFFERS'}`);
    }
    const block = state.isReading ? state.block + 1 : state.block;
    state = { ...state, block, isReading: !state.isReading };
    if (block < Math.min(count, state.blocks)) submit(state, env, handle);
    else env.log(`${block} blocks written and read`);
  }
}

/** Writes blocks, reads them again and compares. */
export const blockTester = clientRow<'count', BlockTesterState>(
  'block_tester',
  'Writes and reads blocks of a Block session',
  { count: { fallback: 4, min: 1, max: 1_000_000 } },
  ({ count }, config) => ({
    sessions: [{ service: 'Block', label: textOf(config, 'label', '') }],
    initial: { blockBytes: 0, blocks: 0, block: 0, isReading: false },
    begin(state, env, [block]) {
      env.call(block!, 'info');
      env.call(block!, 'tx_cap');
      return state;
    },
    reply(state, { name, values }, env, [block]) {
      if (values === undefined) return state;
      if (name === 'info') return { ...state, blockBytes: Number(values[0]), blocks: Number(values[1]) };
      submit(state, env, block!);
      return state;
    },
    packets: (state, _place, env, [block]) => collect(state, env, block!, count),
  }),
);
