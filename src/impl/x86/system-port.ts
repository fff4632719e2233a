import { addressMasked, type Helper, intercepted, operandBytes, readGpr, writeGpr } from './operand-access.ts';
import type { Processor } from './processor.ts';
import { Cr0, Field, Flag, Gpr, Rights, Seg } from './state-layout.ts';
import { Vector } from './unwind.ts';

/** #GP(0) unless IOPL or the I/O permission bitmap of the TSS allows the port (SDM Vol. 1, "I/O Permission Bit Map"). */
function requirePort(cpu: Processor, port: number, sizeBytes: number): void {
  const { state } = cpu;
  const flags = state.u32(Field.systemFlags);
  const isProtected = (state.u32(Field.cr0) & Cr0.pe) !== 0;
  if (!isProtected) return;
  const isV86 = (flags & Flag.vm) !== 0;
  if (!isV86 && state.cpl <= (flags & Flag.iopl) >>> 12) return;
  const tr = state.rights(Seg.tr);
  // Only 32- and 64-bit TSSs have a bitmap.
  if ((tr & Rights.unusable) !== 0 || (tr & 0xd) !== 9 || state.limit(Seg.tr) < 0x67) cpu.fault(Vector.protection, 0);
  const base = state.segmentBase(Seg.tr);
  const map = Number(cpu.readSystem(base + 0x66n, 2));
  const at = map + (port >>> 3);
  if (at + 1 > state.limit(Seg.tr)) cpu.fault(Vector.protection, 0);
  const permissions = Number(cpu.readSystem(base + BigInt(at), 2));
  const wanted = (1 << sizeBytes) - 1;
  if (((permissions >>> (port & 7)) & wanted) !== 0) cpu.fault(Vector.protection, 0);
}

const ioBytes = (cpu: Processor): number => {
  const { row } = cpu.instruction;
  return (row.opcode & 1) === 0 ? 1 : Math.min(4, operandBytes(cpu.instruction));
};

function portOf(cpu: Processor): { readonly port: number; readonly isImmediate: boolean } {
  const isImmediate = cpu.instruction.row.opcode < 0xe8;
  return {
    port: isImmediate ? cpu.instruction.immediateLow : Number(readGpr(cpu, Gpr.rdx, 2)),
    isImmediate,
  };
}

const transfer =
  (isIn: boolean): Helper =>
  cpu => {
    const { port, isImmediate } = portOf(cpu);
    const sizeBytes = ioBytes(cpu);
    requirePort(cpu, port, sizeBytes);
    cpu.breakpoints.notePort(port, sizeBytes);
    intercepted(cpu, { kind: 'io', port, sizeBytes, isIn, isString: false, isRep: false, isImmediate, linear: 0n });
    if (isIn) writeGpr(cpu, Gpr.rax, sizeBytes, BigInt(cpu.hooks.portIn(cpu, port, sizeBytes)));
    else cpu.hooks.portOut(cpu, port, sizeBytes, Number(readGpr(cpu, Gpr.rax, sizeBytes)));
    return false;
  };

/** INS and OUTS: one iteration; true while REP goes on. */
const transferString =
  (isIn: boolean): Helper =>
  cpu => {
    const { instruction, state, space } = cpu;
    const isRep = instruction.repeat !== 0;
    const sizeBytes = ioBytes(cpu);
    const port = Number(readGpr(cpu, Gpr.rdx, 2));
    requirePort(cpu, port, sizeBytes);
    const count = addressMasked(instruction, state.gpr(Gpr.rcx));
    if (isRep && count === 0n) return false;
    const register = isIn ? Gpr.rdi : Gpr.rsi;
    const segment = isIn ? Seg.es : instruction.segment;
    const offset = addressMasked(instruction, state.gpr(register));
    space.toLinear(segment, Number(offset & 0xffff_ffffn), Number(offset >> 32n), sizeBytes, isIn);
    const low = space.linearLow;
    const high = space.linearHigh;
    const linear = (BigInt(high) << 32n) | BigInt(low);
    cpu.breakpoints.notePort(port, sizeBytes);
    intercepted(cpu, { kind: 'io', port, sizeBytes, isIn, isString: true, isRep, isImmediate: false, linear });
    if (isIn) {
      space.probeAt(low, high, sizeBytes);
      space.writeAt(low, high, sizeBytes, BigInt(cpu.hooks.portIn(cpu, port, sizeBytes)));
    } else cpu.hooks.portOut(cpu, port, sizeBytes, Number(space.readAt(low, high, sizeBytes)));
    const isDown = (state.u32(Field.systemFlags) & Flag.df) !== 0;
    setIndexed(cpu, register, state.gpr(register) + BigInt(isDown ? -sizeBytes : sizeBytes));
    if (!isRep) return false;
    setIndexed(cpu, Gpr.rcx, count - 1n);
    return count !== 1n;
  };

/** Writes an index or count register at the instruction's address size. */
function setIndexed(cpu: Processor, register: number, value: bigint): void {
  const masked = addressMasked(cpu.instruction, value);
  const keeps = cpu.instruction.addressSize === 1;
  cpu.state.setGpr(register, keeps ? (cpu.state.gpr(register) & ~0xffffn) | masked : masked);
}

export const PORT_HELPERS: Readonly<Record<string, Helper>> = {
  portIn: transfer(true),
  portOut: transfer(false),
  portInString: transferString(true),
  portOutString: transferString(false),
};
