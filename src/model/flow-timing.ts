import type { MajorFrame, MinorFrame } from '../policy/document.ts';
import type { FlowStatement } from './flow-edge.ts';
import { policyLine } from './flow-line.ts';
import type { FlowParties } from './flow-nodes.ts';

/** Timing flows of the scheduling plan: shared groups and partitions, and CPUs that wait for each other. */
export function timingFlows(parties: FlowParties): FlowStatement[] {
  return [...seatFlows(parties), ...barrierFlows(parties)];
}

function seatFlows(parties: FlowParties): FlowStatement[] {
  const seats = [...parties.seats].filter(([name]) => parties.subjects.has(name));
  return seats.flatMap(([from, a]) =>
    seats
      .filter(([, b]) => b.partition === a.partition)
      .map(([to, b]): FlowStatement => {
        const group = a.group === b.group;
        return {
          from,
          to,
          mechanism: group ? 'scheduling-group' : 'scheduling-partition',
          via: group ? `group ${a.group}` : a.partition,
          lines: [a.line, b.line],
          detail: group ? 'handover within the group' : 'sleep and yield within the partition',
        };
      }),
  );
}

/**
 * A frame that ends late at a barrier delays what other CPUs run next.
 * All CPUs meet at the end of a major frame; which one follows is tau0's choice, so any may.
 */
function barrierFlows(parties: FlowParties): FlowStatement[] {
  const { majorFrames } = parties.document.scheduling;
  const openings = majorFrames.flatMap(major =>
    major.cpus.flatMap(cpu => (cpu.minorFrames[0] ? [{ cpu: cpu.id, frame: cpu.minorFrames[0] }] : [])),
  );
  return majorFrames.flatMap(major => [
    ...minorBarriers(parties, major),
    ...major.cpus.flatMap(cpu => {
      const last = cpu.minorFrames.at(-1);
      if (!last) return [];
      return openings
        .filter(next => next.cpu !== cpu.id)
        .flatMap(next => coupled(parties, last, next.frame, 'major-frame end'));
    }),
  ]);
}

function minorBarriers(parties: FlowParties, major: MajorFrame): FlowStatement[] {
  const frames = major.cpus.flatMap(cpu =>
    cpu.minorFrames.map((frame, index) => ({ cpu: cpu.id, frame, next: cpu.minorFrames[index + 1] })),
  );
  return frames.flatMap(late =>
    frames
      .filter(
        other => other.cpu !== late.cpu && late.frame.barrier !== 'none' && other.frame.barrier === late.frame.barrier,
      )
      .flatMap(other => (other.next ? coupled(parties, late.frame, other.next, 'minor-frame barrier') : [])),
  );
}

function coupled(parties: FlowParties, late: MinorFrame, delayed: MinorFrame, via: string): FlowStatement[] {
  const running = (frame: MinorFrame) =>
    [...parties.seats].filter(([name, seat]) => seat.partition === frame.partition && parties.subjects.has(name));
  return running(late).flatMap(([from]) =>
    running(delayed).map(
      ([to]): FlowStatement => ({
        from,
        to,
        mechanism: 'barrier',
        via,
        lines: [policyLine(late), policyLine(delayed)],
        detail: 'a late end delays the next frame of another CPU',
      }),
    ),
  );
}
