import { type Helper, intercepted, readGpr, requireKernel } from './operand-access.ts';
import type { Processor } from './processor.ts';
import { isCanonical } from './stack-frame.ts';
import { Cr0, Cr4, Efer, Field, Gpr, Seg } from './state-layout.ts';
import { Vector } from './unwind.ts';

/** A model-specific register that the core keeps itself. */
interface MsrRow {
  readonly index: number;
  readonly name: string;
  readonly read: (cpu: Processor) => bigint;
  /** False: #GP(0). */
  readonly write: (cpu: Processor, value: bigint) => boolean;
}

const plain = (
  index: number,
  name: string,
  field: number,
  isValid: (value: bigint) => boolean = () => true,
): MsrRow => ({
  index,
  name,
  read: cpu => cpu.state.u64(field),
  write: (cpu, value) => {
    if (!isValid(value)) return false;
    cpu.state.setU64(field, value);
    return true;
  },
});

const base = (index: number, name: string, segment: number): MsrRow => ({
  index,
  name,
  read: cpu => cpu.state.segmentBase(segment),
  write: (cpu, value) => {
    if (!isCanonical(value)) return false;
    cpu.state.setSegmentBase(segment, value);
    cpu.updateContext();
    return true;
  },
});

const constant = (index: number, name: string, value: bigint): MsrRow => ({
  index,
  name,
  read: () => value,
  write: () => false,
});

const ignored = (index: number, name: string): MsrRow => ({ index, name, read: () => 0n, write: () => true });

const EFER_WRITABLE = BigInt(Efer.sce | Efer.lme | Efer.nxe);

function writeEfer(cpu: Processor, value: bigint): boolean {
  const { state } = cpu;
  const old = state.u64(Field.efer);
  const lma = BigInt(Efer.lma);
  if ((value & ~(EFER_WRITABLE | lma)) !== 0n) return false;
  const changesLme = ((value ^ old) & BigInt(Efer.lme)) !== 0n;
  if (changesLme && (state.u32(Field.cr0) & Cr0.pg) !== 0) return false;
  state.setU64(Field.efer, (value & EFER_WRITABLE) | (old & lma));
  cpu.updateContext();
  return true;
}

/** Memory types that a PAT entry may hold. */
const isPat = (value: bigint): boolean => {
  for (let index = 0n; index < 8n; index++) {
    const type = (value >> (8n * index)) & 0xffn;
    if (type > 7n || type === 2n || type === 3n) return false;
  }
  return true;
};

/** IA32_APIC_BASE: enabled, x2APIC mode. */
const APIC_ENABLE = 1n << 11n;
const X2APIC_ENABLE = 1n << 10n;

/** x2APIC mode is entered from xAPIC mode and left by disabling (SDM Vol. 3A, "x2APIC State Transitions"). */
function mayChangeMode(old: bigint, value: bigint): boolean {
  const both = APIC_ENABLE | X2APIC_ENABLE;
  if ((value & both) === X2APIC_ENABLE) return false;
  if ((value & both) === both) return (old & APIC_ENABLE) !== 0n;
  return (value & both) !== APIC_ENABLE || (old & X2APIC_ENABLE) === 0n;
}

/** The core's MSRs (SDM Vol. 4). */
export const MSRS: readonly MsrRow[] = [
  {
    index: 0x10,
    name: 'IA32_TIME_STAMP_COUNTER',
    read: cpu => cpu.hooks.readTsc(cpu),
    write: (cpu, value) => {
      const { state } = cpu;
      const now = cpu.timeStamp() - state.u64(Field.tscOffset);
      state.setU64(Field.tscOffset, BigInt.asUintN(64, value - now));
      return true;
    },
  },
  {
    ...plain(0x1b, 'IA32_APIC_BASE', Field.apicBase),
    write: (cpu, value) => {
      if ((value & 0xffff_c000_0000_02ffn) !== 0n || !mayChangeMode(cpu.state.u64(Field.apicBase), value)) return false;
      cpu.state.setU64(Field.apicBase, value);
      // Another page is the local APIC's now.
      cpu.space.cache.flushMatching(() => true);
      return true;
    },
  },
  {
    ...plain(0x3a, 'IA32_FEATURE_CONTROL', Field.featureControl),
    // Once bit 0 is set the register is locked until reset.
    write: (cpu, value) => {
      if ((cpu.state.u64(Field.featureControl) & 1n) !== 0n) return false;
      cpu.state.setU64(Field.featureControl, value);
      return true;
    },
  },
  constant(0x0, 'IA32_P5_MC_ADDR', 0n),
  constant(0x1, 'IA32_P5_MC_TYPE', 0n),
  ignored(0x8b, 'IA32_BIOS_SIGN_ID'),
  ignored(0x79, 'IA32_BIOS_UPDT_TRIG'),
  constant(0xfe, 'IA32_MTRRCAP', 0n),
  plain(0x174, 'IA32_SYSENTER_CS', Field.sysenterCs),
  plain(0x175, 'IA32_SYSENTER_ESP', Field.sysenterEsp, isCanonical),
  plain(0x176, 'IA32_SYSENTER_EIP', Field.sysenterEip, isCanonical),
  constant(0x17, 'IA32_PLATFORM_ID', 0n),
  plain(0x1a0, 'IA32_MISC_ENABLE', Field.miscEnable),
  plain(0x1d9, 'IA32_DEBUGCTL', Field.debugControl, value => (value & ~0x3n) === 0n),
  plain(0x277, 'IA32_PAT', Field.pat, isPat),
  {
    index: 0xc000_0080,
    name: 'IA32_EFER',
    read: cpu => cpu.state.u64(Field.efer),
    write: writeEfer,
  },
  plain(0xc000_0081, 'IA32_STAR', Field.star),
  plain(0xc000_0082, 'IA32_LSTAR', Field.lstar, isCanonical),
  plain(0xc000_0083, 'IA32_CSTAR', Field.cstar, isCanonical),
  plain(0xc000_0084, 'IA32_FMASK', Field.fmask, value => value >> 32n === 0n),
  base(0xc000_0100, 'IA32_FS_BASE', Seg.fs),
  base(0xc000_0101, 'IA32_GS_BASE', Seg.gs),
  plain(0xc000_0102, 'IA32_KERNEL_GS_BASE', Field.kernelGsBase, isCanonical),
  plain(0xc000_0103, 'IA32_TSC_AUX', Field.tscAux, value => value >> 32n === 0n),
];

const BY_INDEX = new Map(MSRS.map(row => [row.index, row]));

/** Value of an MSR, undefined if there is none. */
export const readMsr = (cpu: Processor, index: number): bigint | undefined => {
  const row = BY_INDEX.get(index);
  return row === undefined ? cpu.hooks.readMsr(cpu, index) : row.read(cpu);
};

/** Writes an MSR; false for #GP(0). */
export const writeMsr = (cpu: Processor, index: number, value: bigint): boolean => {
  const row = BY_INDEX.get(index);
  return row === undefined ? cpu.hooks.writeMsr(cpu, index, value) : row.write(cpu, value);
};

const setPair = (cpu: Processor, value: bigint): void => {
  cpu.state.setGpr(Gpr.rax, value & 0xffff_ffffn);
  cpu.state.setGpr(Gpr.rdx, value >> 32n);
};

const readMsrHelper: Helper = cpu => {
  requireKernel(cpu);
  const index = Number(readGpr(cpu, Gpr.rcx, 4));
  intercepted(cpu, { kind: 'rdmsr', index, value: 0n });
  const value = readMsr(cpu, index);
  if (value === undefined) cpu.fault(Vector.protection, 0);
  else setPair(cpu, value);
  return false;
};

const writeMsrHelper: Helper = cpu => {
  requireKernel(cpu);
  const index = Number(readGpr(cpu, Gpr.rcx, 4));
  const value = (readGpr(cpu, Gpr.rdx, 4) << 32n) | readGpr(cpu, Gpr.rax, 4);
  intercepted(cpu, { kind: 'wrmsr', index, value });
  if (!writeMsr(cpu, index, value)) cpu.fault(Vector.protection, 0);
  return false;
};

/** CR4.TSD keeps RDTSC and RDTSCP to CPL 0. */
function requireTsc(cpu: Processor): void {
  const { state } = cpu;
  const isProtected = (state.u32(Field.cr0) & Cr0.pe) !== 0;
  if ((state.u32(Field.cr4) & Cr4.tsd) !== 0 && state.cpl !== 0 && isProtected) cpu.fault(Vector.protection, 0);
}

/** MSR and time-stamp instructions. */
export const MSR_HELPERS: Readonly<Record<string, Helper>> = {
  readMsr: readMsrHelper,
  writeMsr: writeMsrHelper,
  readTsc: cpu => {
    requireTsc(cpu);
    intercepted(cpu, { kind: 'rdtsc' });
    setPair(cpu, cpu.hooks.readTsc(cpu));
    return false;
  },
  readTscAndAux: cpu => {
    requireTsc(cpu);
    intercepted(cpu, { kind: 'rdtscp' });
    setPair(cpu, cpu.hooks.readTsc(cpu));
    cpu.state.setGpr(Gpr.rcx, cpu.state.u64(Field.tscAux) & 0xffff_ffffn);
    return false;
  },
  readCounter: cpu => {
    const { state } = cpu;
    if ((state.u32(Field.cr4) & Cr4.pce) === 0 && state.cpl !== 0) cpu.fault(Vector.protection, 0);
    intercepted(cpu, { kind: 'rdpmc' });
    // No performance counter is announced.
    return cpu.fault(Vector.protection, 0);
  },
};
