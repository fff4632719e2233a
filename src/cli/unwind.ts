import { modelSystem } from '../explore/model-system.ts';
import { type PolicyUnwinding, unwindPolicy } from '../explore/policy-unwinding.ts';
import type { ExplainedTrace } from '../explore/report.ts';
import { breadthFirst } from '../explore/search.ts';
import { checkUnwinding, type UnwindingResult } from '../explore/unwinding.ts';
import { flowGraph } from '../model/flow-policy.ts';
import { kernelConfig } from '../model/kernel-config.ts';
import { policyDomains } from '../model/policy-domains.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { groupDigits } from '../trace/text.ts';
import { printable } from '../units/printable.ts';
import { type ExploreTarget, targetInstance } from './explore-target.ts';

/** Decides the flow policy of a target over its whole reachable space; undefined if it has no domains. */
export function unwindTarget(target: ExploreTarget): UnwindingResult | undefined {
  const instance = targetInstance(target);
  if (instance.domains === undefined) return undefined;
  const system = modelSystem(instance);
  return checkUnwinding(instance, instance.domains, system, breadthFirst({ ...system, claims: [] }));
}

const runLines = (title: string, { steps }: ExplainedTrace, view: string): string[] => [
  `  ${title}`,
  ...steps.map(({ step }, index) => `    ${String(index + 1).padStart(2)}  ${step}`),
  `    then it sees ${view}`,
];

/** Results of an unwinding for a person. */
export function unwindingText(rows: readonly ({ readonly name: string } & UnwindingResult)[]): string {
  const lines = rows.flatMap(({ name, states, checks, failure }) => {
    if (failure === undefined)
      return [
        name,
        `  exhausted: output consistency, step consistency and local respect hold in ${groupDigits(states)} states, ${groupDigits(checks)} checks`,
        '',
      ];
    const { condition, observer, actor, step, left, right, leftView, rightView } = failure;
    return [
      name,
      `  refuted: ${condition}: ${observer} can tell two runs apart that it must not, by ${step} (${actor} acts)`,
      ...runLines('one run', left, leftView),
      ...runLines('the other run', right, rightView),
      '',
    ];
  });
  return lines.map(line => `${printable(line)}\n`).join('');
}

/** Decides the flows that a policy declares over the whole reachable space of its system. */
export function unwindDocument(
  document: PolicyDocument,
  options: { readonly maxStates: number; readonly interrupts: boolean; readonly stop: () => boolean },
): PolicyUnwinding {
  const config = kernelConfig(document);
  return unwindPolicy(config, policyDomains(config, flowGraph(document)), options);
}

/** Result of a policy's unwinding for a person. */
export function policyUnwindingText(name: string, result: PolicyUnwinding): string {
  const { failure, complete, states, steps, checks, depth } = result;
  const size = `${groupDigits(states)} states between two exits, ${groupDigits(steps)} steps, depth ${depth}, ${groupDigits(checks)} checks`;
  const path = (title: string, labels: readonly string[], view: string): string[] => [
    `  ${title}`,
    ...labels.map((label, index) => `    ${String(index + 1).padStart(2)}  ${label}`),
    `    then it sees ${view}`,
  ];
  const lines =
    failure === undefined
      ? [
          name,
          complete
            ? `  exhausted: output consistency, step consistency and local respect hold for the flows that the policy declares: ${size}`
            : `  inconclusive: no violation in ${size}; there are more (--max-states, --timeout)`,
        ]
      : [
          name,
          `  refuted: ${failure.condition}: ${failure.observer} can tell two runs apart that it must not, by ${failure.step} (${failure.actor} acts)`,
          ...path('one run', failure.left, failure.leftView),
          ...path('the other run', failure.right, failure.rightView),
        ];
  return lines.map(line => `${printable(line)}\n`).join('');
}
