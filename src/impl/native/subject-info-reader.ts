import { type Hpa, hpa } from '../../units/address.ts';
import { joinWords } from '../../units/word.ts';
import type { PhysicalMemory } from '../memory.ts';

/** A resource as a subject's library reads it (libmusinfo); unknown kinds keep their number. */
export interface ReadResource {
  readonly entryAddress: Hpa;
  readonly kind: number;
  readonly name: string;
  /** The union of 56 bytes. */
  readonly bytes: Uint8Array;
}

/** Header and resources of a subject-information page. */
export interface ReadSubjectInfo {
  readonly magicLow: number;
  readonly magicHigh: number;
  readonly tscKhz: number;
  readonly name: string;
  /** As the page states it, 0 .. 65535; the list holds at most 255. */
  readonly resourceCount: number;
  readonly resources: readonly ReadResource[];
  /** Bytes behind the last resource that are not zero. */
  readonly strayBytes: number;
}

const RESOURCES_OFFSET = 80;
const RESOURCE_BYTES = 128;
const MAX_RESOURCES = 255;
const TOTAL_BYTES = RESOURCES_OFFSET + MAX_RESOURCES * RESOURCE_BYTES;

/** Bytes of physical memory from an aligned address. */
function copy(memory: PhysicalMemory, from: Hpa, count: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(count / 4));
  for (let index = 0; index < words.length; index++) words[index] = memory.readWordAt(hpa(from + index * 4));
  return new Uint8Array(words.buffer, 0, count);
}

/** Name of 65 bytes: its length in the low six bits of the first byte, then 63 characters and a zero; anything else counts as part of it. */
function readName(bytes: Uint8Array, offset: number): string {
  const length = bytes[offset]! & 0x3f;
  const text = String.fromCharCode(...bytes.subarray(offset + 1, offset + 1 + length));
  const rest = bytes.subarray(offset + 1 + length, offset + 65);
  const isClean = bytes[offset] === length && rest.every(byte => byte === 0);
  return isClean ? text : `${text} (and bytes beyond the name)`;
}

/** Reads a subject-information page; any content is allowed. */
export function readSubjectInfo(memory: PhysicalMemory, page: Hpa): ReadSubjectInfo {
  const bytes = copy(memory, page, TOTAL_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const resourceCount = view.getUint16(77, true);
  const listed = Math.min(resourceCount, MAX_RESOURCES);
  const resources = Array.from({ length: listed }, (_, index): ReadResource => {
    const at = RESOURCES_OFFSET + index * RESOURCE_BYTES;
    return {
      entryAddress: hpa(page + at),
      kind: view.getUint32(at, true),
      name: readName(bytes, at + 4),
      bytes: bytes.slice(at + 72, at + RESOURCE_BYTES),
    };
  });
  const end = RESOURCES_OFFSET + listed * RESOURCE_BYTES;
  const padding = resources.map((_, index) => RESOURCES_OFFSET + index * RESOURCE_BYTES + 69);
  const paddingBytes = padding.flatMap(at => [...bytes.subarray(at, at + 3)]);
  return {
    magicLow: view.getUint32(0, true),
    magicHigh: view.getUint32(4, true),
    tscKhz: view.getUint32(8, true),
    name: readName(bytes, 12),
    resourceCount,
    resources,
    strayBytes: [bytes[79]!, ...paddingBytes, ...bytes.subarray(end)].filter(byte => byte !== 0).length,
  };
}

/** Unsigned 64-bit number of a resource's union, exact below 2^53. */
export function number64(bytes: Uint8Array, offset: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return joinWords(view.getUint32(offset, true), view.getUint32(offset + 4, true));
}
