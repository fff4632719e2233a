import {
  type Descriptor,
  descriptorPrivilege,
  isConforming,
  isNull,
  isPresent,
  isReadable,
  isRealLike,
  isWritableData,
  loadSegment,
  readDescriptor,
  selectorError,
} from './descriptor.ts';
import {
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
import { Cr4, Field, Flag, Gpr, Interruptibility, Rights, Seg } from './state-layout.ts';
import { Vector } from './unwind.ts';

/** Loads a segment register and blocks interrupts for one instruction if it is SS. */
function load(cpu: Processor, segment: number, selector: number, isShadowing: boolean): void {
  loadSegment(cpu, segment, selector);
  if (segment === Seg.ss && isShadowing) {
    cpu.state.setU32(Field.interruptibility, cpu.state.u32(Field.interruptibility) | Interruptibility.movSs);
  }
  cpu.updateContext();
}

const segmentOfStackOpcode = (cpu: Processor): number => {
  const { row } = cpu.instruction;
  return row.map === 0 ? row.opcode >> 3 : row.opcode < 0xa8 ? Seg.fs : Seg.gs;
};

/** Stack access of the operand size; a pushed selector writes only its 16 bits in a 32-bit slot, as real processors do. */
const pushSegment: Helper = cpu => {
  const { state } = cpu;
  const bytes = operandBytes(cpu.instruction);
  const mask = state.u64(Field.stackMask);
  const rsp = state.gpr(Gpr.rsp);
  const offset = (rsp - BigInt(bytes)) & mask;
  const selector = BigInt(state.selector(segmentOfStackOpcode(cpu)));
  cpu.writeLinear(Seg.ss, offset, bytes === 4 ? 2 : bytes, selector);
  state.setGpr(Gpr.rsp, (rsp & ~mask & 0xffff_ffff_ffff_ffffn) | offset);
  return false;
};

const popSegment: Helper = cpu => {
  const { state } = cpu;
  const bytes = operandBytes(cpu.instruction);
  const mask = state.u64(Field.stackMask);
  const rsp = state.gpr(Gpr.rsp);
  const value = cpu.readLinear(Seg.ss, rsp & mask, bytes === 4 ? 2 : bytes);
  // The stack pointer moves within the old stack's size.
  const moved = (rsp & ~mask & 0xffff_ffff_ffff_ffffn) | ((rsp + BigInt(bytes)) & mask);
  load(cpu, segmentOfStackOpcode(cpu), Number(value & 0xffffn), true);
  state.setGpr(Gpr.rsp, moved);
  return false;
};

const storeSegment: Helper = cpu => {
  const selector = BigInt(cpu.state.selector(cpu.instruction.reg & 7));
  writeRm(cpu, cpu.instruction.isMemory ? 2 : operandBytes(cpu.instruction), selector);
  return false;
};

const loadSegmentHelper: Helper = cpu => {
  load(cpu, cpu.instruction.reg & 7, Number(readRm(cpu, 2)), true);
  return false;
};

/** LES, LDS, LSS, LFS, LGS. */
const loadFarPointer: Helper = cpu => {
  const { instruction } = cpu;
  const bytes = operandBytes(instruction);
  const at = cpu.effectiveAddress();
  const offset = cpu.readLinear(instruction.segment, at, bytes);
  const selector = Number(cpu.readLinear(instruction.segment, at + BigInt(bytes), 2));
  const segment = { 196: Seg.es, 197: Seg.ds, 178: Seg.ss, 180: Seg.fs, 181: Seg.gs }[instruction.row.opcode]!;
  load(cpu, segment, selector, false);
  writeGpr(cpu, instruction.reg, bytes, offset);
  return false;
};

/** #UD outside of protected mode. */
function requireProtected(cpu: Processor): void {
  if (isRealLike(cpu)) cpu.fault(Vector.invalidOpcode);
}

/** UMIP: SGDT, SIDT, SLDT, STR, SMSW are for CPL 0. */
export function requireUmip(cpu: Processor): void {
  if ((cpu.state.u32(Field.cr4) & Cr4.umip) !== 0 && cpu.state.cpl !== 0) cpu.fault(Vector.protection, 0);
}

/** SLDT and STR. */
const storeSystemSegment: Helper = cpu => {
  requireProtected(cpu);
  requireUmip(cpu);
  const isTask = cpu.instruction.row.digit === 1;
  intercepted(cpu, { kind: isTask ? 'str' : 'sldt' });
  const selector = BigInt(cpu.state.selector(isTask ? Seg.tr : Seg.ldtr));
  writeRm(cpu, cpu.instruction.isMemory ? 2 : operandBytes(cpu.instruction), selector);
  return false;
};

/** Descriptor of LLDT and LTR: in the GDT, of a system type, 16 bytes in IA-32e mode. */
function systemDescriptor(cpu: Processor, selector: number, types: readonly number[]): Descriptor {
  const error = selectorError(selector);
  if ((selector & 4) !== 0) cpu.fault(Vector.protection, error);
  const { isLongMode } = cpu.state;
  const descriptor = readDescriptor(cpu, selector, isLongMode);
  if (descriptor === undefined) return cpu.fault(Vector.protection, error);
  if (!types.includes(descriptor.rights & 0x1f)) cpu.fault(Vector.protection, error);
  if (!isPresent(descriptor.rights)) cpu.fault(Vector.notPresent, error);
  return descriptor;
}

const loadLocalTable: Helper = cpu => {
  requireProtected(cpu);
  requireKernel(cpu);
  intercepted(cpu, { kind: 'lldt' });
  const selector = Number(readRm(cpu, 2));
  if (isNull(selector)) {
    cpu.state.setSegment(Seg.ldtr, selector, 0n, 0, Rights.unusable);
    return false;
  }
  const { base, limit, rights } = systemDescriptor(cpu, selector, [2]);
  cpu.state.setSegment(Seg.ldtr, selector, base, limit, rights);
  return false;
};

const loadTask: Helper = cpu => {
  requireProtected(cpu);
  requireKernel(cpu);
  intercepted(cpu, { kind: 'ltr' });
  const selector = Number(readRm(cpu, 2));
  if (isNull(selector)) cpu.fault(Vector.protection, 0);
  const descriptor = systemDescriptor(cpu, selector, cpu.state.isLongMode ? [9] : [1, 9]);
  // Marks the task busy.
  cpu.writeSystem(descriptor.address + 5n, 1, BigInt(((descriptor.high >>> 8) & 0xff) | 2));
  cpu.state.setSegment(Seg.tr, selector, descriptor.base, descriptor.limit, descriptor.rights | 2);
  return false;
};

const setZero = (cpu: Processor, isSet: boolean): void => {
  const { rflags } = cpu.state;
  cpu.state.rflags = isSet ? rflags | Flag.zf : rflags & ~Flag.zf;
};

/** Descriptor that LAR, LSL, VERR and VERW look at, undefined if it is not visible. */
function visible(cpu: Processor, selector: number): Descriptor | undefined {
  if (isNull(selector)) return undefined;
  const descriptor = readDescriptor(cpu, selector);
  if (descriptor === undefined) return undefined;
  const dpl = descriptorPrivilege(descriptor.rights);
  const isGuarded = !isConforming(descriptor.rights);
  return isGuarded && (cpu.state.cpl > dpl || (selector & 3) > dpl) ? undefined : descriptor;
}

const verify: Helper = cpu => {
  requireProtected(cpu);
  const descriptor = visible(cpu, Number(readRm(cpu, 2)));
  const isWrite = cpu.instruction.row.digit === 5;
  const isAllowed =
    descriptor !== undefined && (isWrite ? isWritableData(descriptor.rights) : isReadable(descriptor.rights));
  setZero(cpu, isAllowed);
  return false;
};

/** System types whose rights LAR, and whose limit LSL, gives (SDM Vol. 2A, LAR, LSL). */
const LAR_TYPES = [1, 2, 3, 4, 5, 9, 0xb, 0xc];
const LSL_TYPES = [1, 2, 3, 9, 0xb];
const LONG_LAR_TYPES = [2, 9, 0xb, 0xc];
const LONG_LSL_TYPES = [2, 9, 0xb];

function inspect(cpu: Processor, types: readonly number[]): Descriptor | undefined {
  requireProtected(cpu);
  const descriptor = visible(cpu, Number(readRm(cpu, 2)));
  const isSystem = descriptor !== undefined && (descriptor.rights & Rights.codeOrData) === 0;
  const found = isSystem && !types.includes(descriptor.rights & 0xf) ? undefined : descriptor;
  setZero(cpu, found !== undefined);
  return found;
}

const loadRights: Helper = cpu => {
  const found = inspect(cpu, cpu.state.isLongMode ? LONG_LAR_TYPES : LAR_TYPES);
  const { instruction } = cpu;
  if (found !== undefined)
    writeGpr(cpu, instruction.reg, operandBytes(instruction), BigInt((found.high & 0xff_ff00) >>> 0));
  return false;
};

const loadLimit: Helper = cpu => {
  const found = inspect(cpu, cpu.state.isLongMode ? LONG_LSL_TYPES : LSL_TYPES);
  const { instruction } = cpu;
  if (found !== undefined) writeGpr(cpu, instruction.reg, operandBytes(instruction), BigInt(found.limit));
  return false;
};

const adjustRpl: Helper = cpu => {
  requireProtected(cpu);
  const destination = readRm(cpu, 2);
  const wanted = readGpr(cpu, cpu.instruction.reg, 2) & 3n;
  const isLower = (destination & 3n) < wanted;
  if (isLower) writeRm(cpu, 2, (destination & ~3n) | wanted);
  setZero(cpu, isLower);
  return false;
};

/** RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE. */
function requireBaseAccess(cpu: Processor): number {
  if ((cpu.state.u32(Field.cr4) & Cr4.fsgsbase) === 0) cpu.fault(Vector.invalidOpcode);
  return (cpu.instruction.row.digit & 1) === 0 ? Seg.fs : Seg.gs;
}

const readSegmentBase: Helper = cpu => {
  const segment = requireBaseAccess(cpu);
  const { instruction } = cpu;
  writeGpr(cpu, instruction.rm, operandBytes(instruction), cpu.state.segmentBase(segment));
  return false;
};

const writeSegmentBase: Helper = cpu => {
  const segment = requireBaseAccess(cpu);
  const { instruction } = cpu;
  const value = readGpr(cpu, instruction.rm, operandBytes(instruction));
  const top = value >> 47n;
  if (top !== 0n && top !== 0x1_ffffn) cpu.fault(Vector.protection, 0);
  cpu.state.setSegmentBase(segment, value);
  cpu.updateContext();
  return false;
};

const swapGs: Helper = cpu => {
  requireKernel(cpu);
  const { state } = cpu;
  const base = state.segmentBase(Seg.gs);
  state.setSegmentBase(Seg.gs, state.u64(Field.kernelGsBase));
  state.setU64(Field.kernelGsBase, base);
  cpu.updateContext();
  return false;
};

/** ENTER (SDM Vol. 2A): frame pointers of outer levels are copied, then space is left. */
const enter: Helper = cpu => {
  const { state, instruction } = cpu;
  const bytes = operandBytes(instruction);
  const mask = state.u64(Field.stackMask);
  const level = instruction.immediate2 % 32;
  let offset = (state.gpr(Gpr.rsp) - BigInt(bytes)) & mask;
  const frame = offset;
  const push = (value: bigint): void => {
    cpu.writeLinear(Seg.ss, offset, bytes, value & ((1n << BigInt(bytes * 8)) - 1n));
  };
  push(state.gpr(Gpr.rbp));
  for (let index = 1; index < level; index++) {
    const link = cpu.readLinear(Seg.ss, (state.gpr(Gpr.rbp) - BigInt(index * bytes)) & mask, bytes);
    offset = (offset - BigInt(bytes)) & mask;
    push(link);
  }
  if (level > 0) {
    offset = (offset - BigInt(bytes)) & mask;
    push((state.gpr(Gpr.rsp) & ~mask) | frame);
  }
  offset = (offset - BigInt(instruction.immediateLow)) & mask;
  // The final stack pointer must be usable: a write through it is checked, and nothing is written.
  cpu.space.toLinear(Seg.ss, Number(offset & 0xffff_ffffn), Number(offset >> 32n), bytes, true);
  cpu.space.probeAt(cpu.space.linearLow, cpu.space.linearHigh, bytes);
  const high = state.gpr(Gpr.rsp) & ~mask & 0xffff_ffff_ffff_ffffn;
  writeGpr(cpu, Gpr.rbp, bytes, high | frame);
  state.setGpr(Gpr.rsp, high | offset);
  return false;
};

/** Segment registers and descriptors. */
export const SEGMENT_HELPERS: Readonly<Record<string, Helper>> = {
  pushSegment,
  popSegment,
  storeSegment,
  loadSegment: loadSegmentHelper,
  loadFarPointer,
  storeSystemSegment,
  loadLocalTable,
  loadTask,
  verify,
  loadRights,
  loadLimit,
  adjustRpl,
  readSegmentBase,
  writeSegmentBase,
  swapGs,
  enter,
};
