import type { CheckContext } from '../../src/engine/property.ts';
import { PhysicalMemory } from '../../src/impl/memory.ts';
import { buildAddressSpaces } from '../../src/impl/muen/address-spaces.ts';
import { buildStructures } from '../../src/impl/muen/structures/build.ts';
import type { Finding } from '../../src/policy/finding.ts';
import { createAtlas } from '../../src/refinement/spatial-atlas.ts';
import { type PlacedFiles, placeFiles } from '../../src/refinement/structures/given.ts';
import type { StructureMemory } from '../../src/refinement/structures/items.ts';

/** Structures that muencheck built. */
export interface OwnStructures {
  readonly world: StructureMemory;
  /** Why they cannot be built completely; empty if they can. */
  readonly findings: readonly Finding[];
}

/** Structures that muencheck built, and those of the user's own toolchain if there are some. */
export interface StructureWorlds {
  /** Page tables of subjects and kernels; built when first asked for. */
  readonly pageTables: () => OwnStructures;
  /** Everything else; built when first asked for. */
  readonly others: () => OwnStructures;
  readonly given?: { readonly world: StructureMemory; readonly placed: PlacedFiles };
}

/** Built once per context and only read afterwards; tasks of one context share them. */
const known = new WeakMap<CheckContext, StructureWorlds>();

export function structureWorlds(context: CheckContext): StructureWorlds {
  const found = known.get(context);
  if (found !== undefined) return found;
  const built = buildWorlds(context);
  known.set(context, built);
  return built;
}

function buildWorlds({ document, seams, tables }: CheckContext): StructureWorlds {
  const atlas = createAtlas(document);
  const sizes = new Map(document.memory.map(region => [region.name, region.sizeBytes]));
  const sizeOf = (region: string): number => sizes.get(region) ?? 0;
  const build = (write: (memory: PhysicalMemory) => readonly Finding[]): (() => OwnStructures) => {
    let built: OwnStructures | undefined;
    return () => {
      const memory = built?.world.memory ?? new PhysicalMemory();
      built ??= { findings: write(memory), world: { document, memory, atlas, sizeOf } };
      return built;
    };
  };
  const pageTables = build(memory => {
    const spaces = buildAddressSpaces(memory, document, seams.paging);
    return spaces.ok ? [] : spaces.error;
  });
  const others = build(memory => buildStructures(memory, document, seams.structures));
  if (tables === undefined) return { pageTables, others };
  const placed = placeFiles(document, tables);
  const givenSize = (region: string): number => Math.min(sizeOf(region), placed.files.get(region)?.bytes.length ?? 0);
  const world = { document, memory: placed.memory, atlas, sizeOf: givenSize };
  return { pageTables, others, given: { world, placed } };
}
