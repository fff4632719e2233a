import { frameOf, hpa, pageOffset, subjectAddress } from '../units/address.ts';
import type { Operation } from '../units/operation.ts';
import { highWord, lowWord } from '../units/word.ts';
import type { Cpu } from './cpu.ts';
import { advanceGuestRip, type HostedSubject, OPERATION_LENGTH_BYTES, TIMED_EVENT_ADDRESS } from './hosted-subject.ts';
import type { MachineOps } from './machine-ops.ts';
import type { PhysicalMemory } from './memory.ts';
import { ExitReasonCode } from './vmx/exit-reasons.ts';
import { Activity, ENABLE_EPT, ProcControl, RFLAGS_IF, Vmcs } from './vmx/vmcs.ts';
import { type Access, MISCONFIGURED, NOT_PRESENT } from './x86/paging-walk.ts';

/** Exit information of a VM exit that an operation causes (SDM Vol. 3C, "VM-Exit Information Fields"). */
export interface ExitCause {
  readonly reason: number;
  readonly qualification: number;
  readonly interruptInfo: number;
  readonly interruptErrorCode: number;
  readonly guestPhysicalAddress: number;
  readonly instructionLength: number;
}

const PAGE_FAULT = 14;
/** Valid, error code delivered, hardware exception. */
const HARDWARE_EXCEPTION = 0x8000_0b00;

const plainExit = (reason: number): ExitCause => ({
  reason,
  qualification: 0,
  interruptInfo: 0,
  interruptErrorCode: 0,
  guestPhysicalAddress: 0,
  instructionLength: OPERATION_LENGTH_BYTES,
});

const VMCALL_EXIT = plainExit(ExitReasonCode.vmcall);
const HLT_EXIT = plainExit(ExitReasonCode.hlt);
const RDTSC_EXIT = plainExit(ExitReasonCode.rdtsc);

/** Executes one operation of the subject in guest mode on `cpu`; returns the VM exit it causes, if any. */
export function executeOperation(
  memory: PhysicalMemory,
  cpu: Cpu,
  subject: HostedSubject,
  operation: Operation,
  ops: MachineOps,
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
    case 'sti':
      cpu.vmwrite(Vmcs.rflags, cpu.vmread(Vmcs.rflags) | RFLAGS_IF);
      break;
    case 'cli':
      cpu.vmwrite(Vmcs.rflags, cpu.vmread(Vmcs.rflags) & ~RFLAGS_IF);
      break;
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

/** EPT violation or misconfiguration of a VM subject; page fault of a native one, which exits if its exception bitmap says so. */
function accessFault(cpu: Cpu, address: number, access: Access, code: number): ExitCause {
  const isWrite = access === 'write';
  if ((cpu.vmread(Vmcs.proc2Controls) & ENABLE_EPT) !== 0) {
    return {
      ...plainExit(code === MISCONFIGURED ? ExitReasonCode.eptMisconfiguration : ExitReasonCode.eptViolation),
      qualification: isWrite ? 2 : 1,
      guestPhysicalAddress: address,
    };
  }
  return {
    ...plainExit(ExitReasonCode.exception),
    qualification: address,
    interruptInfo: (HARDWARE_EXCEPTION | PAGE_FAULT) >>> 0,
    interruptErrorCode: (code === NOT_PRESENT ? 0 : 1) | (isWrite ? 2 : 0),
  };
}
