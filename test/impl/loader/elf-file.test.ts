import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isElf, readElf } from '../../../src/impl/loader/elf-file.ts';
import { ELF_GUESTS, type ElfGuest, elfBytes, elfPath, linkElf, linkerMissing } from './elf-guest.ts';

/** What is loaded of an ELF file: headers' places and padding are the linker's choice. */
function loadedParts(bytes: Uint8Array): unknown {
  const read = readElf(bytes);
  if (!read.ok) throw new Error(read.error.message);
  return {
    entry: read.value.entry,
    sections: read.value.sections
      .filter(({ address }) => address !== 0)
      .map(({ name, address, offset, fileBytes }) => [
        name,
        address,
        Buffer.from(bytes.subarray(offset, offset + fileBytes)).toString('hex'),
      ]),
  };
}

describe.skipIf(linkerMissing !== '')(`built ELF guests ${linkerMissing}`, () => {
  test.each(Object.keys(ELF_GUESTS) as ElfGuest[])('%s is what nasm and ld make of its source', guest => {
    const fresh = linkElf(guest);
    if (process.env.MUENCHECK_UPDATE === '1') writeFileSync(elfPath(guest), fresh);
    expect(loadedParts(elfBytes(guest)), 'MUENCHECK_UPDATE=1 rebuilds it').toEqual(loadedParts(fresh));
  });
});

const component = elfBytes('component');

/** A copy with bytes changed. */
function changed(offset: number, ...bytes: number[]): Uint8Array {
  const copy = component.slice();
  copy.set(bytes, offset);
  return copy;
}

const problemOf = (bytes: Uint8Array): string => {
  const read = readElf(bytes);
  return read.ok ? '' : `${read.error.offset}: ${read.error.message}`;
};

describe('reading ELF files', () => {
  test('sections and segments of a component', () => {
    const read = readElf(component);
    if (!read.ok) throw new Error(read.error.message);
    expect(read.value.entry).toBe(0x20_0000);
    const named = read.value.sections.filter(({ name }) => name in ELF_GUESTS.component);
    expect(named.map(({ name, address, writable, executable }) => [name, address, writable, executable])).toEqual([
      ['.text', 0x20_0000, false, true],
      ['.rodata', 0x20_2000, false, false],
      ['.data', 0x20_3000, true, false],
    ]);
    expect(read.value.segments.length).toBeGreaterThanOrEqual(3);
  });

  test.each([
    ['no ELF', Uint8Array.of(1, 2, 3), '0: the file does not begin with'],
    ['only the magic', component.subarray(0, 20), '0: the file has 20 bytes'],
    ['32 bit', changed(4, 1), '4: class (2 is ELF64) is 1, expected 2'],
    ['big endian', changed(5, 2), '5: data encoding'],
    ['a shared object', changed(16, 3), '16: type'],
    ['another processor', changed(18, 183), '18: machine (62 is x86-64) is 183'],
    ['program headers beyond the file', changed(32, 0, 0, 0, 1), '32: table of program headers at offset 0x1000000'],
    ['an offset of 2^63', changed(39, 0x80), '32: offset of the program headers is 0x8000000000000040'],
    ['odd program headers', changed(54, 57), '54: program headers have 57 bytes'],
    ['too many sections', changed(60, 0xff, 0xff), '60: 65535 section headers, more than 4096'],
    ['no such names', changed(62, 0xff), '62: there is no section 255'],
    ['a segment beyond the file', changed(64 + 32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1), '64: segment at offset'],
    ['a segment larger in the file', changed(64 + 40, 1, 0), 'bytes in the file and 0x1 in memory'],
    ['a segment at the end of memory', changed(64 + 16, 0, 0, 0, 0, 0, 0, 0x10), '64: segment at 0x10000000000000'],
  ])('%s is refused with its place', (_, bytes, message) => {
    expect(problemOf(bytes)).toContain(message);
  });

  test('every cut and every changed byte gives a result', () => {
    let refused = 0;
    for (let length = 0; length < component.length; length += 97)
      if (!readElf(component.subarray(0, length)).ok) refused += 1;
    const headers = [...Array(320).keys(), ...Array.from({ length: 400 }, (_, index) => component.length - 1 - index)];
    const copy = component.slice();
    for (const offset of headers) {
      for (const value of [0, 0x7f, 0xff]) {
        copy[offset] = value;
        if (!readElf(copy).ok) refused += 1;
      }
      copy[offset] = component[offset]!;
    }
    expect(refused).toBeGreaterThan(300);
    expect(isElf(component)).toBe(true);
  });
});
