import { hpa } from '../../units/address.ts';
import type { Processor } from '../x86/processor.ts';
import { vmcsWord } from './vmcs.ts';
import type { VmxUnit } from './vmx-unit.ts';

const lists = {
  entry: { count: vmcsWord('ENTRY_MSR_LOAD_COUNT'), address: vmcsWord('ENTRY_MSR_LOAD_ADDRESS') },
  exit: { count: vmcsWord('EXIT_MSR_LOAD_COUNT'), address: vmcsWord('EXIT_MSR_LOAD_ADDRESS') },
  store: { count: vmcsWord('EXIT_MSR_STORE_COUNT'), address: vmcsWord('EXIT_MSR_STORE_ADDRESS') },
};

const FS_BASE = 0xc000_0100;
const GS_BASE = 0xc000_0101;
const SMM_MONITOR = 0x9b;
const SMBASE = 0x9e;

/** MSRs that no list may name: FS and GS base, SMM control, the x2APIC's (SDM Vol. 3C, "Loading MSRs"). */
function isBarred(index: number, isLoad: boolean): boolean {
  if (index >>> 8 === 8) return true;
  if (!isLoad) return index === SMBASE;
  return index === FS_BASE || index === GS_BASE || index === SMM_MONITOR || index === SMBASE;
}

export type ListResult = { readonly ok: true } | { readonly ok: false; readonly entry: number };

const entryAddress = (unit: VmxUnit, address: number, index: number): number => unit.readNumber(address) + 16 * index;

/** Loads a list in order; stops at the first entry (1-based) that cannot be loaded. */
export function loadMsrList(unit: VmxUnit, cpu: Processor, which: 'entry' | 'exit'): ListResult {
  const { count, address } = lists[which];
  const entries = unit.low(count);
  for (let index = 0; index < entries; index++) {
    const at = entryAddress(unit, address, index);
    const msr = cpu.readPhysical(at, 8);
    const value = cpu.readPhysical(at + 8, 8);
    const number = Number(msr & 0xffff_ffffn);
    const isLoaded = msr >> 32n === 0n && !isBarred(number, true) && unit.msrs.write(cpu, number, value);
    if (!isLoaded) return { ok: false, entry: index + 1 };
  }
  return { ok: true };
}

/** Stores the VM-exit MSR-store list; false at an entry that cannot be stored. */
export function storeMsrList(unit: VmxUnit, cpu: Processor): boolean {
  const entries = unit.low(lists.store.count);
  for (let index = 0; index < entries; index++) {
    const at = entryAddress(unit, lists.store.address, index);
    const msr = cpu.readPhysical(at, 8);
    const number = Number(msr & 0xffff_ffffn);
    const value = msr >> 32n === 0n && !isBarred(number, false) ? unit.msrs.read(cpu, number) : undefined;
    if (value === undefined) return false;
    cpu.writePhysical(hpa(at + 8), 8, value);
  }
  return true;
}
