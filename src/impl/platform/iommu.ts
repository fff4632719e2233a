import { type Hpa, hpa } from '../../units/address.ts';
import type { IommuSpec } from '../muen/compile-platform.ts';

/**
 * Register file of a DMA-remapping unit (VT-d specification, "Register Descriptions"), as far as software must drive it to
 * enable DMA and interrupt remapping. It checks the protocol that the specification demands of software and notes violations.
 */

export const IommuRegister = {
  version: 0x00,
  capability: 0x08,
  extendedCapability: 0x10,
  globalCommand: 0x18,
  globalStatus: 0x1c,
  rootTable: 0x20,
  contextCommand: 0x28,
  faultStatus: 0x34,
  faultControl: 0x38,
  faultData: 0x3c,
  faultAddress: 0x40,
  interruptRemapping: 0xb8,
} as const;

/** Bits of the global command and status registers. */
export const IommuCommand = {
  translation: 1 << 31,
  setRootTable: 1 << 30,
  setFaultLog: 1 << 29,
  flushWriteBuffer: 1 << 27,
  queuedInvalidation: 1 << 26,
  interruptRemapping: 1 << 25,
  setRemappingTable: 1 << 24,
  compatibilityInterrupts: 1 << 23,
} as const;
/** Commands that are executed once; they must be 0 when the register is written for another one. */
export const ONE_SHOT = 0x6900_0000;

/** High half of the invalidation registers: execute, granularity wanted (2 bits) and done (2 bits); 1 is global. */
export const Invalidate = {
  contextExecute: 0x8000_0000,
  contextGlobal: 0x2000_0000,
  contextDone: 0x1800_0000,
} as const;
export const IotlbInvalidate = { execute: 0x8000_0000, global: 0x1000_0000, done: 0x0600_0000 } as const;
const CONTEXT_GLOBAL_DONE = 0x0800_0000;
const IOTLB_GLOBAL_DONE = 0x0200_0000;

export const FAULT_MASKED = 0x8000_0000;
/** Of the fault control register: a fault event waits for its mask. */
const FAULT_EVENT_PENDING = 0x4000_0000;
/** Of the fault status register: an overflow, and a record that is valid. */
const FAULTS_LOST = 1;
const FAULTS_PENDING = 2;
/** Of the last word of a fault-recording register. */
const FAULT_VALID = 0x8000_0000;
const FAULT_READ = 0x4000_0000;

/** A request that a unit blocked. */
export interface RecordedFault {
  /** Bus, device and function. */
  readonly source: number;
  readonly address: number;
  readonly isRead: boolean;
  readonly reason: number;
}

/** What a unit can fail to do, for tests: the status that never comes. */
export type IommuDefect =
  | 'root'
  | 'context'
  | 'iotlb'
  | 'translation'
  | 'table'
  | 'compatibility'
  | 'remapping'
  | 'queue';

const log2 = (value: number): number => 31 - Math.clz32(value);

export class Iommu {
  /** The unit as it is. */
  readonly spec: IommuSpec;
  /** The unit as the policy describes it. */
  readonly expected: IommuSpec;
  /** Where software broke the protocol, in order. */
  readonly violations: string[] = [];
  readonly #defect: IommuDefect | undefined;
  readonly #words = new Uint32Array(0x1000 / 4);
  #status = 0;
  #rootLatched = false;
  #contextClean = false;
  #iotlbClean = false;
  #tableLatched = false;

  /** `spec` is the unit as it is, `left` the status in which the firmware left it. */
  constructor(expected: IommuSpec, spec: IommuSpec = expected, defect?: IommuDefect, left = 0) {
    this.#status = left;
    this.expected = expected;
    this.spec = spec;
    this.#defect = defect;
    const put = (offset: number, low: number, high: number): void => {
      this.#words[offset / 4] = low >>> 0;
      this.#words[offset / 4 + 1] = high >>> 0;
    };
    const domains = log2(spec.domains / 16) / 2;
    const widths = spec.addressWidth === 48 ? 0b100 : 0b010;
    const faults = (spec.faultRecordOffset / 16) << 24;
    put(IommuRegister.version, spec.version, 0);
    put(
      IommuRegister.capability,
      domains | (widths << 8) | (faults & 0xff00_0000),
      ((spec.faultRecordOffset / 16) >>> 8) | ((spec.faultRecords - 1) << 8),
    );
    const iotlb = (spec.iotlbOffset - 8) / 16;
    put(
      IommuRegister.extendedCapability,
      (spec.remapsInterrupts ? 1 << 3 : 0) | (spec.extendedInterrupts ? 1 << 4 : 0) | (iotlb << 8),
      0,
    );
  }

  /** Translation of DMA and remapping of interrupts are on. */
  get isEnabled(): boolean {
    const wanted = IommuCommand.translation | IommuCommand.interruptRemapping;
    return (this.#status & wanted) === wanted;
  }

  /** Translation of DMA is on. */
  get isTranslating(): boolean {
    return (this.#status & IommuCommand.translation) !== 0;
  }

  /** Tables that software has set, whatever the unit was last told to latch. */
  get rootTable(): Hpa {
    return this.#pointer(IommuRegister.rootTable);
  }

  get remappingTable(): Hpa {
    return this.#pointer(IommuRegister.interruptRemapping);
  }

  #pointer(offset: number): Hpa {
    return hpa(this.#words[offset / 4 + 1]! * 2 ** 32 + ((this.#words[offset / 4]! & ~0xfff) >>> 0));
  }

  /**
   * Notes a request that was blocked: in a free fault-recording register, else as an overflow (VT-d specification, "Primary
   * Fault Logging"). The fault event is left to software that unmasks it; while it is masked, it is pending.
   */
  recordFault({ source, address, isRead, reason }: RecordedFault): void {
    const status = IommuRegister.faultStatus / 4;
    for (let record = 0; record < this.spec.faultRecords; record++) {
      const at = this.spec.faultRecordOffset / 4 + 4 * record;
      if ((this.#words[at + 3]! & FAULT_VALID) !== 0) continue;
      this.#words[at] = (address & ~0xfff) >>> 0;
      this.#words[at + 1] = Math.floor(address / 2 ** 32) >>> 0;
      this.#words[at + 2] = source;
      this.#words[at + 3] = (FAULT_VALID | (isRead ? FAULT_READ : 0) | reason) >>> 0;
      const isFirst = (this.#words[status]! & FAULTS_PENDING) === 0;
      this.#words[status] = (this.#words[status]! & ~0xff00) | FAULTS_PENDING | (isFirst ? record << 8 : 0);
      this.#words[IommuRegister.faultControl / 4]! |= FAULT_EVENT_PENDING;
      return;
    }
    this.#words[status]! |= FAULTS_LOST;
  }

  /** The message that reports faults, once one is pending and software has not masked it. */
  takeFaultEvent(): { readonly destination: number; readonly vector: number } | undefined {
    const control = IommuRegister.faultControl / 4;
    const waits = (this.#words[control]! & FAULT_EVENT_PENDING) !== 0;
    if (!waits || (this.#words[control]! & FAULT_MASKED) !== 0) return undefined;
    this.#words[control]! &= ~FAULT_EVENT_PENDING;
    const low = (this.#words[IommuRegister.faultAddress / 4]! >>> 12) & 0xff;
    const high = this.#words[IommuRegister.faultAddress / 4 + 1]! & ~0xff;
    return { destination: (high | low) >>> 0, vector: this.#words[IommuRegister.faultData / 4]! & 0xff };
  }

  /** A fault was recorded since software cleared the last one. */
  get hasFaults(): boolean {
    return this.#words[IommuRegister.faultStatus / 4] !== 0;
  }

  /** Fault state, for snapshots: the rest is set once, at boot. */
  saveFaults(): Uint32Array {
    return this.#words.slice();
  }

  loadFaults(words: Uint32Array): void {
    this.#words.set(words);
  }

  /** Reads 32 bits. */
  read(offset: number): number {
    if (offset === IommuRegister.globalStatus) return this.#status >>> 0;
    if (offset === IommuRegister.globalCommand) return 0;
    return this.#words[offset / 4] ?? 0;
  }

  /** Writes 32 bits; registers of 64 bits take their low half first. */
  write(offset: number, value: number): void {
    if (offset === IommuRegister.globalCommand) this.#command(value >>> 0);
    else if (offset === IommuRegister.contextCommand + 4) this.#invalidateContext(value >>> 0);
    else if (offset === this.spec.iotlbOffset + 4) this.#invalidateIotlb(value >>> 0);
    else if (offset === IommuRegister.faultStatus) this.#words[offset / 4]! &= ~value;
    else if (this.#isFaultFlag(offset)) this.#words[offset / 4]! &= ~(value & FAULT_VALID);
    else if (offset > IommuRegister.globalStatus) this.#words[offset / 4] = value;
  }

  /** The last word of a fault-recording register, whose highest bit is cleared by writing it. */
  #isFaultFlag(offset: number): boolean {
    const inside = offset - this.spec.faultRecordOffset;
    return inside >= 0 && inside < 16 * this.spec.faultRecords && inside % 16 === 12;
  }

  #command(value: number): void {
    const kept = value & ~ONE_SHOT;
    const before = this.#status & ~ONE_SHOT & ~(1 << 28);
    const changed = (kept ^ before) >>> 0;
    const oneShot = (value & ONE_SHOT) >>> 0;
    const count = popCount(changed) + popCount(oneShot);
    if (count > 1) this.violations.push('more than one bit of the global command register changes');
    if ((oneShot & IommuCommand.setRootTable) !== 0) this.#latchRoot();
    if ((oneShot & IommuCommand.setRemappingTable) !== 0) this.#latchTable();
    this.#switch(changed, kept, IommuCommand.translation, 'translation', () => this.#checkTranslation());
    this.#switch(changed, kept, IommuCommand.interruptRemapping, 'remapping', () => {
      if (!this.#tableLatched) this.violations.push('interrupt remapping enabled before its table was set');
    });
    this.#switch(changed, kept, IommuCommand.queuedInvalidation, 'queue', () => {});
    this.#switch(changed, kept, IommuCommand.compatibilityInterrupts, 'compatibility', () => {});
  }

  #switch(changed: number, kept: number, bit: number, name: IommuDefect, onEnable: () => void): void {
    if ((changed & bit) === 0) return;
    if ((kept & bit) !== 0) onEnable();
    if (this.#defect === name) return;
    this.#status = (kept & bit) !== 0 ? this.#status | bit : this.#status & ~bit;
  }

  #latchRoot(): void {
    this.#rootLatched = true;
    this.#contextClean = false;
    this.#iotlbClean = false;
    if (this.#defect !== 'root') this.#status |= IommuCommand.setRootTable;
  }

  #latchTable(): void {
    this.#tableLatched = true;
    if (this.#defect !== 'table') this.#status |= IommuCommand.setRemappingTable;
  }

  #checkTranslation(): void {
    if (!this.#rootLatched) this.violations.push('translation enabled before the root table was set');
    if (!this.#contextClean)
      this.violations.push('translation enabled without invalidating the context cache globally');
    if (!this.#iotlbClean) this.violations.push('translation enabled without invalidating the IOTLB globally');
  }

  #checkRegisterInvalidation(): void {
    if ((this.#status & IommuCommand.queuedInvalidation) !== 0)
      this.violations.push('invalidation through registers while queued invalidation is enabled');
  }

  #invalidateContext(value: number): void {
    const word = IommuRegister.contextCommand / 4 + 1;
    this.#words[word] = value;
    if ((value & Invalidate.contextExecute) === 0 || this.#defect === 'context') return;
    this.#checkRegisterInvalidation();
    const isGlobal = (value & 0x6000_0000) === Invalidate.contextGlobal;
    if (isGlobal) this.#contextClean = true;
    this.#words[word] = (value & 0x6000_0000) | (isGlobal ? CONTEXT_GLOBAL_DONE : 0x1000_0000);
  }

  #invalidateIotlb(value: number): void {
    const word = this.spec.iotlbOffset / 4 + 1;
    this.#words[word] = value;
    if ((value & IotlbInvalidate.execute) === 0 || this.#defect === 'iotlb') return;
    this.#checkRegisterInvalidation();
    if (!this.#contextClean) this.violations.push('IOTLB invalidated before the context cache');
    const isGlobal = (value & 0x3000_0000) === IotlbInvalidate.global;
    if (isGlobal) this.#iotlbClean = true;
    this.#words[word] = (value & 0x3000_0000) | (isGlobal ? IOTLB_GLOBAL_DONE : 0x0400_0000);
  }
}

function popCount(value: number): number {
  let count = 0;
  for (let rest = value; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count += 1;
  return count;
}
