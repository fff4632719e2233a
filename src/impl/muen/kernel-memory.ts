import { frameOf, hpa, PAGE_SIZE_BYTES } from '../../units/address.ts';
import { err, ok, type Result } from '../../units/result.ts';
import { FRAME_WORDS, type PhysicalMemory } from '../memory.ts';
import type { KernelPages, KernelTables } from './tables.ts';

/**
 * Where the kernel's variables live in simulated memory.
 *
 * Global data (page `kernel_global_data`, shared by all CPUs): current major frame and its start, barriers, pending
 * events per subject, group activity per partition. CPU-local data (`kernel_data_N`, `kernel_bss_N`): minor frame,
 * scheduling partitions and groups. The layout inside these pages is ours; Muen's is whatever its compiler chose.
 */
export interface KernelMemory {
  readonly globalSlot: number;
  /** Word offsets in the global page. */
  readonly barrierBase: number;
  readonly pendingBase: number;
  readonly activityBase: number;
  /** Number of the next dump of the crash audit, counted from 1. */
  readonly auditWord: number;
  /** Slot of each CPU's .data page. */
  readonly dataSlots: readonly number[];
  /** Slots of each CPU's .bss pages. */
  readonly bssSlots: readonly (readonly number[])[];
  /** First word of the group records in .bss; partition records come before. */
  readonly groupBase: number;
  /** By subject id. */
  readonly stateSlots: readonly number[];
  readonly timedEventSlots: readonly number[];
  readonly interruptSlots: readonly number[];
  readonly vmcsSlots: readonly number[];
  readonly fpuSlots: readonly number[];
  /** -1 for subjects without stored MSRs. */
  readonly msrStoreSlots: readonly number[];
  /** By partition id. */
  readonly schedulingInfoSlots: readonly number[];
  /** Slot of the page where tau0 names the next major frame, -1 if none. */
  readonly interfaceSlot: number;
  /** Slot of the crash-audit page, -1 if none. */
  readonly crashAuditSlot: number;
  /** By CPU: VMXON region. */
  readonly vmxonSlots: readonly number[];
  /** By CPU: host-physical address of the kernel's own page tables. */
  readonly rootTables: readonly number[];
}

/** Words of the global page: 0 current major frame, 1 lock of the I/O APIC, 2..3 start TSC of the frame, then the barriers. */
export const GLOBAL_MAJOR_FRAME = 0;
export const GLOBAL_IO_APIC_LOCK = 1;
export const GLOBAL_MAJOR_START = 2;
export const GLOBAL_BARRIERS = 4;
/** Words of one barrier record: size, sense, wait count, unused. */
export const BARRIER_WORDS = 4;
/** Words of the .data page: 0 current minor frame (1-based), 1 current XCR0. */
export const DATA_MINOR_FRAME = 0;
export const DATA_CURRENT_XCR0 = 1;
/** Words of a partition record: active group index, head of the timer list (group id), sleeping, unused. */
export const PARTITION_WORDS = 4;
/** Words of a group record: active subject, next and previous group in the timer list, unused, timeout (2), unused (2). */
export const GROUP_WORDS = 8;

/** Resolves the kernel's variables to slots; fails if a page is too small for this policy. */
export function locateKernelMemory(
  memory: PhysicalMemory,
  tables: KernelTables,
  pages: KernelPages,
): Result<KernelMemory, string> {
  const slot = (address: number): number => memory.slotOf(frameOf(hpa(address)));
  const barrierBase = GLOBAL_BARRIERS;
  const pendingBase = barrierBase + BARRIER_WORDS * (tables.barrierCount + 1);
  const activityBase = pendingBase + 2 * tables.subjects.length;
  const auditWord = activityBase + 2 * tables.partitions.length;
  const globalWords = auditWord + 1;
  if (globalWords * 4 > Math.min(pages.globalDataBytes, PAGE_SIZE_BYTES)) {
    return err(`kernel global data needs ${globalWords * 4} bytes, region has ${pages.globalDataBytes}`);
  }
  const groupBase = PARTITION_WORDS * tables.partitions.length;
  const bssBytes = (groupBase + GROUP_WORDS * tables.groups.length) * 4;
  if (bssBytes > pages.bssBytes) return err(`kernel bss needs ${bssBytes} bytes, region has ${pages.bssBytes}`);
  const bssPages = Math.ceil(bssBytes / PAGE_SIZE_BYTES);
  return ok({
    globalSlot: slot(pages.globalData),
    barrierBase,
    pendingBase,
    activityBase,
    auditWord,
    dataSlots: pages.data.map(slot),
    bssSlots: pages.bss.map(base => Array.from({ length: bssPages }, (_, page) => slot(base + page * PAGE_SIZE_BYTES))),
    groupBase,
    stateSlots: tables.subjects.map(subject => slot(subject.pages.state)),
    timedEventSlots: tables.subjects.map(subject => slot(subject.pages.timedEvent)),
    interruptSlots: tables.subjects.map(subject => slot(subject.pages.interrupts)),
    vmcsSlots: tables.subjects.map(subject => slot(subject.pages.vmcs)),
    fpuSlots: tables.subjects.map(subject => slot(subject.pages.fpu)),
    msrStoreSlots: tables.subjects.map(({ pages: { msrStore } }) => (msrStore < 0 ? -1 : slot(msrStore))),
    schedulingInfoSlots: pages.schedulingInfo.map((address, id) => (id === 0 ? -1 : slot(address))),
    crashAuditSlot: pages.crashAudit < 0 ? -1 : slot(pages.crashAudit),
    vmxonSlots: pages.vmxon.map(slot),
    rootTables: pages.rootTables,
    interfaceSlot: pages.interface < 0 ? -1 : slot(pages.interface),
  });
}

const FRAME_WORDS_LOG2 = 10;

/** Reads word `index` of a CPU's .bss. */
export function readBss(memory: PhysicalMemory, slots: readonly number[], index: number): number {
  return memory.readWord(slots[index >>> FRAME_WORDS_LOG2]!, index & (FRAME_WORDS - 1));
}

/** Writes word `index` of a CPU's .bss. */
export function writeBss(memory: PhysicalMemory, slots: readonly number[], index: number, value: number): void {
  memory.writeWord(slots[index >>> FRAME_WORDS_LOG2]!, index & (FRAME_WORDS - 1), value);
}
