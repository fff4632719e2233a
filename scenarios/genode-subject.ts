import { PANIC_TRAPS } from './native-subject.ts';
import { restEvent, timerEvent } from './own-events.ts';
import type {
  ChannelDescription,
  EventDescription,
  RegionDescription,
  SubjectDescription,
} from './policy-description.ts';

const region = (
  name: string,
  address: number,
  sizeBytes: number,
  more: Partial<RegionDescription> = {},
): RegionDescription => ({
  name,
  type: 'subject',
  sizeBytes,
  address,
  writable: true,
  executable: false,
  fill: 0,
  ...more,
});

/** Bytes of one direction of a link: header, 8 elements of 2 KiB, the reader's counter. */
export const LINK_BYTES = 0x5000;

/** A Genode instance: its image, all of its RAM, and the memory of its LOG service, guest-physical. */
export function genodeSubject(name: string, cpu: number, ramBytes: number): SubjectDescription {
  return {
    name,
    cpu,
    profile: 'vm',
    regions: [
      region('binary', 0x40_0000, 0x1000, { type: 'subject_binary', executable: true, fill: 0x90 }),
      region('log', 0x20_1000, 0x4000),
      region('ram', 0x100_0000, ramBytes, { executable: true }),
    ],
    traps: PANIC_TRAPS,
  };
}

/** Timer by the subject's own timed event, and sleep until an event or the timer. */
export function genodeEvents(name: string): EventDescription[] {
  return [timerEvent(`${name}_timer`, name, 32), restEvent(`${name}_sleep`, name, 30, 'sleep')];
}

/** Number of a link, 0 .. 15, which gives addresses, events and vectors at both sides. */
export interface LinkDescription {
  readonly name: string;
  readonly client: string;
  readonly server: string;
  readonly number: number;
  readonly mode: 'async' | 'ipi';
}

/** The two channels of a link: requests, which the client writes, and replies, which the server writes. */
export function linkChannels({ name, client, server, number, mode }: LinkDescription): ChannelDescription[] {
  const address = 0x8000_0000 + number * 0x10_0000;
  const oneWay = (suffix: string, writer: string, reader: string, offset: number): ChannelDescription => ({
    name: `${name}_${suffix}`,
    sizeBytes: LINK_BYTES,
    mode,
    writer: { subject: writer, logical: `${name}_out`, address: address + offset, event: 1 + number },
    reader: { subject: reader, logical: `${name}_in`, address: address + 0x8_0000 + offset, vector: 48 + number },
  });
  return [oneWay('request', client, server, 0), oneWay('reply', server, client, 0x1_0000)];
}
