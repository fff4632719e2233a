import type { MajorFrame, Scheduling } from './document.ts';
import { group, leaf, many, type NodeOf, needs, one } from './grammar.ts';
import { decimal, NAME, orNone } from './literal.ts';

const ID = (name: string) => decimal(name, 1, 65535);
const CPU_ID = decimal('a CPU id', 0, 255);
/** A partition has at most 64 groups: the kernel keeps their activity in a 64-bit word. */
const MAX_GROUPS = 64;

const PARTITION = {
  attributes: { name: needs(NAME), id: needs(ID('a partition id')), cpu: needs(CPU_ID) },
  children: {
    group: many(
      {
        attributes: { id: needs(ID('a scheduling group id')) },
        children: { subject: many(leaf({ name: needs(NAME) }), 1) },
      },
      1,
      MAX_GROUPS,
    ),
  },
};

const MINOR_FRAME = leaf({
  partition: needs(NAME),
  ticks: needs(decimal('a number of ticks', 1, 2 ** 32 - 1)),
  barrier: needs(orNone(ID('a barrier id'))),
});

const MAJOR_FRAME = group({
  cpu: many({ attributes: { id: needs(CPU_ID) }, children: { minorFrame: many(MINOR_FRAME, 1) } }, 1),
  barriers: one(group({ barrier: many(leaf({ id: needs(ID('a barrier id')), size: needs(ID('a barrier size')) })) })),
});

/** Grammar of `/system/scheduling` in formats A and B. */
export const SCHEDULING = {
  attributes: { tickRate: needs(decimal('a tick rate in Hz', 1, 2 ** 32 - 1)) },
  children: { partitions: one(group({ partition: many(PARTITION, 1) })), majorFrame: many(MAJOR_FRAME, 1) },
};

export function toScheduling({ at, attributes, children }: NodeOf<typeof SCHEDULING>): Scheduling {
  return {
    at,
    tickRateHz: attributes.tickRate,
    partitions: children.partitions[0]!.children.partition.map(partition => ({
      at: partition.at,
      ...partition.attributes,
      groups: partition.children.group.map(entry => ({
        at: entry.at,
        id: entry.attributes.id,
        subjects: entry.children.subject.map(subject => ({ at: subject.at, name: subject.attributes.name })),
      })),
    })),
    majorFrames: children.majorFrame.map(toMajorFrame),
  };
}

function toMajorFrame({ at, children }: NodeOf<typeof MAJOR_FRAME>): MajorFrame {
  return {
    at,
    cpus: children.cpu.map(cpu => ({
      at: cpu.at,
      id: cpu.attributes.id,
      minorFrames: cpu.children.minorFrame.map(frame => ({ at: frame.at, ...frame.attributes })),
    })),
    barriers: children.barriers[0]!.children.barrier.map(barrier => ({ at: barrier.at, ...barrier.attributes })),
  };
}
