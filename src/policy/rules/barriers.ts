import type { MajorFrame, MinorFrame } from '../document.ts';
import { placeOf } from '../finding.ts';
import type { PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit, validatorRule } from '../rule.ts';
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

const endsOf = (major: MajorFrame): readonly FrameEnd[] => major.cpus.flatMap(cpu => frameEnds(cpu.minorFrames));

/** Ticks before the end of the major frame at which minor frames of two or more CPUs end, ascending, with those ends. */
function syncPoints(major: MajorFrame): ReadonlyMap<number, readonly FrameEnd[]> {
  const points = new Map<number, FrameEnd[]>();
  for (const end of endsOf(major)) {
    if (end.isLast) continue;
    const list = points.get(end.tick);
    if (list === undefined) points.set(end.tick, [end]);
    else list.push(end);
  }
  return new Map([...points].filter(([, ends]) => ends.length >= 2).sort(([a], [b]) => a - b));
}

/** How many minor frames name each barrier. */
function references(major: MajorFrame): ReadonlyMap<number, readonly MinorFrame[]> {
  const found = new Map<number, MinorFrame[]>();
  for (const { frame } of endsOf(major)) {
    if (frame.barrier === 'none') continue;
    const list = found.get(frame.barrier);
    if (list === undefined) found.set(frame.barrier, [frame]);
    else list.push(frame);
  }
  return found;
}

function checkPoints({ document, activeCpuCount }: PolicyIndex, visit: Visit): void {
  for (const major of document.scheduling.majorFrames) {
    visit.examined();
    const points = [...syncPoints(major)];
    if (points.length !== major.barriers.length) {
      const message = `the major frame has ${major.barriers.length} barriers, but minor frames of several CPUs end together at ${points.length} points`;
      visit.report(major, message, 'Give one barrier for each such point.');
      continue;
    }
    // A size above the number of CPUs is reported by SCHED-BARRIER-SIZE.
    if (major.barriers.some(barrier => barrier.size > activeCpuCount)) continue;
    const sizes = (values: readonly number[]): string => [...values].sort((a, b) => a - b).join(', ');
    const expected = sizes(points.map(([, ends]) => ends.length));
    const given = sizes(major.barriers.map(barrier => barrier.size));
    if (given !== expected) {
      const message = `barriers of the major frame have the sizes ${given}, but ${expected} CPUs end a minor frame together`;
      visit.report(major.barriers[0] ?? major, message, 'Use the number of CPUs that wait as size.');
    }
  }
}

function checkReferences({ document, activeCpuCount }: PolicyIndex, visit: Visit): void {
  for (const major of document.scheduling.majorFrames) {
    visit.examined();
    const sizes = new Map(major.barriers.map(barrier => [barrier.id, barrier.size]));
    const named = references(major);
    for (const [id, frames] of named) {
      if (sizes.has(id)) continue;
      const message = `the minor frame names barrier ${id}, which the major frame of ${placeOf(major)} does not have`;
      visit.report(frames[0]!, message, 'Add the barrier or use none.');
    }
    for (const barrier of major.barriers) {
      const frames = named.get(barrier.id) ?? [];
      if (frames.length === barrier.size || barrier.size > activeCpuCount) continue;
      const message = `${frames.length} minor frames name barrier ${barrier.id}, which has size ${barrier.size}`;
      visit.report(frames[0] ?? barrier, message, 'CPUs wait until as many as the size have come; name it that often.');
    }
  }
}

/** Where references are complete: they must also stand at the ends that meet, or the CPUs wait for each other in vain. */
function checkPlaces({ document }: PolicyIndex, visit: Visit): void {
  for (const major of document.scheduling.majorFrames) {
    const points = syncPoints(major);
    const named = references(major);
    const complete = major.barriers.filter(({ id, size }) => named.get(id)?.length === size);
    const tickOf = new Map(endsOf(major).map(({ frame, tick, isLast }) => [frame, isLast ? undefined : tick]));
    for (const { id } of complete) {
      visit.examined();
      const frames = named.get(id)!;
      const ticks = new Set(frames.map(frame => tickOf.get(frame)));
      const [tick] = ticks;
      if (ticks.size === 1 && tick !== undefined && points.get(tick)?.length === frames.length) continue;
      const where = [...ticks].map(value => value ?? 'the end').join(', ');
      const message = `minor frames that name barrier ${id} end at the ticks ${where}, expected one tick at which as many CPUs end a minor frame`;
      visit.report(frames[0]!, message, 'Name a barrier at the ends that meet, and only there.');
    }
  }
}

function checkIds({ document }: PolicyIndex, visit: Visit): void {
  for (const { barriers } of document.scheduling.majorFrames) {
    visit.examined();
    const entries = barriers.map(node => ({ key: node.id, node }));
    // What counts here is the major frame.
    reportDuplicates({ ...visit, examined: () => {} }, { what: 'barrier id', entries });
    for (const barrier of barriers) {
      if (barrier.id <= barriers.length) continue;
      const message = `barrier id ${barrier.id} exceeds the number of barriers ${barriers.length}`;
      visit.report(barrier, message, 'Number the barriers from 1.');
    }
  }
}

function checkSizes({ document, activeCpuCount }: PolicyIndex, visit: Visit): void {
  for (const barrier of document.scheduling.majorFrames.flatMap(({ barriers }) => barriers)) {
    visit.examined();
    if (barrier.size <= activeCpuCount) continue;
    const message = `barrier ${barrier.id} has size ${barrier.size}, but the system uses ${activeCpuCount} CPUs`;
    visit.report(barrier, message, 'Use the number of CPUs that wait.');
  }
}

/** Rules about minor-frame barriers: who waits for whom (muen.md section 7). */
export const BARRIER_RULES: readonly Rule[] = [
  validatorRule(
    {
      code: 'SCHED-BARRIER-ID',
      area: 'scheduling',
      title: 'Validate that barrier ids are unique and number the barriers of a major frame from 1.',
      validator: 'scheduling.Barrier_ID',
    },
    checkIds,
  ),
  validatorRule(
    {
      code: 'SCHED-BARRIER-SIZE',
      area: 'scheduling',
      title: 'Validate that barrier sizes do not exceed the number of CPUs.',
      validator: 'scheduling.Barrier_Size',
    },
    checkSizes,
  ),
  validatorRule(
    {
      code: 'SCHED-SYNC-POINTS',
      area: 'scheduling',
      title:
        'Validate that number and sizes of the barriers of a major frame are those of the points where minor frames of several CPUs end.',
      validator: 'scheduling.Minor_Frame_Sync_Points',
    },
    checkPoints,
  ),
  validatorRule(
    {
      code: 'SCHED-BARRIER-REFERENCE',
      area: 'scheduling',
      title: 'Validate that minor frames name existing barriers, each as often as its size.',
      validator: 'scheduling.Minor_Frame_Barrier_Refs',
    },
    checkReferences,
  ),
  rule(
    {
      code: 'SCHED-BARRIER-PLACE',
      area: 'scheduling',
      title: 'Validate that minor frames name a barrier only where CPUs wait for each other.',
      severity: 'error',
    },
    checkPlaces,
  ),
];
