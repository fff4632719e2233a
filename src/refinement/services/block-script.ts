import { type BlockState, blockService } from '../../impl/genode/services/block.ts';
import {
  BLOCK_OPERATIONS,
  type BlockOperation,
  decodeBlockRequest,
  encodeBlockRequest,
} from '../../impl/genode/services/block-packet.ts';
import type { ServiceOps } from '../../impl/genode/services/service-ops.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import { configElement, made } from './config-element.ts';
import { ServiceBench } from './service-bench.ts';

const BLOCK_BYTES = 512;
const BLOCKS = 16;
const CONFIG = `<config size="${BLOCK_BYTES * BLOCKS}" block_size="${BLOCK_BYTES}">
  <default-policy writeable="yes"/><policy label="reader" writeable="no"/></config>`;
/** Sessions: all of the disk, a part of it, and all of it for reading. */
const CLIENTS = [
  { label: 'all', args: {}, first: 0, count: BLOCKS, isWriteable: true },
  { label: 'part', args: { offset: '4', num_blocks: '8' }, first: 4, count: 8, isWriteable: true },
  { label: 'reader', args: {}, first: 0, count: BLOCKS, isWriteable: false },
] as const;
/** First blocks and counts at and around the bounds, some of which wrap in 32 or 64 bits. */
const FIRSTS: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  5n,
  7n,
  8n,
  12n,
  15n,
  16n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 64n - 1n,
];
const COUNTS: readonly number[] = [0, 1, 1, 2, 2, 3, 4, 8, 16, 17, 2 ** 31, 2 ** 32 - 1];
const PACKET_BLOCKS: readonly number[] = [0, 1, 2, 4, 4, 8];

export const BLOCK_WITNESSES = ['read', 'written', 'out-of-range', 'too-small', 'read-only', 'several'] as const;

/** A request that was submitted and not yet performed. */
interface Pending {
  readonly tag: number;
  readonly client: number;
  readonly operation: BlockOperation;
  readonly block: bigint;
  readonly count: number;
  readonly bytes: Uint8Array;
}

class BlockRun {
  readonly bench: ServiceBench<BlockState>;
  readonly log = new ScriptLog(BLOCK_WITNESSES);
  /** What the disk must hold. */
  readonly disk = new Uint8Array(BLOCK_BYTES * BLOCKS);
  readonly pending: Pending[] = [];
  #tag = 0;

  constructor(ops: ServiceOps) {
    this.bench = new ServiceBench(made(blockService(configElement(CONFIG), ops)));
    for (const [session, { label, args }] of CLIENTS.entries()) this.bench.open(session, label, args);
  }

  submit(step: ScriptStep): string {
    const client = operand(step, 0, CLIENTS.length);
    const operation = BLOCK_OPERATIONS[operand(step, 1, BLOCK_OPERATIONS.length)]!;
    const block = FIRSTS[operand(step, 2, FIRSTS.length)]!;
    const count = COUNTS[operand(step, 3, COUNTS.length)]!;
    this.#tag += 1;
    const sizeBytes = PACKET_BLOCKS[operand(step, 4, PACKET_BLOCKS.length)]! * BLOCK_BYTES;
    const bytes = new Uint8Array(sizeBytes).map((_, index) => (this.#tag * 31 + index) & 0xff);
    const more = encodeBlockRequest({ operation, tag: this.#tag, block, count, isDone: false });
    if (!this.bench.client(client).submit(client, 'tx', bytes, more)) return '';
    this.pending.push({ tag: this.#tag, client, operation, block, count, bytes });
    return '';
  }

  /** The server looks at the requests of one client; what comes back must be what the array says. */
  serve(step: ScriptStep): string {
    const client = operand(step, 0, CLIENTS.length);
    this.bench.packets(client);
    const mine = this.pending.filter(request => request.client === client);
    this.log.see('several', mine.length > 1);
    for (const request of mine) {
      this.pending.splice(this.pending.indexOf(request), 1);
      const wrong = this.#compare(request);
      if (wrong !== '') return wrong;
    }
    return this.bench.client(client).takeAcknowledged(client, 'tx') === undefined ? '' : 'a request is answered twice';
  }

  #compare(request: Pending): string {
    const { client, operation, tag } = request;
    const use = this.bench.client(client);
    const packet = use.takeAcknowledged(client, 'tx');
    if (packet === undefined) return `request ${tag} is not answered`;
    const answer = decodeBlockRequest(packet.more);
    if (answer.tag !== tag) return `request ${tag} is answered as ${answer.tag}`;
    const isDone = this.#perform(request);
    if (answer.isDone !== isDone)
      return `${operation} of ${request.count} blocks from ${request.block} ${answer.isDone ? 'succeeds' : 'fails'} wrongly`;
    if (operation !== 'read' || !isDone) return '';
    const found = use.readPacket(client, 'tx', packet);
    const at = (CLIENTS[client]!.first + Number(request.block)) * BLOCK_BYTES;
    const isSame = found.every((byte, index) => {
      const isRead = index < request.count * BLOCK_BYTES;
      return byte === (isRead ? this.disk[at + index] : request.bytes[index]);
    });
    return isSame ? '' : 'a read yields other bytes than were written last';
  }

  /** The specification: an array, and exact arithmetic. */
  #perform({ client, operation, block, count, bytes }: Pending): boolean {
    const { first, count: blocks, isWriteable } = CLIENTS[client]!;
    if (operation === 'sync') return true;
    if (operation === 'end') return false;
    const isInside = block + BigInt(count) <= BigInt(blocks);
    this.log.see('out-of-range', !isInside);
    if (!isInside) return false;
    const mayWrite = operation === 'read' || isWriteable;
    this.log.see('read-only', !mayWrite);
    if (!mayWrite) return false;
    if (operation === 'trim') return true;
    const isFitting = count * BLOCK_BYTES <= bytes.length;
    this.log.see('too-small', !isFitting);
    if (!isFitting) return false;
    this.log.see(operation === 'read' ? 'read' : 'written', count > 0);
    if (operation === 'write')
      this.disk.set(bytes.subarray(0, count * BLOCK_BYTES), (first + Number(block)) * BLOCK_BYTES);
    return true;
  }
}

/** Runs a RAM disk with three clients beside an array of bytes. */
export const runBlockScript: ScriptRunner<ServiceOps> = (ops, steps) => {
  const run = new BlockRun(ops);
  const { log, bench } = run;
  for (const [index, step] of steps.entries()) {
    log.effective();
    log.fail(index, step.operation === 'submit' ? run.submit(step) : run.serve(step));
    log.fail(index, bench.outside);
    if (log.hasFailed) break;
  }
  return log.judgement();
};
