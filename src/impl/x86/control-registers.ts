import { PHYSICAL_ADDRESS_BITS } from './paging-context.ts';
import type { Processor } from './processor.ts';
import { Cr0, Cr4, Efer, Field, Rights, Seg } from './state-layout.ts';
import { Vector } from './unwind.ts';

/** CR4 bits that this processor has. */
export const CR4_SUPPORTED =
  Cr4.tsd |
  Cr4.de |
  Cr4.pse |
  Cr4.pae |
  Cr4.mce |
  Cr4.pge |
  Cr4.pce |
  Cr4.umip |
  Cr4.fsgsbase |
  Cr4.pcide |
  Cr4.smep |
  Cr4.smap |
  Cr4.osxsave |
  Cr4.vmxe;
/** Bits of CR0 that can be set; the others read as written zeros. */
const CR0_DEFINED = Cr0.pe | Cr0.mp | Cr0.em | Cr0.ts | Cr0.et | Cr0.ne | Cr0.wp | Cr0.am | Cr0.nw | Cr0.cd | Cr0.pg;

/** MOV to CR0 after its intercept (SDM Vol. 2B, MOV to control registers; Vol. 3A, "Control Registers"). */
export function writeCr0(cpu: Processor, value: bigint): void {
  const { state } = cpu;
  if (value >> 32n !== 0n) cpu.fault(Vector.protection, 0);
  const wanted = ((Number(value) & CR0_DEFINED) | Cr0.et) >>> 0;
  const old = state.u32(Field.cr0);
  const has = (bit: number): boolean => (wanted & bit) !== 0;
  if ((has(Cr0.pg) && !has(Cr0.pe)) || (has(Cr0.nw) && !has(Cr0.cd))) cpu.fault(Vector.protection, 0);
  const cr4 = state.u32(Field.cr4);
  if (!cpu.hooks.mayWriteCr(cpu, 0, BigInt(wanted))) cpu.fault(Vector.protection, 0);
  const turnsPagingOn = has(Cr0.pg) && (old & Cr0.pg) === 0;
  const turnsPagingOff = !has(Cr0.pg) && (old & Cr0.pg) !== 0;
  let efer = state.u64(Field.efer);
  if (turnsPagingOn && (efer & BigInt(Efer.lme)) !== 0n) {
    if ((cr4 & Cr4.pae) === 0 || (state.rights(Seg.cs) & Rights.long) !== 0) cpu.fault(Vector.protection, 0);
    efer |= BigInt(Efer.lma);
  }
  if (turnsPagingOff) {
    if (state.is64Bit || (cr4 & Cr4.pcide) !== 0) cpu.fault(Vector.protection, 0);
    efer &= ~BigInt(Efer.lma);
  }
  const usesPdptes = has(Cr0.pg) && (cr4 & Cr4.pae) !== 0 && (efer & BigInt(Efer.lma)) === 0n;
  const changesPaging = ((wanted ^ old) & (Cr0.pg | Cr0.cd | Cr0.nw)) !== 0;
  if (usesPdptes && changesPaging && !cpu.space.loadPdptes()) cpu.fault(Vector.protection, 0);
  state.setU64(Field.cr0, BigInt(wanted));
  state.setU64(Field.efer, efer);
  if (((wanted ^ old) & (Cr0.pg | Cr0.wp)) !== 0) cpu.flushTlb();
  cpu.updateContext();
}

/** MOV to CR3 after its intercept. */
export function writeCr3(cpu: Processor, value: bigint): void {
  const { state } = cpu;
  const usesPcid = (state.u32(Field.cr4) & Cr4.pcide) !== 0;
  // Bit 63 keeps the translations of the PCID (SDM Vol. 3A, "Operations that Invalidate TLBs and Paging-Structure Caches").
  const next = usesPcid && state.isLongMode ? value & ~(1n << 63n) : value;
  if (state.isLongMode && next >> BigInt(PHYSICAL_ADDRESS_BITS) !== 0n) cpu.fault(Vector.protection, 0);
  if (!loadPageTable(cpu, next)) cpu.fault(Vector.protection, 0);
  if (!usesPcid || value >> 63n === 0n) cpu.space.cache.flushCurrent();
}

/** Loads CR3, and under PAE paging the PDPTEs; false, with nothing changed, if a reserved bit of one is set. The caller invalidates translations. */
export function loadPageTable(cpu: Processor, value: bigint): boolean {
  const { state } = cpu;
  const old = state.u64(Field.cr3);
  state.setU64(Field.cr3, state.isLongMode ? value : value & 0xffff_ffffn);
  const usesPdptes =
    (state.u32(Field.cr0) & Cr0.pg) !== 0 && (state.u32(Field.cr4) & Cr4.pae) !== 0 && !state.isLongMode;
  if (usesPdptes && !cpu.space.loadPdptes()) {
    state.setU64(Field.cr3, old);
    return false;
  }
  cpu.updateContext();
  return true;
}

/** MOV to CR4 after its intercept. */
export function writeCr4(cpu: Processor, value: bigint): void {
  const { state } = cpu;
  const old = state.u32(Field.cr4);
  if (value >> 32n !== 0n || (Number(value) & ~CR4_SUPPORTED) !== 0) cpu.fault(Vector.protection, 0);
  const wanted = Number(value);
  const has = (bit: number): boolean => (wanted & bit) !== 0;
  if (state.isLongMode && !has(Cr4.pae)) cpu.fault(Vector.protection, 0);
  if (has(Cr4.pcide) && (old & Cr4.pcide) === 0 && (!state.isLongMode || (state.u64(Field.cr3) & 0xfffn) !== 0n)) {
    cpu.fault(Vector.protection, 0);
  }
  if (!cpu.hooks.mayWriteCr(cpu, 4, value)) cpu.fault(Vector.protection, 0);
  const translationBits = Cr4.pae | Cr4.pse | Cr4.pge | Cr4.smep | Cr4.smap | Cr4.pcide;
  const changes = ((wanted ^ old) & translationBits) !== 0;
  const isPaging = (state.u32(Field.cr0) & Cr0.pg) !== 0;
  state.setU64(Field.cr4, value);
  if (isPaging && has(Cr4.pae) && !state.isLongMode && changes && !cpu.space.loadPdptes()) {
    state.setU64(Field.cr4, BigInt(old));
    cpu.fault(Vector.protection, 0);
  }
  if (changes) cpu.flushTlb();
  cpu.updateContext();
}
