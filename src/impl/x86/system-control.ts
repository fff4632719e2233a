import { writeCr0, writeCr3, writeCr4 } from './control-registers.ts';
import { loadFlags } from './flag-access.ts';
import {
  addressMasked,
  controlBytes,
  type Helper,
  intercepted,
  operandBytes,
  readGpr,
  readRm,
  requireKernel,
  writeGpr,
  writeRm,
} from './operand-access.ts';
import type { Processor } from './processor.ts';
import { isCanonical } from './stack-frame.ts';
import { Activity, Cr0, Cr4, Field, Flag, Gpr, Interruptibility, Seg } from './state-layout.ts';
import { requireUmip } from './system-segment.ts';
import { Vector } from './unwind.ts';

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
  if (state.is64Bit && !isCanonical(base)) cpu.fault(Vector.protection, 0);
  state.setU64(isIdt ? Field.idtrBase : Field.gdtrBase, base);
  state.setU32(isIdt ? Field.idtrLimit : Field.gdtrLimit, Number(limit));
  return false;
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

const clearTaskSwitched: Helper = cpu => {
  requireKernel(cpu);
  intercepted(cpu, { kind: 'clts' });
  const cleared = cpu.state.u64(Field.cr0) & ~BigInt(Cr0.ts);
  cpu.state.setU64(Field.cr0, cpu.hooks.maskedCr(cpu, 0, cleared));
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

/** Flags, tables and control registers. */
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
  clearTaskSwitched,
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
