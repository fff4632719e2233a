import { EventType, type Intercept } from '../x86/hooks.ts';
import type { Processor } from '../x86/processor.ts';
import { Cr0, Field } from '../x86/state-layout.ts';
import { Proc, Proc2 } from './control-bits.ts';
import { type InfoKind, instructionInformation, operandDisplacement } from './instruction-info.ts';
import { type ExitInformation, vmExit } from './vm-exit.ts';
import { vmcsWord } from './vmcs.ts';
import type { VmxUnit } from './vmx-unit.ts';

const at = {
  cr0Mask: vmcsWord('CR0_MASK'),
  cr4Mask: vmcsWord('CR4_MASK'),
  cr0Shadow: vmcsWord('CR0_SHADOW'),
  cr4Shadow: vmcsWord('CR4_SHADOW'),
  targetCount: vmcsWord('CR3_TARGET_COUNT'),
  target: vmcsWord('CR3_TARGET0'),
  ioBitmapA: vmcsWord('IO_BITMAP_A'),
  ioBitmapB: vmcsWord('IO_BITMAP_B'),
  msrBitmap: vmcsWord('MSR_BITMAP'),
  pleGap: vmcsWord('PLE_GAP'),
  pleWindow: vmcsWord('PLE_WINDOW'),
  virtualApic: vmcsWord('VIRTUAL_APIC_ADDRESS'),
};

const DEBUG = 1;
const INVALID_OPCODE = 6;

/** Reasons of instructions that exit always, or with one primary or secondary control (SDM Vol. 3C, "Instructions That Cause VM Exits"). */
const SIMPLE: Readonly<Record<string, { readonly reason: number; readonly proc?: number; readonly proc2?: number }>> = {
  cpuid: { reason: 10 },
  getsec: { reason: 11 },
  hlt: { reason: 12, proc: Proc.hltExiting },
  invd: { reason: 13 },
  rdpmc: { reason: 15, proc: Proc.rdpmcExiting },
  rdtsc: { reason: 16, proc: Proc.rdtscExiting },
  rdtscp: { reason: 51, proc: Proc.rdtscExiting },
  rsm: { reason: 17 },
  mwait: { reason: 36, proc: Proc.mwaitExiting },
  monitor: { reason: 39, proc: Proc.monitorExiting },
  wbinvd: { reason: 54, proc2: Proc2.wbinvdExiting },
  xsetbv: { reason: 55 },
};

/** Reason, kind of information and identity of accesses to descriptor-table registers. */
const TABLE_ACCESS: Readonly<Record<string, readonly [reason: number, info: InfoKind, identity: number]>> = {
  sgdt: [46, 'descriptorTable', 0],
  sidt: [46, 'descriptorTable', 1],
  lgdt: [46, 'descriptorTable', 2],
  lidt: [46, 'descriptorTable', 3],
  sldt: [47, 'systemSegment', 0],
  str: [47, 'systemSegment', 1],
  lldt: [47, 'systemSegment', 2],
  ltr: [47, 'systemSegment', 3],
};

/** Access types in the exit qualification of control-register accesses. */
const CrAccess = { movTo: 0, movFrom: 1 << 4, clts: 2 << 4, lmsw: 3 << 4 } as const;

/** Decides whether an instruction of the guest exits, and does it; true if it did. */
export function interceptInstruction(unit: VmxUnit, cpu: Processor, what: Intercept): boolean {
  const exit = exitOf(unit, cpu, what);
  if (exit === undefined) return false;
  vmExit(unit, cpu, { length: cpu.instruction.length, setsResume: false, ...exit });
  return true;
}

function exitOf(unit: VmxUnit, cpu: Processor, what: Intercept): ExitInformation | undefined {
  switch (what.kind) {
    case 'rdtscp':
      if (!unit.hasProc2(Proc2.rdtscp)) cpu.fault(INVALID_OPCODE);
      return simple(unit, 'rdtscp');
    case 'pause':
      return isPauseExit(unit, cpu) ? { reason: 40 } : undefined;
    case 'invlpg':
      return unit.hasProc(Proc.invlpgExiting) ? { reason: 14, qualification: what.linear } : undefined;
    case 'invpcid':
      if (!unit.hasProc2(Proc2.invpcid)) cpu.fault(INVALID_OPCODE);
      return unit.hasProc(Proc.invlpgExiting) ? withOperand(cpu, 58, 'invalidate', 0) : undefined;
    case 'sgdt':
    case 'sidt':
    case 'lgdt':
    case 'lidt':
    case 'sldt':
    case 'str':
    case 'lldt':
    case 'ltr': {
      if (!unit.hasProc2(Proc2.descriptorTableExiting)) return undefined;
      const [reason, info, identity] = TABLE_ACCESS[what.kind]!;
      return withOperand(cpu, reason, info, identity);
    }
    case 'rdmsr':
    case 'wrmsr':
      return isMsrExit(unit, cpu, what.index, what.kind === 'wrmsr')
        ? { reason: what.kind === 'rdmsr' ? 31 : 32 }
        : undefined;
    case 'readCr':
      return readCr(unit, what.cr, what.gpr);
    case 'writeCr':
      return writeCr(unit, what.cr, what.gpr, what.value);
    case 'clts': {
      const isShown = (unit.low(at.cr0Mask) & unit.low(at.cr0Shadow) & Cr0.ts) !== 0;
      return isShown ? { reason: 28, qualification: BigInt(CrAccess.clts) } : undefined;
    }
    case 'lmsw':
      return loadMachineStatus(unit, cpu, what.value, what.isMemory);
    case 'readDr':
    case 'writeDr': {
      if (!unit.hasProc(Proc.movDrExiting)) return undefined;
      const direction = what.kind === 'readDr' ? 1 << 4 : 0;
      return { reason: 29, qualification: BigInt(what.dr | direction | (what.gpr << 8)) };
    }
    case 'io':
      return portAccess(unit, cpu, what);
    case 'taskSwitch':
      return taskSwitch(cpu, what.selector, what.source);
    default:
      return simple(unit, what.kind);
  }
}

/** The exit of a task switch; a hardware event that asked for it has no instruction length, and a fault sets RF. */
function taskSwitch({ delivering }: Processor, selector: number, source: number): ExitInformation {
  const exit = { reason: 9, qualification: BigInt(selector) | (BigInt(source) << 30n) };
  if (delivering === undefined || delivering.type >= EventType.softwareInterrupt) return exit;
  const isFault = delivering.type === EventType.hardwareException && delivering.vector !== DEBUG;
  return { ...exit, length: 0, setsResume: isFault };
}

function simple(unit: VmxUnit, kind: string): ExitInformation | undefined {
  const row = SIMPLE[kind]!;
  if (row.proc !== undefined && !unit.hasProc(row.proc)) return undefined;
  if (row.proc2 !== undefined && !unit.hasProc2(row.proc2)) return undefined;
  return { reason: row.reason };
}

function withOperand(cpu: Processor, reason: number, info: InfoKind, identity: number): ExitInformation {
  const { instruction } = cpu;
  return {
    reason,
    qualification: operandDisplacement(instruction, cpu.state.rip),
    instructionInfo: instructionInformation(info, instruction, identity),
  };
}

/** PAUSE: always with the primary control; with PAUSE-loop exiting after a window of close PAUSEs at CPL 0 (SDM Vol. 3C, "Controls for PAUSE-Loop Exiting"). */
function isPauseExit(unit: VmxUnit, cpu: Processor): boolean {
  if (unit.hasProc(Proc.pauseExiting)) return true;
  if (!unit.hasProc2(Proc2.pauseLoopExiting) || cpu.state.cpl !== 0) return false;
  const now = cpu.timeStamp();
  const isLoop = now - unit.pauseLast <= BigInt(unit.low(at.pleGap)) && unit.pauseLast !== 0n;
  unit.pauseLast = now;
  if (!isLoop) {
    unit.pauseFirst = now;
    return false;
  }
  return now - unit.pauseFirst > BigInt(unit.low(at.pleWindow));
}

/** Bitmaps for reads of low and high MSRs, then for writes (SDM Vol. 3C, "MSR-Bitmap Address"). */
function isMsrExit(unit: VmxUnit, cpu: Processor, index: number, isWrite: boolean): boolean {
  if (!unit.hasProc(Proc.msrBitmaps)) return true;
  const isHigh = index >>> 13 === 0xc000_0000 >>> 13;
  if (!isHigh && index > 0x1fff) return true;
  const bit = index & 0x1fff;
  const byte = unit.readNumber(at.msrBitmap) + (isWrite ? 0x800 : 0) + (isHigh ? 0x400 : 0) + (bit >>> 3);
  return ((Number(cpu.readPhysical(byte, 1)) >>> (bit & 7)) & 1) === 1;
}

function readCr(unit: VmxUnit, cr: number, gpr: number): ExitInformation | undefined {
  const isExit = cr === 3 ? unit.hasProc(Proc.cr3StoreExiting) : cr === 8 && unit.hasProc(Proc.cr8StoreExiting);
  return isExit ? { reason: 28, qualification: BigInt(cr | CrAccess.movFrom | (gpr << 8)) } : undefined;
}

function writeCr(unit: VmxUnit, cr: number, gpr: number, value: bigint): ExitInformation | undefined {
  return isCrWriteExit(unit, cr, value)
    ? { reason: 28, qualification: BigInt(cr | CrAccess.movTo | (gpr << 8)) }
    : undefined;
}

function isCrWriteExit(unit: VmxUnit, cr: number, value: bigint): boolean {
  if (cr === 0) return ((value ^ unit.read(at.cr0Shadow)) & unit.read(at.cr0Mask)) !== 0n;
  if (cr === 4) return ((value ^ unit.read(at.cr4Shadow)) & unit.read(at.cr4Mask)) !== 0n;
  if (cr === 8) return unit.hasProc(Proc.cr8LoadExiting);
  if (!unit.hasProc(Proc.cr3LoadExiting)) return false;
  for (let index = 0; index < Math.min(4, unit.low(at.targetCount)); index++) {
    if (unit.read(at.target + 2 * index) === value) return false;
  }
  return true;
}

/** LMSW changes PE (only from 0 to 1), MP, EM and TS. */
function loadMachineStatus(
  unit: VmxUnit,
  cpu: Processor,
  value: number,
  isMemory: boolean,
): ExitInformation | undefined {
  const mask = unit.low(at.cr0Mask);
  const shadow = unit.low(at.cr0Shadow);
  const setsPe = (mask & value & ~shadow & 1) !== 0;
  if (!setsPe && ((value ^ shadow) & mask & 0xe) === 0) return undefined;
  const qualification = BigInt((CrAccess.lmsw | (isMemory ? 1 << 6 : 0) | ((value & 0xffff) << 16)) >>> 0);
  return isMemory ? { reason: 28, qualification, linear: operandLinear(cpu) } : { reason: 28, qualification };
}

/** Linear address of the memory operand. */
function operandLinear(cpu: Processor): bigint {
  const { segment } = cpu.instruction;
  const isFlat = cpu.state.is64Bit && segment !== 4 && segment !== 5;
  const base = isFlat ? 0n : cpu.state.segmentBase(segment);
  const mask = cpu.state.is64Bit ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
  return (base + cpu.effectiveAddress()) & mask;
}

type PortAccess = Extract<Intercept, { kind: 'io' }>;

function portAccess(unit: VmxUnit, cpu: Processor, what: PortAccess): ExitInformation | undefined {
  if (!isPortExit(unit, cpu, what.port, what.sizeBytes)) return undefined;
  const qualification =
    (what.sizeBytes - 1) |
    (what.isIn ? 1 << 3 : 0) |
    (what.isString ? 1 << 4 : 0) |
    (what.isRep ? 1 << 5 : 0) |
    (what.isImmediate ? 1 << 6 : 0) |
    (what.port << 16);
  const exit = { reason: 30, qualification: BigInt(qualification >>> 0) };
  if (!what.isString) return exit;
  return { ...exit, linear: what.linear, instructionInfo: instructionInformation('string', cpu.instruction) };
}

/** With bitmaps, a port exits if its bit is set, and an access that wraps at 64 Ki always. */
function isPortExit(unit: VmxUnit, cpu: Processor, port: number, sizeBytes: number): boolean {
  if (!unit.hasProc(Proc.ioBitmaps)) return unit.hasProc(Proc.unconditionalIoExiting);
  if (port + sizeBytes > 0x1_0000) return true;
  for (let at8 = port; at8 < port + sizeBytes; at8++) {
    const bitmap = unit.readNumber(at8 < 0x8000 ? at.ioBitmapA : at.ioBitmapB);
    const byte = Number(cpu.readPhysical(bitmap + ((at8 & 0x7fff) >>> 3), 1));
    if (((byte >>> (at8 & 7)) & 1) === 1) return true;
  }
  return false;
}

/** CR0 or CR4 as the guest reads it: masked bits from the read shadow (SDM Vol. 3C, "Guest/Host Masks and Read Shadows for CR0 and CR4"). */
export function visibleCr(unit: VmxUnit, cpu: Processor, cr: 0 | 4): bigint {
  const actual = cpu.state.u64(cr === 0 ? Field.cr0 : Field.cr4);
  const mask = unit.read(cr === 0 ? at.cr0Mask : at.cr4Mask);
  const shadow = unit.read(cr === 0 ? at.cr0Shadow : at.cr4Shadow);
  return (actual & ~mask) | (shadow & mask);
}

/** Value that a write of the guest gives CR0 or CR4: masked bits stay (SDM Vol. 3C, "Changes to Instruction Behavior in VMX Non-Root Operation"). */
export function maskedCr(unit: VmxUnit, cpu: Processor, cr: 0 | 4, value: bigint): bigint {
  const actual = cpu.state.u64(cr === 0 ? Field.cr0 : Field.cr4);
  const mask = unit.read(cr === 0 ? at.cr0Mask : at.cr4Mask);
  return (value & ~mask) | (actual & mask);
}

/** VTPR of the virtual-APIC page, which CR8 of a guest with a TPR shadow reads and writes. */
export function taskPriority(unit: VmxUnit, cpu: Processor): number {
  return Number(cpu.readPhysical(unit.readNumber(at.virtualApic) + 0x80, 1)) >>> 4;
}

export function setTaskPriority(unit: VmxUnit, cpu: Processor, priority: number): void {
  cpu.writePhysical(unit.readNumber(at.virtualApic) + 0x80, 4, BigInt((priority & 0xf) << 4));
  unit.isTprCheckDue = true;
}
