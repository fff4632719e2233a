import type { Cpu } from '../impl/cpu.ts';
import type { ExitCause } from '../impl/exit-cause.ts';
import type { HostedSubject } from '../impl/hosted-subject.ts';
import { type ChannelLayout, channelBytes, elementOffset } from '../impl/native/muchannel.ts';
import type { ReceiverState } from '../impl/native/muchannel-receiver.ts';
import type { System } from '../impl/system.ts';
import type { SystemObserver } from '../impl/system-observer.ts';
import type { SubjectId } from '../units/ids.ts';
import type { Operation } from '../units/operation.ts';
import { type ChannelEnd, framesOf, type SoftwareDivergence } from './channel-access.ts';

/** Loads of one read besides those of the element: epoch, header, synchronisation, counters, epoch. */
const LOADS_OF_A_READ = 11;

/** Private memory that a receiver may write. */
export interface OwnMemory {
  /** Address in the subject's address space. */
  readonly address: number;
  readonly physicalAddress: number;
  readonly sizeBytes: number;
}

/** What a receiver of a channel may do, whatever stands in the channel. */
export interface ReceiverRights {
  readonly end: ChannelEnd;
  readonly layout: ChannelLayout;
  /** Undefined for a receiver that stores nothing. */
  readonly own: OwnMemory | undefined;
  /** vmcall numbers that it was given. */
  readonly calls: readonly number[];
}

/**
 * Watches software that reads a channel whose writer may be hostile: it only loads words of the channel, stores only into its own memory,
 * never faults, raises only its own events, and every read ends after a bounded number of loads.
 */
export class ReceiverGuard implements SystemObserver {
  divergence: SoftwareDivergence | undefined;
  /** Operations that were judged. */
  operations = 0;
  /** Reads that were begun. */
  reads = 0;
  readonly #system: System;
  readonly #rights: ReceiverRights;
  readonly #ownFrames: ReadonlySet<number>;
  readonly #maxLoads: number;
  #loads = 0;

  constructor(system: System, rights: ReceiverRights) {
    this.#system = system;
    this.#rights = rights;
    const { own, layout } = rights;
    this.#ownFrames = own === undefined ? new Set() : framesOf(own.physicalAddress, own.sizeBytes);
    this.#maxLoads = LOADS_OF_A_READ + layout.elementBytes / 8;
  }

  onOperation(cpu: Cpu, subject: SubjectId, hosted: HostedSubject, exit: ExitCause | undefined): void {
    const { end } = this.#rights;
    if (this.divergence !== undefined || subject !== end.id || hosted.operation === undefined) return;
    this.operations += 1;
    const what = this.#judge(cpu, hosted, hosted.operation, exit);
    if (what === '') return;
    this.divergence = { step: this.#system.kernelSteps, cpu: cpu.id, nowTsc: cpu.tsc, subject: end.subject, what };
  }

  #judge(cpu: Cpu, hosted: HostedSubject, operation: Operation, exit: ExitCause | undefined): string {
    const { memory } = this.#system;
    for (let index = 0; index < memory.touchedCount; index++) {
      const slot = memory.touchedSlot(index);
      if (slot !== cpu.vmcsSlot && !this.#ownFrames.has(memory.frameOfSlot(slot)))
        return `the receiver's ${operation.kind} wrote frame 0x${memory.frameOfSlot(slot).toString(16)}, which is not its own`;
    }
    switch (operation.kind) {
      case 'read':
        return this.#judgeLoad(hosted, operation.address, operation.sizeBytes, exit);
      case 'write':
        return this.#judgeStore(operation.address, operation.sizeBytes, exit);
      case 'vmcall':
        return operation.high === 0 && this.#rights.calls.includes(operation.low)
          ? ''
          : `the receiver raises event ${operation.low}, which it was not given`;
      case 'nop':
      case 'sti':
      case 'cli':
        return '';
      default:
        return `the receiver does ${operation.kind}, which receiving does not need`;
    }
  }

  #judgeLoad(hosted: HostedSubject, address: number, sizeBytes: number, exit: ExitCause | undefined): string {
    const { end, layout } = this.#rights;
    const offset = address - end.address;
    if (offset < 0 || offset + sizeBytes > channelBytes(layout))
      return `the receiver loads ${sizeBytes} bytes at offset ${offset} of a channel of ${channelBytes(layout)} bytes`;
    if (exit !== undefined) return `the receiver's load at offset ${offset} of the channel faults`;
    const { receiver } = hosted.state as { readonly receiver: ReceiverState };
    if (receiver.reader.phase === 'epoch') {
      this.#loads = 0;
      this.reads += 1;
    }
    this.#loads += 1;
    return this.#loads > this.#maxLoads
      ? `a read does not end: ${this.#loads} loads, the last at offset ${offset} (an element begins at ${elementOffset(layout, 0, 0)})`
      : '';
  }

  #judgeStore(address: number, sizeBytes: number, exit: ExitCause | undefined): string {
    const { own } = this.#rights;
    if (own === undefined) return 'the receiver stores into memory';
    const offset = address - own.address;
    if (offset < 0 || offset + sizeBytes > own.sizeBytes)
      return `the receiver stores at offset ${offset} of its memory of ${own.sizeBytes} bytes`;
    return exit === undefined ? '' : `the receiver's store at offset ${offset} of its memory faults`;
  }
}
