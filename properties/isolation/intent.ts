import type { CheckContext, Property, TaskResult } from '../../src/engine/property.ts';
import { inferIntent } from '../../src/policy/intent.ts';
import { applyClaims, type ClaimedIntent } from '../../src/policy/intent-claims.ts';
import type { TraceOutcome } from '../../src/trace/trace.ts';

const ID = 'isolation/sharing-is-explained';

const intentOf = ({ document, claims }: CheckContext): ClaimedIntent =>
  applyClaims(document, inferIntent(document), claims);

/** Claim (2) of the design: what a policy shares must have an explanation, inferred from the policy or stated in a claims file. */
export const sharingIsExplained: Property = {
  id: ID,
  area: 'isolation',
  claim:
    'Every mapping and device assignment has an explanation (inferred: owner, channel, monitor, loader, sibling, declared share; or claimed)',
  method: 'enumeration',
  passes: 'proved',
  witnesses: [
    { id: 'sharing-examined', description: 'mappings and device assignments that were judged' },
    { id: 'sharing-explained', description: 'mappings and device assignments that a rule explains' },
  ],
  killedBy: [],
  notApplicable: () => '',
  tasks: () => [{ property: ID, index: 0, slice: {} }],
  runTask: (context): TaskResult => {
    const intent = intentOf(context);
    const outcome = outcomeOf(intent);
    return {
      runs: 1,
      steps: intent.examined,
      states: 0,
      witnesses: { 'sharing-examined': intent.examined, 'sharing-explained': intent.explained.length },
      unspecified: {},
      sharing: {
        explained: intent.explained,
        warnings: intent.warnings.map(({ code, line, message }) => ({ code, line, message })),
      },
      ...(outcome && { failure: { body: { kind: 'static' }, outcome, claims: context.claims !== undefined } }),
    };
  },
  replay: context => outcomeOf(intentOf(context)),
};

function outcomeOf(intent: ClaimedIntent): TraceOutcome | undefined {
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
