/** Little-endian value of bytes. */
export function readBytes(bytes: Uint8Array, at: number, sizeBytes: number): bigint {
  let value = 0n;
  for (let index = sizeBytes - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[at + index]!);
  return value;
}

/** Writes a value as bytes. */
export function writeBytes(bytes: Uint8Array, at: number, sizeBytes: number, value: bigint): void {
  let rest = value;
  for (let index = 0; index < sizeBytes; index++) {
    bytes[at + index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}
