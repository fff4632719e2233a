import type { ProgramOps, ProgramRow } from '../../impl/genode/instance/component.ts';
import { eventLoopSoftware } from '../../impl/genode/instance/event-loop.ts';
import { genodeInstance } from '../../impl/genode/instance/instance.ts';
import { SCHEDULING_INFO_ADDRESS, SUBJECT_INFO_ADDRESS } from '../../impl/genode/instance/subject-info.ts';
import { defined } from '../../units/invariant.ts';
import type { Operation } from '../../units/operation.ts';
import { BenchMemory, type BenchRegion, BenchSubject, type BenchTarget } from './bench-subject.ts';
import { type BenchResources, subjectInfoBytes } from './subject-info-bytes.ts';

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

/** A module that takes more than one round of a link's ring, and one of three messages. */
const MODULES: ReadonlyMap<string, string> = new Map([
  ['a', 'module '.repeat(2600)],
  ['b', 'module '.repeat(580)],
]);

const TSC_KHZ = 1_000_000;
const CYCLES_PER_OPERATION = 1000;
const START_TSC = 1_000_000_000;
/** Operations of one subject between two looks of the scheduler: a minor frame. */
const FRAME_OPERATIONS = 50;
const FRAME_CYCLES = FRAME_OPERATIONS * CYCLES_PER_OPERATION;
const RAM_ADDRESS = 0x100_0000;
const RAM_BYTES = 0x40_0000;
const LOG_ADDRESS = 0x20_1000;
const LOG_BYTES = 0x4000;
const LINK_ADDRESS = 0x8000_0000;
const LINK_BYTES = 0x5000;
const TIMER_EVENT = 31;
const SLEEP_EVENT = 30;
const TIMER_VECTOR = 32;
const TWO32 = 2 ** 32;

const LINK_VECTOR = 48;

interface Link {
  readonly link: BenchLink;
  /** Its number: what its event, vector and addresses follow from. */
  readonly index: number;
  /** Regions by the name of the writer. */
  readonly memory: ReadonlyMap<string, BenchMemory>;
}

/** What a subject has of the links that it is at an end of. */
function linkParts(name: string, links: readonly Link[]) {
  const regions: BenchRegion[] = [];
  const events: { name: string; value: number }[] = [];
  const vectors: { name: string; value: number }[] = [];
  const targets = new Map<number, BenchTarget>();
  for (const { link, index, memory } of links) {
    const side = link.ends.indexOf(name);
    if (side < 0) continue;
    const other = link.ends[1 - side]!;
    const address = LINK_ADDRESS + index * 0x10_0000;
    regions.push({ name: `${link.name}_out`, address, memory: memory.get(name)!, isWritable: true });
    regions.push({
      name: `${link.name}_in`,
      address: address + 0x8_0000,
      memory: memory.get(other)!,
      isWritable: false,
    });
    events.push({ name: `${link.name}_out`, value: 1 + index });
    vectors.push({ name: `${link.name}_in`, value: LINK_VECTOR + index });
    targets.set(1 + index, { subject: other, vector: LINK_VECTOR + index });
  }
  return { regions, events, vectors, targets };
}

const untouched = (sizeBytes: number): BenchMemory => new BenchMemory(new Uint8Array(sizeBytes), 0);

function subjectOf(instance: BenchInstance, links: readonly Link[], ops: ProgramOps): BenchSubject {
  const parts = linkParts(instance.name, links);
  const regions: BenchRegion[] = [
    { name: 'log', address: LOG_ADDRESS, memory: untouched(LOG_BYTES), isWritable: true },
    { name: 'ram', address: RAM_ADDRESS, memory: untouched(RAM_BYTES), isWritable: true },
    ...parts.regions,
  ];
  const resources: BenchResources = {
    name: instance.name,
    tscKhz: TSC_KHZ,
    memory: regions.map(({ name, address, memory, isWritable }) => ({
      name,
      address,
      sizeBytes: memory.bytes.length,
      isWritable,
    })),
    events: [{ name: 'timer', value: TIMER_EVENT }, { name: 'sleep', value: SLEEP_EVENT }, ...parts.events],
    vectors: [{ name: 'timer', value: TIMER_VECTOR }, ...parts.vectors],
  };
  const info = new BenchMemory(subjectInfoBytes(resources));
  const { programs = [], config } = instance;
  const modules = new Map(MODULES).set('config', config);
  const software = eventLoopSoftware(genodeInstance({ modules, programs }, ops));
  const given = [
    ...regions,
    { name: 'sinfo', address: SUBJECT_INFO_ADDRESS, memory: info, isWritable: false },
    { name: 'schedule', address: SCHEDULING_INFO_ADDRESS, memory: untouched(0x1000), isWritable: false },
  ];
  return new BenchSubject(instance.name, software, given, parts.targets);
}

/** Makes a bench of instances that did not start yet. */
export function createBench(
  instances: readonly BenchInstance[],
  links: readonly BenchLink[],
  ops: ProgramOps,
): InstanceBench {
  const made = links.map((link, index): Link => {
    const memory = new Map(link.ends.map(end => [end, new BenchMemory(new Uint8Array(LINK_BYTES))]));
    return { link, index, memory };
  });
  const regions = new Map(
    made.flatMap(({ link, memory }) => [...memory].map(([end, region]) => [`${link.name}_${end}`, region] as const)),
  );
  return new InstanceBench(
    instances.map(instance => subjectOf(instance, made, ops)),
    regions,
  );
}

/** Genode instances joined by links, without a Muen system around them: what happens between any two operations can be chosen. */
export class InstanceBench {
  readonly subjects: readonly BenchSubject[];
  /** Regions of links by `<link>_<writer>`. */
  readonly links: ReadonlyMap<string, BenchMemory>;
  tsc = START_TSC;
  /** First thing that no subject may do. */
  wrong = '';

  constructor(subjects: readonly BenchSubject[], links: ReadonlyMap<string, BenchMemory>) {
    this.subjects = subjects;
    this.links = links;
  }

  /** A copy that goes its own way from here. */
  fork(): InstanceBench {
    const copies = new Map<BenchMemory, BenchMemory>();
    const memoryOf = (memory: BenchMemory): BenchMemory => {
      const copy = copies.get(memory) ?? memory.copy();
      copies.set(memory, copy);
      return copy;
    };
    const subjects = this.subjects.map(subject => subject.copy(memoryOf));
    const fork = new InstanceBench(
      subjects,
      new Map([...this.links].map(([name, memory]) => [name, memoryOf(memory)])),
    );
    fork.tsc = this.tsc;
    fork.wrong = this.wrong;
    return fork;
  }

  find(name: string): BenchSubject | undefined {
    return this.subjects.find(subject => subject.name === name);
  }

  /** Tells a subject what the kernel would at the start of a minor frame, and injects what became due. */
  beginFrame(subject: BenchSubject): void {
    const schedule = defined(subject.named('schedule'), 'scheduling information');
    for (const [at, tsc] of [
      [0, this.tsc],
      [8, this.tsc + FRAME_CYCLES],
    ] as const)
      schedule.write(at, 8, (tsc % TWO32) >>> 0, Math.floor(tsc / TWO32));
    if (subject.triggerTsc <= this.tsc) {
      subject.triggerTsc = Number.POSITIVE_INFINITY;
      this.inject(subject, TIMER_VECTOR);
    }
  }

  inject(subject: BenchSubject, vector: number): void {
    subject.pending.add(vector);
    subject.isAsleep = false;
  }

  /**
   * Runs one minor frame of a subject; the number of operations that it executed.
   * @param after is told after each operation whether it had an effect that outlives a reset of the subject
   */
  frame(subject: BenchSubject, operations = FRAME_OPERATIONS, after?: (hasEffect: boolean) => void): number {
    this.beginFrame(subject);
    let done = 0;
    while (done < operations && !subject.isAsleep && this.wrong === '') {
      const hasEffect = this.step(subject);
      done += 1;
      after?.(hasEffect);
    }
    this.endFrame();
    return done;
  }

  /** Ends the minor frame of whoever runs. */
  endFrame(): void {
    this.tsc += FRAME_CYCLES;
  }

  /** Runs one operation; false if nothing but the state of the subject's software changed. */
  step(subject: BenchSubject): boolean {
    const takes = subject.isEnabled && subject.pending.size > 0;
    if (takes) {
      subject.vectors.push(...subject.pending);
      subject.pending.clear();
    }
    const { low, high, vectors, retired } = subject;
    const { state, operation } = subject.software.next(subject.state, { retired, low, high, vectors });
    subject.state = state;
    if (vectors.length > 0) subject.vectors = [];
    subject.low = 0;
    subject.high = 0;
    subject.retired += 1;
    return this.#execute(subject, operation) || takes;
  }

  #execute(subject: BenchSubject, operation: Operation): boolean {
    switch (operation.kind) {
      case 'read':
      case 'write':
        return this.#access(subject, operation);
      case 'vmcall': {
        if (operation.low === SLEEP_EVENT) subject.isAsleep = subject.pending.size === 0;
        const target = subject.targets.get(operation.low);
        const receiver = target === undefined ? undefined : this.find(target.subject);
        if (target !== undefined && receiver !== undefined) this.inject(receiver, target.vector);
        return receiver !== undefined;
      }
      case 'timedEvent':
        subject.triggerTsc = operation.high * TWO32 + operation.low;
        return false;
      case 'sti':
        subject.isEnabled = true;
        return false;
      case 'cli':
        subject.isEnabled = false;
        return false;
      default:
        return false;
    }
  }

  #access(subject: BenchSubject, operation: Operation & { readonly kind: 'read' | 'write' }): boolean {
    const { address, sizeBytes } = operation;
    const region = subject.region(address, sizeBytes);
    const isWrite = operation.kind === 'write';
    if (region === undefined || (isWrite && !region.isWritable)) {
      const what = isWrite ? 'writes' : 'reads';
      if (this.wrong === '')
        this.wrong = `${subject.name} ${what} ${sizeBytes} bytes at ${address}, which is not its own`;
      return false;
    }
    const at = address - region.address;
    if (operation.kind === 'write') return region.memory.write(at, sizeBytes, operation.low, operation.high);
    subject.low = region.memory.read(at, sizeBytes, 0);
    subject.high = region.memory.read(at, sizeBytes, 1);
    return false;
  }

  /** Lines in the LOG memory of an instance, as far as they are still there. */
  lines(subject: BenchSubject): string[] {
    const { bytes } = defined(subject.named('log'), 'LOG memory');
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
