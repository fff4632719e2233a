import { generate, runSpecArbitrary } from '../src/arbitraries/run-spec.ts';
import type { Area, CheckContext, Property, Task, Witness } from '../src/engine/property.ts';
import type { PolicyDocument } from '../src/policy/document.ts';
import type { RunSpec } from '../src/trace/trace.ts';
import { deriveSeed } from '../src/units/rng.ts';
import { BUDGET_FACTOR, shapeOf } from './refinement-property.ts';
import { type RunFinding, runProperty } from './run-property.ts';
import { OPTIONS } from './scheduling/plan-followed.ts';
import { subjectLine, type Workbench } from './workbench.ts';

const TASKS = 4;
const RUNS_PER_TASK = 10;

/** What a property of your own sees: a CPU enters a subject. */
export interface SubjectEntry {
  readonly cpu: number;
  readonly subject: string;
  /** Time stamp counter of the CPU. */
  readonly tsc: number;
  /** Number of the kernel step, from 1. */
  readonly step: number;
}

/** What one entry showed. */
export interface EntryJudgement {
  /** What is wrong, in one line; absent or empty if nothing is. */
  readonly wrong?: string;
  /** The witness of the property was seen. */
  readonly seen?: boolean;
}

/** A property of your own over the entries of generated runs. */
export interface OwnPropertyOptions {
  readonly id: `${Area}/${string}`;
  readonly claim: string;
  /** Something that must happen at least once, so that the claim is not true for want of events. */
  readonly witness: Witness;
  /** Called before each run: returns the judge of its entries, which may keep state of its own. */
  readonly judge: (document: PolicyDocument) => (entry: SubjectEntry) => EntryJudgement;
}

interface Judged {
  readonly finding: RunFinding;
  readonly seen: number;
}

function judgeRun(options: OwnPropertyOptions, context: CheckContext, { bench }: Workbench, spec: RunSpec): Judged {
  const { kernel } = bench.system;
  const judge = options.judge(context.document);
  let finding: RunFinding = { what: '', explanation: [], policyLines: [], step: 0 };
  let seen = 0;
  bench.run(
    spec,
    {
      onEntry(cpu, subject) {
        if (finding.what !== '') return;
        const name = kernel.tables.subjects[subject]?.name ?? '';
        const step = bench.system.kernelSteps;
        const { wrong = '', seen: isSeen = false } = judge({ cpu: cpu.id, subject: name, tsc: cpu.tsc, step });
        seen += isSeen ? 1 : 0;
        if (wrong === '') return;
        const line = subjectLine(context, name);
        const explanation = [`When CPU ${cpu.id} enters ${name}: ${wrong}.`, `The claim is: ${options.claim}`];
        finding = { what: wrong, explanation, policyLines: line === 0 ? [] : [line], step };
      },
    },
    () => finding.what !== '',
  );
  return { finding, seen };
}

/** Makes a property of your own from a judgement of entries: generated runs, minimised counterexamples, replay. */
export function ownProperty(options: OwnPropertyOptions): Property {
  const { id, claim, witness } = options;
  return runProperty({
    id,
    area: id.slice(0, id.indexOf('/')) as Area,
    claim,
    method: 'run invariant over entries',
    passes: 'tested',
    witnesses: [witness],
    killedBy: [],
    tasks: () => Array.from({ length: TASKS }, (_, index): Task => ({ property: id, index, slice: { part: index } })),
    runSlice(context, found, task, explain) {
      const arbitrary = runSpecArbitrary(shapeOf(OPTIONS, context, found));
      const seed = deriveSeed(context.seed, `${id}#${task.index}`);
      const { runs, name } = context.budget;
      const wanted = runs === undefined ? RUNS_PER_TASK * BUDGET_FACTOR[name] : Math.ceil(runs / TASKS);
      let steps = 0;
      let seen = 0;
      for (let run = 1; run <= wanted; run++) {
        const spec = generate(arbitrary, deriveSeed(seed, String(run)));
        const judged = judgeRun(options, context, found, spec);
        steps += found.bench.system.kernelSteps;
        seen += judged.seen;
        const counts = { runs: run, steps, states: 0, witnesses: { [witness.id]: seen }, unspecified: {} };
        if (judged.finding.what !== '') return { ...counts, failure: explain(spec) };
      }
      return { runs: wanted, steps, states: 0, witnesses: { [witness.id]: seen }, unspecified: {} };
    },
    judge: (context, found, spec) => judgeRun(options, context, found, spec).finding,
  });
}
