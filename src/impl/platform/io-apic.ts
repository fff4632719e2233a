/**
 * I/O APIC: an index register and a data window over the identification registers and the redirection table (Intel
 * 82093AA data sheet, "I/O APIC Registers"; with remappable-format entries as in the VT-d specification, "I/OxAPIC Programming").
 */

export const IO_APIC_SELECT = 0x00;
export const IO_APIC_WINDOW = 0x10;
/** Register number of the low half of redirection entry 0. */
export const REDIRECTION_REGISTER = 0x10;

/** Bits of the low half of a redirection entry. */
export const Redirection = {
  activeLow: 1 << 13,
  remoteIrr: 1 << 14,
  level: 1 << 15,
  masked: 1 << 16,
} as const;
/** Vector, delivery mode, destination mode, polarity, trigger mode, mask; the status bits are read-only. */
const WRITABLE_LOW = 0x1_afff;
const VERSION = 0x20;

/** Input pin of an IRQ: its own number, but the interval timer (IRQ 0) is wired to pin 2. */
export const ioApicEntry = (irq: number): number => (irq === 0 ? 2 : irq);

export class IoApic {
  /** Highest redirection entry. */
  readonly maxEntry: number;
  /** Low and high half of each entry. */
  readonly entries: Uint32Array;
  /** Where software broke the rules, in order. */
  readonly violations: string[] = [];
  readonly #isRemapping: () => boolean;
  #select = 0;

  /** `isRemapping` tells whether interrupt remapping is on. */
  constructor(maxEntry: number, isRemapping: () => boolean = () => true) {
    this.#isRemapping = isRemapping;
    this.maxEntry = maxEntry;
    this.entries = new Uint32Array(2 * (maxEntry + 1));
    for (let entry = 0; entry <= maxEntry; entry++) this.entries[2 * entry] = Redirection.masked;
  }

  /** Reads a memory-mapped register: offset 0 or 0x10. */
  read(offset: number): number {
    if (offset === IO_APIC_SELECT) return this.#select;
    if (offset !== IO_APIC_WINDOW) return 0;
    if (this.#select === 1) return (VERSION | (this.maxEntry << 16)) >>> 0;
    return this.entries[this.#select - REDIRECTION_REGISTER] ?? 0;
  }

  write(offset: number, value: number): void {
    if (offset === IO_APIC_SELECT) this.#select = value & 0xff;
    if (offset !== IO_APIC_WINDOW) return;
    const word = this.#select - REDIRECTION_REGISTER;
    if (word < 0 || word >= this.entries.length) return;
    const isUnmasked = word % 2 === 0 && (value & Redirection.masked) === 0;
    if (isUnmasked && !this.#isRemapping())
      this.violations.push(`entry ${word / 2} unmasked before interrupt remapping is on`);
    this.entries[word] =
      word % 2 === 1 ? value >>> 0 : ((this.entries[word]! & ~WRITABLE_LOW) | (value & WRITABLE_LOW)) >>> 0;
  }

  /** True if an interrupt on the pin must wait: masked, or a level-triggered one is still being handled. */
  isHeld(entry: number): boolean {
    const low = this.entries[2 * entry] ?? Redirection.masked;
    return (low & (Redirection.masked | Redirection.remoteIrr)) !== 0;
  }

  /** The pin's interrupt was sent to a local APIC. */
  accept(entry: number): void {
    const low = this.entries[2 * entry];
    if (low !== undefined && (low & Redirection.level) !== 0) this.entries[2 * entry] = low | Redirection.remoteIrr;
  }

  /** A local APIC broadcasts the end of a level-triggered interrupt with this vector. */
  endOfInterrupt(vector: number): void {
    for (let entry = 0; entry <= this.maxEntry; entry++) {
      const low = this.entries[2 * entry]!;
      if ((low & 0xff) === vector) this.entries[2 * entry] = low & ~Redirection.remoteIrr;
    }
  }

  /** Registers as plain words, for snapshots and digests. */
  save(): Uint32Array {
    return Uint32Array.from([this.#select, ...this.entries]);
  }

  load(words: Uint32Array): void {
    this.#select = words[0]!;
    this.entries.set(words.subarray(1));
  }
}
