import { DMA_COMMAND, DMA_REGISTER } from '../impl/dma/dma-device.ts';
import { dmaDevicesOf } from '../impl/dma/dma-devices.ts';
import { dmaGrants, dmaSources } from '../model/dma-grants.ts';
import type { PolicyDocument, Subject } from '../policy/document.ts';
import type { Operation } from '../units/operation.ts';
import { highWord, lowWord } from '../units/word.ts';

/** What a program can have a device of its subject do. */
export interface DmaTarget {
  /** Where the subject has the registers. */
  readonly registers: number;
  /** Addresses that the device's domain maps: first and last word of each region. */
  readonly own: readonly number[];
  /** Addresses where others have something. */
  readonly foreign: readonly number[];
  /** Interrupts that the device may send, and one that it may not. */
  readonly interrupts: readonly number[];
}

const LAST_WORD = 8;
const MAX_BYTES = 64;
/** An interrupt that belongs to no device. */
const NO_INTERRUPT = 255;

/** Devices that a subject programs, in policy order. */
export function dmaTargets(document: PolicyDocument, subject: Subject): readonly DmaTarget[] {
  const domains = new Map(dmaSources(document).map(source => [source.name, source.domain]));
  const foreign = document.memory.map(region => region.physicalAddress);
  return dmaDevicesOf(document).flatMap(({ name, registers }): readonly DmaTarget[] => {
    const physical = document.hardware.devices.find(row => row.name === name);
    const memory = physical?.memory.find(row => row.physicalAddress === (registers as number));
    const logical = subject.devices.find(row => row.physical === name);
    const mapping = logical?.memory.find(row => row.physical === memory?.name && row.writable);
    if (physical === undefined || mapping === undefined) return [];
    const domain = domains.get(name);
    const grants = domain === undefined ? [] : dmaGrants(document, domain);
    return [
      {
        registers: mapping.virtualAddress,
        own: grants.flatMap(({ va, sizeBytes }) => [va, va + sizeBytes - LAST_WORD]),
        foreign,
        interrupts: [...physical.irqs.map(irq => irq.number), NO_INTERRUPT],
      },
    ];
  });
}

/** One transfer: addresses, length and whether an interrupt follows. */
export interface Transfer {
  readonly registers: number;
  readonly from: number;
  readonly to: number;
  readonly sizeBytes: number;
  readonly command: number;
  readonly interrupt: number;
}

const pick = (list: readonly number[], word: number): number => list[word % list.length] ?? 0;

/** The transfer that two words stand for; mostly inside of the domain, so that something moves. */
export function transferOf(targets: readonly DmaTarget[], a: number, b: number): Transfer | undefined {
  const target = targets[a % Math.max(1, targets.length)];
  if (target === undefined) return undefined;
  const address = (word: number): number =>
    word % 4 === 0 || target.own.length === 0 ? pick(target.foreign, word >>> 2) : pick(target.own, word >>> 2);
  return {
    registers: target.registers,
    from: address(a >>> 3),
    to: address(b),
    sizeBytes: LAST_WORD + ((b >>> 16) % (MAX_BYTES - LAST_WORD)),
    command: (a >>> 30) % 2 === 0 ? DMA_COMMAND.go : DMA_COMMAND.go | DMA_COMMAND.interrupt,
    interrupt: pick(target.interrupts, a >>> 20),
  };
}

/** Stores that start a transfer. */
export function transferPhrase({ registers, from, to, sizeBytes, command, interrupt }: Transfer): readonly Operation[] {
  const store = (offset: number, low: number, high: number): Operation => ({
    kind: 'write',
    address: registers + offset,
    sizeBytes: 8,
    low,
    high,
  });
  return [
    store(DMA_REGISTER.source, lowWord(from), highWord(from)),
    store(DMA_REGISTER.destination, lowWord(to), highWord(to)),
    store(DMA_REGISTER.interrupt, interrupt, 0),
    store(DMA_REGISTER.length, sizeBytes, command),
  ];
}
