import type { Processor } from '../x86/processor.ts';
import { Proc2 } from './control-bits.ts';
import { vmcsWord } from './vmcs.ts';
import type { VmxUnit } from './vmx-unit.ts';

/*
 * What VMX does to cached translations (SDM Vol. 3C, "VMX Support for Address Translation", section "Caching Translation
 * Information"): tags by VPID and EPT pointer, and the invalidations of VM entries, VM exits, INVVPID and INVEPT.
 */

const at = { vpid: vmcsWord('VPID'), eptPointer: vmcsWord('EPT_POINTER') };

/** Bits 51:12 of an EPT pointer. */
const tableOf = (pointer: number): number => Math.floor(pointer / 0x1000);

/** VM entries and exits invalidate the translations of VPID 0 unless VPIDs are in use. */
function invalidateUntagged(unit: VmxUnit, cpu: Processor): void {
  if (!unit.hasProc2(Proc2.vpid)) cpu.space.cache.flushMatching(tag => tag.vpid === 0);
}

/** VM entry: addresses are those of the guest. */
export function enterTranslation(unit: VmxUnit, cpu: Processor): void {
  const vpid = unit.hasProc2(Proc2.vpid) ? unit.low(at.vpid) & 0xffff : 0;
  const ept = unit.hasProc2(Proc2.ept) ? tableOf(unit.readNumber(at.eptPointer)) : 0;
  cpu.space.cache.setGuest(vpid, ept);
  invalidateUntagged(unit, cpu);
}

/** VM exit: addresses are those of the host. */
export function leaveTranslation(unit: VmxUnit, cpu: Processor): void {
  cpu.space.cache.setGuest(0, 0);
  invalidateUntagged(unit, cpu);
}

/** INVEPT: of one EPT pointer, or of all. */
export function invalidateEpt(cpu: Processor, pointer: bigint | undefined): void {
  const table = pointer === undefined ? undefined : tableOf(Number(pointer));
  cpu.space.cache.flushMatching(({ ept }) => ept !== 0 && (table === undefined || ept === table));
}

/** INVVPID types. */
const VpidScope = { address: 0, single: 1, all: 2, singleRetainingGlobals: 3 } as const;

/** INVVPID: an address or all of one VPID, or all but VPID 0. */
export function invalidateVpid(cpu: Processor, type: number, vpid: number, linear: bigint): void {
  if (type === VpidScope.address) cpu.space.cache.invalidate(Number(linear & 0xffff_ffffn), vpid);
  else if (type === VpidScope.all) cpu.space.cache.flushMatching(tag => tag.vpid !== 0);
  else cpu.space.cache.flushMatching(tag => tag.vpid === vpid, type === VpidScope.singleRetainingGlobals);
}
