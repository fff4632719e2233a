import type { Rng } from '../../units/rng.ts';
import type { CodeVocabulary } from './code-vocabulary.ts';
import type { CodeWriter } from './code-writer.ts';

/** A kind of block that generated programs are made of. */
export interface BlockKind {
  readonly id: string;
  readonly meaning: string;
  /** Relative frequency. */
  readonly weight: number;
  /** It may cause an exit that the trap table decides on, or an exception. */
  readonly traps: boolean;
  /** Only for subjects with devices that do DMA. */
  readonly isForDevices?: true;
  /** Writes the block; false if the subject has nothing that it could be about. */
  emit(code: CodeWriter, vocabulary: CodeVocabulary, rng: Rng): boolean;
}

export const pick = <T>(rng: Rng, items: readonly T[]): T | undefined => items[rng.below(Math.max(1, items.length))];
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as const;
export const value32 = (rng: Rng): number => (rng.below(2) === 0 ? pick(rng, EDGES)! : rng.next());

const FOUR_GIB = 2 ** 32;

/** Places that the subject's code reaches in the mode in which it starts; all, if that is none of them. */
function reachable<T>(
  { is64Bit }: CodeVocabulary,
  places: readonly T[],
  addressOf: (place: T) => number,
): readonly T[] {
  const near = is64Bit ? places : places.filter(place => addressOf(place) < FOUR_GIB);
  return near.length > 0 ? near : places;
}

/** An address of the subject that means something: inside of a window, at its border, or where others have something. */
export function place(vocabulary: CodeVocabulary, rng: Rng, isWrite: boolean, mayProbe: boolean): number | undefined {
  const { windows, writableWindows, probes } = vocabulary.words;
  if (mayProbe && rng.below(3) === 0) {
    const probe = pick(
      rng,
      reachable(vocabulary, probes, address => address),
    );
    return probe === undefined ? undefined : Math.max(0, probe + rng.below(17) - 8);
  }
  const usable = (isWrite && !mayProbe ? writableWindows : windows).filter(({ purpose }) => purpose !== 'interface');
  const window = pick(
    rng,
    reachable(vocabulary, usable, ({ address }) => address),
  );
  if (window === undefined) return undefined;
  const offset = rng.below(4) === 0 ? window.sizeBytes - 8 : rng.below(Math.min(window.sizeBytes, 0x200) - 7);
  return window.address + offset;
}
