import { decodeBlockRequest, encodeBlockRequest } from '../services/block-packet.ts';
import { clientRow, textOf } from './program-config.ts';

/** Reads a block of a disk and writes the text at its start to LOG. */
export const blockReader = clientRow<'block', { readonly blockBytes: number }>(
  'block_reader',
  'Shows the text at the start of a block of a Block session',
  { block: { fallback: 0, min: 0, max: 1_000_000 } },
  ({ block }, config) => ({
    sessions: [{ service: 'Block', label: textOf(config, 'label', '') }],
    initial: { blockBytes: 0 },
    begin(state, env, [disk]) {
      env.call(disk!, 'info');
      env.call(disk!, 'tx_cap');
      return state;
    },
    reply(state, { name, values }, env, [disk]) {
      if (values === undefined) return state;
      if (name === 'info') return { blockBytes: Number(values[0]) };
      const more = encodeBlockRequest({ operation: 'read', tag: 0, block: BigInt(block), count: 1, isDone: false });
      if (env.streams.submit(disk!, 'tx', new Uint8Array(state.blockBytes), more) === undefined) env.log('no room');
      return state;
    },
    packets(state, _place, env, [disk]) {
      const packet = env.streams.takeAcknowledged(disk!, 'tx');
      if (packet === undefined) return state;
      const bytes = env.streams.readPacket(disk!, 'tx', packet);
      const end = bytes.indexOf(0);
      const text = String.fromCharCode(...bytes.subarray(0, Math.min(end < 0 ? bytes.length : end, 200)));
      env.log(decodeBlockRequest(packet.more).isDone ? `disk says "${text}"` : 'the disk cannot be read');
      return state;
    },
  }),
);
