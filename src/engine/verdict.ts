import type { Trace } from '../trace/trace.ts';

/** The verdict words; a sampled result is never called proved. */
export const VERDICT_WORDS = [
  'proved',
  'exhausted',
  'tested',
  'refuted',
  'inconclusive',
  'vacuous',
  'not-applicable',
] as const;
export type VerdictWord = (typeof VERDICT_WORDS)[number];

/** Result of one ordered pair of subjects. */
export interface PairCount {
  readonly high: string;
  readonly low: string;
  /** Runs in which the high subject's own state differed. */
  readonly effectiveRuns: number;
  readonly totalRuns: number;
  /** Why the pair was not tested. */
  readonly excluded?: string;
}

/** Whose structures a verdict is about. */
export interface TableCount {
  /** Structures that muencheck built and judged. */
  readonly own: number;
  /** Structures of the user's own toolchain that were judged. */
  readonly given: number;
  /** Files that the user's tables lack, by the name that they would have; empty if no tables were given. */
  readonly missing: readonly string[];
}

/** Why one mapping or assignment of a policy is taken to be meant. */
export interface ExplainedSharing {
  /** Id of the rule that explains it. */
  readonly rule: string;
  /** False for what a claims file states. */
  readonly inferred: boolean;
  readonly holder: string;
  readonly logical: string;
  readonly resource: string;
  /** Policy lines of the mapping and of the resource; 0 for none. */
  readonly line: number;
  readonly resourceLine: number;
  readonly text: string;
}

/** How the sharing of a policy is explained, and what deserves a look. */
export interface SharingReport {
  readonly explained: readonly ExplainedSharing[];
  readonly warnings: readonly { readonly code: string; readonly line: number; readonly message: string }[];
}

/** Plain-data result of one property over one policy. */
export interface PropertyVerdict {
  readonly id: string;
  readonly area: string;
  readonly claim: string;
  readonly verdict: VerdictWord;
  readonly method: string;
  /** Why: the reason of not-applicable, inconclusive, vacuous or refuted; a caveat or empty for a passing verdict. */
  readonly reason: string;
  readonly runs: number;
  /** Kernel steps (exit to entry) or objects examined. */
  readonly steps: number;
  readonly states: number;
  readonly pairs?: readonly PairCount[];
  readonly tables?: TableCount;
  readonly sharing?: SharingReport;
  /** Times each named witness was seen. */
  readonly witnesses: Readonly<Record<string, number>>;
  /** Steps that the model leaves open, by reason. */
  readonly unspecified: Readonly<Record<string, number>>;
  readonly counterexample?: Trace;
}
