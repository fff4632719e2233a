import { checksOf, type EntryCheckRow, type EntryState } from './entry-state.ts';
import { vmcsWord } from './vmcs.ts';

interface SegmentWords {
  readonly selector: number;
  readonly base: number;
  readonly limit: number;
  readonly access: number;
}

const wordsOf = (name: string): SegmentWords => ({
  selector: vmcsWord(`GUEST_${name}_SELECTOR`),
  base: vmcsWord(`GUEST_${name}_BASE`),
  limit: vmcsWord(`GUEST_${name}_LIMIT`),
  access: vmcsWord(`GUEST_${name}_ACCESS`),
});

const [es, cs, ss, ds, fs, gs, ldtr, tr] = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'LDTR', 'TR'].map(wordsOf) as [
  SegmentWords,
  SegmentWords,
  SegmentWords,
  SegmentWords,
  SegmentWords,
  SegmentWords,
  SegmentWords,
  SegmentWords,
];
/** Data segments apart from SS. */
const DATA = [ds, es, fs, gs];
/** CS and all others that may be unusable. */
const SIX = [cs, ss, ds, es, fs, gs];

const UNUSABLE = 0x1_0000;
const S_BIT = 0x10;
const PRESENT = 0x80;
const RESERVED = 0xf00;
const GRANULAR = 0x8000;
const VIRTUAL_8086_ACCESS = 0xf3;

const isUsable = (s: EntryState, { access }: SegmentWords): boolean => (s.low(access) & UNUSABLE) === 0;
const typeOf = (s: EntryState, { access }: SegmentWords): number => s.low(access) & 0xf;
const dplOf = (s: EntryState, { access }: SegmentWords): number => (s.low(access) >>> 5) & 3;
const rplOf = (s: EntryState, { selector }: SegmentWords): number => s.low(selector) & 3;

/** Granularity: G must be 0 if a bit of 11:0 of the limit is 0, and 1 if a bit of 31:20 is 1. */
function isBadGranularity(s: EntryState, { limit, access }: SegmentWords): boolean {
  const value = s.low(limit);
  const isGranular = (s.low(access) & GRANULAR) !== 0;
  return ((value & 0xfff) !== 0xfff && isGranular) || (value >>> 20 !== 0 && !isGranular);
}

/** True for a segment whose access rights count: CS always, others if they are usable. */
const counts = (s: EntryState, segment: SegmentWords): boolean => segment === cs || isUsable(s, segment);

/** True if `fails` holds for one of the six segments of a guest that is not in virtual-8086 mode. */
function anyOfSix(s: EntryState, fails: (segment: SegmentWords) => boolean): boolean {
  if (s.isVirtual8086) return false;
  for (const segment of SIX) if (counts(s, segment) && fails(segment)) return true;
  return false;
}

function isBadDataType(s: EntryState, segment: SegmentWords): boolean {
  const type = typeOf(s, segment);
  return (type & 1) === 0 || (type & 0xa) === 8;
}

function isBadDataDpl(s: EntryState, segment: SegmentWords): boolean {
  return isUsable(s, segment) && typeOf(s, segment) <= 11 && dplOf(s, segment) < rplOf(s, segment);
}

function isBadCodeDpl(s: EntryState): boolean {
  const dpl = dplOf(s, cs);
  const type = typeOf(s, cs);
  if (type === 3) return dpl !== 0;
  if (type === 9 || type === 11) return dpl !== dplOf(s, ss);
  return (type === 13 || type === 15) && dpl > dplOf(s, ss);
}

const row = checksOf('Checks on Guest Segment Registers');

/** Checks on the guest's segment registers; a failure is exit 33 with qualification 0. */
export const SEGMENT_CHECKS: readonly EntryCheckRow[] = [
  row('tr-selector', 'the selector of TR has TI 0', s => (s.low(tr.selector) & 4) !== 0),
  row(
    'ldtr-selector',
    'the selector of a usable LDTR has TI 0',
    s => isUsable(s, ldtr) && (s.low(ldtr.selector) & 4) !== 0,
  ),
  row('ss-rpl', 'RPL of SS is RPL of CS, unless the guest is unrestricted or in virtual-8086 mode', s => {
    return !s.isVirtual8086 && !s.isUnrestricted && rplOf(s, ss) !== rplOf(s, cs);
  }),
  row('virtual-8086-base', 'in virtual-8086 mode a base is the selector times 16', s => {
    if (!s.isVirtual8086) return false;
    for (const { base, selector } of SIX) if (s.low(base) !== s.low(selector) << 4 || s.high(base) !== 0) return true;
    return false;
  }),
  row('canonical-bases', 'bases of TR, FS, GS and of a usable LDTR are canonical', s => {
    if (
      s.isVirtual8086
        ? s.isNotCanonical(tr.base)
        : s.isNotCanonical(tr.base) || s.isNotCanonical(fs.base) || s.isNotCanonical(gs.base)
    )
      return true;
    return isUsable(s, ldtr) && s.isNotCanonical(ldtr.base);
  }),
  row('short-bases', 'bases of CS and of usable SS, DS, ES lie below 2^32', s => {
    if (s.high(cs.base) !== 0) return true;
    for (const segment of [ss, ds, es]) if (isUsable(s, segment) && s.high(segment.base) !== 0) return true;
    return false;
  }),
  row('virtual-8086-limit', 'in virtual-8086 mode limits are 0xffff', s => {
    if (!s.isVirtual8086) return false;
    for (const { limit } of SIX) if (s.low(limit) !== 0xffff) return true;
    return false;
  }),
  row('virtual-8086-access', 'in virtual-8086 mode access rights are 0xf3', s => {
    if (!s.isVirtual8086) return false;
    for (const { access } of SIX) if (s.low(access) !== VIRTUAL_8086_ACCESS) return true;
    return false;
  }),
  row('cs-type', 'CS is accessed code; data of type 3 only in an unrestricted guest', s => {
    if (s.isVirtual8086) return false;
    const type = typeOf(s, cs);
    return (type & 9) !== 9 && !(type === 3 && s.isUnrestricted);
  }),
  row('ss-type', 'a usable SS is accessed writable data', s => {
    if (s.isVirtual8086 || !isUsable(s, ss)) return false;
    return (typeOf(s, ss) & ~4) !== 3;
  }),
  row('data-type', 'usable DS, ES, FS, GS are accessed, and readable if code', s => {
    if (s.isVirtual8086) return false;
    for (const segment of DATA) if (isUsable(s, segment) && isBadDataType(s, segment)) return true;
    return false;
  }),
  row('segment-s', 'segments have S 1', s => anyOfSix(s, ({ access }) => (s.low(access) & S_BIT) === 0)),
  row('cs-dpl', 'DPL of CS fits its type and the DPL of SS', s => !s.isVirtual8086 && isBadCodeDpl(s)),
  row('ss-dpl-rpl', 'DPL of SS is its RPL, unless the guest is unrestricted', s => {
    return !s.isVirtual8086 && !s.isUnrestricted && dplOf(s, ss) !== rplOf(s, ss);
  }),
  row('ss-dpl', 'DPL of SS is 0 if CS is data or the guest is in real mode', s => {
    return !s.isVirtual8086 && (typeOf(s, cs) === 3 || (s.cr0 & 1) === 0) && dplOf(s, ss) !== 0;
  }),
  row('data-dpl', 'DPL of usable data and non-conforming code is at least RPL, unless the guest is unrestricted', s => {
    if (s.isVirtual8086 || s.isUnrestricted) return false;
    for (const segment of DATA) if (isBadDataDpl(s, segment)) return true;
    return false;
  }),
  row('segment-present', 'segments are present', s => anyOfSix(s, ({ access }) => (s.low(access) & PRESENT) === 0)),
  row('segment-reserved', 'bits 11:8 of access rights are 0', s =>
    anyOfSix(s, ({ access }) => (s.low(access) & RESERVED) !== 0),
  ),
  row('cs-long', 'a 64-bit CS has D/B 0 in an IA-32e guest', s => {
    return !s.isVirtual8086 && s.isIa32eGuest && (s.low(cs.access) & 0x6000) === 0x6000;
  }),
  row('segment-granularity', 'G fits the limit', s => anyOfSix(s, segment => isBadGranularity(s, segment))),
  row('segment-reserved-high', 'bits 31:17 of access rights are 0', s =>
    anyOfSix(s, ({ access }) => s.low(access) >>> 17 !== 0),
  ),
  row('tr-type', 'TR is a busy TSS: 32-bit (or 16-bit outside of IA-32e mode), 64-bit in it', s => {
    const type = typeOf(s, tr);
    return type !== 11 && (s.isIa32eGuest || type !== 3);
  }),
  row('tr-access', 'TR is usable, present, a system segment, without reserved bits', s => {
    return (s.low(tr.access) & (S_BIT | PRESENT | RESERVED | UNUSABLE)) !== PRESENT || s.low(tr.access) >>> 17 !== 0;
  }),
  row('tr-granularity', 'G of TR fits its limit', s => isBadGranularity(s, tr)),
  row('ldtr-type', 'a usable LDTR is an LDT', s => isUsable(s, ldtr) && typeOf(s, ldtr) !== 2),
  row('ldtr-access', 'a usable LDTR is present, a system segment, without reserved bits', s => {
    if (!isUsable(s, ldtr)) return false;
    return (s.low(ldtr.access) & (S_BIT | PRESENT | RESERVED)) !== PRESENT || s.low(ldtr.access) >>> 17 !== 0;
  }),
  row('ldtr-granularity', 'G of a usable LDTR fits its limit', s => isUsable(s, ldtr) && isBadGranularity(s, ldtr)),
];

/** DPL of SS, which is the CPL of the guest. */
export const guestCpl = (s: EntryState): number => dplOf(s, ss);
/** CS.L. */
export const isLongCode = (s: EntryState): boolean => (s.low(cs.access) & 0x2000) !== 0;
