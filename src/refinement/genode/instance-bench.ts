import type { ProgramOps, ProgramRow } from '../../impl/genode/instance/component.ts';
import { eventLoopSoftware, type LoopState } from '../../impl/genode/instance/event-loop.ts';
import { genodeInstance } from '../../impl/genode/instance/instance.ts';
import type { InstanceState } from '../../impl/genode/instance/state.ts';
import { SCHEDULING_INFO_ADDRESS, SUBJECT_INFO_ADDRESS } from '../../impl/genode/instance/subject-info.ts';
import type { HostedSoftware } from '../../impl/hosted.ts';
import type { Operation } from '../../units/operation.ts';
import { type BenchResources, subjectInfoBytes } from './subject-info-bytes.ts';

/** Memory that one or two subjects map. */
interface BenchRegion {
  readonly name: string;
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly isWritable: boolean;
}

/** A link between two instances: a region and an event each way. */
export interface BenchLink {
  readonly name: string;
  readonly ends: readonly [string, string];
}

export interface BenchInstance {
  readonly name: string;
  /** Configuration of its init. */
  readonly config: string;
  readonly programs?: readonly ProgramRow[];
}

/** A module that takes more than one round of a link's ring. */
const MODULES: ReadonlyMap<string, string> = new Map([['a', 'module '.repeat(2600)]]);

const TSC_KHZ = 1_000_000;
const CYCLES_PER_OPERATION = 1000;
const START_TSC = 1_000_000_000;
/** Operations of one subject between two looks of the scheduler: a minor frame. */
const FRAME_OPERATIONS = 50;
const FRAME_CYCLES = FRAME_OPERATIONS * CYCLES_PER_OPERATION;
const RAM_ADDRESS = 0x100_0000;
const RAM_BYTES = 0x20_0000;
const LOG_ADDRESS = 0x20_1000;
const LOG_BYTES = 0x4000;
const LINK_ADDRESS = 0x8000_0000;
const LINK_BYTES = 0x5000;
const TIMER_EVENT = 31;
const SLEEP_EVENT = 30;
const TIMER_VECTOR = 32;

/** What a vmcall event does: vector at another subject. */
interface Target {
  readonly subject: BenchSubject;
  readonly vector: number;
}

/** One instance with its memory, as a subject would run it. */
class BenchSubject {
  readonly name: string;
  readonly software: HostedSoftware<LoopState<InstanceState>>;
  readonly regions: readonly BenchRegion[];
  readonly targets = new Map<number, Target>();
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

  constructor(name: string, software: HostedSoftware<LoopState<InstanceState>>, regions: readonly BenchRegion[]) {
    this.name = name;
    this.software = software;
    this.regions = regions;
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

  region(address: number, sizeBytes: number): BenchRegion | undefined {
    return this.regions.find(
      region => address >= region.address && address + sizeBytes <= region.address + region.bytes.length,
    );
  }
}

/** Genode instances joined by links, without a Muen system around them: what happens between any two operations can be chosen. */
export class InstanceBench {
  readonly subjects: readonly BenchSubject[];
  /** Regions of links by `<link>_<writer>`. */
  readonly links = new Map<string, Uint8Array>();
  tsc = START_TSC;
  /** First thing that no subject may do. */
  wrong = '';

  constructor(instances: readonly BenchInstance[], links: readonly BenchLink[], ops: ProgramOps) {
    for (const { name, ends } of links)
      for (const end of ends) this.links.set(`${name}_${end}`, new Uint8Array(LINK_BYTES));
    this.subjects = instances.map(instance => this.#subject(instance, links, ops));
    for (const [index, { ends }] of links.entries()) {
      for (const [side, end] of ends.entries()) {
        const subject = this.find(end);
        const other = ends[1 - side]!;
        if (subject === undefined) continue;
        const peer = this.find(other);
        if (peer !== undefined) subject.targets.set(1 + index, { subject: peer, vector: 48 + index });
      }
    }
  }

  find(name: string): BenchSubject | undefined {
    return this.subjects.find(subject => subject.name === name);
  }

  #subject(instance: BenchInstance, links: readonly BenchLink[], ops: ProgramOps): BenchSubject {
    const regions: BenchRegion[] = [
      { name: 'log', address: LOG_ADDRESS, bytes: new Uint8Array(LOG_BYTES), isWritable: true },
      { name: 'ram', address: RAM_ADDRESS, bytes: new Uint8Array(RAM_BYTES), isWritable: true },
    ];
    const events: { name: string; value: number }[] = [
      { name: 'timer', value: TIMER_EVENT },
      { name: 'sleep', value: SLEEP_EVENT },
    ];
    const vectors: { name: string; value: number }[] = [{ name: 'timer', value: TIMER_VECTOR }];
    links.forEach(({ name, ends }, index) => {
      const side = ends.indexOf(instance.name);
      if (side < 0) return;
      const address = LINK_ADDRESS + index * 0x10_0000;
      const own = this.links.get(`${name}_${instance.name}`)!;
      const peer = this.links.get(`${name}_${ends[1 - side]!}`)!;
      regions.push({ name: `${name}_out`, address, bytes: own, isWritable: true });
      regions.push({ name: `${name}_in`, address: address + 0x8_0000, bytes: peer, isWritable: false });
      events.push({ name: `${name}_out`, value: 1 + index });
      vectors.push({ name: `${name}_in`, value: 48 + index });
    });
    const resources: BenchResources = {
      name: instance.name,
      tscKhz: TSC_KHZ,
      memory: regions.map(({ name, address, bytes, isWritable }) => ({
        name,
        address,
        sizeBytes: bytes.length,
        isWritable,
      })),
      events,
      vectors,
    };
    const info = {
      name: 'sinfo',
      address: SUBJECT_INFO_ADDRESS,
      bytes: subjectInfoBytes(resources),
      isWritable: false,
    };
    const schedule = {
      name: 'schedule',
      address: SCHEDULING_INFO_ADDRESS,
      bytes: new Uint8Array(0x1000),
      isWritable: false,
    };
    const { programs = [], config } = instance;
    const modules = new Map(MODULES).set('config', config);
    const software = eventLoopSoftware(genodeInstance({ modules, programs }, ops));
    return new BenchSubject(instance.name, software, [...regions, info, schedule]);
  }

  /** Tells a subject what the kernel would at the start of a minor frame, and injects what became due. */
  beginFrame(subject: BenchSubject): void {
    const schedule = subject.regions.find(({ name }) => name === 'schedule')!;
    const view = new DataView(schedule.bytes.buffer);
    view.setBigUint64(0, BigInt(this.tsc), true);
    view.setBigUint64(8, BigInt(this.tsc + FRAME_CYCLES), true);
    if (subject.triggerTsc <= this.tsc) {
      subject.triggerTsc = Number.POSITIVE_INFINITY;
      this.inject(subject, TIMER_VECTOR);
    }
  }

  inject(subject: BenchSubject, vector: number): void {
    subject.pending.add(vector);
    subject.isAsleep = false;
  }

  /** Runs one minor frame of a subject; the number of operations that it executed. */
  frame(subject: BenchSubject, operations = FRAME_OPERATIONS): number {
    this.beginFrame(subject);
    let done = 0;
    while (done < operations && !subject.isAsleep && this.wrong === '') {
      this.step(subject);
      done += 1;
    }
    this.tsc += FRAME_CYCLES;
    return done;
  }

  /** Runs one operation. */
  step(subject: BenchSubject): void {
    if (subject.isEnabled && subject.pending.size > 0) {
      subject.vectors.push(...subject.pending);
      subject.pending.clear();
    }
    const { low, high, vectors, retired } = subject;
    const { state, operation } = subject.software.next(subject.state, { retired, low, high, vectors });
    subject.state = state;
    subject.vectors = [];
    subject.low = 0;
    subject.high = 0;
    subject.retired += 1;
    this.#execute(subject, operation);
  }

  #execute(subject: BenchSubject, operation: Operation): void {
    switch (operation.kind) {
      case 'read':
      case 'write':
        this.#access(subject, operation);
        return;
      case 'vmcall': {
        if (operation.low === SLEEP_EVENT) subject.isAsleep = subject.pending.size === 0;
        const target = subject.targets.get(operation.low);
        if (target !== undefined) this.inject(target.subject, target.vector);
        return;
      }
      case 'timedEvent':
        subject.triggerTsc = operation.high * 2 ** 32 + operation.low;
        return;
      case 'sti':
        subject.isEnabled = true;
        return;
      case 'cli':
        subject.isEnabled = false;
        return;
      default:
    }
  }

  #access(subject: BenchSubject, operation: Operation & { readonly kind: 'read' | 'write' }): void {
    const { address, sizeBytes } = operation;
    const region = subject.region(address, sizeBytes);
    const isWrite = operation.kind === 'write';
    if (region === undefined || (isWrite && !region.isWritable)) {
      const what = isWrite ? 'writes' : 'reads';
      if (this.wrong === '')
        this.wrong = `${subject.name} ${what} ${sizeBytes} bytes at ${address}, which is not its own`;
      return;
    }
    const at = address - region.address;
    if (operation.kind === 'write') {
      for (let index = 0; index < sizeBytes; index++) {
        const half = index < 4 ? operation.low : operation.high;
        region.bytes[at + index] = (half >>> (8 * (index % 4))) & 0xff;
      }
      return;
    }
    let low = 0;
    let high = 0;
    for (let index = Math.min(4, sizeBytes) - 1; index >= 0; index--) low = low * 256 + region.bytes[at + index]!;
    for (let index = sizeBytes - 1; index >= 4; index--) high = high * 256 + region.bytes[at + index]!;
    subject.low = low;
    subject.high = high;
  }

  /** Lines in the LOG memory of an instance, as far as they are still there. */
  lines(subject: BenchSubject): string[] {
    const { bytes } = subject.regions.find(({ name }) => name === 'log')!;
    const ringBytes = bytes.length - 8;
    const end = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    let text = '';
    for (let place = Math.max(0, end - ringBytes); place < end; place++) {
      const byte = bytes[8 + (place % ringBytes)]!;
      if (byte !== 0) text += String.fromCharCode(byte);
    }
    return text.split('\n').filter(line => line !== '');
  }
}

export type { BenchSubject };
