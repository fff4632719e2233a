import type { PolicyDocument } from './document.ts';
import type { Finding } from './finding.ts';
import { RULES } from './rules/index.ts';

export interface PolicyCheck {
  /** In rule order; the policy is invalid when one of them is an error. */
  readonly findings: readonly Finding[];
  /** Number of things that each rule looked at, by its code. */
  readonly examined: Readonly<Record<string, number>>;
}

/** Applies every rule of the table to a policy. Pure and total: any document gives findings, never an exception. */
export function checkPolicy(document: PolicyDocument): PolicyCheck {
  const outcomes = RULES.map(rule => ({ rule, outcome: rule.check(document) }));
  return {
    findings: outcomes.flatMap(({ outcome }) => outcome.findings),
    examined: Object.fromEntries(outcomes.map(({ rule, outcome }) => [rule.code, outcome.examined])),
  };
}
