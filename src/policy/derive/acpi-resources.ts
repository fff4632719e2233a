import { type Aml, buffer, littleEndian } from './aml.ts';

/** Kinds of address space of a resource descriptor (ACPI specification, "Address Space Resource Descriptors"). */
const SPACE = { memory: 0, io: 1, bus: 2 } as const;
/** Both ends are fixed, decoded positively, handed on to what is below. */
const FIXED_RANGE = 0x0c;
const READ_WRITE = 1;
const CACHEABLE = 2;
const ENTIRE_RANGE = 3;

interface AddressRange {
  readonly tag: number;
  /** Bytes of each of the five numbers. */
  readonly width: 2 | 4 | 8;
  readonly space: number;
  readonly flags: number;
  readonly start: number;
  readonly size: number;
}

/** Address space descriptor: granularity, first, last, translation, length; granularity and translation are zero. */
function addressRange({ tag, width, space, flags, start, size }: AddressRange): Aml {
  const numbers = [0, start, start + size - 1, 0, size].flatMap(value => littleEndian(value, width));
  return [tag, ...littleEndian(numbers.length + 3, 2), space, FIXED_RANGE, flags, ...numbers];
}

/** Memory window in bytes of the guest-physical space, 64 bits wide only where 32 do not reach. */
export function memoryWindow(start: number, size: number, cacheable: boolean): Aml {
  const flags = READ_WRITE | (cacheable ? CACHEABLE : 0);
  const wide = start > 0xffff_ffff;
  return addressRange({ tag: wide ? 0x8a : 0x87, width: wide ? 8 : 4, space: SPACE.memory, flags, start, size });
}

/** Numbers of PCI buses. */
export const busNumbers = (start: number, size: number): Aml =>
  addressRange({ tag: 0x88, width: 2, space: SPACE.bus, flags: 0, start, size });

/** Window of I/O ports that a bridge hands on. */
export const portWindow = (start: number, size: number): Aml =>
  addressRange({ tag: 0x87, width: 4, space: SPACE.io, flags: ENTIRE_RANGE, start, size });

/** Ports of a device, all 16 address bits decoded, aligned to 8; at most 255 of them. */
export const ports = (start: number, size: number): Aml => [
  0x47,
  1,
  ...littleEndian(start, 2),
  ...littleEndian(start, 2),
  8,
  size,
];

/** Interrupt of the PC, 0 to 15. */
export const interruptLine = (number: number): Aml => [0x22, ...littleEndian(2 ** number, 2)];

/** No DMA channel: compatible, no bus master, 8 bits wide. */
export const NO_DMA: Aml = [0x2a, 0, 0];

/** Buffer of descriptors with its end mark; the checksum 0 says that there is none. */
export const resourceTemplate = (descriptors: readonly Aml[]): Aml => buffer([...descriptors.flat(), 0x79, 0]);
