import type { PolicyDocument } from '../../policy/document.ts';
import { type Hpa, hpa } from '../../units/address.ts';

/** One place where a structure does not say what the policy declares. */
export interface StructureDifference {
  readonly kind: string;
  readonly message: string;
  /** Policy lines involved; empty if the policy says nothing about it. */
  readonly policyLines: readonly number[];
  /** Physical address of the bits that say so. */
  readonly entry?: Hpa;
}

/** Result of judging one structure. */
export interface StructureReport {
  /** At most MAX_DIFFERENCES; the most dangerous first. */
  readonly differences: readonly StructureDifference[];
  readonly differenceCount: number;
  /** Bits, entries or leaves that were compared. */
  readonly entries: number;
  readonly tables: number;
  /** How often each witness was seen. */
  readonly seen: Readonly<Record<string, number>>;
}

/** Most differences that a report keeps. */
export const MAX_DIFFERENCES = 256;

export const structureReport = (
  differences: readonly StructureDifference[],
  counts: Omit<StructureReport, 'differences' | 'differenceCount'>,
  differenceCount = differences.length,
): StructureReport => ({ differences: differences.slice(0, MAX_DIFFERENCES), differenceCount, ...counts });

/** Physical address of a region; undefined if the policy allocates none. */
export function regionAddress(document: PolicyDocument, name: string): Hpa | undefined {
  const region = document.memory.find(candidate => candidate.name === name);
  return region === undefined ? undefined : hpa(region.physicalAddress);
}

export const hex = (value: number): string => `0x${value.toString(16)}`;

/** Both ends, or the only number. */
export const hexRange = (first: number, last: number): string =>
  first === last ? hex(first) : `${hex(first)} .. ${hex(last)}`;

/** Stretches of indexes for which `of` gives the same non-empty text. */
export function stretches(
  count: number,
  of: (index: number) => string,
): readonly { readonly first: number; readonly last: number; readonly what: string }[] {
  const found: { first: number; last: number; what: string }[] = [];
  for (let index = 0; index < count; index++) {
    const what = of(index);
    const latest = found[found.length - 1];
    if (what === '') continue;
    if (latest !== undefined && latest.what === what && latest.last === index - 1) latest.last = index;
    else found.push({ first: index, last: index, what });
  }
  return found;
}
