import fc from 'fast-check';
import type { ExternalInterrupt } from '../../src/trace/trace.ts';
import type { Workbench } from '../workbench.ts';

/** Interrupts of one side, at most. */
const MAX_INPUTS = 6;

/**
 * Inputs of a subject that only it may notice: interrupts of its own devices, while its partition has the CPU.
 *
 * They arrive in the first major frame, whose plan no subject can change, and keep clear of the ends of minor frames, so
 * that handling them delays no other partition.
 */
export function inputsArbitrary(
  { bench, model }: Workbench,
  subject: string,
): fc.Arbitrary<readonly ExternalInterrupt[]> {
  const { config } = model;
  const id = config.subjectNames.indexOf(subject);
  const cpu = config.subjectCpu[id]!;
  const partition = config.groupPartition[config.subjectGroup[id]!]!;
  const vectors = config.routes.flatMap((route, vector) => (route.subject === id ? [vector] : []));
  const { startTsc, guardCycles } = bench.system.time;
  const windows = config.plans[cpu]![0]!.flatMap((minor, index, plan) => {
    const first = startTsc + (plan[index - 1]?.deadlineCycles ?? 0) + guardCycles;
    const last = startTsc + minor.deadlineCycles - guardCycles;
    return minor.partition === partition && first < last ? [[first, last] as const] : [];
  });
  if (vectors.length === 0 || windows.length === 0) return fc.constant([]);
  const arrival = fc.tuple(fc.constantFrom(...vectors), fc.constantFrom(...windows), fc.nat(1_000_000));
  return fc.array(arrival, { maxLength: MAX_INPUTS, size: 'max' }).map(rows =>
    rows.map(([vector, [first, last], place]) => ({
      tsc: Math.floor(first + (place / 1_000_000) * (last - first)),
      cpu,
      vector,
    })),
  );
}
