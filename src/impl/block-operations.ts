import { frameOf, hpa, PAGE_SIZE_BYTES, pageOffset, subjectAddress } from '../units/address.ts';
import type { Operation } from '../units/operation.ts';
import { accessFault } from './access-fault.ts';
import type { Cpu } from './cpu.ts';
import type { ExitCause } from './exit-cause.ts';
import type { MachineOps } from './machine-ops.ts';
import type { PhysicalMemory } from './memory.ts';

/** Operations on blocks of memory: string instructions with a repeat prefix. */
export type BlockOperation = Extract<Operation, { kind: 'copy' | 'fill' }>;

/** A part of a block inside one page. */
interface Part {
  readonly physical: number;
  readonly sizeBytes: number;
}

/** Parts of a block by page, or the exit of the first address that is not mapped so. */
function partsOf(
  memory: PhysicalMemory,
  cpu: Cpu,
  address: number,
  sizeBytes: number,
  access: 'read' | 'write',
  ops: MachineOps,
): readonly Part[] | ExitCause {
  const parts: Part[] = [];
  let done = 0;
  while (done < sizeBytes) {
    const physical = ops.translate(memory, cpu, subjectAddress(address + done), access);
    if (physical < 0) return accessFault(cpu, address + done, access, physical);
    const count = Math.min(sizeBytes - done, PAGE_SIZE_BYTES - pageOffset(physical));
    parts.push({ physical, sizeBytes: count });
    done += count;
  }
  return parts;
}

const isExit = (parts: readonly Part[] | ExitCause): parts is ExitCause => 'reason' in parts;

function readParts(memory: PhysicalMemory, parts: readonly Part[], sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let done = 0;
  for (const part of parts) {
    const slot = memory.findSlot(frameOf(hpa(part.physical)));
    const at = slot * PAGE_SIZE_BYTES + pageOffset(part.physical);
    if (slot >= 0) bytes.set(memory.bytes.subarray(at, at + part.sizeBytes), done);
    done += part.sizeBytes;
  }
  return bytes;
}

/** Copies or fills a block of the current subject's memory: all of it, or nothing if a part is not mapped so. */
export function moveBlock(
  memory: PhysicalMemory,
  cpu: Cpu,
  operation: BlockOperation,
  ops: MachineOps,
): ExitCause | undefined {
  const { sizeBytes } = operation;
  const source = operation.kind === 'copy' ? partsOf(memory, cpu, operation.from, sizeBytes, 'read', ops) : [];
  if (isExit(source)) return source;
  const to = operation.kind === 'copy' ? operation.to : operation.address;
  const target = partsOf(memory, cpu, to, sizeBytes, 'write', ops);
  if (isExit(target)) return target;
  const bytes =
    operation.kind === 'copy'
      ? readParts(memory, source, sizeBytes)
      : new Uint8Array(sizeBytes).fill(operation.pattern);
  let done = 0;
  for (const part of target) {
    // Zeroing what was never touched changes nothing, and costs no memory.
    const isNew = memory.findSlot(frameOf(hpa(part.physical))) < 0;
    const content = bytes.subarray(done, done + part.sizeBytes);
    if (!isNew || content.some(byte => byte !== 0)) memory.writeBytes(hpa(part.physical), content);
    done += part.sizeBytes;
  }
  return undefined;
}
