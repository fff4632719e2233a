import { frameOf, hpa, PAGE_SIZE_BYTES, pageOffset, subjectAddress } from '../units/address.ts';
import type { Operation } from '../units/operation.ts';
import { compressSha256 } from '../units/sha256.ts';
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
  writeParts(memory, target, bytes);
  return undefined;
}

function writeParts(memory: PhysicalMemory, parts: readonly Part[], bytes: Uint8Array): void {
  let done = 0;
  for (const part of parts) {
    // Zeroing what was never touched changes nothing, and costs no memory.
    const isNew = memory.findSlot(frameOf(hpa(part.physical))) < 0;
    const content = bytes.subarray(done, done + part.sizeBytes);
    if (!isNew || content.some(byte => byte !== 0)) memory.writeBytes(hpa(part.physical), content);
    done += part.sizeBytes;
  }
}

/** Bytes of the state of SHA-256. */
const STATE_BYTES = 32;

/** Takes blocks of the current subject's memory into a state of SHA-256 there: all of them, or none if a part is not mapped so. */
export function hashBlocks(
  memory: PhysicalMemory,
  cpu: Cpu,
  { address, sizeBytes, state }: Extract<Operation, { kind: 'hash' }>,
  ops: MachineOps,
): ExitCause | undefined {
  const source = partsOf(memory, cpu, address, sizeBytes, 'read', ops);
  if (isExit(source)) return source;
  const target = partsOf(memory, cpu, state, STATE_BYTES, 'write', ops);
  if (isExit(target)) return target;
  const bytes = readParts(memory, target, STATE_BYTES);
  const view = new DataView(bytes.buffer);
  const words = Uint32Array.from({ length: 8 }, (_, index) => view.getUint32(4 * index, true));
  compressSha256(words, readParts(memory, source, sizeBytes));
  for (const [index, word] of words.entries()) view.setUint32(4 * index, word, true);
  writeParts(memory, target, bytes);
  return undefined;
}
