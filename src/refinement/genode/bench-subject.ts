import type { LoopState } from '../../impl/genode/instance/event-loop.ts';
import type { InstanceState } from '../../impl/genode/instance/state.ts';
import type { HostedSoftware } from '../../impl/hosted.ts';

/** Memory of subjects, zero at first; a copy costs what was written. */
export class BenchMemory {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** All bytes from here on are zero. */
  #end: number;

  /** @param end bytes that may be other than zero: all, for memory that others write as well */
  constructor(bytes: Uint8Array, end = bytes.length) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#end = end;
  }

  copy(): BenchMemory {
    const bytes = new Uint8Array(this.bytes.length);
    bytes.set(this.bytes.subarray(0, this.#end));
    return new BenchMemory(bytes, this.#end);
  }

  /** Unsigned 32-bit half of a value: its low one at `half` 0. */
  read(at: number, sizeBytes: number, half: 0 | 1): number {
    if (half === 1) return sizeBytes === 8 ? this.#view.getUint32(at + 4, true) : 0;
    if (sizeBytes >= 4) return this.#view.getUint32(at, true);
    return sizeBytes === 2 ? this.#view.getUint16(at, true) : this.#view.getUint8(at);
  }

  /** Writes a value; false if it was there already. */
  write(at: number, sizeBytes: number, low: number, high: number): boolean {
    const mask = sizeBytes >= 4 ? 0xffff_ffff : 2 ** (8 * sizeBytes) - 1;
    const isSame =
      this.read(at, sizeBytes, 0) === (low & mask) >>> 0 &&
      (sizeBytes < 8 || this.read(at, sizeBytes, 1) === high >>> 0);
    if (isSame) return false;
    if (sizeBytes >= 4) this.#view.setUint32(at, low, true);
    else if (sizeBytes === 2) this.#view.setUint16(at, low, true);
    else this.#view.setUint8(at, low);
    if (sizeBytes === 8) this.#view.setUint32(at + 4, high, true);
    this.#end = Math.max(this.#end, at + sizeBytes);
    return true;
  }
}

/** Memory that one or two subjects map. */
export interface BenchRegion {
  readonly name: string;
  readonly address: number;
  readonly memory: BenchMemory;
  readonly isWritable: boolean;
}

/** What a vmcall event does: vector at another subject, by name. */
export interface BenchTarget {
  readonly subject: string;
  readonly vector: number;
}

type Software = HostedSoftware<LoopState<InstanceState>>;

/** One instance with its memory, as a subject would run it. */
export class BenchSubject {
  readonly name: string;
  readonly software: Software;
  readonly regions: readonly BenchRegion[];
  readonly targets: ReadonlyMap<number, BenchTarget>;
  state: LoopState<InstanceState>;
  low = 0;
  high = 0;
  /** Injected and not seen yet, and waiting until interrupts are enabled. */
  vectors: number[] = [];
  pending = new Set<number>();
  isEnabled = false;
  isAsleep = false;
  triggerTsc = Number.POSITIVE_INFINITY;
  retired = 0;

  constructor(
    name: string,
    software: Software,
    regions: readonly BenchRegion[],
    targets: ReadonlyMap<number, BenchTarget>,
  ) {
    this.name = name;
    this.software = software;
    this.regions = regions;
    this.targets = targets;
    this.state = software.initial;
  }

  /** The subject starts anew: its memory keeps what it held. */
  reset(): void {
    this.state = this.software.initial;
    this.vectors = [];
    this.isEnabled = false;
    this.isAsleep = false;
    this.low = 0;
    this.high = 0;
    this.triggerTsc = Number.POSITIVE_INFINITY;
  }

  /** The same subject with memory of its own. */
  copy(memoryOf: (memory: BenchMemory) => BenchMemory): BenchSubject {
    const regions = this.regions.map(region => ({ ...region, memory: memoryOf(region.memory) }));
    const copy = new BenchSubject(this.name, this.software, regions, this.targets);
    copy.state = this.state;
    copy.low = this.low;
    copy.high = this.high;
    copy.vectors = [...this.vectors];
    copy.pending = new Set(this.pending);
    copy.isEnabled = this.isEnabled;
    copy.isAsleep = this.isAsleep;
    copy.triggerTsc = this.triggerTsc;
    copy.retired = this.retired;
    return copy;
  }

  region(address: number, sizeBytes: number): BenchRegion | undefined {
    for (const region of this.regions) {
      const at = address - region.address;
      if (at >= 0 && at + sizeBytes <= region.memory.bytes.length) return region;
    }
    return undefined;
  }

  named(name: string): BenchMemory | undefined {
    return this.regions.find(region => region.name === name)?.memory;
  }
}
