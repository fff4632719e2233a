import { frameOf, hpa, pageOffset, subjectAddress } from '../units/address.ts';
import type { Operation } from '../units/operation.ts';
import { highWord, lowWord } from '../units/word.ts';
import { accessFault } from './access-fault.ts';
import { hashBlocks, moveBlock } from './block-operations.ts';
import type { Cpu } from './cpu.ts';
import { type ExitCause, plainExit } from './exit-cause.ts';
import { advanceGuestRip, type HostedSubject, TIMED_EVENT_ADDRESS } from './hosted-subject.ts';
import type { MachineOps } from './machine-ops.ts';
import type { PhysicalMemory } from './memory.ts';
import type { PortEffect, Ports } from './ports.ts';
import { executePrivileged, type GuestException } from './privileged-operations.ts';
import { ExitReasonCode } from './vmx/exit-reasons.ts';
import { Activity, ProcControl, RFLAGS_IF, Vmcs, vmcsWord } from './vmx/vmcs.ts';
import { VMCS_FIELDS } from './vmx/vmcs-fields.ts';

/** Valid, hardware exception. */
const HARDWARE_EXCEPTION_WITHOUT_CODE = 0x8000_0300;
const ERROR_CODE_VALID = 0x800;
/** Vectors remembered for software that does not get to its next operation; older ones are forgotten. */
export const MAX_VECTORS = 16;

const VMCALL_EXIT = plainExit(ExitReasonCode.vmcall);
const HLT_EXIT = plainExit(ExitReasonCode.hlt);
const RDTSC_EXIT = plainExit(ExitReasonCode.rdtsc);

const EXCEPTION_BITMAP = vmcsWord('EXCEPTION_BITMAP');

/** What a subject's operation did to the whole machine. */
export interface MachineEffect {
  effect: PortEffect;
}

/** An exception that the exception bitmap does not send to the kernel: hosted software takes note of it and skips the instruction. */
function raise(cpu: Cpu, subject: HostedSubject, { vector, hasErrorCode }: GuestException): ExitCause | undefined {
  if ((cpu.vmread(EXCEPTION_BITMAP) & (1 << vector)) !== 0) {
    const info = HARDWARE_EXCEPTION_WITHOUT_CODE | (hasErrorCode ? ERROR_CODE_VALID : 0) | vector;
    return { ...plainExit(ExitReasonCode.exception), interruptInfo: info >>> 0 };
  }
  subject.vectors = [...subject.vectors.slice(-MAX_VECTORS + 1), vector];
  return undefined;
}

/** Fields of the guest-state area, without what the kernel or the system decides about (SDM Vol. 3C, "Guest-State Area"). */
const KERNEL_FIELDS: readonly string[] = [
  'GUEST_RIP',
  'LINK_POINTER',
  'PREEMPTION_TIMER',
  'GUEST_PML_INDEX',
  'GUEST_CR0',
  'GUEST_CR4',
];

function setGuestState(cpu: Cpu, { field, low, high }: Extract<Operation, { kind: 'guestState' }>): void {
  const row = VMCS_FIELDS[field];
  const isShadow = row?.name === 'CR0_SHADOW' || row?.name === 'CR4_SHADOW';
  if (row === undefined || (!isShadow && !row.name.startsWith('GUEST_')) || KERNEL_FIELDS.includes(row.name)) return;
  const word = vmcsWord(row.name);
  cpu.vmwrite(word, row.width === 16 ? low & 0xffff : low);
  if (row.width === 64) cpu.vmwrite(word + 1, high);
}

/** Executes one operation of the subject in guest mode on `cpu`; returns the VM exit it causes, if any. */
export function executeOperation(
  memory: PhysicalMemory,
  cpu: Cpu,
  subject: HostedSubject,
  operation: Operation,
  ports: Ports,
  ops: MachineOps,
  machine: MachineEffect,
): ExitCause | undefined {
  switch (operation.kind) {
    case 'nop':
      break;
    case 'read': {
      const exit = readGuest(memory, cpu, subject, operation.address, operation.sizeBytes, ops);
      if (exit !== undefined) return exit;
      break;
    }
    case 'write': {
      const exit = writeGuest(memory, cpu, operation.address, operation.sizeBytes, operation.low, operation.high, ops);
      if (exit !== undefined) return exit;
      break;
    }
    case 'copy':
    case 'fill': {
      const exit = moveBlock(memory, cpu, operation, ops);
      if (exit !== undefined) return exit;
      break;
    }
    case 'hash': {
      const exit = hashBlocks(memory, cpu, operation, ops);
      if (exit !== undefined) return exit;
      break;
    }
    case 'timedEvent': {
      const exit =
        writeGuest(memory, cpu, TIMED_EVENT_ADDRESS, 8, operation.low, operation.high, ops) ??
        writeGuest(memory, cpu, TIMED_EVENT_ADDRESS + 8, 8, operation.event, 0, ops);
      if (exit !== undefined) return exit;
      break;
    }
    case 'vmcall': {
      cpu.registers[2] = operation.low;
      cpu.registers[3] = operation.high;
      if (operation.cpl === 3) cpu.vmwrite(Vmcs.csSelector, cpu.vmread(Vmcs.csSelector) | 3);
      return VMCALL_EXIT;
    }
    case 'exit':
      return {
        ...plainExit(operation.reason),
        qualification: operation.qualification,
        interruptInfo: operation.interruptInfo,
      };
    case 'hlt':
      if ((cpu.vmread(Vmcs.procControls) & ProcControl.hltExiting) !== 0) return HLT_EXIT;
      cpu.vmwrite(Vmcs.activity, Activity.hlt);
      break;
    case 'rdtsc':
      if ((cpu.vmread(Vmcs.procControls) & ProcControl.rdtscExiting) !== 0) return RDTSC_EXIT;
      subject.low = lowWord(cpu.tsc);
      subject.high = highWord(cpu.tsc);
      break;
    case 'load':
      cpu.registers[2 * operation.register] = operation.low;
      cpu.registers[2 * operation.register + 1] = operation.high;
      break;
    case 'guestState':
      setGuestState(cpu, operation);
      break;
    case 'sti':
      cpu.vmwrite(Vmcs.rflags, cpu.vmread(Vmcs.rflags) | RFLAGS_IF);
      break;
    case 'cli':
      cpu.vmwrite(Vmcs.rflags, cpu.vmread(Vmcs.rflags) & ~RFLAGS_IF);
      break;
    default: {
      const outcome = executePrivileged(memory, cpu, subject, operation, ports, ops);
      if (outcome?.kind === 'exit') return outcome.cause;
      if (outcome?.kind === 'effect') machine.effect = outcome.effect;
      const exit = outcome?.kind === 'exception' ? raise(cpu, subject, outcome.exception) : undefined;
      if (exit !== undefined) return exit;
    }
  }
  advanceGuestRip(cpu);
  return undefined;
}

function readGuest(
  memory: PhysicalMemory,
  cpu: Cpu,
  subject: HostedSubject,
  address: number,
  sizeBytes: number,
  ops: MachineOps,
): ExitCause | undefined {
  let low = 0;
  let high = 0;
  for (let offset = 0; offset < sizeBytes; offset++) {
    const physical = ops.translate(memory, cpu, subjectAddress(address + offset), 'read');
    if (physical < 0) return accessFault(cpu, address + offset, 'read', physical);
    const slot = memory.findSlot(frameOf(hpa(physical)));
    const byte = slot < 0 ? 0 : memory.readByte(slot, pageOffset(physical));
    if (offset < 4) low = (low | (byte << (8 * offset))) >>> 0;
    else high = (high | (byte << (8 * (offset - 4)))) >>> 0;
    // One translation serves the rest of the access while it stays in the page.
    if (pageOffset(physical) + sizeBytes - offset <= 0x1000 && slot >= 0) {
      for (let rest = offset + 1; rest < sizeBytes; rest++) {
        const next = memory.readByte(slot, pageOffset(physical) + rest - offset);
        if (rest < 4) low = (low | (next << (8 * rest))) >>> 0;
        else high = (high | (next << (8 * (rest - 4)))) >>> 0;
      }
      break;
    }
  }
  subject.low = low;
  subject.high = high;
  return undefined;
}

/** Writes all bytes or none: a fault on the second page leaves the first untouched (SDM Vol. 3A, "Page-Fault Exceptions"). */
function writeGuest(
  memory: PhysicalMemory,
  cpu: Cpu,
  address: number,
  sizeBytes: number,
  low: number,
  high: number,
  ops: MachineOps,
): ExitCause | undefined {
  const first = ops.translate(memory, cpu, subjectAddress(address), 'write');
  if (first < 0) return accessFault(cpu, address, 'write', first);
  const inFirst = Math.min(sizeBytes, 0x1000 - pageOffset(first));
  let second = -1;
  if (inFirst < sizeBytes) {
    second = ops.translate(memory, cpu, subjectAddress(address + inFirst), 'write');
    if (second < 0) return accessFault(cpu, address + inFirst, 'write', second);
  }
  for (let offset = 0; offset < sizeBytes; offset++) {
    const physical = offset < inFirst ? first + offset : second + offset - inFirst;
    const byte = offset < 4 ? (low >>> (8 * offset)) & 0xff : (high >>> (8 * (offset - 4))) & 0xff;
    memory.writeByte(memory.slotOf(frameOf(hpa(physical))), pageOffset(physical), byte);
  }
  return undefined;
}
