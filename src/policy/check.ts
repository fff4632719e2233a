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

/** One notice that names the rules which looked at nothing, so that their silence is not taken for a verdict; undefined if there are none. */
export function unexaminedNotice(examined: PolicyCheck['examined']): Finding | undefined {
  const codes = Object.keys(examined).filter(code => examined[code] === 0);
  if (codes.length === 0) return undefined;
  return {
    code: 'POL-UNEXAMINED',
    severity: 'notice',
    message: `${codes.length} of ${Object.keys(examined).length} rules found nothing to examine: ${codes.join(', ')}`,
    line: 0,
    column: 0,
    hint: 'The policy has nothing of what these rules are about; they say nothing about it.',
  };
}
