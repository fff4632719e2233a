import { isWorkbench, type Workbench, workbench } from '../../properties/workbench.ts';
import { nativeSubject } from '../../scenarios/native-subject.ts';
import type { PolicyDescription } from '../../scenarios/policy-description.ts';
import { writePolicy } from '../../scenarios/policy-writer.ts';
import type { CheckContext } from '../../src/engine/property.ts';
import { defaultSeams, type Seams } from '../../src/impl/seams.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import type { SubjectProgram } from '../../src/trace/trace.ts';

/** The vmcall that resets the subject. */
const RESET = 7;

/** A policy in which `victim` can be reset by another subject on its CPU, in a frame of its own. */
export function resettable(
  description: PolicyDescription,
  victim: string,
  software: CheckContext['software'],
  seams: Seams = defaultSeams,
): { readonly context: CheckContext; readonly found: Workbench } {
  const cpu = description.subjects.find(subject => subject.name === victim)!.cpu;
  const changed: PolicyDescription = {
    ...description,
    subjects: [...description.subjects, nativeSubject('resetter', cpu)],
    events: [
      ...description.events,
      {
        name: 'reset_victim',
        mode: 'async',
        source: { subject: 'resetter', logical: 'reset_victim', id: RESET },
        target: { subject: victim, logical: 'reset', id: 60, action: { kind: 'reset' } },
      },
    ],
    partitions: [...description.partitions, { name: 'resetter', groups: [['resetter']] }],
    majorFrames: description.majorFrames.map(frames =>
      frames.map((minor, id) => {
        const [first, ...rest] = minor;
        return id === cpu
          ? [{ ...first!, ticks: first!.ticks }, ...rest, { partition: 'resetter', ticks: 1 }]
          : lengthened(minor);
      }),
    ),
  };
  const parsed = parsePolicy(new TextEncoder().encode(writePolicy(changed)));
  if (!parsed.ok) throw new Error(parsed.error.map(({ message }) => message).join('\n'));
  const context: CheckContext = {
    document: parsed.value.document,
    policyText: '',
    policyPath: 'resettable.xml',
    policySha256: '',
    seams,
    seed: 1,
    budget: { name: 'smoke' },
    software,
  };
  const found = workbench(context);
  if (!isWorkbench(found)) throw new Error(found.map(({ message }) => message).join('\n'));
  return { context, found };
}

/** All CPUs have the same period. */
function lengthened(minor: PolicyDescription['majorFrames'][number][number]): typeof minor {
  const last = minor.at(-1)!;
  return [...minor.slice(0, -1), { ...last, ticks: last.ticks + 1 }];
}

/** Resets the victim after every `pauses` operations of its own. */
export const resetter = (pauses: number, resets: number): SubjectProgram => ({
  subject: 'resetter',
  operations: Array.from({ length: resets }, () => [
    ...Array.from({ length: pauses }, () => ({ kind: 'nop' as const })),
    { kind: 'vmcall' as const, low: RESET, high: 0, cpl: 0 as const },
  ]).flat(),
});
