import { isRealLike } from './descriptor.ts';
import { loadFlags } from './flag-access.ts';
import {
  addressMasked,
  type Helper,
  intercepted,
  operandBytes,
  readGpr,
  readRm,
  requireKernel,
  writeGpr,
  writeRm,
} from './operand-access.ts';
import { PHYSICAL_ADDRESS_BITS } from './paging-context.ts';
import type { Processor } from './processor.ts';
import { Activity, Cr0, Cr4, Efer, Field, Flag, Gpr, Interruptibility, Rights, Seg } from './state-layout.ts';
import { requireUmip } from './system-segment.ts';
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

const popFlags: Helper = cpu => {
  const { state, instruction } = cpu;
  const bytes = operandBytes(instruction);
  const flags = state.rflags;
  if ((flags & Flag.vm) !== 0 && (flags & Flag.iopl) !== Flag.iopl) cpu.fault(Vector.protection, 0);
  const mask = state.u64(Field.stackMask);
  const rsp = state.gpr(Gpr.rsp);
  const image = cpu.readLinear(Seg.ss, rsp & mask, bytes);
  state.setGpr(Gpr.rsp, (rsp & ~mask & 0xffff_ffff_ffff_ffffn) | ((rsp + BigInt(bytes)) & mask));
  const rf = flags & Flag.rf;
  loadFlags(cpu, Number(image & 0xffff_ffffn) & ~Flag.rf, bytes);
  state.rflags = (state.rflags & ~Flag.rf) | rf;
  cpu.updateContext();
  return false;
};

/** CLI and STI need CPL <= IOPL. */
function requireIopl(cpu: Processor): void {
  if (cpu.state.cpl > (cpu.state.u32(Field.systemFlags) & Flag.iopl) >>> 12 && !isReal(cpu)) {
    cpu.fault(Vector.protection, 0);
  }
}
const isReal = (cpu: Processor): boolean => (cpu.state.u32(Field.cr0) & Cr0.pe) === 0;

const clearInterrupts: Helper = cpu => {
  requireIopl(cpu);
  cpu.state.setU32(Field.systemFlags, cpu.state.u32(Field.systemFlags) & ~Flag.if);
  return false;
};

const setInterrupts: Helper = cpu => {
  requireIopl(cpu);
  const { state } = cpu;
  if ((state.u32(Field.systemFlags) & Flag.if) === 0) {
    state.setU32(Field.systemFlags, state.u32(Field.systemFlags) | Flag.if);
    state.setU32(Field.interruptibility, state.u32(Field.interruptibility) | Interruptibility.sti);
    cpu.attention = true;
  }
  return false;
};

const halt: Helper = cpu => {
  requireKernel(cpu);
  intercepted(cpu, { kind: 'hlt' });
  cpu.state.setU32(Field.activity, Activity.hlt);
  cpu.attention = true;
  return false;
};

/** SGDT and SIDT: limit and base, 10 bytes in 64-bit mode. */
const storeTable: Helper = cpu => {
  requireUmip(cpu);
  const { state, instruction } = cpu;
  const isIdt = instruction.row.digit === 1;
  intercepted(cpu, { kind: isIdt ? 'sidt' : 'sgdt' });
  const at = cpu.effectiveAddress();
  const bytes = state.is64Bit ? 8 : 4;
  cpu.probeWrite(instruction.segment, at, 2 + bytes);
  cpu.writeLinear(instruction.segment, at, 2, BigInt(state.u32(isIdt ? Field.idtrLimit : Field.gdtrLimit) & 0xffff));
  const base = state.u64(isIdt ? Field.idtrBase : Field.gdtrBase);
  cpu.writeLinear(instruction.segment, at + 2n, bytes, bytes === 8 ? base : base & 0xffff_ffffn);
  return false;
};

const loadTable: Helper = cpu => {
  requireKernel(cpu);
  const { state, instruction } = cpu;
  const isIdt = instruction.row.digit === 3;
  intercepted(cpu, { kind: isIdt ? 'lidt' : 'lgdt' });
  const at = cpu.effectiveAddress();
  const limit = cpu.readLinear(instruction.segment, at, 2);
  let base = cpu.readLinear(instruction.segment, at + 2n, state.is64Bit ? 8 : 4);
  // A 16-bit operand takes 24 bits of the base.
  if (!state.is64Bit && operandBytes(instruction) === 2) base &= 0xff_ffffn;
  if (state.is64Bit && !isCanonicalAddress(base)) cpu.fault(Vector.protection, 0);
  state.setU64(isIdt ? Field.idtrBase : Field.gdtrBase, base);
  state.setU32(isIdt ? Field.idtrLimit : Field.gdtrLimit, Number(limit));
  return false;
};

export const isCanonicalAddress = (address: bigint): boolean => {
  const top = address >> 47n;
  return top === 0n || top === 0x1_ffffn;
};

const storeMachineStatus: Helper = cpu => {
  requireUmip(cpu);
  const value = cpu.hooks.visibleCr(cpu, 0);
  writeRm(cpu, cpu.instruction.isMemory ? 2 : operandBytes(cpu.instruction), value);
  return false;
};

const loadMachineStatus: Helper = cpu => {
  requireKernel(cpu);
  const value = Number(readRm(cpu, 2));
  intercepted(cpu, { kind: 'lmsw', value, isMemory: cpu.instruction.isMemory });
  const old = cpu.state.u64(Field.cr0);
  // LMSW cannot clear PE.
  const low = BigInt(value & 0xf) | (old & 1n);
  writeCr0(cpu, cpu.hooks.maskedCr(cpu, 0, (old & ~0xfn) | low));
  return false;
};

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

function writeCr3(cpu: Processor, value: bigint): void {
  const { state } = cpu;
  const cr4 = state.u32(Field.cr4);
  const usesPcid = (cr4 & Cr4.pcide) !== 0;
  let next = value;
  if (state.isLongMode) {
    if (usesPcid) next &= ~(1n << 63n);
    if (next >> BigInt(PHYSICAL_ADDRESS_BITS) !== 0n) cpu.fault(Vector.protection, 0);
  } else next &= 0xffff_ffffn;
  const old = state.u64(Field.cr3);
  state.setU64(Field.cr3, next);
  const usesPdptes = (state.u32(Field.cr0) & Cr0.pg) !== 0 && (cr4 & Cr4.pae) !== 0 && !state.isLongMode;
  if (usesPdptes && !cpu.space.loadPdptes()) {
    state.setU64(Field.cr3, old);
    cpu.fault(Vector.protection, 0);
  }
  cpu.updateContext();
  // Bit 63 keeps the translations of the PCID (SDM Vol. 3A, "Operations that Invalidate TLBs and Paging-Structure Caches").
  if (!usesPcid || value >> 63n === 0n) cpu.space.cache.flushCurrent();
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

const controlBytes = (cpu: Processor): number => (cpu.state.is64Bit ? 8 : 4);

const readControl: Helper = cpu => {
  requireKernel(cpu);
  const { state, instruction } = cpu;
  const cr = instruction.reg;
  if (cr === 8 && !state.is64Bit) cpu.fault(Vector.invalidOpcode);
  if (cr === 3 || cr === 8) {
    const value = state.u64(cr === 3 ? Field.cr3 : Field.cr8);
    intercepted(cpu, { kind: 'readCr', cr, gpr: instruction.rm, value });
  }
  const value =
    cr === 0 || cr === 4
      ? cpu.hooks.visibleCr(cpu, cr)
      : cr === 8
        ? cpu.hooks.taskPriority(cpu)
        : state.u64(cr === 2 ? Field.cr2 : Field.cr3);
  writeGpr(cpu, instruction.rm, controlBytes(cpu), value);
  return false;
};

const writeControl: Helper = cpu => {
  requireKernel(cpu);
  const { state, instruction } = cpu;
  const cr = instruction.reg;
  if (cr === 8 && !state.is64Bit) cpu.fault(Vector.invalidOpcode);
  const value = readGpr(cpu, instruction.rm, controlBytes(cpu));
  if (cr !== 2) intercepted(cpu, { kind: 'writeCr', cr, gpr: instruction.rm, value });
  switch (cr) {
    case 0:
      writeCr0(cpu, cpu.hooks.maskedCr(cpu, 0, value));
      break;
    case 2:
      state.setU64(Field.cr2, value);
      break;
    case 3:
      writeCr3(cpu, value);
      break;
    case 4:
      writeCr4(cpu, cpu.hooks.maskedCr(cpu, 4, value));
      break;
    default:
      if (value > 15n) cpu.fault(Vector.protection, 0);
      cpu.hooks.setTaskPriority(cpu, value);
  }
  return false;
};

/** Place of a debug register; DR4 and DR5 are aliases unless CR4.DE. */
function debugField(cpu: Processor): number {
  let n = cpu.instruction.reg;
  if (n > 7) cpu.fault(Vector.invalidOpcode);
  if (n === 4 || n === 5) {
    if ((cpu.state.u32(Field.cr4) & Cr4.de) !== 0) cpu.fault(Vector.invalidOpcode);
    n += 2;
  }
  return n <= 3 ? Field.dr0 + 8 * n : n === 6 ? Field.dr6 : Field.dr7;
}

/** DR7.GD: an access to a debug register traps first. */
function checkGeneralDetect(cpu: Processor): void {
  const { state } = cpu;
  if ((state.u32(Field.dr7) & 0x2000) === 0) return;
  cpu.debugFault(0x2000n);
}

const readDebug: Helper = cpu => {
  const { instruction } = cpu;
  const field = debugField(cpu);
  requireKernel(cpu);
  intercepted(cpu, { kind: 'readDr', dr: instruction.reg, gpr: instruction.rm });
  checkGeneralDetect(cpu);
  writeGpr(cpu, instruction.rm, controlBytes(cpu), cpu.state.u64(field));
  return false;
};

const writeDebug: Helper = cpu => {
  const { state, instruction } = cpu;
  const field = debugField(cpu);
  requireKernel(cpu);
  intercepted(cpu, { kind: 'writeDr', dr: instruction.reg, gpr: instruction.rm });
  checkGeneralDetect(cpu);
  const value = readGpr(cpu, instruction.rm, controlBytes(cpu));
  if (field === Field.dr6 || field === Field.dr7) {
    if (value >> 32n !== 0n) cpu.fault(Vector.protection, 0);
    const fixed = field === Field.dr6 ? (value & 0xe00fn) | 0xffff_0ff0n : (value & 0xffff_2bffn) | 0x400n;
    state.setU64(field, fixed);
  } else state.setU64(field, value);
  if (field !== Field.dr6) cpu.updateContext();
  return false;
};

const clearTaskSwitched: Helper = cpu => {
  requireKernel(cpu);
  intercepted(cpu, { kind: 'clts' });
  const cleared = cpu.state.u64(Field.cr0) & ~BigInt(Cr0.ts);
  cpu.state.setU64(Field.cr0, cpu.hooks.maskedCr(cpu, 0, cleared));
  return false;
};

const invalidateCaches: Helper = cpu => {
  requireKernel(cpu);
  intercepted(cpu, { kind: cpu.instruction.row.opcode === 8 ? 'invd' : 'wbinvd' });
  return false;
};

/** Linear address of a memory operand without an access. */
function linearOperand(cpu: Processor): bigint {
  const { state, instruction } = cpu;
  const offset = cpu.effectiveAddress();
  if (state.is64Bit && instruction.segment < Seg.fs) return offset;
  const linear = state.segmentBase(instruction.segment) + offset;
  return linear & (state.is64Bit ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn);
}

const invalidatePage: Helper = cpu => {
  requireKernel(cpu);
  const linear = linearOperand(cpu);
  intercepted(cpu, { kind: 'invlpg', linear });
  if (isCanonicalAddress(linear)) cpu.invalidatePage(linear);
  return false;
};

const invalidateContext: Helper = cpu => {
  requireKernel(cpu);
  if (isRealLike(cpu)) cpu.fault(Vector.invalidOpcode);
  intercepted(cpu, { kind: 'invpcid' });
  const { instruction, state } = cpu;
  const type = readGpr(cpu, instruction.reg, controlBytes(cpu));
  const at = cpu.effectiveAddress();
  const first = cpu.readLinear(instruction.segment, at, 8);
  const linear = cpu.readLinear(instruction.segment, at + 8n, 8);
  const usesPcid = (state.u32(Field.cr4) & Cr4.pcide) !== 0;
  const isInvalid = type > 3n || first >> 12n !== 0n || ((type === 0n || type === 1n) && first !== 0n && !usesPcid);
  if (isInvalid || (type === 0n && !isCanonicalAddress(linear))) cpu.fault(Vector.protection, 0);
  if (type === 0n) cpu.invalidatePage(linear);
  else if (type === 1n)
    cpu.space.cache.flushMatching(tag => tag.vpid === cpu.space.cache.vpid && tag.pcid === Number(first), true);
  else cpu.flushTlb(type !== 2n);
  cpu.updateContext();
  return false;
};

/** SMAP's AC. */
const changeAc =
  (isSet: boolean): Helper =>
  cpu => {
    const { state } = cpu;
    if (state.cpl !== 0) cpu.fault(Vector.invalidOpcode);
    const flags = state.u32(Field.systemFlags);
    state.setU32(Field.systemFlags, isSet ? flags | Flag.ac : flags & ~Flag.ac);
    cpu.updateContext();
    return false;
  };

/** XGETBV and XSETBV: XCR0 holds x87 state alone, as nothing more is announced. */
function requireXsave(cpu: Processor): void {
  if ((cpu.state.u32(Field.cr4) & Cr4.osxsave) === 0) cpu.fault(Vector.invalidOpcode);
}

const readXcr: Helper = cpu => {
  requireXsave(cpu);
  if ((cpu.state.gpr(Gpr.rcx) & 0xffff_ffffn) !== 0n) cpu.fault(Vector.protection, 0);
  const value = cpu.state.u64(Field.xcr0);
  cpu.state.setGpr(Gpr.rax, value & 0xffff_ffffn);
  cpu.state.setGpr(Gpr.rdx, value >> 32n);
  return false;
};

const writeXcr: Helper = cpu => {
  requireXsave(cpu);
  const { state } = cpu;
  // In non-root operation XSETBV exits before its checks of operands, after that of the CPL.
  requireKernel(cpu);
  intercepted(cpu, { kind: 'xsetbv' });
  const value = (readGpr(cpu, Gpr.rdx, 4) << 32n) | readGpr(cpu, Gpr.rax, 4);
  if (readGpr(cpu, Gpr.rcx, 4) !== 0n || value !== 1n) cpu.fault(Vector.protection, 0);
  state.setU64(Field.xcr0, value);
  return false;
};

const coprocessor: Helper = cpu => {
  if ((cpu.state.u32(Field.cr0) & (Cr0.em | Cr0.ts)) !== 0) cpu.fault(Vector.noCoprocessor);
  return cpu.fault(Vector.invalidOpcode);
};

/** Flags, tables, control and debug registers. */
export const CONTROL_HELPERS: Readonly<Record<string, Helper>> = {
  popFlags,
  clearInterrupts,
  setInterrupts,
  halt,
  storeTable,
  loadTable,
  storeMachineStatus,
  loadMachineStatus,
  readControl,
  writeControl,
  readDebug,
  writeDebug,
  clearTaskSwitched,
  invalidateCaches,
  invalidatePage,
  invalidateContext,
  clearAc: changeAc(false),
  setAc: changeAc(true),
  readXcr,
  writeXcr,
  coprocessor,
  monitor: cpu => {
    if (cpu.state.cpl !== 0) cpu.fault(Vector.invalidOpcode);
    intercepted(cpu, { kind: 'monitor' });
    if (readGpr(cpu, Gpr.rcx, 4) !== 0n) cpu.fault(Vector.protection, 0);
    cpu.readLinear(cpu.instruction.segment, addressMasked(cpu.instruction, cpu.state.gpr(Gpr.rax)), 1);
    return false;
  },
  // A wait may end for any reason (SDM Vol. 2B, MWAIT); this one ends at once.
  mwait: cpu => {
    if (cpu.state.cpl !== 0) cpu.fault(Vector.invalidOpcode);
    intercepted(cpu, { kind: 'mwait' });
    if (readGpr(cpu, Gpr.rcx, 4) !== 0n) cpu.fault(Vector.protection, 0);
    return false;
  },
  pause: cpu => {
    intercepted(cpu, { kind: 'pause' });
    return false;
  },
  vmx: cpu => {
    const { mnemonic } = cpu.instruction.row;
    const rip = cpu.state.rip;
    cpu.hooks.vmxInstruction(cpu, typeof mnemonic === 'string' ? mnemonic : mnemonic[0]);
    return cpu.state.rip !== rip;
  },
};
