import {
  bulkOffset,
  type PacketDescriptor,
  putDescriptor,
  queueBytes,
  type StreamLayout,
  type StreamMemory,
  type StreamOps,
  takeDescriptor,
} from '../impl/genode/core/packet-stream.ts';
import type { ScriptStep } from '../trace/trace.ts';
import { operand, ScriptLog, type ScriptRunner } from './script.ts';

const LAYOUT: StreamLayout = { totalBytes: 0x1000, slots: 4, descriptorWords: 3 };
/** Offsets and sizes at and around the bounds that a check must keep. */
const VALUES: readonly number[] = [
  0,
  1,
  bulkOffset(LAYOUT) - 1,
  bulkOffset(LAYOUT),
  0x400,
  LAYOUT.totalBytes - 1,
  LAYOUT.totalBytes,
  0xffff_fff0,
  0xffff_ffff,
];

export const STREAM_WITNESSES = ['taken', 'full', 'woken', 'rejected', 'changed-between-reads'] as const;

/** Shared memory whose peer may change a word between two reads; every access is checked to lie inside. */
class HostileMemory implements StreamMemory {
  readonly words = new Uint32Array(LAYOUT.totalBytes / 4);
  outside = '';
  /** Reads until the armed change happens, and the change. */
  #countdown = -1;
  #change: readonly [word: number, value: number] = [0, 0];
  changes = 0;

  arm(reads: number, word: number, value: number): void {
    this.#countdown = reads;
    this.#change = [word, value];
  }

  disarm(): void {
    this.#countdown = -1;
  }

  /** The change that is to come, if any. */
  get armed(): readonly number[] {
    return this.#countdown < 0 ? [] : [this.#countdown, ...this.#change];
  }

  #check(offset: number): void {
    const isInside = offset >= 0 && offset % 4 === 0 && offset < 2 * queueBytes(LAYOUT);
    if (!isInside && this.outside === '')
      this.outside = `access to byte ${offset} of the stream, outside of the queues`;
  }

  readWord(offset: number): number {
    this.#check(offset);
    const value = this.words[offset / 4] ?? 0;
    if (this.#countdown === 0) {
      this.words[this.#change[0]] = this.#change[1];
      this.changes += 1;
    }
    this.#countdown -= 1;
    return value;
  }

  writeWord(offset: number, value: number): void {
    this.#check(offset);
    this.words[offset / 4] = value;
  }
}

/** True if a piece lies in the bulk buffer, by exact arithmetic. */
const isInside = ({ offset, sizeBytes }: PacketDescriptor): boolean =>
  sizeBytes === 0 || (offset >= bulkOffset(LAYOUT) && offset + sizeBytes <= LAYOUT.totalBytes);

interface StreamState {
  readonly memory: HostileMemory;
  head: number;
  tail: number;
  /** Descriptors in the queue while nobody has tampered with it. */
  readonly expected: PacketDescriptor[];
  isTampered: boolean;
}

function put(ops: StreamOps, state: StreamState, step: ScriptStep, log: ScriptLog): string {
  const descriptor: PacketDescriptor = {
    offset: VALUES[operand(step, 0, VALUES.length)]!,
    sizeBytes: VALUES[operand(step, 1, VALUES.length)]!,
    more: [operand(step, 2, 0xffff)],
  };
  state.memory.disarm();
  const put = putDescriptor(ops, LAYOUT, 'submit', state.memory, state.head, descriptor);
  state.head = put.head;
  log.see('full', put.step.result === 'full');
  log.see('woken', put.step.isWaking);
  if (state.isTampered) return '';
  const isFull = state.expected.length === LAYOUT.slots - 1;
  if ((put.step.result === 'full') !== isFull)
    return `a put says ${put.step.result} with ${state.expected.length} packets queued`;
  if (isFull) return '';
  state.expected.push(descriptor);
  const mustWake = state.expected.length === 1;
  return put.step.isWaking === mustWake
    ? ''
    : 'the consumer of an empty queue is not woken by a packet, or by a second one';
}

function take(ops: StreamOps, state: StreamState, log: ScriptLog): string {
  const changesBefore = state.memory.changes;
  const { step, tail } = takeDescriptor(ops, LAYOUT, 'submit', state.memory, state.tail);
  state.memory.disarm();
  const wasChanged = state.memory.changes > changesBefore;
  if (wasChanged) state.isTampered = true;
  log.see('changed-between-reads', wasChanged);
  state.tail = tail;
  log.see('taken', step.result === 'done');
  log.see('rejected', step.result === 'invalid');
  if (step.result === 'done' && !isInside(step.descriptor))
    return `a packet of ${step.descriptor.sizeBytes} bytes at ${step.descriptor.offset} is accepted, outside of the bulk buffer`;
  if (state.isTampered) return '';
  return checkOrder(state.expected.shift(), step, state.expected.length);
}

function checkOrder(
  expected: PacketDescriptor | undefined,
  step: ReturnType<typeof takeDescriptor>['step'],
  left: number,
): string {
  if (expected === undefined) return step.result === 'empty' ? '' : 'a packet is taken from an empty queue';
  if (step.result !== 'done' && step.result !== 'invalid') return 'a queued packet is not taken';
  if (JSON.stringify(step.descriptor) !== JSON.stringify(expected)) return 'another packet is taken than was put first';
  if ((step.result === 'done') !== isInside(expected)) return 'a packet inside of the bulk buffer is refused';
  const mustWake = left === LAYOUT.slots - 2;
  return step.isWaking === mustWake
    ? ''
    : 'the producer of a full queue is not woken by a free slot, or by a second one';
}

/** Word that changes between two reads: one of the queue's indices, or one of the descriptor that is taken next. */
function armedWord(tail: number, choice: number): number {
  if (choice < 1) return choice;
  return 2 + tail * LAYOUT.descriptorWords + choice - 1;
}

/** Runs a packet queue between an honest consumer and a producer that may tamper with the shared memory at any time. */
export const runPacketStreamScript: ScriptRunner<StreamOps> = (ops, steps) => {
  const log = new ScriptLog(STREAM_WITNESSES);
  const state: StreamState = { memory: new HostileMemory(), head: 0, tail: 0, expected: [], isTampered: false };
  const queueWords = queueBytes(LAYOUT) / 4;
  for (const [index, step] of steps.entries()) {
    const value = VALUES[operand(step, 1, VALUES.length)]!;
    log.effective();
    switch (step.operation) {
      case 'put':
        log.fail(index, put(ops, state, step, log));
        break;
      case 'poke':
        state.memory.words[operand(step, 0, queueWords)] = value;
        state.isTampered = true;
        break;
      case 'arm':
        state.memory.arm(operand(step, 2, 6), armedWord(state.tail, operand(step, 0, 4)), value);
        break;
      default:
        log.fail(index, take(ops, state, log));
    }
    log.fail(index, state.memory.outside);
    if (log.hasFailed) break;
  }
  const { memory, head, tail, expected, isTampered } = state;
  return log.judgement(memory.words.subarray(0, 2 * queueWords), memory.armed, head, tail, expected, isTampered);
};
