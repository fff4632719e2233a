import { frameOf, hpa, pageOffset } from '../../units/address.ts';
import { TWO32 } from '../../units/word.ts';
import type { PhysicalMemory } from '../memory.ts';

/** Private log memory of a LOG service: {bytes appended u64}, then a ring of lines, each padded with NUL to 8 bytes. */
export interface LogMemory {
  /** Physical address of the counter. */
  readonly physicalAddress: number;
  readonly sizeBytes: number;
}

/** Lines that were appended since `cursor`, the next cursor, and the bytes that were overwritten before they were read. */
export interface LogReading {
  readonly lines: readonly string[];
  readonly cursor: number;
  readonly lostBytes: number;
}

const COUNTER_BYTES = 8;

function readByte(memory: PhysicalMemory, address: number): number {
  const slot = memory.findSlot(frameOf(hpa(address)));
  return slot < 0 ? 0 : memory.readByte(slot, pageOffset(address));
}

function readCounter(memory: PhysicalMemory, address: number): number {
  let value = 0;
  for (let index = COUNTER_BYTES - 1; index >= 0; index--) value = value * 256 + readByte(memory, address + index);
  return Math.min(value, TWO32 * 0x10_0000);
}

/** Reads what a LOG service appended to its log memory since `cursor` (0 at the start). */
export function readLog(memory: PhysicalMemory, log: LogMemory, cursor: number): LogReading {
  const ringBytes = log.sizeBytes - COUNTER_BYTES;
  const end = readCounter(memory, log.physicalAddress);
  const start = Math.max(cursor, end - ringBytes);
  const bytes: number[] = [];
  for (let place = start; place < end; place++)
    bytes.push(readByte(memory, log.physicalAddress + COUNTER_BYTES + (place % ringBytes)));
  const text = String.fromCharCode(...bytes.filter(byte => byte !== 0));
  const lines = text.split('\n').filter(line => line !== '');
  return { lines, cursor: Math.max(cursor, end), lostBytes: start - cursor };
}
