import type { PhysicalDevice, PolicyDocument } from '../../policy/document.ts';
import { type Hpa, hpa, PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { PhysicalMemory } from '../memory.ts';

/** PCI configuration space of a device as its policy describes it: what it holds at first, and the bits that a write changes. */
export interface ConfigurationSpace {
  /** Physical device of the policy. */
  readonly name: string;
  readonly address: Hpa;
  readonly initial: Uint8Array;
  /** 1 for each bit that can be written. */
  readonly writable: Uint8Array;
}

/** Memory of a device that is its configuration space. */
export const CONFIGURATION = 'mmconf';

/* Header of type 0 (PCI Local Bus Specification 3.0, section 6.1). */
const FIELD = {
  vendor: 0x00,
  device: 0x02,
  command: 0x04,
  status: 0x06,
  revision: 0x08,
  subclass: 0x0a,
  cacheLine: 0x0c,
  latency: 0x0d,
  bar: 0x10,
  capabilities: 0x34,
  interruptLine: 0x3c,
  interruptPin: 0x3d,
} as const;
const BARS = 6;
/** I/O and memory space, bus master, parity and system errors, interrupt disable. */
const COMMAND_BITS = 0x547;
const HAS_CAPABILITIES = 0x10;
const BAR_IS_PORTS = 1;
const BAR_IS_64_BIT = 4;
const PIN_A = 1;

/* Capability for message-signalled interrupts, with 64-bit addresses (section 6.8.1). */
const MSI = { at: 0x50, id: 0x05, control: 2, address: 4, upper: 8, data: 12, is64Bit: 0x80 } as const;
/** Enable, and the number of messages in use. */
const MSI_CONTROL_BITS = 0x71;
const MAX_MESSAGES_LOG = 5;

/** Header in the making. */
class Header {
  readonly initial = new Uint8Array(PAGE_SIZE_BYTES);
  readonly writable = new Uint8Array(PAGE_SIZE_BYTES);
  readonly #initialView = new DataView(this.initial.buffer);
  readonly #writableView = new DataView(this.writable.buffer);

  byte(offset: number, value: number, writable = 0): void {
    this.#initialView.setUint8(offset, value);
    this.#writableView.setUint8(offset, writable);
  }

  half(offset: number, value: number, writable = 0): void {
    this.#initialView.setUint16(offset, value, true);
    this.#writableView.setUint16(offset, writable, true);
  }

  word(offset: number, value: number, writable = 0): void {
    this.#initialView.setUint32(offset, value >>> 0, true);
    this.#writableView.setUint32(offset, writable >>> 0, true);
  }
}

/** Largest power of two that a size fits into: registers of addresses decode no other sizes. */
const decodedBytes = (sizeBytes: number): number => 2 ** Math.ceil(Math.log2(Math.max(16, sizeBytes)));

/** Base address registers for the memory and the ports of a device, as far as there are registers. */
function writeBars(header: Header, { memory, ioPorts }: PhysicalDevice): void {
  let bar = 0;
  for (const { name, physicalAddress, sizeBytes } of memory) {
    const is64Bit = physicalAddress >= 2 ** 32;
    const decoded = decodedBytes(sizeBytes);
    if (name === CONFIGURATION || physicalAddress % decoded !== 0 || bar + (is64Bit ? 2 : 1) > BARS) continue;
    const mask = 2 ** 32 - Math.min(decoded, 2 ** 32);
    header.word(FIELD.bar + 4 * bar++, (physicalAddress % 2 ** 32) + (is64Bit ? BAR_IS_64_BIT : 0), mask);
    if (is64Bit) header.word(FIELD.bar + 4 * bar++, Math.floor(physicalAddress / 2 ** 32), 0xffff_ffff);
  }
  for (const { start, end } of ioPorts) {
    const decoded = 2 ** Math.ceil(Math.log2(Math.max(4, end - start + 1)));
    if (bar < BARS && start % decoded === 0)
      header.word(FIELD.bar + 4 * bar++, start + BAR_IS_PORTS, 0x1_0000 - decoded);
  }
}

function writeMessageInterrupts(header: Header, messages: number): void {
  const log = Math.min(MAX_MESSAGES_LOG, Math.ceil(Math.log2(Math.max(1, messages))));
  header.half(FIELD.status, HAS_CAPABILITIES);
  header.byte(FIELD.capabilities, MSI.at);
  header.byte(MSI.at, MSI.id);
  header.half(MSI.at + MSI.control, MSI.is64Bit | (log << 1), MSI_CONTROL_BITS);
  header.word(MSI.at + MSI.address, 0, 0xffff_fffc);
  header.word(MSI.at + MSI.upper, 0, 0xffff_ffff);
  header.half(MSI.at + MSI.data, 0, 0xffff);
}

function headerOf(device: PhysicalDevice, pci: NonNullable<PhysicalDevice['pci']>): Header {
  const header = new Header();
  const { vendorId = 0, deviceId = 0, revisionId = 0, classCode = 0 } = pci.identification ?? {};
  header.half(FIELD.vendor, vendorId);
  header.half(FIELD.device, deviceId);
  header.half(FIELD.command, 0, COMMAND_BITS);
  header.byte(FIELD.revision, revisionId);
  header.half(FIELD.subclass, classCode);
  header.byte(FIELD.cacheLine, 0, 0xff);
  header.byte(FIELD.latency, 0, 0xff);
  header.byte(FIELD.interruptLine, 0, 0xff);
  writeBars(header, device);
  if (pci.msi) writeMessageInterrupts(header, device.irqs.length);
  else if (device.irqs.length > 0) header.byte(FIELD.interruptPin, PIN_A);
  return header;
}

/** Configuration spaces that some subject maps. */
export function configurationSpacesOf(document: PolicyDocument): readonly ConfigurationSpace[] {
  const assigned = new Set(document.subjects.flatMap(({ devices }) => devices.map(({ physical }) => physical)));
  return document.hardware.devices.flatMap((device): readonly ConfigurationSpace[] => {
    const { name, pci, memory } = device;
    const space = memory.find(row => row.name === CONFIGURATION && row.sizeBytes === PAGE_SIZE_BYTES);
    if (pci === undefined || space === undefined || !assigned.has(name)) return [];
    const { initial, writable } = headerOf(device, pci);
    return [{ name, address: hpa(space.physicalAddress), initial, writable }];
  });
}

/** Puts what the spaces hold at first into memory. */
export function presentSpaces(memory: PhysicalMemory, spaces: readonly ConfigurationSpace[]): void {
  for (const { address, initial } of spaces) memory.writeBytes(address, initial);
}

/** Takes back what a write changed of bits that cannot be written. */
export function settleSpace(
  memory: PhysicalMemory,
  { address, initial, writable }: ConfigurationSpace,
  at: number,
): void {
  const { bytes } = memory;
  const settled = initial.map((byte, index) => (byte & ~writable[index]!) | (bytes[at + index]! & writable[index]!));
  if (settled.some((byte, index) => byte !== bytes[at + index])) memory.writeBytes(address, settled);
}
