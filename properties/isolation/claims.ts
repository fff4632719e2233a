import type { CheckContext, Property, TaskResult } from '../../src/engine/property.ts';
import { flowGraph } from '../../src/model/flow-policy.ts';
import { type ClaimReport, checkClaims, describeFlow, unknownNames } from '../../src/refinement/claims.ts';
import type { TraceOutcome } from '../../src/trace/trace.ts';

const ID = 'isolation/claims';
/** Violations that an explanation lists. */
const EXPLAINED = 12;

const reportOf = ({ claims, document }: CheckContext): ClaimReport =>
  claims === undefined ? { checked: 0, violations: [] } : checkClaims(claims, flowGraph(document));

function outcomeOf({ violations }: ClaimReport): TraceOutcome | undefined {
  const [first] = violations;
  if (first === undefined) return undefined;
  const more = violations.length === 1 ? '' : ` (and ${violations.length - 1} more)`;
  const lines = violations.flatMap(({ policyLines }) => policyLines);
  return {
    summary: `${first.message}${more}`,
    explanation: violations
      .slice(0, EXPLAINED)
      .flatMap(({ message, path }) => [`Let ${message}.`, ...path.map(edge => `Then ${describeFlow(edge)}.`)]),
    policyLines: [...new Set(lines)].filter(line => line > 0).sort((a, b) => a - b),
    timeline: [],
    digests: [],
  };
}

/** Names that a claim uses and the policy does not have; a rule is looked up elsewhere. */
const unknownCount = ({ claims, document }: CheckContext): number =>
  claims === undefined ? 0 : unknownNames({ ...claims, allow: [] }, document, flowGraph(document), []).length;

/** The claims file against the flows that the policy allows. */
export const claimsHold: Property = {
  id: ID,
  area: 'isolation',
  claim:
    'The flows that the policy allows, also through others, respect every noFlow, onlyVia and label of the claims file',
  method: 'enumeration of flow paths',
  passes: 'proved',
  witnesses: [
    { id: 'claim-checked', description: 'a noFlow, an onlyVia or a pair of labelled subjects that was checked' },
  ],
  killedBy: [],
  notApplicable: ({ claims }) => {
    if (claims === undefined) return 'no claims file is given (--claims)';
    const count = claims.noFlow.length + claims.onlyVia.length + claims.labels.length;
    return count === 0 ? 'the claims file makes no claim about flows' : '';
  },
  tasks: () => [{ property: ID, index: 0, slice: {} }],
  runTask: (context): TaskResult => {
    const report = reportOf(context);
    const outcome = outcomeOf(report);
    const unknown = unknownCount(context);
    return {
      runs: 1,
      steps: report.checked,
      states: 0,
      witnesses: { 'claim-checked': report.checked },
      unspecified: {},
      ...(unknown === 0 ? {} : { cut: `${unknown} names of the claims file are not in the policy` }),
      ...(outcome && { failure: { body: { kind: 'static' }, outcome, claims: true } }),
    };
  },
  replay: context => outcomeOf(reportOf(context)),
};
