import { highWord, lowWord } from '../../units/word.ts';
import type { Cpu } from '../cpu.ts';
import {
  FAULT_MASKED,
  Invalidate,
  type Iommu,
  IommuCommand,
  IommuRegister,
  IotlbInvalidate,
  ONE_SHOT,
} from '../platform/iommu.ts';
import { AuditReason } from './crash-audit-layout.ts';
import type { Kernel, Segments } from './kernel-context.ts';

/** Start of DMA and interrupt remapping (Muen SK.VTd Initialize), before any device is allowed to interrupt. */

/** Reads of a status until the kernel gives up. */
const MAX_POLLS = 10_000;
const FAULT_STATUS_BITS = 0x7f;
const FAULT_RECORD_BYTES = 16;
const FAULT_RECORD_CLEAR = 0x8000_0000;
/** Extended interrupt mode, table of 2^(7+1) entries. */
const TABLE_FLAGS = 0x807;

const write64 = (unit: Iommu, offset: number, low: number, high: number): void => {
  unit.write(offset, low);
  unit.write(offset + 4, high);
};

/** Polls until `isDone`; a unit that does not answer ends in a crash with the step's reason. */
function* awaitUnit(kernel: Kernel, cpu: Cpu, isDone: () => boolean, reason: AuditReason, what: string): Segments {
  for (let poll = 0; poll < MAX_POLLS; poll++) if (isDone()) return;
  yield* kernel.ops.crash(kernel, cpu, { reason, text: `VT-d: ${what} does not come to an end` });
}

/** Issues a command: the register is rebuilt from the status, whose one-shot bits must not be repeated. */
export function issueIommuCommand(unit: Iommu, bit: number, isOn: boolean): void {
  const status = unit.read(IommuRegister.globalStatus) & ~ONE_SHOT;
  unit.write(IommuRegister.globalCommand, (isOn ? status | bit : status & ~bit) >>> 0);
}

const hasStatus = (unit: Iommu, bit: number): boolean => (unit.read(IommuRegister.globalStatus) & bit) !== 0;

/** Invalidates the context cache globally; it must report that the whole cache was invalidated. */
export function* invalidateContextCache(kernel: Kernel, cpu: Cpu, unit: Iommu): Segments {
  const high = IommuRegister.contextCommand + 4;
  write64(unit, IommuRegister.contextCommand, 0, (Invalidate.contextExecute | Invalidate.contextGlobal) >>> 0);
  const isDone = (): boolean => {
    const value = unit.read(high);
    return (value & Invalidate.contextExecute) === 0 && (value & Invalidate.contextDone) === 0x0800_0000;
  };
  yield* awaitUnit(kernel, cpu, isDone, AuditReason.vtdContextCache, 'invalidation of the context cache');
}

export function* invalidateIotlb(kernel: Kernel, cpu: Cpu, unit: Iommu): Segments {
  const { iotlbOffset } = unit.expected;
  write64(unit, iotlbOffset, 0, (IotlbInvalidate.execute | IotlbInvalidate.global) >>> 0);
  const isDone = (): boolean => {
    const value = unit.read(iotlbOffset + 4);
    return (value & IotlbInvalidate.execute) === 0 && (value & IotlbInvalidate.done) === 0x0200_0000;
  };
  yield* awaitUnit(kernel, cpu, isDone, AuditReason.vtdIotlb, 'invalidation of the IOTLB');
}

function clearFaults(unit: Iommu): void {
  unit.write(IommuRegister.faultControl, FAULT_MASKED);
  for (let record = 0; record < unit.expected.faultRecords; record++)
    unit.write(unit.expected.faultRecordOffset + FAULT_RECORD_BYTES * record + 12, FAULT_RECORD_CLEAR);
  unit.write(IommuRegister.faultStatus, FAULT_STATUS_BITS);
}

/** Queued invalidation off: the kernel invalidates through registers. */
export function* disableQueuedInvalidation(kernel: Kernel, cpu: Cpu, unit: Iommu): Segments {
  if (!hasStatus(unit, IommuCommand.queuedInvalidation)) return;
  issueIommuCommand(unit, IommuCommand.queuedInvalidation, false);
  const isOff = (): boolean => !hasStatus(unit, IommuCommand.queuedInvalidation);
  yield* awaitUnit(kernel, cpu, isOff, AuditReason.vtdQueuedInvalidation, 'disabling queued invalidation');
}

function* command(
  kernel: Kernel,
  cpu: Cpu,
  unit: Iommu,
  bit: number,
  isOn: boolean,
  reason: AuditReason,
  what: string,
): Segments {
  kernel.ops.issueIommuCommand(unit, bit, isOn);
  yield* awaitUnit(kernel, cpu, () => hasStatus(unit, bit) === isOn, reason, what);
}

/** Brings one unit up: no faults pending, tables set, caches clean, then translation and interrupt remapping on. */
export function* initIommu(kernel: Kernel, cpu: Cpu, unit: Iommu): Segments {
  const { ops, tables } = kernel;
  const { rootTable, remappingTable } = tables.platform;
  clearFaults(unit);
  yield* ops.disableQueuedInvalidation(kernel, cpu, unit);
  write64(unit, IommuRegister.rootTable, lowWord(rootTable), highWord(rootTable));
  const { setRootTable, translation, setRemappingTable, compatibilityInterrupts, interruptRemapping } = IommuCommand;
  yield* command(kernel, cpu, unit, setRootTable, true, AuditReason.vtdRootTable, 'setting the root table');
  yield* ops.invalidateContextCache(kernel, cpu, unit);
  yield* ops.invalidateIotlb(kernel, cpu, unit);
  yield* command(kernel, cpu, unit, translation, true, AuditReason.vtdTranslation, 'enabling translation');
  const table = remappingTable + TABLE_FLAGS;
  write64(unit, IommuRegister.interruptRemapping, lowWord(table), highWord(table));
  yield* command(
    kernel,
    cpu,
    unit,
    setRemappingTable,
    true,
    AuditReason.vtdRemappingTable,
    'setting the remapping table',
  );
  if (hasStatus(unit, compatibilityInterrupts))
    yield* command(
      kernel,
      cpu,
      unit,
      compatibilityInterrupts,
      false,
      AuditReason.vtdBlockCompatibility,
      'blocking compatibility-format interrupts',
    );
  yield* command(kernel, cpu, unit, interruptRemapping, true, AuditReason.vtdRemapping, 'enabling interrupt remapping');
}

/** All units in turn (BSP). */
export function* initVtd(kernel: Kernel, cpu: Cpu): Segments {
  for (const unit of kernel.platform.iommus) yield* kernel.ops.initIommu(kernel, cpu, unit);
}
