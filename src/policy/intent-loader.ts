import type { MemoryMapping, MemoryType, Subject } from './document.ts';
import type { HeldMapping, IntentFacts, IntentFinding } from './intent-facts.ts';
import { finding, ownerOf } from './intent-facts.ts';
import { quoted, say } from './intent-text.ts';

/** Types that the toolchain never maps into a loader. */
const NOT_LOADED: ReadonlySet<MemoryType> = new Set(['subject_state', 'subject_timed_event', 'subject_interrupts']);

/** A recognised loader and the loadee whose address space it mirrors. */
export interface Loader {
  readonly loader: Subject;
  readonly loadee: Subject;
  /** Loader address minus loadee address of every mirrored mapping. */
  readonly offset: number;
  /** Loader mapping to the loadee mapping it mirrors or whose content it stores. */
  readonly mirrored: ReadonlyMap<MemoryMapping, { readonly role: 'mirror' | 'source'; readonly loadee: MemoryMapping }>;
}

/**
 * Recognises loaders: a subject that maps, at one offset, never executable and under `<loadee>_<logical>`, every
 * private region that the loadee maps. The loadee must start with CR4.VMXE cleared, by which the toolchain makes its
 * first entry trap (muen.md, "Channel expansion ... Loader").
 */
export function findLoaders(facts: IntentFacts): Loader[] {
  const loadees = [...facts.subjects.values()].filter(subject => subject.vcpu.cr4.VMXEnable === 0);
  return loadees.flatMap(loadee =>
    [...facts.subjects.values()].flatMap(loader => {
      const found = loader === loadee ? undefined : recognise(facts, loader, loadee);
      return found ? [found] : [];
    }),
  );
}

function recognise(facts: IntentFacts, loader: Subject, loadee: Subject): Loader | undefined {
  const own = loadedMappings(facts, loadee).filter(
    mapping => ownerOf(facts.regions.get(mapping.physical)!) === loadee.name,
  );
  const first = own[0];
  if (!first) return undefined;
  for (const candidate of loader.memory) {
    if (candidate.logical !== `${loadee.name}_${first.logical}` || candidate.physical !== first.physical) continue;
    const offset = candidate.virtualAddress - first.virtualAddress;
    if (own.every(mapping => mirrorOf(loader, loadee, mapping, offset) !== undefined)) {
      return { loader, loadee, offset, mirrored: collect(facts, loader, loadee, offset) };
    }
  }
  return undefined;
}

function loadedMappings(facts: IntentFacts, loadee: Subject): MemoryMapping[] {
  return loadee.memory.filter(mapping => {
    const region = facts.regions.get(mapping.physical);
    return region !== undefined && !NOT_LOADED.has(region.type);
  });
}

function mirrorOf(loader: Subject, loadee: Subject, mapping: MemoryMapping, offset: number): MemoryMapping | undefined {
  return loader.memory.find(
    candidate =>
      candidate.physical === mapping.physical &&
      candidate.logical === `${loadee.name}_${mapping.logical}` &&
      candidate.virtualAddress === mapping.virtualAddress + offset &&
      (mapping.writable || !candidate.writable) &&
      !candidate.executable,
  );
}

function collect(facts: IntentFacts, loader: Subject, loadee: Subject, offset: number): Loader['mirrored'] {
  const mirrored = new Map<MemoryMapping, { role: 'mirror' | 'source'; loadee: MemoryMapping }>();
  for (const mapping of loadedMappings(facts, loadee)) {
    const mirror = mirrorOf(loader, loadee, mapping, offset);
    if (mirror) mirrored.set(mirror, { role: 'mirror', loadee: mapping });
    const source = sourceOf(facts, loader, loadee, mapping);
    if (source) mirrored.set(source, { role: 'source', loadee: mapping });
  }
  return mirrored;
}

/** The stored copy: the loadee maps `R_<loadee>`, whose hash refers to R, and the loader reads R as `<loadee>_<logical>_src`. */
function sourceOf(
  facts: IntentFacts,
  loader: Subject,
  loadee: Subject,
  mapping: MemoryMapping,
): MemoryMapping | undefined {
  const target = facts.regions.get(mapping.physical)!;
  return loader.memory.find(
    candidate =>
      candidate.logical === `${loadee.name}_${mapping.logical}_src` &&
      target.name === `${candidate.physical}_${loadee.name}` &&
      target.hashRef === candidate.physical &&
      !candidate.writable &&
      !candidate.executable,
  );
}

/** What a mapping is to a recognised loader, undefined if it is no part of one. */
export function loaderRole(loaders: readonly Loader[], { mapping }: HeldMapping) {
  for (const loader of loaders) {
    const part = loader.mirrored.get(mapping);
    if (part) return { loader, ...part };
  }
  return undefined;
}

/** Mappings of a loadee that its loader lacks: harmless for isolation, but the loader cannot set them up. */
export function incompleteLoaders(facts: IntentFacts, loaders: readonly Loader[]): IntentFinding[] {
  return loaders.flatMap(({ loader, loadee, mirrored }) => {
    const present = new Set([...mirrored.values()].filter(part => part.role === 'mirror').map(part => part.loadee));
    return loadedMappings(facts, loadee)
      .filter(mapping => !present.has(mapping))
      .map(mapping =>
        finding(
          'INTENT-LOADER-INCOMPLETE',
          mapping.at,
          say`${quoted(loadee.name)} maps ${quoted(mapping.physical)} as ${quoted(mapping.logical)} (${mapping.at}), which its loader ${quoted(loader.name)} (${loader.at}) does not map`,
        ),
      );
  });
}
