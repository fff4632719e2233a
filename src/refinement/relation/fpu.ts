import type { Cpu } from '../../impl/cpu.ts';
import { FRAME_WORDS, type PhysicalMemory } from '../../impl/memory.ts';

/**
 * Relation between a subject's extended state in the processor and its FPU page, stated from the documented layout (Muen
 * "FPU page": XCR0, XSAVE area from byte 64; SDM Vol. 1, "XSAVE Area") and not from the implementation's copy lists.
 */

/** Words of the page that the relation speaks about. */
export const FPU_PAGE_WORDS = 1024;
const AREA = 16;
const XSTATE_BV = AREA + 128;
/** Word with FTW (byte 4) and FOP (bytes 6 and 7, 11 bits); the other bits are reserved and read as 0. */
const TAGS = 1;
const TAG_BITS = 0x07ff_00ff;
const MXCSR = 6;
const MXCSR_MASK = 7;
const MXCSR_MASK_VALUE = 0xffff;
const FCW_AFTER_INIT = 0x37f;

interface Stretch {
  readonly component: number;
  readonly from: number;
  /** Behind the last word. */
  readonly to: number;
  readonly name: string;
}

/** Byte ranges of the components, as words of the area. */
const STRETCHES: readonly Stretch[] = [
  { component: 0, from: 0x00 / 4, to: 0x18 / 4, name: 'x87 control' },
  { component: 0, from: 0x20 / 4, to: 0xa0 / 4, name: 'x87 stack' },
  { component: 1, from: 0xa0 / 4, to: 0x1a0 / 4, name: 'XMM' },
  { component: 2, from: 0x240 / 4, to: 0x340 / 4, name: 'upper YMM' },
  { component: 5, from: 0x440 / 4, to: 0x480 / 4, name: 'opmask' },
  { component: 6, from: 0x480 / 4, to: 0x680 / 4, name: 'upper ZMM0..15' },
  { component: 7, from: 0x680 / 4, to: 0xa80 / 4, name: 'ZMM16..31' },
];

/** The relation for a processor with the given XCR0 features. */
export interface FpuRelation {
  readonly features: number;
  /** Words of the area that save and load move, MXCSR and its mask apart. */
  readonly moved: Uint16Array;
  /** Component of each of them. */
  readonly component: Uint8Array;
  /** Words of the page that can be other than zero. */
  readonly used: number;
}

/** Each run asks for the same one, and it costs more than a short run. */
const KNOWN = new Map<number, FpuRelation>();

export function fpuRelation(features: number): FpuRelation {
  const relation = KNOWN.get(features) ?? createRelation(features);
  KNOWN.set(features, relation);
  return relation;
}

function createRelation(features: number): FpuRelation {
  const present = STRETCHES.filter(({ component }) => (features & (1 << component)) !== 0);
  const rows = present.flatMap(({ component, from, to }) =>
    Array.from({ length: to - from }, (_, index) => ({ component, word: from + index })),
  );
  return {
    features,
    moved: Uint16Array.from(rows, row => row.word),
    component: Uint8Array.from(rows, row => row.component),
    used: AREA + Math.max(144, ...present.map(({ to }) => to)),
  };
}

/** Name of a word of the page, for differences. */
export function fpuWordName(word: number): string {
  if (word < AREA) return word < 2 ? 'XCR0' : `padding word ${word}`;
  if (word >= XSTATE_BV && word < XSTATE_BV + 16) return 'XSAVE header';
  const at = word - AREA;
  if (at === MXCSR || at === MXCSR_MASK) return 'MXCSR';
  return STRETCHES.find(({ from, to }) => at >= from && at < to)?.name ?? `FPU word ${at}`;
}

/** Page after a reset of the subject: all features enabled and present, control words as after FNINIT, the rest zero. */
export function expectResetFpu({ features }: FpuRelation, expected: Uint32Array): void {
  expected.fill(0);
  expected[0] = features;
  expected[AREA] = FCW_AFTER_INIT;
  expected[AREA + TAGS] = 0xffff;
  expected[AREA + MXCSR] = 0x1f80;
  expected[AREA + MXCSR_MASK] = MXCSR_MASK_VALUE;
  expected[XSTATE_BV] = features;
}

/** What the page must hold once the exiting subject is saved: all components, enabled for it or not; the rest as before. */
export function expectSavedFpu({ features, moved }: FpuRelation, cpu: Cpu, expected: Uint32Array): void {
  const { fpu } = cpu;
  for (let row = 0; row < moved.length; row++) expected[AREA + moved[row]!] = fpu[moved[row]!]!;
  expected[AREA + MXCSR] = fpu[MXCSR]!;
  expected[AREA + MXCSR_MASK] = MXCSR_MASK_VALUE;
  expected[XSTATE_BV] = ((expected[XSTATE_BV]! & ~features) | (fpu[XSTATE_BV - AREA]! & features)) >>> 0;
}

/** The subject's XCR0 changed perhaps: components that it disables go back to their initial configuration; true if there are any. */
export function expectXcr0(expected: Uint32Array, xcr0: number): boolean {
  const disabled = expected[0]! & ~xcr0;
  expected[0] = xcr0;
  if (disabled !== 0) expected[XSTATE_BV] = (expected[XSTATE_BV]! & ~disabled) >>> 0;
  return disabled !== 0;
}

/** True if saving what was loaded from the page gives the same page again: nothing in it is normalised by the processor. */
export function isCanonical({ features }: FpuRelation, expected: Uint32Array): boolean {
  return expected[XSTATE_BV] === features && (expected[AREA + TAGS]! & ~TAG_BITS) === 0;
}

/** First word in which an FPU page differs from what is expected, -1 if none does. */
export function firstFpuDifference(
  { used }: FpuRelation,
  memory: PhysicalMemory,
  slot: number,
  expected: Uint32Array,
): number {
  const base = slot * FRAME_WORDS;
  const { words } = memory;
  for (let word = 0; word < used; word++) if (words[base + word] !== expected[word]) return word;
  return -1;
}

/** First page word that the processor does not hold at entry as the page says, -1 if all is loaded. */
export function firstFpuEntryDifference(relation: FpuRelation, cpu: Cpu, expected: Uint32Array): number {
  const { features, moved, component } = relation;
  const { fpu } = cpu;
  if (fpu[MXCSR] !== expected[AREA + MXCSR]) return AREA + MXCSR;
  if ((fpu[XSTATE_BV - AREA]! & features) !== (expected[XSTATE_BV]! & features)) return XSTATE_BV;
  for (let row = 0; row < moved.length; row++) {
    const word = moved[row]!;
    let wanted = expected[AREA + word]!;
    if (word === TAGS) wanted &= TAG_BITS;
    if ((expected[XSTATE_BV]! & (1 << component[row]!)) === 0) wanted = word === 0 ? FCW_AFTER_INIT : 0;
    if (fpu[word] !== wanted) return AREA + word;
  }
  return -1;
}
