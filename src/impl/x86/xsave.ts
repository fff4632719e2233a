import { type Helper, readGpr } from './operand-access.ts';
import type { Processor } from './processor.ts';
import { Cr0, Cr4, Field, Gpr } from './state-layout.ts';
import { Vector } from './unwind.ts';

/*
 * XSAVE and XRSTOR of the one state component that XCR0 can name, the x87 state: kept as the image of its legacy region, as this
 * processor has no instruction that computes with it.
 */

/** Bytes of the XSAVE area without extended components. */
export const XSAVE_BYTES = 576;
const HEADER = 512;
const ALIGNMENT = 64n;
const X87 = 1n;
/** Parts of the legacy region that belong to x87; MXCSR and its mask lie between them. */
const CONTROL_BYTES = 24;
const REGISTERS = 32;
const REGISTER_BYTES = 10;
const REGISTER_STRIDE = 16;
/** FCW after FINIT; everything else is 0 (SDM Vol. 1, "Operation of XRSTOR": initial configuration). */
const INITIAL_CONTROL = 0x37fn;
/** Defined bits of the first 8 bytes: FCW, FSW, FTW, a reserved byte, FOP. */
const CONTROL_MASK = 0x07ff_00ff_ffff_1f7fn;
/** Bit 6 of FCW reads as 1. */
const CONTROL_FIXED = 0x40n;

/** The x87 state in its initial configuration, as XRSTOR makes it. */
function initialise(cpu: Processor): void {
  for (let at = 0; at < REGISTERS + 8 * REGISTER_STRIDE; at += 8) cpu.state.setU64(Field.x87 + at, 0n);
  cpu.state.setU64(Field.x87, INITIAL_CONTROL);
}

function isInitial(cpu: Processor): boolean {
  for (let at = 8; at < REGISTERS + 8 * REGISTER_STRIDE; at += 8) {
    if (cpu.state.u64(Field.x87 + at) !== 0n) return false;
  }
  return cpu.state.u64(Field.x87) === INITIAL_CONTROL;
}

/** Checks that come before any access; the offset of the area. */
function areaOf(cpu: Processor): bigint {
  if ((cpu.state.u32(Field.cr4) & Cr4.osxsave) === 0) cpu.fault(Vector.invalidOpcode);
  if ((cpu.state.u32(Field.cr0) & Cr0.ts) !== 0) cpu.fault(Vector.noCoprocessor);
  const at = cpu.effectiveAddress();
  if (at % ALIGNMENT !== 0n) cpu.fault(Vector.protection, 0);
  return at;
}

/** Components that EDX:EAX asks for and XCR0 enables. */
const requested = (cpu: Processor): bigint =>
  ((readGpr(cpu, Gpr.rdx, 4) << 32n) | readGpr(cpu, Gpr.rax, 4)) & cpu.state.u64(Field.xcr0);

const saveState: Helper = cpu => {
  const at = areaOf(cpu);
  const { segment } = cpu.instruction;
  const mask = requested(cpu);
  cpu.probeWrite(segment, at, XSAVE_BYTES);
  const inUse = isInitial(cpu) ? 0n : X87;
  const before = cpu.readLinear(segment, at + BigInt(HEADER), 8);
  if ((mask & X87) !== 0n) {
    const copy = (from: number): void =>
      cpu.writeLinear(segment, at + BigInt(from), 8, cpu.state.u64(Field.x87 + from));
    for (let from = 0; from < CONTROL_BYTES; from += 8) copy(from);
    for (let from = REGISTERS; from < REGISTERS + 8 * REGISTER_STRIDE; from += 8) copy(from);
  }
  cpu.writeLinear(segment, at + BigInt(HEADER), 8, (before & ~mask) | (inUse & mask));
  return false;
};

const restoreState: Helper = cpu => {
  const at = areaOf(cpu);
  const { segment } = cpu.instruction;
  const read = (from: number): bigint => cpu.readLinear(segment, at + BigInt(from), 8);
  const present = read(HEADER);
  const isReserved = read(HEADER + 8) !== 0n || read(HEADER + 16) !== 0n;
  if (isReserved || (present & ~cpu.state.u64(Field.xcr0)) !== 0n) cpu.fault(Vector.protection, 0);
  if ((requested(cpu) & X87) === 0n) return false;
  if ((present & X87) === 0n) {
    initialise(cpu);
    return false;
  }
  const words = Array.from({ length: (REGISTERS + 8 * REGISTER_STRIDE) / 8 }, (_, index) => read(index * 8));
  words.forEach((word, index) => {
    const from = index * 8;
    if (from >= CONTROL_BYTES && from < REGISTERS) return;
    // Registers are 10 bytes wide.
    const isUpper = from >= REGISTERS && (from - REGISTERS) % REGISTER_STRIDE === 8;
    const kept = isUpper ? word & ((1n << BigInt((REGISTER_BYTES - 8) * 8)) - 1n) : word;
    cpu.state.setU64(Field.x87 + from, from === 0 ? (word & CONTROL_MASK) | CONTROL_FIXED : kept);
  });
  return false;
};

export const XSAVE_HELPERS: Readonly<Record<string, Helper>> = { saveState, restoreState };
