import { PhysicalMemory } from '../../../src/impl/memory.ts';
import { buildAddressSpaces } from '../../../src/impl/muen/address-spaces.ts';
import { buildStructures, structureImages } from '../../../src/impl/muen/structures/build.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import type { PolicyDocument } from '../../../src/policy/document.ts';
import { fileNameOf, type GivenFile } from '../../../src/refinement/structures/given.ts';
import { hpa } from '../../../src/units/address.ts';

/** Files as a toolchain would generate them, made by our builders, for tests that change them. */
export function ownTables(document: PolicyDocument): Map<string, Uint8Array> {
  const memory = new PhysicalMemory();
  buildAddressSpaces(memory, document, defaultSeams.paging);
  buildStructures(memory, document, defaultSeams.structures);
  const files = new Map(
    structureImages(document, defaultSeams.structures).map(({ region, bytes }) => [fileNameOf(region), bytes]),
  );
  for (const { name, type, physicalAddress, sizeBytes } of document.memory) {
    if (type !== 'system_pt') continue;
    const words = new Uint32Array(sizeBytes / 4);
    for (let index = 0; index < words.length; index++)
      words[index] = memory.readWordAt(hpa(physicalAddress + index * 4));
    files.set(fileNameOf(name), new Uint8Array(words.buffer));
  }
  return files;
}

export const asGiven = (files: ReadonlyMap<string, Uint8Array>): readonly GivenFile[] =>
  [...files].map(([name, bytes]) => ({ name, bytes }));
