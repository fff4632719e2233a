/**
 * Encoder of ACPI machine language, as far as the tables made here need it (ACPI specification, chapter "ACPI Machine
 * Language"). A term is the list of its bytes; terms nest by concatenation.
 */
export type Aml = readonly number[];

/** Little-endian bytes of an unsigned number below 2^53. */
export const littleEndian = (value: number, bytes: number): Aml =>
  Array.from({ length: bytes }, (_, index) => Math.floor(value / 2 ** (8 * index)) & 0xff);

/** Name of four characters; shorter ones are filled with underscores. */
export const nameSegment = (name: string): Aml => [...name.padEnd(4, '_')].map(char => char.charCodeAt(0));

/** Largest package length that each number of bytes can say. */
const PACKAGE_LENGTH_LIMITS = [0x3f, 0xfff, 0xf_ffff, 0xfff_ffff];

/** Length of a package, itself included: 6 bits in one byte, or 4 bits and up to three more bytes. */
function packageLength(contentBytes: number): Aml {
  const extra = PACKAGE_LENGTH_LIMITS.findIndex((limit, index) => contentBytes + index + 1 <= limit);
  const total = contentBytes + extra + 1;
  return extra === 0 ? [total] : [(extra << 6) | (total & 0xf), ...littleEndian(total >>> 4, extra)];
}

const packaged = (opcode: Aml, content: Aml): Aml => [...opcode, ...packageLength(content.length), ...content];

/** Shortest constant of a value below 2^53. */
export function integer(value: number): Aml {
  if (value <= 1) return [value];
  if (value <= 0xff) return [0x0a, value];
  if (value <= 0xffff) return [0x0b, ...littleEndian(value, 2)];
  if (value <= 0xffff_ffff) return [0x0c, ...littleEndian(value, 4)];
  return [0x0e, ...littleEndian(value, 8)];
}

/** ASCII text with its end mark. */
export const text = (value: string): Aml => [0x0d, ...[...value].map(char => char.charCodeAt(0)), 0];

/** Device id such as `PNP0501`, packed into 32 bits: three letters of 5 bits, four hex digits, most significant byte first. */
export function eisaId(id: string): Aml {
  const letters = [...id.slice(0, 3)].reduce((sum, letter) => (sum << 5) | (letter.charCodeAt(0) - 0x40), 0);
  const product = Number.parseInt(id.slice(3), 16);
  return [0x0c, letters >>> 8, letters & 0xff, product >>> 8, product & 0xff];
}

export const name = (segment: string, value: Aml): Aml => [0x08, ...nameSegment(segment), ...value];

export const scope = (segment: string, terms: readonly Aml[]): Aml =>
  packaged([0x10], [...nameSegment(segment), ...terms.flat()]);

export const device = (segment: string, terms: readonly Aml[]): Aml =>
  packaged([0x5b, 0x82], [...nameSegment(segment), ...terms.flat()]);

/** Method with its number of arguments; a serialised one is entered by one thread at a time. */
export const method = (segment: string, argumentCount: number, serialised: boolean, terms: readonly Aml[]): Aml =>
  packaged([0x14], [...nameSegment(segment), argumentCount | (serialised ? 8 : 0), ...terms.flat()]);

export const returned = (value: Aml): Aml => [0xa4, ...value];

/** Package of elements; more than 255 need the form with a computed number of them. */
export const packageOf = (elements: readonly Aml[]): Aml =>
  elements.length <= 0xff
    ? packaged([0x12], [elements.length, ...elements.flat()])
    : packaged([0x13], [...integer(elements.length), ...elements.flat()]);

/** Buffer with the length of its bytes before them, which is written as a constant of at least one byte. */
export function buffer(bytes: Aml): Aml {
  const length = bytes.length <= 1 ? [0x0a, bytes.length] : integer(bytes.length);
  return packaged([0x11], [...length, ...bytes]);
}

/** Argument of the method, 0 to 6. */
export const argument = (index: number): Aml => [0x68 + index];

export const ifElse = (condition: Aml, then: readonly Aml[], otherwise: readonly Aml[]): Aml => [
  ...packaged([0xa0], [...condition, ...then.flat()]),
  ...(otherwise.length > 0 ? packaged([0xa1], otherwise.flat()) : []),
];

export const equal = (left: Aml, right: Aml): Aml => [0x93, ...left, ...right];
export const notEqual = (left: Aml, right: Aml): Aml => [0x92, ...equal(left, right)];
export const store = (value: Aml, target: string): Aml => [0x70, ...value, ...nameSegment(target)];

/** Sets bits of a named field. */
export const setBits = (field: string, bits: number): Aml => [
  0x7d,
  ...nameSegment(field),
  ...integer(bits),
  ...nameSegment(field),
];

/** Names 32 bits of a buffer at a byte offset. */
export const dwordField = (source: Aml, offset: number, field: string): Aml => [
  0x8a,
  ...source,
  ...integer(offset),
  ...nameSegment(field),
];

/** Buffer of a UUID in the mixed byte order that the specification prescribes ("ToUUID"). */
export function uuid(value: string): Aml {
  const groups = value.split('-').map(group => (group.match(/../g) ?? []).map(byte => Number.parseInt(byte, 16)));
  return buffer(groups.flatMap((group, index) => (index < 3 ? group.reverse() : group)));
}
