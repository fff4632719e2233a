import type { Word64 } from '../../../src/impl/native/muchannel.ts';
import { ZERO64 } from '../../../src/impl/native/muchannel.ts';
import type { Operation } from '../../../src/units/operation.ts';

/** Outcome of an access to a byte array. */
export interface MemoryAccess {
  /** Value read, zero-extended; zero for a write. */
  readonly value: Word64;
  /** True when the access was outside the array: a real subject would have trapped. */
  readonly isOutside: boolean;
}

/**
 * Executes the memory accesses of hosted software over a byte array, without a machine.
 *
 * `base` is the address of the first byte. Operations other than read and write have no effect.
 */
export function accessBytes(bytes: Uint8Array, base: number, operation: Operation): MemoryAccess {
  if (operation.kind !== 'read' && operation.kind !== 'write') return { value: ZERO64, isOutside: false };
  const start = operation.address - base;
  if (start < 0 || start + operation.sizeBytes > bytes.length) return { value: ZERO64, isOutside: true };
  const halves = [0, 0];
  for (let index = 0; index < operation.sizeBytes; index++) {
    const half = index >> 2;
    const shift = (index & 3) * 8;
    if (operation.kind === 'write')
      bytes[start + index] = ((half === 0 ? operation.low : operation.high) >>> shift) & 0xff;
    else halves[half] = (halves[half]! | (bytes[start + index]! << shift)) >>> 0;
  }
  return { value: { low: halves[0]!, high: halves[1]! }, isOutside: false };
}
