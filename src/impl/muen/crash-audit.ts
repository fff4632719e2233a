import type { SubjectId } from '../../units/ids.ts';
import { highWord, lowWord } from '../../units/word.ts';
import type { Cpu } from '../cpu.ts';
import { Vmcs, vmcsWord } from '../vmx/vmcs.ts';
import {
  AUDIT_DUMPS,
  AUDIT_MAGIC,
  AuditHeader,
  AuditReason,
  DUMP_BYTES,
  Dump,
  ExceptionContext,
  FPU_HEADER_BYTES,
  InitContext,
  MAX_DUMPS,
  MachineCheckContext,
  STATE_BYTES,
  SubjectContext,
  Validity,
  VERSION_BYTES,
  VtxContext,
} from './crash-audit-layout.ts';
import { FPU_AREA_WORD } from './fpu.ts';
import { AtomicAccess, type Kernel, type Segments } from './kernel-context.ts';
import { KernelHalt } from './kernel-halt.ts';

/** Records of crashes in a page that survives a warm reset (Muen SK.Crash_Audit). */

/** What a CPU records before the system goes down. */
export interface Crash {
  readonly reason: AuditReason;
  /** For the report of the run. */
  readonly text: string;
  readonly subject?: {
    readonly id: SubjectId;
    readonly interruptInfo: number;
    readonly errorCode: number;
  };
  readonly exception?: { readonly vector: number; readonly errorCode: number };
  readonly machineCheck?: { readonly bankCount: number };
  readonly init?: InitResults;
  /** Of what is known when a VMX instruction fails: addresses of the current and the wanted VMCS, encoding of a field, instruction error. */
  readonly vtx?: {
    readonly activeVmcs?: number;
    readonly requestedVmcs?: number;
    readonly field?: number;
    readonly error?: number;
  };
}

/** Outcome of the start-up checks as bits, 1 = good. */
export interface InitResults {
  readonly system: number;
  readonly fpu: number;
  readonly machineCheck: number;
  readonly iommus: readonly number[];
}

const EXIT_INTERRUPT_ERROR_CODE = vmcsWord('EXIT_INTERRUPT_ERROR_CODE');
const MACHINE_CHECK = 18;
const VERSION = 'muencheck';
/** Reset control register: reset without power cycle. */
const HARD_RESET = 0x06;

function writeNumber(kernel: Kernel, offset: number, value: number, sizeBytes: number): void {
  const [low, high] = [lowWord(value), highWord(value)];
  for (let byte = 0; byte < sizeBytes; byte++) {
    const word = byte < 4 ? low : high;
    kernel.memory.writeByte(kernel.at.crashAuditSlot, offset + byte, (word >>> (8 * (byte % 4))) & 0xff);
  }
}

function readNumber(kernel: Kernel, offset: number, sizeBytes: number): number {
  let value = 0;
  for (let byte = sizeBytes - 1; byte >= 0; byte--)
    value = value * 256 + kernel.memory.readByte(kernel.at.crashAuditSlot, offset + byte);
  return value;
}

/** BSP at boot: a page without records gets an empty header, another one counts the boot. */
export function initCrashAudit(kernel: Kernel): void {
  const { memory, at } = kernel;
  memory.writeWord(at.globalSlot, at.auditWord, 1);
  const slot = at.crashAuditSlot;
  if (slot < 0) return;
  if (memory.readWord(slot, 0) === AUDIT_MAGIC[0] && memory.readWord(slot, 1) === AUDIT_MAGIC[1]) {
    writeNumber(kernel, AuditHeader.bootCount, readNumber(kernel, AuditHeader.bootCount, 8) + 1, 8);
    return;
  }
  memory.fillWords(slot, 0, AUDIT_DUMPS / 4, 0);
  memory.writeWord(slot, 0, AUDIT_MAGIC[0]);
  memory.writeWord(slot, 1, AUDIT_MAGIC[1]);
  writeNumber(kernel, AuditHeader.bootCount, 1, 8);
  writeNumber(kernel, AuditHeader.maxDumps, MAX_DUMPS, 1);
}

function copyBytes(kernel: Kernel, slot: number, from: number, to: number, count: number): void {
  for (let byte = 0; byte < count; byte++)
    kernel.memory.writeByte(kernel.at.crashAuditSlot, to + byte, kernel.memory.readByte(slot, from + byte));
}

/** Fills the dump with the given number, counted from 1. */
export function writeDump(kernel: Kernel, cpu: Cpu, number: number, crash: Crash): void {
  const base = AUDIT_DUMPS + DUMP_BYTES * (number - 1);
  for (let byte = 0; byte < DUMP_BYTES; byte++) kernel.memory.writeByte(kernel.at.crashAuditSlot, base + byte, 0);
  const put = (offset: number, value: number, sizeBytes: number): void =>
    writeNumber(kernel, base + offset, value, sizeBytes);
  let validity = 0;
  put(Dump.tsc, cpu.tsc, 8);
  put(Dump.reason, crash.reason, 8);
  put(Dump.apicId, kernel.tables.apicIds[cpu.id] ?? 0, 1);
  const { subject, exception, machineCheck, init, vtx } = crash;
  if (exception !== undefined) {
    validity |= Validity.exception;
    put(Dump.exception + ExceptionContext.vector, exception.vector, 8);
    put(Dump.exception + ExceptionContext.errorCode, exception.errorCode, 8);
  }
  if (machineCheck !== undefined) {
    validity |= Validity.machineCheck;
    put(Dump.machineCheck + MachineCheckContext.bankCount, machineCheck.bankCount, 1);
  }
  if (subject !== undefined) {
    validity |= Validity.subject;
    put(Dump.subject + SubjectContext.id, subject.id, 2);
    put(Dump.subject + SubjectContext.validity, 3, 1);
    put(Dump.subject + SubjectContext.interruptInfo, subject.interruptInfo, 4);
    put(Dump.subject + SubjectContext.errorCode, subject.errorCode, 4);
    copyBytes(kernel, kernel.at.stateSlots[subject.id]!, 0, base + Dump.subject + SubjectContext.state, STATE_BYTES);
    const fpu = kernel.at.fpuSlots[subject.id]!;
    copyBytes(kernel, fpu, 4 * FPU_AREA_WORD, base + Dump.subject + SubjectContext.fpu, FPU_HEADER_BYTES);
  }
  if (init !== undefined) {
    validity |= Validity.init;
    put(Dump.init + InitContext.system, init.system, 2);
    put(Dump.init + InitContext.fpu, init.fpu, 1);
    put(Dump.init + InitContext.machineCheck, init.machineCheck, 1);
    put(Dump.init + InitContext.iommuCount, init.iommus.length, 1);
    init.iommus.forEach((bits, unit) => {
      put(Dump.init + InitContext.iommus + unit, bits, 1);
    });
  }
  if (vtx !== undefined) {
    validity |= Validity.vtx;
    const { activeVmcs, requestedVmcs, field, error } = vtx;
    const known = [activeVmcs, requestedVmcs, field, undefined, error];
    put(
      Dump.vtx + VtxContext.validity,
      known.reduce<number>((bits, value, bit) => (value === undefined ? bits : bits | (1 << bit)), 0),
      1,
    );
    put(Dump.vtx + VtxContext.active, activeVmcs ?? 0, 8);
    put(Dump.vtx + VtxContext.requested, requestedVmcs ?? 0, 8);
    put(Dump.vtx + VtxContext.field, field ?? 0, 2);
    put(Dump.vtx + VtxContext.error, error ?? 0, 1);
  }
  put(Dump.validity, validity, 1);
}

/** Makes the records valid: number of dumps, version, generation, one more crash. */
export function finaliseAudit(kernel: Kernel): void {
  if (kernel.at.crashAuditSlot < 0) return;
  const taken = kernel.memory.readWord(kernel.at.globalSlot, kernel.at.auditWord) - 1;
  writeNumber(kernel, AuditHeader.dumpCount, Math.min(MAX_DUMPS, taken), 1);
  for (let byte = 0; byte < VERSION_BYTES; byte++) {
    const code = byte < VERSION.length ? VERSION.charCodeAt(byte) : 0;
    kernel.memory.writeByte(kernel.at.crashAuditSlot, AuditHeader.version + byte, code);
  }
  writeNumber(kernel, AuditHeader.generation, readNumber(kernel, AuditHeader.bootCount, 8) + 1, 8);
  writeNumber(kernel, AuditHeader.crashCount, readNumber(kernel, AuditHeader.crashCount, 8) + 1, 8);
}

/**
 * Records a crash and resets the machine; does not return to a subject. The slot counter and the crash count are atomic,
 * because other CPUs may crash at the same time; before the reset the kernel waits 100 ms, in which they can. A CPU that finds all
 * slots taken stops for ever.
 */
export function* crash(kernel: Kernel, cpu: Cpu, found: Crash): Segments {
  const { memory, at, platform, tables } = kernel;
  yield AtomicAccess.auditSlot;
  const number = memory.readWord(at.globalSlot, at.auditWord);
  memory.writeWord(at.globalSlot, at.auditWord, number + 1);
  if (number > MAX_DUMPS) throw new KernelHalt();
  if (at.crashAuditSlot >= 0) kernel.ops.writeDump(kernel, cpu, number, found);
  yield AtomicAccess.auditCount;
  kernel.ops.finaliseAudit(kernel);
  yield AtomicAccess.auditReset;
  platform.ports.write(tables.platform.systemBoard.resetPort, 1, HARD_RESET);
  platform.power = 'panic';
  platform.stopReason = found.text;
  throw new KernelHalt();
}

/** What the kernel knows of the subject that stopped it. */
export const subjectContext = (cpu: Cpu, id: SubjectId): Crash['subject'] & object => ({
  id,
  interruptInfo: cpu.vmread(Vmcs.exitInterruptInfo),
  errorCode: cpu.vmread(EXIT_INTERRUPT_ERROR_CODE),
});

/** The kernel's handler of exceptions in root mode. */
export function* handleException(kernel: Kernel, cpu: Cpu, vector: number, errorCode: number, text: string): Segments {
  yield* kernel.ops.crash(kernel, cpu, {
    reason: AuditReason.hardwareException,
    text: `exception ${vector} in the kernel of CPU ${cpu.id}: ${text}`,
    exception: { vector, errorCode },
    ...(vector === MACHINE_CHECK ? { machineCheck: { bankCount: kernel.tables.machineCheckBanks } } : {}),
  });
}
