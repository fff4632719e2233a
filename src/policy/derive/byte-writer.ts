/** Little-endian fields in a fixed number of bytes; what is not written is zero. */
export class ByteWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  u8(offset: number, value: number): void {
    this.#view.setUint8(offset, value);
  }

  u16(offset: number, value: number): void {
    this.#view.setUint16(offset, value, true);
  }

  u32(offset: number, value: number): void {
    this.#view.setUint32(offset, value >>> 0, true);
  }

  /** Writes an address or a size below 2^53. */
  u64(offset: number, value: number): void {
    this.#view.setBigUint64(offset, BigInt(value), true);
  }

  /** Writes the characters of `text` (ASCII) without an end mark. */
  ascii(offset: number, text: string): void {
    for (let index = 0; index < text.length; index++) this.u8(offset + index, text.charCodeAt(index));
  }
}

/** Value that makes the sum of `bytes` 0 modulo 256 when it replaces a zero byte among them. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  return -sum & 0xff;
}
