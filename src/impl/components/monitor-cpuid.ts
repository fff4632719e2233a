/** What Muen's subject monitor answers to CPUID: the processor's values with what a subject must not use taken out. */

/** Registers EAX, EBX, ECX and EDX. */
export type CpuidAnswer = readonly [eax: number, ebx: number, ecx: number, edx: number];

/** Values of the processor by leaf and subleaf, as the policy lists them. */
export type CpuidTable = ReadonlyMap<string, CpuidAnswer>;

export const cpuidKey = (leaf: number, subleaf: number): string => `${leaf.toString(16)}.${subleaf.toString(16)}`;

const NOTHING: CpuidAnswer = [0, 0, 0, 0];
const ALL = 0xffff_ffff;

type Row = readonly [eax: number, ebx: number, ecx: number, edx: number];
/** Bits that are passed on, by leaf and subleaf; leaves that are in no table answer zero. */
const MASKS: ReadonlyMap<string, Row> = new Map([
  ['1.0', [ALL, 0xffff, 0x7ed8_3203, 0x0f8a_b97f]],
  ['2.0', [ALL, ALL, ALL, ALL]],
  // APIC ids are taken out of the cache parameters. (Muen before 2023-08 answers 0 in EDX, by a slip.)
  ['4.0', [0x3ff, ALL, ALL, ALL]],
  ['4.1', [0x3ff, ALL, ALL, ALL]],
  ['4.2', [0x3ff, ALL, ALL, ALL]],
  ['4.3', [0x3ff, ALL, ALL, ALL]],
  ['7.0', [0, 0xf0bf_03a9, 0x1800_5f42, 0x0080_4110]],
  ['7.1', [0x1c30, 0, 0, 0]],
  ['80000001.0', [ALL, ALL, ALL, 0xf7ff_ffff]],
  ...[2, 3, 4, 5, 6].map((leaf): [string, Row] => [`8000000${leaf}.0`, [ALL, ALL, ALL, ALL]]),
  ['80000008.0', [ALL, 0, 0, 0]],
]);
const LAST_BASIC_LEAF = 0xd;
const LAST_EXTENDED_LEAF = 0x8000_0008;
/** Highest subleaf of leaf 7. */
const LAST_FEATURE_SUBLEAF = 1;
/** Components of the extended state that the kernel saves. */
const SUPPORTED_STATE = 0xe7;
const XSAVE_BASE_BYTES = 0x240;
const XSAVE_LEAF = 0xd;
const XSAVE_EXTENSIONS = 7;

const enabledState = (table: CpuidTable): number =>
  ((table.get(cpuidKey(XSAVE_LEAF, 0)) ?? NOTHING)[0] & SUPPORTED_STATE) >>> 0;

function stateBytes(table: CpuidTable): number {
  let bytes = XSAVE_BASE_BYTES;
  for (let component = 2; component < 32; component++)
    if ((enabledState(table) & (1 << component)) !== 0)
      bytes += (table.get(cpuidKey(XSAVE_LEAF, component)) ?? NOTHING)[0];
  return bytes;
}

function extendedState(table: CpuidTable, subleaf: number, values: CpuidAnswer): CpuidAnswer {
  const bytes = stateBytes(table);
  if (subleaf === 0) return [enabledState(table), bytes, bytes, values[3]];
  if (subleaf === 1) return [values[0] & XSAVE_EXTENSIONS, bytes, 0, 0];
  return subleaf < 32 && (enabledState(table) & (1 << subleaf)) !== 0 ? values : NOTHING;
}

/** A leaf of which more than one subleaf is listed; others are the same for every ECX. */
const hasSubleaves = (table: CpuidTable, leaf: number): boolean =>
  table.has(cpuidKey(leaf, 1)) || table.has(cpuidKey(leaf, 2));

/** Answer to CPUID with these values of EAX and ECX. */
export function monitorCpuid(table: CpuidTable, leaf: number, ecx: number): CpuidAnswer {
  const subleaf = hasSubleaves(table, leaf) ? ecx % 0x100 : 0;
  const values = table.get(cpuidKey(leaf, subleaf));
  if (values === undefined) return NOTHING;
  if (leaf === 0) return [LAST_BASIC_LEAF, values[1], values[2], values[3]];
  if (leaf === 0x8000_0000) return [LAST_EXTENDED_LEAF, 0, 0, 0];
  if (leaf === XSAVE_LEAF) return extendedState(table, subleaf, values);
  const mask = MASKS.get(cpuidKey(leaf, subleaf)) ?? NOTHING;
  const answer = values.map((value, index) => (value & mask[index]!) >>> 0);
  return [leaf === 7 && subleaf === 0 ? LAST_FEATURE_SUBLEAF : answer[0]!, answer[1]!, answer[2]!, answer[3]!];
}
