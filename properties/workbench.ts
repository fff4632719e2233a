import { type Vocabulary, vocabularies } from '../src/arbitraries/vocabulary.ts';
import type { CheckContext } from '../src/engine/property.ts';
import type { System } from '../src/impl/system.ts';
import { EXIT_REASONS } from '../src/impl/vmx/exit-reasons.ts';
import { type FlowGraph, flowGraph } from '../src/model/flow-policy.ts';
import type { Finding } from '../src/policy/finding.ts';
import { type KernelModel, kernelModel } from '../src/refinement/kernel-model.ts';
import { TestBench } from '../src/refinement/test-bench.ts';
import type { RunSpec, TimelineRow } from '../src/trace/trace.ts';

/** What run-based properties of one context share: building it costs more than many runs. */
export interface Workbench {
  readonly bench: TestBench;
  readonly model: KernelModel;
  readonly vocabularies: readonly Vocabulary[];
  readonly flows: FlowGraph;
}

const known = new WeakMap<CheckContext, Workbench | readonly Finding[]>();

/** The workbench of a context, or the findings why its system cannot be built. */
export function workbench(context: CheckContext): Workbench | readonly Finding[] {
  const found = known.get(context);
  if (found !== undefined) return found;
  const bench = TestBench.create(context.document, context.seams, context.contents);
  const built = bench.ok
    ? {
        bench: bench.value,
        model: kernelModel(context.document),
        vocabularies: vocabularies(context.document),
        flows: flowGraph(context.document),
      }
    : bench.error;
  known.set(context, built);
  return built;
}

export const isWorkbench = (value: Workbench | readonly Finding[]): value is Workbench => 'bench' in value;

/** Reason why run-based properties do not apply, empty if they do. */
export function cannotRun(context: CheckContext): string {
  const found = workbench(context);
  if (isWorkbench(found)) return '';
  const first = found[0];
  return `the system cannot be built: ${first === undefined ? 'unknown reason' : `line ${first.line}: ${first.message}`}`;
}

/** Line of a subject in the policy, 0 if unknown. */
export const subjectLine = (context: CheckContext, name: string): number =>
  context.document.subjects.find(subject => subject.name === name)?.at.line ?? 0;

const TIMELINE_ROWS = 40;

/** What happens in a run, for people: exits and entries up to `limit` kernel steps. */
export function timeline(system: System, bench: TestBench, spec: RunSpec, limit: number): readonly TimelineRow[] {
  const rows: TimelineRow[] = [];
  const name = (subject: number): string => system.kernel.tables.subjects[subject]?.name ?? '-';
  let steps = 0;
  bench.run(
    spec,
    {
      onExit: (cpu, subject, reason) => {
        const basic = reason & 0xffff;
        const what = EXIT_REASONS[basic]?.name ?? `exit ${basic}`;
        rows.push({ step: steps, tsc: cpu.tsc, cpu: cpu.id, subject: name(subject), event: `exit ${basic}: ${what}` });
      },
      onEntry: (cpu, subject) => {
        rows.push({ step: steps, tsc: cpu.tsc, cpu: cpu.id, subject: name(subject), event: 'enter' });
        steps += 1;
      },
    },
    () => steps > limit || rows.length >= 4096,
  );
  return rows.slice(-TIMELINE_ROWS);
}
