import type { HostedSoftware } from '../hosted.ts';

/** Bytes that stand at an address of a subject before it runs; native: virtual, VM: guest-physical. */
export interface CodeImage {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** Bytes of hexadecimal digits, two a byte. */
export function bytesOfHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length >>> 1);
  for (let index = 0; index < bytes.length; index++)
    bytes[index] = Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16);
  return bytes;
}

/** Hexadecimal digits of bytes, two a byte. */
export function hexOfBytes(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

/** Stands for machine code: the subject runs what its memory holds from the policy's entry point on, the images included. */
export function machineCodeSoftware(images: readonly CodeImage[]): HostedSoftware<null> {
  return { name: 'machine-code', initial: null, next: () => ({ state: null, operation: { kind: 'nop' } }), images };
}
