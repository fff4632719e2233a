import { FRAME_WORDS, type PhysicalMemory } from '../../impl/memory.ts';
import type { System } from '../../impl/system.ts';
import type { KernelState } from '../../model/kernel-state.ts';

/**
 * Relation between the crash-audit page and the model, stated from the documented layout (Muen "Crash audit page", packed):
 * header of 104 bytes, then dumps of 1293 bytes.
 */

const HEADER = { generation: 72, bootCount: 80, crashCount: 88, dumpCount: 102 } as const;
const FIRST_DUMP = 104;
const DUMP_BYTES = 1293;
const DUMP = { tsc: 0, reason: 8, apicId: 16, validity: 17, subject: 715 } as const;
const SUBJECT_BIT = 4;
const MACHINE_CHECK_BIT = 2;
const SUBJECT = { id: 0, validity: 2, info: 4, state: 12, fpu: 505 } as const;
const STATE_BYTES = 493;
const FPU_BYTES = 32;

const bytesOf = (memory: PhysicalMemory, slot: number): Uint8Array =>
  memory.bytes.subarray(slot * FRAME_WORDS * 4, (slot + 1) * FRAME_WORDS * 4);

const number = (bytes: Uint8Array, offset: number, size: number): number => {
  let value = 0;
  for (let byte = size - 1; byte >= 0; byte--) value = value * 256 + bytes[offset + byte]!;
  return value;
};

/** What the page says in terms of the model; the CPU of a dump by its APIC id. */
export function abstractAudit(system: System, apicIds: readonly number[], state: KernelState): void {
  const { crashAuditSlot } = system.kernel.at;
  if (crashAuditSlot < 0) return;
  const bytes = bytesOf(system.memory, crashAuditSlot);
  state.crashes = Math.min(255, number(bytes, HEADER.crashCount, 8));
  state.dumps.forEach((dump, index) => {
    const base = FIRST_DUMP + DUMP_BYTES * index;
    dump.reason = number(bytes, base + DUMP.reason, 8);
    dump.cpu = Math.max(0, apicIds.indexOf(bytes[base + DUMP.apicId]!));
    dump.subject = number(bytes, base + DUMP.subject + SUBJECT.id, 2);
  });
}

/** What a CPU that just filled a dump must have recorded. */
export interface ExpectedDump {
  readonly tsc: number;
  readonly reason: number;
  readonly interruptInfo: number;
  readonly statePage: Uint32Array;
  readonly fpuPage: Uint32Array;
}

const AREA_WORD = 16;

/** First difference between a dump (counted from 0) and what must be in it; empty if there is none. */
export function dumpDifference(system: System, index: number, expected: ExpectedDump): string {
  const bytes = bytesOf(system.memory, system.kernel.at.crashAuditSlot);
  const base = FIRST_DUMP + DUMP_BYTES * index;
  const isSubject = expected.reason >= 0x2000;
  const isMachineCheck = expected.reason === 0x1002 || expected.reason === 0x1003;
  if (number(bytes, base + DUMP.tsc, 8) !== expected.tsc) return 'TSC of the crash-audit dump';
  const validity = (isSubject ? SUBJECT_BIT : 0) | (isMachineCheck ? MACHINE_CHECK_BIT : 0);
  if (bytes[base + DUMP.validity] !== validity) return 'validity of the crash-audit dump';
  if (!isSubject) return '';
  const at = base + DUMP.subject;
  if (number(bytes, at + SUBJECT.info, 4) !== expected.interruptInfo) return 'interruption information in the dump';
  const state = new Uint8Array(expected.statePage.buffer);
  for (let byte = 0; byte < STATE_BYTES; byte++)
    if (bytes[at + SUBJECT.state + byte] !== state[byte]) return `byte ${byte} of the subject state in the dump`;
  const fpu = new Uint8Array(expected.fpuPage.buffer);
  for (let byte = 0; byte < FPU_BYTES; byte++)
    if (bytes[at + SUBJECT.fpu + byte] !== fpu[4 * AREA_WORD + byte])
      return `byte ${byte} of the FPU header in the dump`;
  return '';
}

/** Header after a crash was counted: generation and number of dumps. */
export function headerDifference(system: System, dumpsTaken: number): string {
  const bytes = bytesOf(system.memory, system.kernel.at.crashAuditSlot);
  if (number(bytes, HEADER.generation, 8) !== number(bytes, HEADER.bootCount, 8) + 1)
    return 'generation of the crash audit';
  return bytes[HEADER.dumpCount] === Math.min(3, dumpsTaken) ? '' : 'number of dumps in the crash audit';
}
