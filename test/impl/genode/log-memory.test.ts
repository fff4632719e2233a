import { expect, test } from 'vitest';
import { readLog } from '../../../src/impl/genode/log-memory.ts';
import { PhysicalMemory } from '../../../src/impl/memory.ts';
import { hpa } from '../../../src/units/address.ts';

const log = { physicalAddress: 0x5000, sizeBytes: 8 + 32 };

/** Log memory after `text` was appended as a LOG service does, from byte `start` of the log on. */
function append(memory: PhysicalMemory, start: number, text: string): number {
  const bytes = new TextEncoder().encode(text);
  bytes.forEach((byte, index) => {
    memory.writeBytes(hpa(log.physicalAddress + 8 + ((start + index) % 32)), Uint8Array.of(byte));
  });
  const end = start + bytes.length;
  memory.writePair(hpa(log.physicalAddress), end, 0);
  return end;
}

test('lines are read once, without their padding', () => {
  const memory = new PhysicalMemory();
  expect(readLog(memory, log, 0)).toEqual({ lines: [], cursor: 0, lostBytes: 0 });
  const end = append(memory, 0, 'one\n\0\0\0\0two\n\0\0\0\0');
  expect(readLog(memory, log, 0)).toEqual({ lines: ['one', 'two'], cursor: end, lostBytes: 0 });
  append(memory, end, 'three\n\0\0');
  expect(readLog(memory, log, end).lines).toEqual(['three']);
});

test('what was overwritten is counted', () => {
  const memory = new PhysicalMemory();
  append(memory, 0, `${'a'.repeat(39)}\n`);
  expect(readLog(memory, log, 0)).toEqual({ lines: [`${'a'.repeat(31)}`], cursor: 40, lostBytes: 8 });
});

test('a counter of garbage costs no more than the ring', () => {
  const memory = new PhysicalMemory();
  memory.writePair(hpa(log.physicalAddress), 0xffff_ffff, 0xffff_ffff);
  expect(readLog(memory, log, 0).lines).toEqual([]);
});
