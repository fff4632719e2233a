import { hpa } from '../units/address.ts';
import type { Operation } from '../units/operation.ts';
import { highWord, joinWords, lowWord } from '../units/word.ts';
import type { Cpu } from './cpu.ts';
import type { ExitCause } from './exit-cause.ts';
import { plainExit } from './exit-cause.ts';
import { FPU_PLACES, type FpuPlace } from './fpu-places.ts';
import type { HostedSubject } from './hosted-subject.ts';
import type { MachineOps } from './machine-ops.ts';
import type { PhysicalMemory } from './memory.ts';
import { MSRS, msrPlace, readMsr, writeMsr } from './msrs.ts';
import type { PortEffect, Ports } from './ports.ts';
import { ExitReasonCode } from './vmx/exit-reasons.ts';
import { ProcControl, Vmcs, vmcsWord } from './vmx/vmcs.ts';
import { XSTATE_BV_WORD } from './xsave.ts';

/** Instructions of a subject that touch more than memory and general-purpose registers: FPU, MSRs, ports, control registers. */

/** An instruction raises an exception: vector, and whether it has an error code. */
export interface GuestException {
  readonly vector: number;
  readonly hasErrorCode: boolean;
}

export const UNDEFINED_OPCODE: GuestException = { vector: 6, hasErrorCode: false };
export const DEVICE_NOT_AVAILABLE: GuestException = { vector: 7, hasErrorCode: false };
export const GENERAL_PROTECTION: GuestException = { vector: 13, hasErrorCode: true };

/** What became of an instruction: it retired (undefined), or it causes a VM exit, an exception, or an effect on the machine. */
export type Outcome =
  | { readonly kind: 'exit'; readonly cause: ExitCause }
  | { readonly kind: 'exception'; readonly exception: GuestException }
  | { readonly kind: 'effect'; readonly effect: PortEffect }
  | undefined;

const raised = (exception: GuestException): Outcome => ({ kind: 'exception', exception });
const exits = (reason: number, qualification = 0): Outcome => ({
  kind: 'exit',
  cause: { ...plainExit(reason), qualification },
});

const CR0_EM = 1 << 2;
const CR0_TS = 1 << 3;
const CR4_OSFXSR = 1 << 9;
const CR4_OSXSAVE = 1 << 18;

/** Whether the subject may use a state component now (SDM Vol. 3A, "Instruction Execution with XCR0", "CR0.EM, CR0.TS"). */
function fpuException(cpu: Cpu, { component }: FpuPlace): Outcome {
  const cr0 = cpu.vmread(Vmcs.cr0);
  const cr4 = cpu.vmread(Vmcs.cr4);
  if (component === 0) return (cr0 & (CR0_EM | CR0_TS)) !== 0 ? raised(DEVICE_NOT_AVAILABLE) : undefined;
  if (component === 1) {
    if ((cr0 & CR0_EM) !== 0 || (cr4 & CR4_OSFXSR) === 0) return raised(UNDEFINED_OPCODE);
  } else if ((cr4 & CR4_OSXSAVE) === 0 || (cpu.xcr0 & (1 << component)) === 0) return raised(UNDEFINED_OPCODE);
  return (cr0 & CR0_TS) !== 0 ? raised(DEVICE_NOT_AVAILABLE) : undefined;
}

function accessFpu(
  cpu: Cpu,
  subject: HostedSubject,
  operation: Extract<Operation, { kind: 'readFpu' | 'writeFpu' }>,
): Outcome {
  const place = FPU_PLACES[operation.place];
  if (place === undefined) return raised(UNDEFINED_OPCODE);
  const refused = fpuException(cpu, place);
  if (refused !== undefined) return refused;
  if (operation.kind === 'readFpu') {
    subject.low = (cpu.fpu[place.word]! & place.lowBits) >>> 0;
    subject.high = (cpu.fpu[place.word + 1]! & place.highBits) >>> 0;
    return undefined;
  }
  if (place.name === 'MXCSR' && (operation.low & ~place.lowBits) !== 0) return raised(GENERAL_PROTECTION);
  const merge = (word: number, value: number, bits: number): void => {
    cpu.fpu[word] = ((cpu.fpu[word]! & ~bits) | (value & bits)) >>> 0;
  };
  merge(place.word, operation.low, place.lowBits);
  merge(place.word + 1, operation.high, place.highBits);
  cpu.fpu[XSTATE_BV_WORD]! |= 1 << place.component;
  cpu.fpuVersion += 1;
  return undefined;
}

const MSR_BITMAP = vmcsWord('MSR_BITMAP');
const IO_BITMAP_A = vmcsWord('IO_BITMAP_A');
const IO_BITMAP_B = vmcsWord('IO_BITMAP_B');
const addressIn = (cpu: Cpu, word: number) => hpa(joinWords(cpu.vmread(word), cpu.vmread(word + 1)));

function accessMsr(
  memory: PhysicalMemory,
  cpu: Cpu,
  subject: HostedSubject,
  operation: Extract<Operation, { kind: 'rdmsr' | 'wrmsr' }>,
  ops: MachineOps,
): Outcome {
  const isWrite = operation.kind === 'wrmsr';
  const usesBitmap = (cpu.vmread(Vmcs.procControls) & ProcControl.useMsrBitmaps) !== 0;
  if (!usesBitmap || ops.isMsrTrapped(memory, addressIn(cpu, MSR_BITMAP), operation.index, isWrite))
    return exits(isWrite ? ExitReasonCode.wrmsr : ExitReasonCode.rdmsr);
  const place = msrPlace(operation.index);
  const row = MSRS[place];
  if (row === undefined) return raised(GENERAL_PROTECTION);
  if (operation.kind === 'wrmsr') {
    if (!row.accepts(operation.low, operation.high)) return raised(GENERAL_PROTECTION);
    writeMsr(cpu, place, operation.low, operation.high);
  } else if (row.place === 'tsc') {
    subject.low = lowWord(cpu.tsc);
    subject.high = highWord(cpu.tsc);
  } else [subject.low, subject.high] = readMsr(cpu, place);
  return undefined;
}

/** Exit qualification of I/O instructions: size, direction, port in DX (SDM Vol. 3C, "Exit Qualification for I/O Instructions"). */
const portQualification = (port: number, sizeBytes: number, isIn: boolean): number =>
  (sizeBytes - 1) | (isIn ? 8 : 0) | (port * 0x1_0000);

function accessPort(
  memory: PhysicalMemory,
  cpu: Cpu,
  subject: HostedSubject,
  operation: Extract<Operation, { kind: 'in' | 'out' }>,
  ports: Ports,
  ops: MachineOps,
): Outcome {
  const { port, sizeBytes } = operation;
  const controls = cpu.vmread(Vmcs.procControls);
  const isTrapped =
    (controls & ProcControl.useIoBitmaps) !== 0
      ? ops.isPortTrapped(memory, addressIn(cpu, IO_BITMAP_A), addressIn(cpu, IO_BITMAP_B), port, sizeBytes)
      : (controls & ProcControl.unconditionalIoExiting) !== 0;
  if (isTrapped)
    return exits(ExitReasonCode.ioInstruction, portQualification(port, sizeBytes, operation.kind === 'in'));
  if (operation.kind === 'in') {
    subject.low = ports.read(port, sizeBytes);
    subject.high = 0;
    return undefined;
  }
  const effect = ports.write(port, sizeBytes, operation.value);
  return effect === 'none' ? undefined : { kind: 'effect', effect };
}

interface MaskedRegister {
  readonly guest: number;
  readonly mask: number;
  readonly shadow: number;
  /** Bits that the processor has; others raise #GP. */
  readonly defined: number;
  /** Bits that VMX operation fixes to 1; clearing one raises #GP. */
  readonly fixed: number;
}

const CR0: MaskedRegister = {
  guest: Vmcs.cr0,
  mask: vmcsWord('CR0_MASK'),
  shadow: vmcsWord('CR0_SHADOW'),
  defined: 0xe005_003f,
  fixed: 0x20,
};
const CR4: MaskedRegister = {
  guest: Vmcs.cr4,
  mask: vmcsWord('CR4_MASK'),
  shadow: vmcsWord('CR4_SHADOW'),
  defined: 0x0077_7fff,
  fixed: 0x2000,
};
const CR0_PE_PG = 0x8000_0001;
const CR4_PAE = 0x20;

/**
 * MOV to and from CR0, CR3 and CR4 under guest/host masks and read shadows (SDM Vol. 3C, "Changes to Instruction Behavior in VMX
 * Non-Root Operation"). Hosted software keeps its paging mode: a change of it raises #GP.
 */
function accessControlRegister(
  cpu: Cpu,
  subject: HostedSubject,
  operation: Extract<Operation, { kind: 'readCr' | 'writeCr' }>,
): Outcome {
  const isWrite = operation.kind === 'writeCr';
  const qualification = operation.register | (isWrite ? 0 : 0x10);
  if (operation.register === 3) {
    const control = isWrite ? ProcControl.cr3LoadExiting : ProcControl.cr3StoreExiting;
    if ((cpu.vmread(Vmcs.procControls) & control) !== 0) return exits(ExitReasonCode.controlRegister, qualification);
    if (operation.kind === 'writeCr') {
      if (operation.high > 0x7f) return raised(GENERAL_PROTECTION);
      cpu.vmwrite(Vmcs.cr3, operation.low);
      cpu.vmwrite(Vmcs.cr3 + 1, operation.high);
    } else {
      subject.low = cpu.vmread(Vmcs.cr3);
      subject.high = cpu.vmread(Vmcs.cr3 + 1);
    }
    return undefined;
  }
  const { guest, mask, shadow, defined, fixed } = operation.register === 0 ? CR0 : CR4;
  const owned = cpu.vmread(mask);
  const value = cpu.vmread(guest);
  if (operation.kind !== 'writeCr') {
    subject.low = ((cpu.vmread(shadow) & owned) | (value & ~owned)) >>> 0;
    subject.high = 0;
    return undefined;
  }
  const seen = (cpu.vmread(shadow) & owned) >>> 0;
  const isHighTrapped = cpu.vmread(mask + 1) !== 0 && operation.high !== cpu.vmread(shadow + 1);
  if ((operation.low & owned) >>> 0 !== seen || isHighTrapped)
    return exits(ExitReasonCode.controlRegister, qualification);
  const next = ((value & owned) | (operation.low & ~owned)) >>> 0;
  const paging = operation.register === 0 ? CR0_PE_PG : CR4_PAE;
  const isRefused =
    operation.high !== 0 || (next & ~defined) !== 0 || (next & fixed) !== fixed || ((next ^ value) & paging) !== 0;
  if (isRefused) return raised(GENERAL_PROTECTION);
  cpu.vmwrite(guest, next);
  return undefined;
}

/** Operations that this file executes. */
export type PrivilegedOperation = Extract<
  Operation,
  { kind: 'readFpu' | 'writeFpu' | 'rdmsr' | 'wrmsr' | 'in' | 'out' | 'readCr' | 'writeCr' }
>;

export function executePrivileged(
  memory: PhysicalMemory,
  cpu: Cpu,
  subject: HostedSubject,
  operation: PrivilegedOperation,
  ports: Ports,
  ops: MachineOps,
): Outcome {
  switch (operation.kind) {
    case 'readFpu':
    case 'writeFpu':
      return accessFpu(cpu, subject, operation);
    case 'rdmsr':
    case 'wrmsr':
      return accessMsr(memory, cpu, subject, operation, ops);
    case 'in':
    case 'out':
      return accessPort(memory, cpu, subject, operation, ports, ops);
    default:
      return accessControlRegister(cpu, subject, operation);
  }
}
