/**
 * Local APIC and x2APIC: priorities, interrupt delivery, IPIs, timer (SDM Vol. 3A, chapter "Advanced Programmable Interrupt
 * Controller (APIC)"). Time is the TSC: one tick of the timer is one TSC cycle divided by the divide configuration.
 */

/** Register offsets in the xAPIC page; an x2APIC MSR is 0x800 + offset / 16. */
export const ApicRegister = {
  id: 0x20,
  version: 0x30,
  tpr: 0x80,
  ppr: 0xa0,
  eoi: 0xb0,
  logicalDestination: 0xd0,
  destinationFormat: 0xe0,
  spurious: 0xf0,
  isr: 0x100,
  tmr: 0x180,
  irr: 0x200,
  errorStatus: 0x280,
  icrLow: 0x300,
  icrHigh: 0x310,
  lvtTimer: 0x320,
  lvtThermal: 0x330,
  lvtPerformance: 0x340,
  lvtLint0: 0x350,
  lvtLint1: 0x360,
  lvtError: 0x370,
  timerInitial: 0x380,
  timerCurrent: 0x390,
  timerDivide: 0x3e0,
  selfIpi: 0x3f0,
} as const;

/** Delivery modes of the interrupt command register and local vector table. */
export const DeliveryMode = { fixed: 0, lowestPriority: 1, smi: 2, nmi: 4, init: 5, startUp: 6, external: 7 } as const;

/** Version 0x15 with 6 local vectors. */
const VERSION = 0x0005_0015;
const MASKED = 1 << 16;
const SOFTWARE_ENABLE = 1 << 8;
const ILLEGAL_VECTOR_SENT = 1 << 5;
const ILLEGAL_VECTOR_RECEIVED = 1 << 6;
const ILLEGAL_REGISTER = 1 << 7;
const TIMER_PERIODIC = 1 << 17;
const LVT = [0x320, 0x330, 0x340, 0x350, 0x360, 0x370];

/** An interprocessor interrupt on its way. */
export interface InterruptMessage {
  readonly mode: number;
  readonly vector: number;
  /** APIC id or logical set; 0xff (xAPIC) or 0xffffffff (x2APIC) is everyone. */
  readonly destination: number;
  readonly isLogical: boolean;
  /** 0 none, 1 self, 2 all, 3 all but self. */
  readonly shorthand: number;
  /** INIT level de-assert, which does nothing. */
  readonly isDeassert: boolean;
}

/** Sends messages between the APICs of a machine. */
export interface ApicBus {
  send(from: LocalApic, message: InterruptMessage): void;
}

const highestBit = (words: Uint32Array): number => {
  for (let word = 7; word >= 0; word--) if (words[word] !== 0) return word * 32 + 31 - Math.clz32(words[word]!);
  return -1;
};

export class LocalApic {
  readonly id: number;
  /** x2APIC mode of IA32_APIC_BASE. */
  isX2apic = false;
  isNmiPending = false;
  isInitPending = false;
  /** Vector of a pending start-up IPI, -1 for none. */
  startVector = -1;
  readonly #bus: ApicBus;
  readonly #irr = new Uint32Array(8);
  readonly #isr = new Uint32Array(8);
  readonly #tmr = new Uint32Array(8);
  readonly #lvt = new Uint32Array(6);
  #tpr = 0;
  #spurious = 0xff;
  #logical = 0;
  #format = 0xffff_ffff;
  #errors = 0;
  #errorsLatched = 0;
  #icrLow = 0;
  #icrHigh = 0;
  #timerInitial = 0;
  #timerDivide = 0;
  /** TSC at which the timer was started. */
  #timerStart = 0;
  /** TSC at which the timer fires, Infinity while it is stopped. */
  timerDeadline = Number.POSITIVE_INFINITY;

  constructor(id: number, bus: ApicBus) {
    this.id = id;
    this.#bus = bus;
    this.reset();
  }

  reset(): void {
    for (const words of [this.#irr, this.#isr, this.#tmr]) words.fill(0);
    this.#lvt.fill(MASKED);
    this.#tpr = 0;
    this.#spurious = 0xff;
    this.#logical = 0;
    this.#format = 0xffff_ffff;
    this.#errors = 0;
    this.#errorsLatched = 0;
    this.#icrLow = 0;
    this.#icrHigh = 0;
    this.#timerInitial = 0;
    this.#timerDivide = 0;
    this.timerDeadline = Number.POSITIVE_INFINITY;
    this.isNmiPending = false;
    this.startVector = -1;
  }

  /** CR8: bits 7:4 of the TPR. */
  get taskPriority(): number {
    return this.#tpr >>> 4;
  }

  set taskPriority(priority: number) {
    this.#tpr = (priority & 0xf) << 4;
  }

  /** Processor priority: the higher of TPR and the class of the interrupt in service. */
  get processorPriority(): number {
    const inService = highestBit(this.#isr);
    return this.#tpr >>> 4 >= inService >>> 4 || inService < 0 ? this.#tpr : inService & 0xf0;
  }

  /** Vector that may be delivered now, -1 for none. */
  pendingVector(tsc: number): number {
    this.advance(tsc);
    if ((this.#spurious & SOFTWARE_ENABLE) === 0) return -1;
    const vector = highestBit(this.#irr);
    return vector >= 0 && vector >>> 4 > this.processorPriority >>> 4 ? vector : -1;
  }

  /** The processor takes the pending interrupt; the spurious vector if there is none any more. */
  acknowledge(tsc: number): number {
    const vector = this.pendingVector(tsc);
    if (vector < 0) return this.#spurious & 0xff;
    this.#irr[vector >>> 5]! &= ~(1 << (vector & 31));
    this.#isr[vector >>> 5]! |= 1 << (vector & 31);
    return vector;
  }

  /** A message arrives. */
  receive(mode: number, vector: number): void {
    switch (mode) {
      case DeliveryMode.fixed:
      case DeliveryMode.lowestPriority:
        if (vector < 16) this.#errors |= ILLEGAL_VECTOR_RECEIVED;
        else this.#irr[vector >>> 5]! |= 1 << (vector & 31);
        break;
      case DeliveryMode.nmi:
        this.isNmiPending = true;
        break;
      case DeliveryMode.init:
        this.isInitPending = true;
        break;
      case DeliveryMode.startUp:
        this.startVector = vector;
        break;
      default:
        break;
    }
  }

  /** True if a message with this destination is for this APIC. */
  accepts({ destination, isLogical }: InterruptMessage, isX2apic: boolean): boolean {
    const everyone = isX2apic ? 0xffff_ffff : 0xff;
    if (destination === everyone) return true;
    if (!isLogical) return destination === this.id;
    if (isX2apic) return destination >>> 16 === this.id >>> 4 && (destination & (1 << (this.id & 15))) !== 0;
    const logical = this.#logical >>> 24;
    const isFlat = this.#format >>> 28 === 0xf;
    if (isFlat) return (logical & destination) !== 0;
    return logical >>> 4 === destination >>> 4 && (logical & destination & 0xf) !== 0;
  }

  /** Lets the timer fire as often as it should have until `tsc`. */
  advance(tsc: number): void {
    if (tsc < this.timerDeadline) return;
    const entry = this.#lvt[0]!;
    if ((entry & MASKED) === 0) this.receive(DeliveryMode.fixed, entry & 0xff);
    const period = this.#timerInitial * this.#divisor();
    if ((entry & TIMER_PERIODIC) === 0 || period === 0) {
      this.timerDeadline = Number.POSITIVE_INFINITY;
      return;
    }
    // Expiries that nobody waited for coincide: a vector can be pending once.
    this.#timerStart += Math.floor((tsc - this.#timerStart) / period) * period;
    this.timerDeadline = this.#timerStart + period;
  }

  /** Divide configuration: bits 3, 1, 0 give 2, 4, .. 128, 1. */
  #divisor(): number {
    const code = ((this.#timerDivide >>> 1) & 4) | (this.#timerDivide & 3);
    return code === 7 ? 1 : 2 << code;
  }

  #startTimer(count: number, tsc: number): void {
    this.#timerInitial = count;
    this.#timerStart = tsc;
    this.timerDeadline = count === 0 ? Number.POSITIVE_INFINITY : tsc + count * this.#divisor();
  }

  #currentCount(tsc: number): number {
    this.advance(tsc);
    if (this.timerDeadline === Number.POSITIVE_INFINITY) return 0;
    return Math.ceil((this.timerDeadline - tsc) / this.#divisor());
  }

  /** Register at an offset of the page; undefined for one that does not exist. */
  read(offset: number, tsc: number): number | undefined {
    const bank = offset >>> 4 <= 0x27 && offset >= 0x100 ? this.#bank(offset) : undefined;
    if (bank !== undefined) return bank;
    const local = LVT.indexOf(offset);
    if (local >= 0) return this.#lvt[local]!;
    switch (offset) {
      case ApicRegister.id:
        return this.isX2apic ? this.id : (this.id << 24) >>> 0;
      case ApicRegister.version:
        return VERSION;
      case ApicRegister.tpr:
        return this.#tpr;
      case ApicRegister.ppr:
        return this.processorPriority;
      case ApicRegister.logicalDestination:
        return this.isX2apic ? (((this.id >>> 4) << 16) | (1 << (this.id & 15))) >>> 0 : this.#logical;
      case ApicRegister.destinationFormat:
        return this.isX2apic ? undefined : this.#format;
      case ApicRegister.spurious:
        return this.#spurious;
      case ApicRegister.errorStatus:
        return this.#errorsLatched;
      case ApicRegister.icrLow:
        return this.#icrLow;
      case ApicRegister.icrHigh:
        return this.isX2apic ? undefined : this.#icrHigh;
      case ApicRegister.timerInitial:
        return this.#timerInitial;
      case ApicRegister.timerCurrent:
        return this.#currentCount(tsc);
      case ApicRegister.timerDivide:
        return this.#timerDivide;
      default:
        return undefined;
    }
  }

  #bank(offset: number): number | undefined {
    const index = (offset >>> 4) & 7;
    if (offset < ApicRegister.tmr) return this.#isr[index]!;
    if (offset < ApicRegister.irr) return this.#tmr[index]!;
    return offset < ApicRegister.errorStatus ? this.#irr[index]! : undefined;
  }

  /** Writes a register; false for one that does not exist or is read-only. */
  write(offset: number, value: number, tsc: number): boolean {
    const local = LVT.indexOf(offset);
    if (local >= 0) {
      const isDisabled = (this.#spurious & SOFTWARE_ENABLE) === 0;
      this.#lvt[local] = (value & 0x7_f7ff) | (isDisabled ? MASKED : 0);
      return true;
    }
    switch (offset) {
      case ApicRegister.tpr:
        this.#tpr = value & 0xff;
        return true;
      case ApicRegister.eoi:
        this.#endOfInterrupt();
        return true;
      case ApicRegister.logicalDestination:
        this.#logical = value & 0xff00_0000;
        return !this.isX2apic;
      case ApicRegister.destinationFormat:
        this.#format = (value | 0x0fff_ffff) >>> 0;
        return !this.isX2apic;
      case ApicRegister.spurious:
        this.#spurious = value & 0x1ff;
        if ((value & SOFTWARE_ENABLE) === 0) for (let index = 0; index < 6; index++) this.#lvt[index]! |= MASKED;
        return true;
      case ApicRegister.errorStatus:
        this.#errorsLatched = this.#errors;
        this.#errors = 0;
        return true;
      case ApicRegister.icrLow:
        this.#command(value, this.#icrHigh);
        return true;
      case ApicRegister.icrHigh:
        this.#icrHigh = value & 0xff00_0000;
        return !this.isX2apic;
      case ApicRegister.timerInitial:
        this.#startTimer(value >>> 0, tsc);
        return true;
      case ApicRegister.timerDivide:
        this.#timerDivide = value & 0xb;
        return true;
      case ApicRegister.selfIpi:
        if (this.isX2apic) this.receive(DeliveryMode.fixed, value & 0xff);
        return this.isX2apic;
      default:
        this.#errors |= ILLEGAL_REGISTER;
        return false;
    }
  }

  /** Write of the whole interrupt command register (x2APIC MSR 0x830). */
  writeCommand(low: number, high: number): void {
    this.#command(low, high);
    this.#icrHigh = high;
  }

  /** High half of the interrupt command register. */
  get commandHigh(): number {
    return this.#icrHigh;
  }

  #endOfInterrupt(): void {
    const vector = highestBit(this.#isr);
    if (vector >= 0) this.#isr[vector >>> 5]! &= ~(1 << (vector & 31));
  }

  #command(low: number, high: number): void {
    this.#icrLow = low & 0xc_cfff;
    const mode = (low >>> 8) & 7;
    const vector = low & 0xff;
    if (mode <= DeliveryMode.lowestPriority && vector < 16) {
      this.#errors |= ILLEGAL_VECTOR_SENT;
      return;
    }
    const isLevel = (low & (1 << 15)) !== 0;
    this.#bus.send(this, {
      mode,
      vector,
      destination: this.isX2apic ? high >>> 0 : high >>> 24,
      isLogical: (low & (1 << 11)) !== 0,
      shorthand: (low >>> 18) & 3,
      isDeassert: mode === DeliveryMode.init && isLevel && (low & (1 << 14)) === 0,
    });
  }
}
