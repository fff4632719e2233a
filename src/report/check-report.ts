import type { PropertyVerdict, VerdictWord } from '../engine/verdict.ts';
import type { Finding } from '../policy/finding.ts';
import type { SystemPicture } from './picture/system-picture.ts';

/** Which policy a report is about. */
export interface ReportedPolicy {
  readonly path: string;
  /** SHA-256 of the file. */
  readonly digest: string;
  readonly format: string;
  readonly subjects: number;
  readonly cpus: number;
}

/** A property's verdict with the time it took. */
export interface ReportedProperty extends PropertyVerdict {
  readonly durationMs: number;
}

/** Result of `check` as plain data: what `--json` prints; only `timing` and `durationMs` depend on the machine. */
export interface CheckReport {
  readonly tool: string;
  readonly version: string;
  readonly policy: ReportedPolicy;
  readonly seed: number;
  readonly verdict: VerdictWord;
  readonly properties: readonly ReportedProperty[];
  readonly findings: readonly Finding[];
  readonly timing: Readonly<Record<string, number>>;
}

/** A report and what a reader needs beside it. */
export interface ReportInput {
  readonly report: CheckReport;
  /** Source text of the policy, for the lines that a verdict names. */
  readonly policyText: string;
  /** Command that replays the counterexample of a property. */
  readonly replayCommand: (property: string) => string;
  /** Plan and flows for the pictures; absent for a policy that could not be read. */
  readonly system?: SystemPicture;
  /** What changed against a baseline report, one line each; absent without a baseline. */
  readonly changes?: readonly string[];
}

/** Counts the verdict words of a report, in the order of `order`; words that do not occur are left out. */
export function countWords(
  report: CheckReport,
  order: readonly VerdictWord[],
): readonly (readonly [VerdictWord, number])[] {
  return order
    .map(word => [word, report.properties.filter(property => property.verdict === word).length] as const)
    .filter(([, count]) => count > 0);
}
