import { AtomicAccess } from '../src/impl/muen/kernel-context.ts';
import type { Interleaving, RunSpec } from '../src/trace/trace.ts';
import { createRng } from '../src/units/rng.ts';
import type { Workbench } from './workbench.ts';

/** Deviations of one run. */
const MAX_DEVIATIONS = 3;

/** A point of a run at which another CPU may proceed: who stands there, before which access. */
interface Point {
  readonly point: number;
  readonly cpu: number;
  readonly access: number;
}

/** All points of a run in the default order. */
function pointsOf({ bench }: Workbench, spec: RunSpec): readonly Point[] {
  const points: Point[] = [];
  const onSegment = (cpu: { readonly id: number }, access: number): void => {
    if (access !== 0) points.push({ point: points.length, cpu: cpu.id, access });
  };
  bench.run({ ...spec, interleavings: [] }, { onSegment }, () => false);
  return points;
}

/** A CPU is about to leave a group unmarked, or has done so and is about to look again: where wake-ups get lost. */
function isDecisive(points: readonly Point[], index: number): boolean {
  const { access } = points[index]!;
  const isLookingAgain =
    access === AtomicAccess.pendingRead && points[index - 1]?.access === AtomicAccess.activityClear;
  return access === AtomicAccess.activityClear || isLookingAgain;
}

/**
 * The run with other CPUs proceeding at points where it matters, which random points seldom hit.
 *
 * The points are those of the run in the default order; behind the first deviation they may mean something else.
 */
export function withDirectedInterleavings(found: Workbench, spec: RunSpec, seed: number): RunSpec {
  const points = pointsOf(found, spec);
  const decisive = points.filter((_, index) => isDecisive(points, index));
  const cpuCount = found.bench.system.cpus.length;
  if (decisive.length === 0 || cpuCount < 2) return spec;
  const rng = createRng(seed);
  const chosen = new Map<number, Interleaving>();
  for (let count = 1 + rng.below(MAX_DEVIATIONS); count > 0; count--) {
    const { point, cpu } = decisive[rng.below(decisive.length)]!;
    chosen.set(point, { point, cpu: (cpu + 1 + rng.below(cpuCount - 1)) % cpuCount });
  }
  return { ...spec, interleavings: [...chosen.values()].sort((a, b) => a.point - b.point) };
}
