import type { Cpu } from './cpu.ts';
import { vmcsWord } from './vmx/vmcs.ts';

/** A model-specific register of the processor (SDM Vol. 4). */
export interface Msr {
  readonly index: number;
  readonly name: string;
  /** Where a guest's value lives: in a register of the processor, or in the guest-state area of the current VMCS. */
  readonly place: 'register' | 'vmcs' | 'tsc';
  readonly vmcsField?: string;
  /** True if WRMSR takes the value; others raise #GP. */
  accepts(low: number, high: number): boolean;
}

const any = (): boolean => true;
const never = (): boolean => false;
/** Bits 63:47 are equal (4-level paging). */
const canonical = (_low: number, high: number): boolean => high <= 0x7fff || high >= 0xffff_8000;
const lowHalf = (_low: number, high: number): boolean => high === 0;
/** SCE, LME, LMA, NXE. */
const EFER_BITS = 0xd01;
const efer = (low: number, high: number): boolean => high === 0 && (low & ~EFER_BITS) === 0;
/** Every byte names a memory type. */
const PAT_TYPES: readonly number[] = [0, 1, 4, 5, 6, 7];
const pat = (low: number, high: number): boolean =>
  [low, high].every(half => [0, 8, 16, 24].every(shift => PAT_TYPES.includes((half >>> shift) & 0xff)));

const register = (index: number, name: string, accepts: Msr['accepts']): Msr => ({
  index,
  name,
  place: 'register',
  accepts,
});
const guestField = (index: number, name: string, vmcsField: string, accepts: Msr['accepts']): Msr => ({
  index,
  name,
  place: 'vmcs',
  vmcsField,
  accepts,
});

/** MSRs that this processor has beside those that the policy's hardware section lists; any other one raises #GP. */
export const MSRS: readonly Msr[] = [
  { index: 0x10, name: 'IA32_TIME_STAMP_COUNTER', place: 'tsc', accepts: never },
  register(0xce, 'MSR_PLATFORM_INFO', never),
  guestField(0x174, 'IA32_SYSENTER_CS', 'GUEST_SYSENTER_CS', lowHalf),
  guestField(0x175, 'IA32_SYSENTER_ESP', 'GUEST_SYSENTER_ESP', canonical),
  guestField(0x176, 'IA32_SYSENTER_EIP', 'GUEST_SYSENTER_EIP', canonical),
  register(0x19c, 'IA32_THERM_STATUS', never),
  register(0x1a2, 'MSR_TEMPERATURE_TARGET', never),
  register(0x1b1, 'IA32_PACKAGE_THERM_STATUS', never),
  register(0x277, 'IA32_PAT', pat),
  register(0x606, 'MSR_RAPL_POWER_UNIT', never),
  register(0x610, 'MSR_PKG_POWER_LIMIT', never),
  register(0x611, 'MSR_PKG_ENERGY_STATUS', never),
  register(0x619, 'MSR_DRAM_ENERGY_STATUS', never),
  register(0x641, 'MSR_PP1_ENERGY_STATUS', never),
  register(0x64b, 'MSR_CONFIG_TDP_CONTROL', never),
  register(0x770, 'IA32_PM_ENABLE', never),
  register(0x771, 'IA32_HWP_CAPABILITIES', never),
  register(0x774, 'IA32_HWP_REQUEST', never),
  guestField(0xc000_0080, 'IA32_EFER', 'GUEST_EFER', efer),
  register(0xc000_0081, 'IA32_STAR', any),
  register(0xc000_0082, 'IA32_LSTAR', canonical),
  register(0xc000_0083, 'IA32_CSTAR', canonical),
  register(0xc000_0084, 'IA32_FMASK', lowHalf),
  guestField(0xc000_0100, 'IA32_FS_BASE', 'GUEST_FS_BASE', canonical),
  guestField(0xc000_0101, 'IA32_GS_BASE', 'GUEST_GS_BASE', canonical),
  register(0xc000_0102, 'IA32_KERNEL_GS_BASE', canonical),
  register(0xc000_0103, 'IA32_TSC_AUX', lowHalf),
];

const placeOfIndex = new Map(MSRS.map((row, place) => [row.index, place]));
const fieldOfPlace = MSRS.map(row => (row.vmcsField === undefined ? -1 : vmcsWord(row.vmcsField)));

/** Position of an MSR in the table, -1 if the processor has none of that index. */
export const msrPlace = (index: number): number => placeOfIndex.get(index) ?? -1;

/** Low and high half of the value that a guest on `cpu` has in an MSR. */
export function readMsr(cpu: Cpu, place: number): readonly [number, number] {
  const field = fieldOfPlace[place]!;
  if (field >= 0) return [cpu.vmread(field), cpu.vmread(field + 1)];
  return [cpu.msrs[2 * place]!, cpu.msrs[2 * place + 1]!];
}

export function writeMsr(cpu: Cpu, place: number, low: number, high: number): void {
  const field = fieldOfPlace[place]!;
  if (field >= 0) {
    cpu.vmwrite(field, low);
    cpu.vmwrite(field + 1, high);
  } else {
    cpu.msrs[2 * place] = low;
    cpu.msrs[2 * place + 1] = high;
  }
}

/**
 * Indexes that the MSR-load area of an entry must not name (SDM Vol. 3C, "Loading MSRs"): FS and GS base, the x2APIC
 * registers, and what only SMM may write.
 */
export function isLoadable(index: number): boolean {
  const isForbidden =
    index === 0xc000_0100 ||
    index === 0xc000_0101 ||
    (index >= 0x800 && index <= 0x8ff) ||
    index === 0x9b ||
    index === 0x9e;
  return !isForbidden && msrPlace(index) >= 0;
}
