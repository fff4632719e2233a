import { expect, test } from 'vitest';
import {
  bulkOffset,
  putDescriptor,
  queueBytes,
  queueOffset,
  type StreamLayout,
  type StreamMemory,
  streamOps,
  takeDescriptor,
} from '../../../../src/impl/genode/core/packet-stream.ts';

const layout: StreamLayout = { totalBytes: 0x1000, slots: 3, descriptorWords: 2 };

function memoryOf(words: Uint32Array): StreamMemory {
  return {
    readWord: offset => words[offset / 4]!,
    writeWord: (offset, value) => {
      words[offset / 4] = value;
    },
  };
}
const packet = (sizeBytes: number, offset = bulkOffset(layout)) => ({ offset, sizeBytes, more: [] });

test('the bulk buffer begins after both queues, at a multiple of 64 bytes', () => {
  expect(queueBytes(layout)).toBe(8 + 3 * 8);
  expect(queueOffset(layout, 'ack')).toBe(32);
  expect(bulkOffset(layout)).toBe(64);
});

test('a queue of three slots holds two packets, and wakes at the first packet and the first free slot', () => {
  const memory = memoryOf(new Uint32Array(1024));
  const first = putDescriptor(streamOps, layout, 'submit', memory, 0, packet(1));
  const second = putDescriptor(streamOps, layout, 'submit', memory, first.head, packet(2));
  expect([first.step.isWaking, second.step.isWaking]).toEqual([true, false]);
  expect(putDescriptor(streamOps, layout, 'submit', memory, second.head, packet(3)).step.result).toBe('full');
  const taken = takeDescriptor(streamOps, layout, 'submit', memory, 0);
  expect(taken.step).toEqual({ result: 'done', isWaking: true, descriptor: packet(1) });
  const last = takeDescriptor(streamOps, layout, 'submit', memory, taken.tail);
  expect(last.step).toMatchObject({ descriptor: packet(2), isWaking: false });
  expect(takeDescriptor(streamOps, layout, 'submit', memory, last.tail).step.result).toBe('empty');
});

test.each([
  [packet(0, 0), 'done'],
  [packet(1, 63), 'invalid'],
  [packet(0x1000 - 64), 'done'],
  [packet(0x1000 - 63), 'invalid'],
  [packet(0xffff_ffff, 64), 'invalid'],
  [packet(0x40, 0xffff_fff0), 'invalid'],
])('%o is %s', (descriptor, result) => {
  const memory = memoryOf(new Uint32Array(1024));
  putDescriptor(streamOps, layout, 'submit', memory, 0, descriptor);
  expect(takeDescriptor(streamOps, layout, 'submit', memory, 0).step.result).toBe(result);
});

test('indices of a hostile peer count modulo the slots', () => {
  const words = new Uint32Array(1024).fill(0xffff_ffff);
  const { step, tail } = takeDescriptor(streamOps, layout, 'submit', memoryOf(words), 1);
  expect(step.result).toBe('invalid');
  expect(tail).toBe(2);
});
