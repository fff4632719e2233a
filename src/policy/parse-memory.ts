import {
  type DeviceDomain,
  MEMORY_TYPES,
  type MemoryContent,
  type MemoryMapping,
  type MemoryRegion,
} from './document.ts';
import { choice, group, leaf, many, may, type NodeOf, needs, one } from './grammar.ts';
import { ADDRESS, BOOLEAN, BYTE, decimal, HASH, NAME, orNone, SIZE, TEXT, type ValueType } from './literal.ts';
import { CACHING } from './parse-hardware.ts';

/** Alignments that the allocator knows: 4 KiB, 2 MiB, 1 GiB. */
const ALIGNMENT: ValueType<number> = {
  name: 'an alignment',
  parse(text) {
    const value = { '16#1000#': 0x1000, '16#0020_0000#': 0x20_0000, '16#4000_0000#': 0x4000_0000 }[text];
    if (value !== undefined) return { ok: true, value };
    const expects = 'an alignment: 16#1000#, 16#0020_0000# or 16#4000_0000#';
    return { ok: false, error: { code: 'POL-ENUM', expects, hint: 'Use one of the three alignments.' } };
  },
};

const MEMORY_TYPE_NAMES: ReadonlySet<string> = new Set(MEMORY_TYPES);
/** As oneOf, with a hint that is shorter than all 34 names. */
const MEMORY_TYPE: ValueType<(typeof MEMORY_TYPES)[number]> = {
  name: 'a memory type',
  parse(text) {
    if (MEMORY_TYPE_NAMES.has(text)) return { ok: true, value: text as (typeof MEMORY_TYPES)[number] };
    const prefix = text.split('_')[0] ?? '';
    const near = MEMORY_TYPES.filter(type => type.split('_')[0] === prefix);
    const hint = `Use one of: ${(near.length > 0 ? near : MEMORY_TYPES).join(', ')}.`;
    return { ok: false, error: { code: 'POL-ENUM', expects: 'a memory type of the schema of 2024', hint } };
  },
};

const REGION = {
  attributes: {
    name: needs(NAME),
    type: needs(MEMORY_TYPE),
    physicalAddress: needs(ADDRESS),
    size: needs(SIZE),
    alignment: needs(ALIGNMENT),
    caching: needs(CACHING),
  },
  children: {
    file: choice('content', leaf({ filename: needs(TEXT), offset: needs(orNone(SIZE)), size: may(SIZE) })),
    fill: choice('content', leaf({ pattern: needs(BYTE) })),
    hash: choice('hash', leaf({ value: needs(HASH) })),
    hashRef: choice('hash', leaf({ memory: needs(NAME) })),
  },
};

/** Grammar of `/system/memory` in format B. */
export const MEMORY = group({ memory: many(REGION, 1) });

export function toRegions(node: NodeOf<typeof MEMORY>): readonly MemoryRegion[] {
  return node.children.memory.map(toRegion);
}

function toRegion({ at, attributes, children }: NodeOf<typeof REGION>): MemoryRegion {
  const content = toContent(children);
  const hash = children.hash[0]?.attributes.value;
  const hashRef = children.hashRef[0]?.attributes.memory;
  return {
    at,
    name: attributes.name,
    type: attributes.type,
    physicalAddress: attributes.physicalAddress,
    sizeBytes: attributes.size,
    alignmentBytes: attributes.alignment,
    caching: attributes.caching,
    ...(content === undefined ? {} : { content }),
    ...(hash === undefined ? {} : { hash }),
    ...(hashRef === undefined ? {} : { hashRef }),
  };
}

function toContent({ file, fill }: NodeOf<typeof REGION>['children']): MemoryContent | undefined {
  if (fill[0] !== undefined) return { kind: 'fill', pattern: fill[0].attributes.pattern };
  if (file[0] === undefined) return undefined;
  const { filename, offset, size } = file[0].attributes;
  return { kind: 'file', filename, offset, ...(size === undefined ? {} : { sizeBytes: size }) };
}

/** Grammar of one mapping. */
export const MAPPING = leaf({
  logical: needs(NAME),
  physical: needs(NAME),
  virtualAddress: needs(ADDRESS),
  writable: needs(BOOLEAN),
  executable: needs(BOOLEAN),
});

/** Grammar of a list of mappings of a kernel CPU, a subject or a device domain. */
export const MAPPINGS = group({ memory: many(MAPPING) });

export function toMappings(nodes: readonly NodeOf<typeof MAPPING>[]): readonly MemoryMapping[] {
  return nodes.map(({ at, attributes }) => ({ at, ...attributes }));
}

const DOMAIN = {
  attributes: { name: needs(NAME), id: needs(decimal('a device domain id', 1, 255)) },
  children: {
    memory: one(MAPPINGS),
    devices: one(group({ device: many(leaf({ logical: needs(NAME), physical: needs(NAME) })) })),
  },
};

/** Grammar of `/system/deviceDomains` in formats A and B. */
export const DEVICE_DOMAINS = group({ domain: many(DOMAIN, 0, 255) });

export function toDeviceDomains(node: NodeOf<typeof DEVICE_DOMAINS>): readonly DeviceDomain[] {
  return node.children.domain.map(({ at, attributes, children }) => ({
    at,
    name: attributes.name,
    id: attributes.id,
    memory: toMappings(children.memory[0]!.children.memory),
    devices: children.devices[0]!.children.device.map(({ at: place, attributes: { logical, physical } }) => ({
      at: place,
      logical,
      physical,
      mapReservedMemory: false,
    })),
  }));
}
