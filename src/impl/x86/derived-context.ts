import { CodeMode } from './code-mode.ts';
import type { CpuState } from './cpu-state.ts';
import { Field, Rights, SEGMENT_BYTES, Seg, SegmentField } from './state-layout.ts';

const ONES = 0xffff_ffff;
/** High half of a base that takes any address out of the range of translations. */
const CHECKED_BASE_HIGH = 0x4000_0000;
const FLAT_RIGHTS = Rights.unusable | Rights.code | Rights.expandDownOrConforming | Rights.writableOrReadable;

/** Derives the fields of the state that follow from EFER, CS and SS and the segments' bases; returns the CodeMode. */
export function deriveContext(state: CpuState): number {
  const is64Bit = state.is64Bit;
  const isBigCode = (state.rights(Seg.cs) & Rights.big) !== 0;
  const isBigStack = (state.rights(Seg.ss) & Rights.big) !== 0;
  state.setPair(Field.stackMask, is64Bit || isBigStack ? ONES : 0xffff, is64Bit ? ONES : 0);
  state.setPair(Field.ripMask, is64Bit || isBigCode ? ONES : 0xffff, is64Bit ? ONES : 0);
  // Target checks: target + bias <= limit.
  state.setPair(Field.ripBias, 0, is64Bit ? 0x8000 : 0);
  state.setPair(Field.ripLimit, is64Bit ? ONES : state.limit(Seg.cs), is64Bit ? 0xffff : 0);
  for (let segment = 0; segment < 6; segment++) deriveBase(state, segment, is64Bit);
  return is64Bit ? CodeMode.bits64 : isBigCode ? CodeMode.bits32 : CodeMode.bits16;
}

/** Addend of effective addresses in a segment: its base where no check can fail, else one that no translation matches. */
function deriveBase(state: CpuState, segment: number, is64Bit: boolean): void {
  const base = Field.segments + segment * SEGMENT_BYTES + SegmentField.base;
  const low = state.u32(base);
  const high = state.u32(base + 4);
  const at = Field.fastBase + segment * 8;
  if (is64Bit) {
    const hasBase = segment === Seg.fs || segment === Seg.gs;
    state.setPair(at, hasBase ? low : 0, hasBase ? high : 0);
    return;
  }
  const isFlat =
    low === 0 &&
    high === 0 &&
    state.limit(segment) === ONES &&
    (state.rights(segment) & FLAT_RIGHTS) === Rights.writableOrReadable;
  state.setPair(at, 0, isFlat ? 0 : CHECKED_BASE_HIGH);
}
