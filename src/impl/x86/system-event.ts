import { EventType } from './hooks.ts';
import { type Helper, operandBytes, requireKernel } from './operand-access.ts';
import type { Processor } from './processor.ts';
import { isCanonical } from './stack-frame.ts';
import { Cr0, Efer, Field, Flag, Gpr, Rights, Seg } from './state-layout.ts';
import { Vector } from './unwind.ts';

type EventTypeCode = (typeof EventType)[keyof typeof EventType];

/** Delivers a software event of the instruction at hand. */
function software(cpu: Processor, vector: number, type: EventTypeCode): true {
  cpu.deliver({ vector, type, errorCode: undefined, instructionLength: cpu.instruction.length, payload: 0n });
  return true;
}

const isV86 = (cpu: Processor): boolean => (cpu.state.u32(Field.systemFlags) & Flag.vm) !== 0;

const softwareInterrupt: Helper = cpu => {
  const isLow = (cpu.state.u32(Field.systemFlags) & Flag.iopl) !== Flag.iopl;
  if (isV86(cpu) && isLow) cpu.fault(Vector.protection, 0);
  return software(cpu, cpu.instruction.immediateLow, EventType.softwareInterrupt);
};

const overflowTrap: Helper = cpu =>
  (cpu.state.rflags & Flag.of) === 0 ? false : software(cpu, Vector.overflow, EventType.softwareException);

/** A flat segment as SYSCALL and SYSENTER load them without a descriptor. */
function flat(cpu: Processor, segment: number, selector: number, rights: number): void {
  cpu.state.setSegment(segment, selector, 0n, 0xffff_ffff, rights);
}
const FLAT_CODE = 0x809b;
const FLAT_DATA = 0xc093;
const USER = 3 << Rights.dplShift;

const syscall: Helper = cpu => {
  const { state } = cpu;
  if ((state.u32(Field.efer) & Efer.sce) === 0) cpu.fault(Vector.invalidOpcode);
  const { rflags } = state;
  const next = cpu.nextRip();
  state.setGpr(Gpr.rcx, next);
  // R11 gets RFLAGS with RF clear.
  state.setGpr(11, BigInt(rflags & ~Flag.rf));
  const star = state.u64(Field.star);
  state.rflags = (rflags & ~Number(state.u64(Field.fmask) & 0xffff_ffffn) & ~Flag.rf) | Flag.reserved1;
  const selector = Number((star >> 32n) & 0xfffcn);
  flat(cpu, Seg.cs, selector, FLAT_CODE | Rights.long);
  flat(cpu, Seg.ss, selector + 8, FLAT_DATA);
  state.rip = state.u64(Field.lstar);
  cpu.updateContext();
  return true;
};

const sysret: Helper = cpu => {
  const { state, instruction } = cpu;
  if ((state.u32(Field.efer) & Efer.sce) === 0) cpu.fault(Vector.invalidOpcode);
  requireKernel(cpu);
  const is64Bit = operandBytes(instruction) === 8;
  const target = state.gpr(Gpr.rcx);
  if (is64Bit && !isCanonical(target)) cpu.fault(Vector.protection, 0);
  const base = Number((state.u64(Field.star) >> 48n) & 0xffffn);
  const image = Number(state.gpr(11) & 0x3c_7fd7n) | Flag.reserved1;
  state.rflags = image;
  flat(cpu, Seg.cs, (base + (is64Bit ? 16 : 0)) | 3, FLAT_CODE | USER | (is64Bit ? Rights.long : Rights.big));
  flat(cpu, Seg.ss, (base + 8) | 3, FLAT_DATA | USER);
  state.rip = is64Bit ? target : target & 0xffff_ffffn;
  cpu.updateContext();
  return true;
};

const sysenter: Helper = cpu => {
  const { state } = cpu;
  const selector = Number(state.u64(Field.sysenterCs) & 0xfffcn);
  if ((state.u32(Field.cr0) & Cr0.pe) === 0 || selector === 0) cpu.fault(Vector.protection, 0);
  const { isLongMode } = state;
  state.rflags = state.rflags & ~(Flag.vm | Flag.if | Flag.rf);
  flat(cpu, Seg.cs, selector, FLAT_CODE | (isLongMode ? Rights.long : Rights.big));
  flat(cpu, Seg.ss, selector + 8, FLAT_DATA);
  const cut = isLongMode ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
  state.setGpr(Gpr.rsp, state.u64(Field.sysenterEsp) & cut);
  state.rip = state.u64(Field.sysenterEip) & cut;
  cpu.updateContext();
  return true;
};

const sysexit: Helper = cpu => {
  const { state, instruction } = cpu;
  const base = Number(state.u64(Field.sysenterCs) & 0xffffn);
  if ((state.u32(Field.cr0) & Cr0.pe) === 0 || (base & 0xfffc) === 0 || state.cpl !== 0)
    cpu.fault(Vector.protection, 0);
  const is64Bit = operandBytes(instruction) === 8;
  const rip = state.gpr(Gpr.rdx);
  const rsp = state.gpr(Gpr.rcx);
  if (is64Bit && !(isCanonical(rip) && isCanonical(rsp))) cpu.fault(Vector.protection, 0);
  flat(cpu, Seg.cs, (base + (is64Bit ? 32 : 16)) | 3, FLAT_CODE | USER | (is64Bit ? Rights.long : Rights.big));
  flat(cpu, Seg.ss, (base + (is64Bit ? 40 : 24)) | 3, FLAT_DATA | USER);
  state.setGpr(Gpr.rsp, is64Bit ? rsp : rsp & 0xffff_ffffn);
  state.rip = is64Bit ? rip : rip & 0xffff_ffffn;
  cpu.updateContext();
  return true;
};

/** Software events and the fast system calls. */
export const EVENT_HELPERS: Readonly<Record<string, Helper>> = {
  breakpoint: cpu => software(cpu, Vector.breakpoint, EventType.softwareException),
  debugTrap: cpu => software(cpu, Vector.debug, EventType.privilegedSoftwareException),
  softwareInterrupt,
  overflowTrap,
  syscall,
  sysret,
  sysenter,
  sysexit,
};
