import { type Hpa, hpa, PAGE_SIZE_BYTES } from '../../units/address.ts';
import { TWO32 } from '../../units/word.ts';
import type { PhysicalMemory } from '../memory.ts';
import type { Iommu } from '../platform/iommu.ts';
import { type DmaOps, type DmaTranslation, type Iotlb, translateDma } from './dma-remapping.ts';

/**
 * A bus-master device for tests: it copies up to a page from one address to another, as its registers say.
 *
 * Its registers are words of the first page of its memory. They behave as memory, but for the command: what it starts is done when
 * the stretch of instructions ends in which it was written, before anything else happens.
 */
export const DMA_REGISTER = {
  /** Addresses that the device uses: the IOMMU translates them. */
  source: 0x00,
  destination: 0x08,
  /** Bytes, at most a page. */
  length: 0x10,
  command: 0x14,
  status: 0x18,
  /** Transfers so far, blocked ones included. */
  count: 0x1c,
  /** Index of the interrupt that the device sends. */
  interrupt: 0x20,
} as const;
/** Bits of the command: start, and send an interrupt at the end. */
export const DMA_COMMAND = { go: 1, interrupt: 2 } as const;
/** Bits of the status; the reason of a fault is in bits 15:8. */
export const DMA_STATUS = { done: 1, blocked: 2 } as const;

export interface DmaDevice {
  /** Physical device of the policy. */
  readonly name: string;
  /** Bus, device and function. */
  readonly source: number;
  readonly registers: Hpa;
}

/** A stretch of physical memory. */
export interface DmaPart {
  readonly address: number;
  readonly sizeBytes: number;
}

const register = (memory: PhysicalMemory, { registers }: DmaDevice, offset: number): number =>
  memory.readWordAt(hpa(registers + offset));
const wide = (memory: PhysicalMemory, device: DmaDevice, offset: number): number =>
  (register(memory, device, offset + 4) & 0x1f_ffff) * TWO32 + register(memory, device, offset);

/** Physical parts of a stretch, page by page; the first request that is blocked ends it. */
function partsOf(
  sizeBytes: number,
  address: number,
  ops: DmaOps,
  translate: (address: number) => DmaTranslation,
): readonly DmaPart[] | Extract<DmaTranslation, { kind: 'blocked' }> {
  const parts: DmaPart[] = [];
  for (let done = 0; done < sizeBytes; ) {
    const translated = translate(address + done);
    if (translated.kind === 'blocked') return translated;
    const count = Math.min(sizeBytes - done, ops.bytesInPage(address + done));
    parts.push({ address: translated.address, sizeBytes: count });
    done += count;
  }
  return parts;
}

function readParts(memory: PhysicalMemory, parts: readonly DmaPart[], sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let done = 0;
  for (const part of parts) {
    for (let offset = 0; offset < part.sizeBytes; offset++) {
      const at = part.address + offset;
      bytes[done + offset] = memory.readWordAt(hpa(at - (at % 4))) >>> (8 * (at % 4));
    }
    done += part.sizeBytes;
  }
  return bytes;
}

/** What the registers of a device said when it was started. */
export interface DmaCommand {
  readonly device: DmaDevice;
  readonly from: number;
  readonly to: number;
  readonly sizeBytes: number;
  /** Interrupt that the device sends at the end, -1 for none. */
  readonly interrupt: number;
}

/** What a transfer came to. */
export interface DmaOutcome extends DmaCommand {
  /** Reason of the request that was blocked, 0 if none was. */
  readonly fault: number;
  /** Memory that it wrote. */
  readonly written: readonly DmaPart[];
}

/** Takes the command out of the registers; undefined if there is none. */
export function takeCommand(memory: PhysicalMemory, device: DmaDevice): DmaCommand | undefined {
  const command = register(memory, device, DMA_REGISTER.command);
  if ((command & DMA_COMMAND.go) === 0) return undefined;
  const sizeBytes = Math.min(register(memory, device, DMA_REGISTER.length), PAGE_SIZE_BYTES);
  memory.writePair(hpa(device.registers + DMA_REGISTER.length), sizeBytes, 0);
  const count = register(memory, device, DMA_REGISTER.count);
  memory.writePair(hpa(device.registers + DMA_REGISTER.status), 0, count);
  return {
    device,
    from: wide(memory, device, DMA_REGISTER.source),
    to: wide(memory, device, DMA_REGISTER.destination),
    sizeBytes,
    interrupt: (command & DMA_COMMAND.interrupt) === 0 ? -1 : register(memory, device, DMA_REGISTER.interrupt),
  };
}

/** Executes a command: reads everything, then writes everything, unless a request is blocked. */
export function runDma(
  memory: PhysicalMemory,
  command: DmaCommand,
  unit: Iommu | undefined,
  iotlb: Iotlb,
  ops: DmaOps,
): DmaOutcome {
  const { device, from, to, sizeBytes } = command;
  const translating =
    (isWrite: boolean) =>
    (address: number): DmaTranslation => {
      if (unit === undefined) return { kind: 'physical', address };
      const translated = translateDma(memory, unit, iotlb, ops, { source: device.source, address, isWrite });
      if (translated.kind === 'blocked' && !translated.isSilent)
        unit.recordFault({ source: device.source, address, isRead: !isWrite, reason: translated.reason });
      return translated;
    };
  const source = partsOf(sizeBytes, from, ops, translating(false));
  const target = 'kind' in source ? source : partsOf(sizeBytes, to, ops, translating(true));
  const fault = 'kind' in target ? target.reason : 0;
  const written = 'kind' in target ? [] : target;
  if (!('kind' in source)) {
    const bytes = readParts(memory, source, sizeBytes);
    let done = 0;
    for (const part of written) {
      memory.writeBytes(hpa(part.address), bytes.subarray(done, done + part.sizeBytes));
      done += part.sizeBytes;
    }
  }
  const status = fault === 0 ? DMA_STATUS.done : DMA_STATUS.done | DMA_STATUS.blocked | (fault << 8);
  const count = register(memory, device, DMA_REGISTER.count) + 1;
  memory.writePair(hpa(device.registers + DMA_REGISTER.status), status, count);
  return { ...command, fault, written };
}
