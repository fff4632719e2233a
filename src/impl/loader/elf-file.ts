import { err, ok, type Result } from '../../units/result.ts';

/** ELF files as component builds make them: 64 bit, little endian, x86-64, linked at fixed addresses (System V ABI, "Object Files"). */

/** A program header that is loaded (PT_LOAD). */
export interface ElfSegment {
  /** Place of the header in the file, for messages. */
  readonly headerOffset: number;
  readonly offset: number;
  readonly virtualAddress: number;
  readonly physicalAddress: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
  readonly writable: boolean;
  readonly executable: boolean;
}

export interface ElfSection {
  readonly headerOffset: number;
  readonly name: string;
  readonly address: number;
  /** Place of its bytes; a section without bytes in the file (SHT_NOBITS) has `fileBytes` 0. */
  readonly offset: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
  readonly writable: boolean;
  readonly executable: boolean;
}

export interface ElfFile {
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
  readonly sections: readonly ElfSection[];
}

/** What is wrong with a file, and where in it. */
export interface ElfProblem {
  readonly offset: number;
  readonly message: string;
}

const MAGIC = [0x7f, 0x45, 0x4c, 0x46] as const;
const HEADER_BYTES = 64;
const SEGMENT_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
/** Most headers of a kind: far beyond any component, and bounded work for any file. */
const MAX_HEADERS = 4096;
const MAX_NAME_BYTES = 255;
/** Addresses that 4-level tables translate in the lower half. */
const ADDRESS_LIMIT = 2 ** 47;
const MACHINE_X86_64 = 62;
const TYPE_EXECUTABLE = 2;
const SEGMENT_LOAD = 1;
const SECTION_NOBITS = 8;
/** Flags of segments and of sections. */
const SEGMENT = { executable: 1, writable: 2 } as const;
const SECTION = { writable: 1, executable: 4 } as const;

/** True for a file that says that it is ELF, whatever else is wrong with it. */
export const isElf = (bytes: Uint8Array): boolean => MAGIC.every((byte, index) => bytes[index] === byte);

/** A problem on its way to the reader's result. */
class Refusal extends Error {
  readonly problem: ElfProblem;

  constructor(offset: number, message: string) {
    super(message);
    this.problem = { offset, message };
  }
}

/** Fields of a file; every access is inside of it or refused. */
class Fields {
  readonly #view: DataView;
  readonly sizeBytes: number;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.sizeBytes = bytes.length;
  }

  /** Refuses a stretch that does not lie inside the file. */
  inside(at: number, offset: number, sizeBytes: number, what: string): void {
    if (offset + sizeBytes > this.sizeBytes)
      throw new Refusal(
        at,
        `${what} at offset 0x${offset.toString(16)} of 0x${sizeBytes.toString(16)} bytes ends behind the file's ${this.sizeBytes} bytes`,
      );
  }

  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  /** A 64-bit number that must be below 2^53, as everything in a real file is. */
  u64(offset: number, what: string): number {
    const value = this.#view.getBigUint64(offset, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Refusal(offset, `${what} is 0x${value.toString(16)}`);
    return Number(value);
  }
}

function checkIdentity(fields: Fields): void {
  if (fields.sizeBytes < HEADER_BYTES) throw new Refusal(0, `the file has ${fields.sizeBytes} bytes, an ELF header 64`);
  const checks: readonly (readonly [offset: number, is: number, wanted: number, what: string])[] = [
    [4, fields.u8(4), 2, 'class (2 is ELF64)'],
    [5, fields.u8(5), 1, 'data encoding (1 is little endian)'],
    [6, fields.u8(6), 1, 'version'],
    [16, fields.u16(16), TYPE_EXECUTABLE, 'type (2 is an executable at fixed addresses)'],
    [18, fields.u16(18), MACHINE_X86_64, 'machine (62 is x86-64)'],
    [20, fields.u32(20), 1, 'version'],
  ];
  for (const [offset, is, wanted, what] of checks)
    if (is !== wanted) throw new Refusal(offset, `${what} is ${is}, expected ${wanted}`);
}

/** Offsets of the headers of a table. */
function tableOf(
  fields: Fields,
  what: string,
  at: { readonly offset: number; readonly size: number; readonly count: number },
  wantedSize: number,
): readonly number[] {
  const count = fields.u16(at.count);
  if (count === 0) return [];
  if (count > MAX_HEADERS) throw new Refusal(at.count, `${count} ${what} headers, more than ${MAX_HEADERS}`);
  const size = fields.u16(at.size);
  if (size !== wantedSize)
    throw new Refusal(at.size, `${what} headers have ${size} bytes each, expected ${wantedSize}`);
  const offset = fields.u64(at.offset, `offset of the ${what} headers`);
  fields.inside(at.offset, offset, count * size, `table of ${what} headers`);
  return Array.from({ length: count }, (_, index) => offset + index * size);
}

function checkAddress(at: number, address: number, sizeBytes: number, what: string): void {
  if (address + sizeBytes > ADDRESS_LIMIT)
    throw new Refusal(
      at,
      `${what} at 0x${address.toString(16)} of 0x${sizeBytes.toString(16)} bytes ends behind address 2^47`,
    );
}

function readSegments(fields: Fields): readonly ElfSegment[] {
  const headers = tableOf(fields, 'program', { offset: 32, size: 54, count: 56 }, SEGMENT_HEADER_BYTES);
  const segments = headers.flatMap((at): readonly ElfSegment[] => {
    if (fields.u32(at) !== SEGMENT_LOAD) return [];
    const flags = fields.u32(at + 4);
    const segment: ElfSegment = {
      headerOffset: at,
      offset: fields.u64(at + 8, 'offset of a segment'),
      virtualAddress: fields.u64(at + 16, 'address of a segment'),
      physicalAddress: fields.u64(at + 24, 'physical address of a segment'),
      fileBytes: fields.u64(at + 32, 'size of a segment in the file'),
      memoryBytes: fields.u64(at + 40, 'size of a segment in memory'),
      writable: (flags & SEGMENT.writable) !== 0,
      executable: (flags & SEGMENT.executable) !== 0,
    };
    const { offset, fileBytes, memoryBytes } = segment;
    if (fileBytes > memoryBytes)
      throw new Refusal(
        at,
        `a segment has 0x${fileBytes.toString(16)} bytes in the file and 0x${memoryBytes.toString(16)} in memory`,
      );
    fields.inside(at, offset, fileBytes, 'segment');
    checkAddress(at, segment.virtualAddress, memoryBytes, 'segment');
    checkAddress(at, segment.physicalAddress, memoryBytes, 'segment');
    return memoryBytes === 0 ? [] : [segment];
  });
  const sorted = [...segments].sort((a, b) => a.virtualAddress - b.virtualAddress);
  sorted.forEach((segment, index) => {
    const before = sorted[index - 1];
    if (before !== undefined && before.virtualAddress + before.memoryBytes > segment.virtualAddress)
      throw new Refusal(segment.headerOffset, `two segments overlap at 0x${segment.virtualAddress.toString(16)}`);
  });
  return segments;
}

function readName(fields: Fields, at: number, offset: number, end: number): string {
  let name = '';
  for (let place = offset; place < end && name.length <= MAX_NAME_BYTES; place++) {
    const byte = fields.u8(place);
    if (byte === 0) return name;
    name += String.fromCharCode(byte);
  }
  throw new Refusal(at, 'the name of a section does not end');
}

function readSections(fields: Fields): readonly ElfSection[] {
  const headers = tableOf(fields, 'section', { offset: 40, size: 58, count: 60 }, SECTION_HEADER_BYTES);
  const namesAt = headers[fields.u16(62)];
  if (headers.length === 0) return [];
  if (namesAt === undefined) throw new Refusal(62, `there is no section ${fields.u16(62)} with the names of sections`);
  const namesOffset = fields.u64(namesAt + 24, 'offset of the names');
  const namesBytes = fields.u64(namesAt + 32, 'size of the names');
  fields.inside(namesAt, namesOffset, namesBytes, 'table of names');
  return headers.map((at): ElfSection => {
    const nameOffset = fields.u32(at);
    if (nameOffset >= namesBytes && namesBytes > 0)
      throw new Refusal(at, 'the name of a section lies outside the names');
    const hasBytes = fields.u32(at + 4) !== SECTION_NOBITS;
    const flags = fields.u64(at + 8, 'flags of a section');
    const address = fields.u64(at + 16, 'address of a section');
    const offset = fields.u64(at + 24, 'offset of a section');
    const sizeBytes = fields.u64(at + 32, 'size of a section');
    if (hasBytes) fields.inside(at, offset, sizeBytes, 'section');
    checkAddress(at, address, sizeBytes, 'section');
    return {
      headerOffset: at,
      name: readName(fields, at, namesOffset + nameOffset, namesOffset + namesBytes),
      address,
      offset,
      fileBytes: hasBytes ? sizeBytes : 0,
      memoryBytes: sizeBytes,
      writable: (flags & SECTION.writable) !== 0,
      executable: (flags & SECTION.executable) !== 0,
    };
  });
}

/**
 * Reads headers of an ELF64 executable for x86-64.
 * Errors: the first thing in the file that does not fit, with its offset; any bytes are allowed.
 */
export function readElf(bytes: Uint8Array): Result<ElfFile, ElfProblem> {
  const fields = new Fields(bytes);
  try {
    if (!isElf(bytes)) throw new Refusal(0, 'the file does not begin with 7f 45 4c 46');
    checkIdentity(fields);
    return ok({ entry: fields.u64(24, 'entry point'), segments: readSegments(fields), sections: readSections(fields) });
  } catch (cause) {
    if (cause instanceof Refusal) return err(cause.problem);
    throw cause;
  }
}
