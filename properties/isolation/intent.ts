import type { CheckContext, Property, TaskResult } from '../../src/engine/property.ts';
import type { InferredIntent } from '../../src/policy/intent.ts';
import { inferIntent } from '../../src/policy/intent.ts';
import type { TraceOutcome } from '../../src/trace/trace.ts';

/** Claim (2) of the design: what a policy shares must have an explanation; here one inferred from the policy itself. */
export const sharingIsExplained: Property = {
  id: 'isolation/sharing-is-explained',
  area: 'isolation',
  claim:
    'Every mapping and device assignment has an explanation (inferred: owner, channel, monitor, loader, sibling, declared share)',
  method: 'enumeration',
  passes: 'proved',
  witnesses: [
    { id: 'sharing-examined', description: 'mappings and device assignments that were judged' },
    { id: 'sharing-explained', description: 'mappings and device assignments that a rule explains' },
  ],
  killedBy: [],
  notApplicable: () => '',
  tasks: () => [{ property: 'isolation/sharing-is-explained', index: 0, slice: {} }],
  runTask: ({ document }): TaskResult => {
    const intent = inferIntent(document);
    const outcome = outcomeOf(intent);
    return {
      runs: 1,
      steps: intent.examined,
      states: 0,
      witnesses: { 'sharing-examined': intent.examined, 'sharing-explained': intent.explained.length },
      unspecified: {},
      ...(outcome && { failure: { body: { kind: 'static' }, outcome } }),
    };
  },
  replay: ({ document }: CheckContext) => outcomeOf(inferIntent(document)),
};

function outcomeOf(intent: InferredIntent): TraceOutcome | undefined {
  const [first] = intent.violations;
  if (!first) return undefined;
  const more = intent.violations.length === 1 ? '' : ` (and ${intent.violations.length - 1} more)`;
  const lines = intent.violations.flatMap(({ line, relatedLines }) => [line, ...relatedLines]);
  return {
    summary: `line ${first.line}: ${first.message}${more}`,
    explanation: intent.violations.map(
      ({ code, line, message, hint }) => `line ${line}: ${message}. [${code}] ${hint}`,
    ),
    policyLines: [...new Set(lines)].filter(line => line > 0).sort((a, b) => a - b),
    timeline: [],
    digests: [],
  };
}
