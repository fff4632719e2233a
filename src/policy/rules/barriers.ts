import type { MajorFrame, MinorFrame } from '../document.ts';
import { type Rule, rule, type Visit } from '../rule.ts';
import { reportDuplicates } from './names.ts';

/** A minor frame with the tick at which it ends. */
interface FrameEnd {
  readonly frame: MinorFrame;
  readonly tick: number;
  readonly isLast: boolean;
}

function frameEnds(minorFrames: readonly MinorFrame[]): readonly FrameEnd[] {
  let tick = 0;
  return minorFrames.map((frame, position) => {
    tick += frame.ticks;
    return { frame, tick, isLast: position === minorFrames.length - 1 };
  });
}

/** Ticks before the end of the major frame at which minor frames of two or more CPUs end, with those ends. */
function syncPoints(major: MajorFrame): ReadonlyMap<number, readonly FrameEnd[]> {
  const points = new Map<number, FrameEnd[]>();
  for (const end of major.cpus.flatMap(cpu => frameEnds(cpu.minorFrames))) {
    if (end.isLast) continue;
    const list = points.get(end.tick);
    if (list === undefined) points.set(end.tick, [end]);
    else list.push(end);
  }
  for (const [tick, ends] of points) if (ends.length < 2) points.delete(tick);
  return points;
}

function checkPoints(major: MajorFrame, visit: Visit): void {
  const sizes = new Map(major.barriers.map(barrier => [barrier.id, barrier.size]));
  const points = syncPoints(major);
  const used = new Map<number, number>();
  if (points.size !== major.barriers.length) {
    const message = `the major frame has ${major.barriers.length} barriers, but minor frames of several CPUs end together at ${points.size} points`;
    visit.report(major, message, 'Give one barrier for each such point.');
  }
  for (const [tick, ends] of points) {
    visit.examined();
    const id = ends[0]!.frame.barrier;
    for (const { frame } of ends) {
      if (frame.barrier === 'none') {
        visit.report(
          frame,
          `minor frames of ${ends.length} CPUs end at tick ${tick}, but this one has no barrier`,
          'Name the barrier of this point.',
        );
      } else if (frame.barrier !== id && id !== 'none') {
        visit.report(
          frame,
          `minor frames that end at tick ${tick} name the barriers ${id} and ${frame.barrier}`,
          'Name one barrier at one point.',
        );
      }
    }
    if (id === 'none') continue;
    const size = sizes.get(id);
    if (size !== undefined && size !== ends.length) {
      visit.report(
        ends[0]!.frame,
        `barrier ${id} has size ${size}, but ${ends.length} CPUs wait at tick ${tick}`,
        'Use the number of CPUs as size.',
      );
    }
    const earlier = used.get(id);
    if (earlier !== undefined) {
      visit.report(
        ends[0]!.frame,
        `barrier ${id} is used at the ticks ${earlier} and ${tick}`,
        'Use one barrier for each point.',
      );
    }
    used.set(id, tick);
  }
}

function checkReferences(major: MajorFrame, visit: Visit): void {
  const points = syncPoints(major);
  const known = new Set(major.barriers.map(barrier => barrier.id));
  for (const cpu of major.cpus) {
    for (const { frame, tick, isLast } of frameEnds(cpu.minorFrames)) {
      visit.examined();
      if (frame.barrier === 'none') continue;
      if (!known.has(frame.barrier)) {
        visit.report(
          frame,
          `the minor frame names barrier ${frame.barrier}, which the major frame does not have`,
          'Add the barrier or use none.',
        );
      } else if (isLast || !points.has(tick)) {
        const why = isLast ? 'is the last of its CPU' : `ends at tick ${tick}, where no other CPU's does`;
        visit.report(
          frame,
          `the minor frame names barrier ${frame.barrier}, but ${why}`,
          'The CPU would wait for ever; use barrier="none".',
        );
      }
    }
  }
}

/** Rules about minor-frame barriers: who waits for whom (muen.md section 7). */
export const BARRIER_RULES: readonly Rule[] = [
  rule(
    {
      code: 'SCHED-BARRIER-ID',
      area: 'scheduling',
      title:
        'Validate that barrier ids are unique and number the barriers of a major frame from 1, and sizes fit the CPUs.',
      severity: 'error',
    },
    ({ document }, visit) => {
      for (const { barriers, cpus } of document.scheduling.majorFrames) {
        reportDuplicates(visit, { what: 'barrier id', entries: barriers.map(node => ({ key: node.id, node })) });
        for (const barrier of barriers) {
          if (barrier.id > barriers.length) {
            visit.report(
              barrier,
              `barrier id ${barrier.id} exceeds the number of barriers ${barriers.length}`,
              'Number the barriers from 1.',
            );
          }
          if (barrier.size > cpus.length) {
            visit.report(
              barrier,
              `barrier ${barrier.id} has size ${barrier.size}, but the major frame has ${cpus.length} CPUs`,
              'Use the number of CPUs that wait.',
            );
          }
        }
      }
    },
  ),
  rule(
    {
      code: 'SCHED-BARRIER-REFERENCE',
      area: 'scheduling',
      title: 'Validate that minor frames name an existing barrier, and only where CPUs wait for each other.',
      severity: 'error',
    },
    ({ document }, visit) => {
      for (const major of document.scheduling.majorFrames) checkReferences(major, visit);
    },
  ),
  rule(
    {
      code: 'SCHED-SYNC-POINTS',
      area: 'scheduling',
      title:
        'Validate that the barriers of a major frame correspond to the points where minor frames of several CPUs end.',
      severity: 'error',
    },
    ({ document }, visit) => {
      for (const major of document.scheduling.majorFrames) checkPoints(major, visit);
    },
  ),
];
