import type { HostedSoftware } from '../../src/impl/hosted.ts';
import type { Operation } from '../../src/units/operation.ts';
import { accessBytes } from './native/muchannel-memory.ts';

/** Memory of the bench: address of the first byte, content, and whether software may store there. */
export interface BenchRegion {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly isWritable: boolean;
}

/**
 * One hosted subject on a bench: executes its operations over byte arrays, keeps interrupts, sleep and halt as a CPU and
 * Muen's scheduler would, and counts its vmcalls. A vector waits while interrupts are disabled.
 */
export class BenchSubject<State> {
  readonly software: HostedSoftware<State>;
  readonly regions: readonly BenchRegion[];
  readonly sleepEvent: number;
  state: State;
  retired = 0;
  faults: Operation[] = [];
  vmcalls: number[] = [];
  timedEvents: Operation[] = [];
  isAsleep = false;
  #low = 0;
  #high = 0;
  #pending: number[] = [];
  #delivered: number[] = [];
  #isEnabled = false;

  constructor(software: HostedSoftware<State>, regions: readonly BenchRegion[], sleepEvent = -1) {
    this.software = software;
    this.regions = regions;
    this.sleepEvent = sleepEvent;
    this.state = software.initial;
  }

  /** An interrupt becomes pending: it wakes the subject. */
  interrupt(vector: number): void {
    this.#pending.push(vector);
    this.isAsleep = false;
  }

  /** Executes one operation; returns it, or undefined while the subject sleeps or halts. */
  step(): Operation | undefined {
    if (this.isAsleep) return undefined;
    if (this.#isEnabled) {
      this.#delivered.push(...this.#pending);
      this.#pending = [];
    }
    const input = { retired: this.retired, low: this.#low, high: this.#high, vectors: this.#delivered };
    const { state, operation } = this.software.next(this.state, input);
    this.state = state;
    this.#delivered = [];
    this.#low = 0;
    this.#high = 0;
    this.retired += 1;
    this.#execute(operation);
    return operation;
  }

  #execute(operation: Operation): void {
    switch (operation.kind) {
      case 'read':
      case 'write':
        this.#access(operation);
        break;
      case 'sti':
      case 'cli':
        this.#isEnabled = operation.kind === 'sti';
        break;
      case 'hlt':
        this.isAsleep = this.#pending.length === 0;
        break;
      case 'vmcall':
        this.vmcalls.push(operation.low);
        if (operation.low === this.sleepEvent) this.isAsleep = this.#pending.length === 0;
        break;
      case 'timedEvent':
        this.timedEvents.push(operation);
        break;
      default:
        break;
    }
  }

  #access(operation: Operation & { kind: 'read' | 'write' }): void {
    const region = this.regions.find(
      ({ address, bytes }) =>
        operation.address >= address && operation.address + operation.sizeBytes <= address + bytes.length,
    );
    if (region === undefined || (operation.kind === 'write' && !region.isWritable)) {
      this.faults.push(operation);
      return;
    }
    const { value } = accessBytes(region.bytes, region.address, operation);
    this.#low = value.low;
    this.#high = value.high;
  }
}
