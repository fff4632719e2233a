/** What Muen's device manager and time subject owe those that they serve. */

/** Bits of the command register that a subject may set: I/O space, memory space, bus master, interrupt disable. */
const COMMAND_BITS = 2 ** 0 + 2 ** 1 + 2 ** 2 + 2 ** 10;
const COMMAND = 0x04;
/** Cache line size, latency timer, built-in self test: a byte each. */
const BYTE_FIELDS: readonly number[] = [0x0c, 0x0d, 0x0f];
export const FIRST_BAR = 0x10;
export const LAST_BAR = 0x24;

/** Place of the capability for message-signalled interrupts in the configuration space, and its variants. */
export interface InterruptCapability {
  readonly offset: number;
  readonly is64Bit: boolean;
  readonly isMaskable: boolean;
}

/** Bytes of a field that starts at `offset` and that may be written, 0 if there is none. */
function writableBytes(offset: number, { offset: at, is64Bit, isMaskable }: InterruptCapability): number {
  if (offset === COMMAND) return 2;
  if (BYTE_FIELDS.includes(offset)) return 1;
  const data = is64Bit ? 0xc : 8;
  const fields: readonly (readonly [offset: number, bytes: number, isThere: boolean])[] = [
    [2, 2, true],
    [4, 4, true],
    [8, 4, is64Bit],
    [data, 2, true],
    [data + 4, 4, isMaskable],
    [data + 8, 4, isMaskable],
  ];
  return fields.find(([place, , isThere]) => isThere && at + place === offset)?.[1] ?? 0;
}

/** Configuration space after a write of a subject. */
export function configurationAfter(
  before: Uint8Array,
  capability: InterruptCapability,
  offset: number,
  value: number,
): Uint8Array {
  const after = before.slice();
  const bytes = writableBytes(offset, capability);
  const stored = offset === COMMAND ? (value % 2 ** 16) & COMMAND_BITS : value;
  for (let index = 0; index < bytes; index++) after[offset + index] = Math.floor(stored / 256 ** index) % 256;
  return after;
}

/** Bytes that a read at an offset returns: what fits before the next word. */
export const readWidth = (offset: number): number => (offset % 4 === 0 ? 4 : offset % 2 === 0 ? 2 : 1);

/** What the time subject publishes, from the clock in microseconds and the TSC at that time. */
export function publishedTime(
  clockMicroseconds: number,
  tscKhz: number,
  tsc: bigint,
): { readonly base: bigint; readonly rateHz: bigint } {
  const rateHz = BigInt(tscKhz) * 1000n;
  const base = BigInt(clockMicroseconds) - tsc / (rateHz / 1_000_000n);
  return { base: base < 0n ? 0n : base, rateHz };
}
