import { type Guest, numberAt } from './guest.ts';

/** Guest-physical address of the subject information, the same in every subject (Muen sinfo layout). */
export const SUBJECT_INFO_ADDRESS = 0xe_0000_0000;
/** Guest-physical address of the scheduling-info page: start and end TSC of the present minor frame. */
export const SCHEDULING_INFO_ADDRESS = 0xe_0000_8000;

/** "muinfo" with version 3, as two halves. */
const MAGIC_LOW = 0x6e69_756d;
const MAGIC_HIGH = 0x0300_6f66;
const HEADER_BYTES = 80;
const RESOURCE_BYTES = 128;
const MAX_RESOURCES = 255;
const UNION_OFFSET = 72;

export interface MemoryResource {
  readonly name: string;
  readonly address: number;
  readonly sizeBytes: number;
  readonly isWritable: boolean;
  readonly isExecutable: boolean;
}

export interface NumberResource {
  readonly name: string;
  readonly value: number;
}

export interface DeviceResource {
  readonly name: string;
  readonly sourceId: number;
  readonly firstIrte: number;
  readonly firstVector: number;
  readonly interruptCount: number;
  readonly isMsi: boolean;
}

/** What a subject is told about itself, as far as it was read. */
export interface SubjectInfo {
  readonly name: string;
  readonly tscKhz: number;
  /** Resources that the page announces, 255 at most; the list may end earlier with an empty one. */
  readonly announced: number;
  /** Resources that were read. */
  readonly read: number;
  readonly memory: readonly MemoryResource[];
  readonly deviceMemory: readonly MemoryResource[];
  readonly events: readonly NumberResource[];
  readonly vectors: readonly NumberResource[];
  readonly devices: readonly DeviceResource[];
}

function readName(guest: Guest, address: number): string {
  const length = guest.read(address, 1)[0]! & 0x3f;
  return String.fromCharCode(...guest.read(address + 1, length));
}

/** Reads the header; undefined if the page does not hold a subject information of the known version. */
export function readInfoHeader(guest: Guest): SubjectInfo | undefined {
  const magic = guest.read(SUBJECT_INFO_ADDRESS, 8);
  if (numberAt(magic, 0, 4) !== MAGIC_LOW || numberAt(magic, 4, 4) !== MAGIC_HIGH) return undefined;
  const tscKhz = numberAt(guest.read(SUBJECT_INFO_ADDRESS + 8, 4), 0, 4);
  const name = readName(guest, SUBJECT_INFO_ADDRESS + 12);
  const announced = Math.min(numberAt(guest.read(SUBJECT_INFO_ADDRESS + 77, 2), 0, 2), MAX_RESOURCES);
  return { name, tscKhz, announced, read: 0, memory: [], deviceMemory: [], events: [], vectors: [], devices: [] };
}

/** True when all resources are known. */
export const isInfoComplete = ({ read, announced }: SubjectInfo): boolean => read >= announced;

/** Reads the next resource; an empty one ends the list. */
export function readInfoResource(guest: Guest, info: SubjectInfo): SubjectInfo {
  const base = SUBJECT_INFO_ADDRESS + HEADER_BYTES + info.read * RESOURCE_BYTES;
  const kind = numberAt(guest.read(base, 4), 0, 4);
  const next = { ...info, read: info.read + 1 };
  const name = kind === 0 ? '' : readName(guest, base + 4);
  switch (kind) {
    case 0:
      return { ...info, announced: info.read };
    case 1:
      return { ...next, memory: [...info.memory, readMemory(guest, name, base + UNION_OFFSET, 2)] };
    case 2:
      return { ...next, events: [...info.events, { name, value: guest.read(base + UNION_OFFSET, 1)[0]! }] };
    case 3:
      return { ...next, vectors: [...info.vectors, { name, value: guest.read(base + UNION_OFFSET, 1)[0]! }] };
    case 4:
      return { ...next, devices: [...info.devices, readDevice(name, guest.read(base + UNION_OFFSET, 8))] };
    case 5:
      return { ...next, deviceMemory: [...info.deviceMemory, readMemory(guest, name, base + UNION_OFFSET, 0)] };
    default:
      return next;
  }
}

function readMemory(guest: Guest, name: string, address: number, rightsOffset: number): MemoryResource {
  const union = guest.read(address, 24);
  const rights = union[rightsOffset]!;
  return {
    name,
    address: numberAt(union, 8, 8),
    sizeBytes: numberAt(union, 16, 8),
    isWritable: (rights & 1) !== 0,
    isExecutable: (rights & 2) !== 0,
  };
}

const readDevice = (name: string, union: Uint8Array): DeviceResource => ({
  name,
  sourceId: numberAt(union, 0, 2),
  firstIrte: numberAt(union, 2, 2),
  firstVector: union[4]!,
  interruptCount: union[5]!,
  isMsi: (union[6]! & 1) !== 0,
});
