/** Resources of a subject, as its information names them. */
export interface BenchResources {
  readonly name: string;
  readonly tscKhz: number;
  readonly memory: readonly {
    readonly name: string;
    readonly address: number;
    readonly sizeBytes: number;
    readonly isWritable: boolean;
  }[];
  readonly events: readonly { readonly name: string; readonly value: number }[];
  readonly vectors: readonly { readonly name: string; readonly value: number }[];
}

const RESOURCES_OFFSET = 80;
const RESOURCE_BYTES = 128;
const INFO_BYTES = 0x8000;

function writeName(bytes: Uint8Array, offset: number, name: string): void {
  bytes[offset] = name.length;
  for (let index = 0; index < name.length; index++) bytes[offset + 1 + index] = name.charCodeAt(index);
}

/** A subject-information page, version 3, for an instance that runs without Muen around it. */
export function subjectInfoBytes({ name, tscKhz, memory, events, vectors }: BenchResources): Uint8Array {
  const bytes = new Uint8Array(INFO_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, 0x0300_6f66_6e69_756dn, true);
  view.setUint32(8, tscKhz, true);
  writeName(bytes, 12, name);
  view.setUint16(77, memory.length + events.length + vectors.length, true);
  let at = RESOURCES_OFFSET;
  const next = (kind: number, resource: string): number => {
    view.setUint32(at, kind, true);
    writeName(bytes, at + 4, resource);
    at += RESOURCE_BYTES;
    return at - RESOURCE_BYTES + 72;
  };
  for (const region of memory) {
    const union = next(1, region.name);
    bytes[union + 2] = region.isWritable ? 1 : 0;
    view.setBigUint64(union + 8, BigInt(region.address), true);
    view.setBigUint64(union + 16, BigInt(region.sizeBytes), true);
  }
  for (const event of events) bytes[next(2, event.name)] = event.value;
  for (const vector of vectors) bytes[next(3, vector.name)] = vector.value;
  return bytes;
}
