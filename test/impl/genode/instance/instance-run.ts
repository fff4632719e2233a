import { genodeOps } from '../../../../src/impl/genode/core/genode-ops.ts';
import { bytesOfNumber, type Guest, numberAt } from '../../../../src/impl/genode/instance/guest.ts';
import { genodeInstance } from '../../../../src/impl/genode/instance/instance.ts';
import type { InstanceState } from '../../../../src/impl/genode/instance/state.ts';
import { SCHEDULING_INFO_ADDRESS, SUBJECT_INFO_ADDRESS } from '../../../../src/impl/genode/instance/subject-info.ts';
import { channelOps } from '../../../../src/impl/native/muchannel.ts';

const TSC_KHZ = 1000;
const FRAME_TICKS = 1000;
const LOG = { address: 0x20_1000, sizeBytes: 0x2_0000 };
const RAM = { address: 0x100_0000, sizeBytes: 0x80_0000 };
const TIMER_VECTOR = 32;

/** A resource of the subject information: its kind, its name, and what follows. */
export interface InfoResource {
  readonly kind: number;
  readonly name: string;
  readonly union: Uint8Array;
}

const memoryUnion = (address: number, sizeBytes: number, rightsOffset: number): Uint8Array => {
  const union = new Uint8Array(56);
  union[rightsOffset] = 1;
  union.set(bytesOfNumber(address, 8), 8);
  union.set(bytesOfNumber(sizeBytes, 8), 16);
  return union;
};
const numberUnion = (value: number): Uint8Array => Uint8Array.from([value, ...new Array<number>(55).fill(0)]);

/** A device's memory, a device's interrupt vector, and a device. */
export const deviceMemory = (name: string, address: number, sizeBytes: number): InfoResource => ({
  kind: 5,
  name,
  union: memoryUnion(address, sizeBytes, 0),
});
export const device = (name: string, sourceId: number, firstVector: number): InfoResource => {
  const union = new Uint8Array(56);
  union.set(bytesOfNumber(sourceId, 2), 0);
  union.set([firstVector, 1], 4);
  return { kind: 4, name, union };
};
const vector = (name: string, value: number): InfoResource => ({ kind: 3, name, union: numberUnion(value) });

const OWN: readonly InfoResource[] = [
  { kind: 1, name: 'log', union: memoryUnion(LOG.address, LOG.sizeBytes, 2) },
  { kind: 1, name: 'ram', union: memoryUnion(RAM.address, RAM.sizeBytes, 2) },
  { kind: 2, name: 'timer', union: numberUnion(31) },
  vector('timer', TIMER_VECTOR),
];

function nameBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(65);
  bytes[0] = name.length;
  bytes.set(new TextEncoder().encode(name), 1);
  return bytes;
}

function subjectInfo(resources: readonly InfoResource[]): Uint8Array {
  const page = new Uint8Array(80 + 128 * resources.length);
  page.set(bytesOfNumber(0x6e69_756d, 4), 0);
  page.set(bytesOfNumber(0x0300_6f66, 4), 4);
  page.set(bytesOfNumber(TSC_KHZ, 4), 8);
  page.set(nameBytes('subject'), 12);
  page.set(bytesOfNumber(resources.length, 2), 77);
  for (const [index, { kind, name, union }] of resources.entries()) {
    const base = 80 + 128 * index;
    page.set(bytesOfNumber(kind, 4), base);
    page.set(nameBytes(name), base + 4);
    page.set(union, base + 72);
  }
  return page;
}

/** Guest-physical memory in pages, a clock of minor frames, and ports that answer their own number. */
class PlainGuest implements Guest {
  readonly #pages = new Map<number, Uint8Array>();
  readonly ports: string[] = [];
  tsc = FRAME_TICKS;
  triggerTsc = Number.POSITIVE_INFINITY;

  #page(address: number): Uint8Array {
    const number = Math.floor(address / 0x1000);
    const known = this.#pages.get(number) ?? new Uint8Array(0x1000);
    this.#pages.set(number, known);
    return known;
  }

  read(address: number, sizeBytes: number): Uint8Array {
    if (address === SCHEDULING_INFO_ADDRESS) return bytesOfNumber(this.tsc, 8);
    if (address === SCHEDULING_INFO_ADDRESS + 8) return bytesOfNumber(this.tsc + FRAME_TICKS, 8);
    return Uint8Array.from(
      { length: sizeBytes },
      (_, index) => this.#page(address + index)[(address + index) % 0x1000]!,
    );
  }

  write(address: number, bytes: Uint8Array): void {
    for (const [index, byte] of bytes.entries()) this.#page(address + index)[(address + index) % 0x1000] = byte;
  }

  raise(): void {}

  armTimer(tsc: number): void {
    this.triggerTsc = tsc;
  }

  portIn(port: number, sizeBytes: 1 | 2 | 4): number {
    this.ports.push(`in${sizeBytes} ${port}`);
    return port % 2 ** (8 * sizeBytes);
  }

  portOut(port: number, sizeBytes: 1 | 2 | 4, value: number): void {
    this.ports.push(`out${sizeBytes} ${port} ${value}`);
  }
}

export interface InstanceRun {
  readonly state: InstanceState;
  /** Lines of the LOG service of core. */
  readonly lines: readonly string[];
  readonly ports: readonly string[];
  readonly memory: (address: number, sizeBytes: number) => Uint8Array;
}

/**
 * Runs one Genode instance by itself, without a machine around it: handlers access plain memory directly, and time goes
 * on to the next minor frame whenever nothing is left to do.
 */
export function runInstance(
  configText: string,
  frames: number,
  resources: readonly InfoResource[] = [],
  vectors: Readonly<Record<number, number>> = {},
): InstanceRun {
  const guest = new PlainGuest();
  guest.write(SUBJECT_INFO_ADDRESS, subjectInfo([...OWN, ...resources]));
  const ops = { genode: genodeOps, channel: channelOps };
  const loop = genodeInstance({ modules: new Map([['config', configText]]) }, ops);
  let state = loop.initial;
  for (let frame = 0; frame < frames; frame++) {
    const arrived: number[] = [];
    if (guest.triggerTsc <= guest.tsc) {
      arrived.push(TIMER_VECTOR);
      guest.triggerTsc = Number.POSITIVE_INFINITY;
    }
    if (vectors[frame] !== undefined) arrived.push(vectors[frame]!);
    for (let next: InstanceState | undefined = loop.handle(state, arrived, guest); next !== undefined; ) {
      state = next;
      next = loop.handle(state, [], guest);
    }
    guest.tsc += FRAME_TICKS;
  }
  const logged = numberAt(guest.read(LOG.address, 8), 0, 8);
  const text = guest.read(LOG.address + 8, Math.min(logged, LOG.sizeBytes - 8));
  const lines = String.fromCharCode(...text.filter(byte => byte !== 0)).split('\n');
  return { state, lines, ports: guest.ports, memory: (address, sizeBytes) => guest.read(address, sizeBytes) };
}
