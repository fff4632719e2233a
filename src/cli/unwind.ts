import { modelSystem } from '../explore/model-system.ts';
import type { ExplainedTrace } from '../explore/report.ts';
import { breadthFirst } from '../explore/search.ts';
import { checkUnwinding, type UnwindingResult } from '../explore/unwinding.ts';
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
