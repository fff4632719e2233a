import type { RegionContent } from '../impl/loader/region-contents.ts';
import type { Seams } from '../impl/seams.ts';
import type { Claims } from '../policy/claims.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { GivenFile } from '../refinement/structures/given.ts';
import type { Trace, TraceBody, TraceOutcome } from '../trace/trace.ts';
import type { PropertyVerdict } from './verdict.ts';

export const AREAS = [
  'isolation',
  'boot',
  'scheduling',
  'events',
  'interrupts',
  'channels',
  'proxies',
  'sessions',
  'vmx',
  'x86',
  'world-switch',
  'gpu',
  'meta',
] as const;
export type Area = (typeof AREAS)[number];

/** What a scenario adds to its policy: named hosted software per subject, with parameters. */
export interface ScenarioSoftware {
  readonly subject: string;
  readonly software: string;
  readonly parameters: Readonly<Record<string, string | number>>;
}

/** Everything a property may look at; rebuilt from plain data in each worker. */
export interface CheckContext {
  readonly document: PolicyDocument;
  /** Source text, for policy lines in explanations. */
  readonly policyText: string;
  readonly policyPath: string;
  readonly policySha256: string;
  /** Implementation collaborators; a seeded fault replaces some of them. */
  readonly seams: Seams;
  readonly seed: number;
  readonly budget: Budget;
  /** Software of the subjects: of the scenario, or what stands for the components of a policy; the others have none. */
  readonly software: readonly ScenarioSoftware[];
  /** Files that the policy names as contents of memory, as far as they are known. */
  readonly contents?: readonly RegionContent[];
  /** Tables that the user's own toolchain generated; absent: only ours are judged. */
  readonly tables?: readonly GivenFile[];
  /** What the integrator says about flows; absent without a claims file. */
  readonly claims?: Claims;
}

/** Budgets are counts, so that results do not depend on the machine's speed. */
export interface Budget {
  readonly name: 'smoke' | 'deep' | 'exhaustive';
  /** Multiplies each property's own default number of runs; `--runs` replaces it. */
  readonly runs?: number;
  readonly maxSteps?: number;
  /** Failures are only counted: neither minimised nor explained. */
  readonly countsOnly?: boolean;
  /** Executions of the search for a shorter counterexample than the minimised one; absent for a few hundred, 0 for none. */
  readonly searchRuns?: number;
}

/** Executions of the search below a counterexample unless the budget says otherwise: well below a second. */
export const DEFAULT_SEARCH_RUNS = 500;

/** A slice of a property's work. The slicing never depends on the number of jobs. */
export interface Task {
  readonly property: string;
  readonly index: number;
  /** Plain data that tells runTask which slice this is. */
  readonly slice: Readonly<Record<string, string | number>>;
}

/** A failing body before it is wrapped into a Trace file. */
export interface Failure {
  readonly body: TraceBody;
  readonly outcome: TraceOutcome;
  /** Names of the given files that show it, for the trace file. */
  readonly tables?: readonly string[];
  /** True if the claims file is needed to see it. */
  readonly claims?: boolean;
}

/** Plain-data result of one task. */
export interface TaskResult {
  readonly runs: number;
  readonly steps: number;
  readonly states: number;
  readonly witnesses: Readonly<Record<string, number>>;
  readonly unspecified: Readonly<Record<string, number>>;
  readonly pairs?: PropertyVerdict['pairs'];
  readonly tables?: PropertyVerdict['tables'];
  readonly sharing?: PropertyVerdict['sharing'];
  /** First failure of the slice, already minimised. */
  readonly failure?: Failure;
  /** Why the slice was not finished (for example a state limit); absent when it was. */
  readonly cut?: string;
}

export interface Witness {
  readonly id: string;
  readonly description: string;
}

/** What a breadth-first search below a counterexample found. */
export interface ShorterSearch {
  /** A failing body that is as short as one can be, shorter than the given one; absent if none was found. */
  readonly body?: TraceBody;
  /** False if a shorter one may exist: the search ended before every shorter body was tried. */
  readonly isComplete: boolean;
  readonly runs: number;
}

/** A registered model with finitely many states by which a property judges, and the search for the shortest counterexamples. */
export interface FiniteModel {
  /** Id of the model. */
  readonly model: string;
  /** Runs of the model's own machine that cost as much as one of a whole system; 1 unless it says so. */
  readonly runsPerSystemRun?: number;
  /** Why a body is nothing that the model describes; empty if it is. */
  outside(body: TraceBody): string;
  /** Tries all shorter bodies of the property's alphabet on the implementation, shortest first. */
  shorter(context: CheckContext, body: TraceBody, maxRuns: number): ShorterSearch;
}

/** One registered property: what it claims, how it is checked, what it must see, which faults it kills. */
export interface Property {
  readonly id: `${Area}/${string}`;
  readonly area: Area;
  readonly claim: string;
  /** For example "enumeration", "step refinement", "pair runs". */
  readonly method: string;
  /** True if the steps of its results are kernel steps, from exit to entry. */
  readonly runsKernel?: true;
  /** The word of a passing verdict: complete (proved, exhausted) or sampled (tested). */
  readonly passes: 'proved' | 'exhausted' | 'tested';
  /** Each must be seen at least once, else the verdict is vacuous. */
  readonly witnesses: readonly Witness[];
  /** Ids of seeded faults that this property must detect. */
  readonly killedBy: readonly string[];
  /** The model that it judges by, if that is finite. */
  readonly finite?: FiniteModel;
  /** Empty string if the property applies, else the reason why not. */
  notApplicable(context: CheckContext): string;
  tasks(context: CheckContext): readonly Task[];
  runTask(context: CheckContext, task: Task): TaskResult;
  /** Runs a stored body again and reports what it shows; undefined if it shows no failure. */
  replay(context: CheckContext, trace: Trace): TraceOutcome | undefined;
}
