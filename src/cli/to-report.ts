import { overallVerdict } from '../engine/conclude.ts';
import type { CheckResult } from '../engine/run.ts';
import type { Finding } from '../policy/finding.ts';
import type { CheckReport } from '../report/check-report.ts';
import type { PolicyInput } from './policy-input.ts';

/** Result of a policy that is not checked because it is invalid. */
export const NO_RESULT: CheckResult = { verdict: overallVerdict([]), properties: [], errors: [], durationsMs: {} };

/** Milliseconds since the start of the command. */
export interface Times {
  readonly policyMs: number;
  readonly checkMs: number;
  readonly totalMs: number;
}

/** Puts a policy and the result of its check into the report that `--json` prints. */
export function toReport(
  version: string,
  policy: PolicyInput,
  seed: number,
  result: CheckResult,
  times: Times,
  moreFindings: readonly Finding[] = [],
): CheckReport {
  const { document } = policy;
  return {
    tool: 'muencheck',
    version,
    policy: {
      path: policy.path,
      digest: policy.digest,
      format: document?.format ?? 'unknown',
      subjects: document?.subjects.length ?? 0,
      cpus: document?.kernel.cpus.length ?? 0,
    },
    seed,
    verdict: result.verdict,
    properties: result.properties.map(verdict => ({ ...verdict, durationMs: result.durationsMs[verdict.id] ?? 0 })),
    findings: [...policy.findings, ...moreFindings],
    timing: { ...times },
  };
}
