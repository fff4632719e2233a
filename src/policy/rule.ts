import type { PolicyDocument, PolicyNode } from './document.ts';
import type { Finding, Severity } from './finding.ts';
import { FindingList } from './finding-list.ts';
import { indexOf, type PolicyIndex } from './policy-index.ts';

/** Areas of the rule table. */
export type RuleArea =
  | 'config'
  | 'hardware'
  | 'platform'
  | 'memory'
  | 'domains'
  | 'devices'
  | 'events'
  | 'kernel'
  | 'subjects'
  | 'vcpu'
  | 'scheduling';

export interface RuleOutcome {
  /** How many things were looked at; 0 means that the rule says nothing about this policy. */
  readonly examined: number;
  readonly findings: readonly Finding[];
}

/** One row of the rule table. */
export interface Rule {
  readonly code: string;
  readonly area: RuleArea;
  /** One sentence, "Validate that ...". */
  readonly title: string;
  readonly severity: Severity;
  /** Check of the real validator that the row stands for, `<package>.<Procedure>` of its check library; absent where it has none. */
  readonly validator?: string;
  check(document: PolicyDocument): RuleOutcome;
}

/** What the body of a rule reports to. */
export interface Visit {
  /** Counts one thing that the rule looked at. */
  examined(): void;
  report(node: PolicyNode, message: string, hint: string): void;
}

/** Defines a rule; `body` sees the document through its index and reports what is wrong. */
export function rule(head: Omit<Rule, 'check'>, body: (index: PolicyIndex, visit: Visit) => void): Rule {
  return {
    ...head,
    check(document) {
      const findings = new FindingList(head.code);
      let examined = 0;
      body(indexOf(document), {
        examined: () => {
          examined += 1;
        },
        report: (node, message, hint) => findings.add(head.code, head.severity, node.at, message, hint),
      });
      return { examined, findings: findings.all() };
    },
  };
}

/** Head of a row that stands for one check of the real validator; such a row is always an error. */
export interface ValidatorHead {
  readonly code: string;
  readonly area: RuleArea;
  readonly title: string;
  readonly validator: string;
}

/** Defines the rule for one check of the real validator. */
export const validatorRule = (head: ValidatorHead, body: (index: PolicyIndex, visit: Visit) => void): Rule =>
  rule({ ...head, severity: 'error' }, body);
