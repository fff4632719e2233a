import type { AllowClaim, Claims } from './claims.ts';
import type { PolicyDocument } from './document.ts';
import type { InferredIntent } from './intent.ts';
import type { Explanation, IntentFinding } from './intent-facts.ts';

/** An inferred intent after the claims of the integrator were heard. */
export interface ClaimedIntent extends InferredIntent {
  /** Allowances that concern nothing: neither a violation nor a warning. */
  readonly unused: readonly AllowClaim[];
}

/** Policy lines that an allowance speaks about: a region and its mappings, an event and its ends. */
function linesOf(document: PolicyDocument, { what, target }: AllowClaim): ReadonlySet<number> {
  const ofRegion = [
    ...document.memory.filter(region => region.name === target.name),
    ...[...document.kernel.cpus, ...document.subjects, ...document.deviceDomains].flatMap(holder =>
      holder.memory.filter(mapping => mapping.physical === target.name),
    ),
  ];
  const ofEvent = [
    ...document.events.filter(event => event.name === target.name),
    ...document.subjects.flatMap(subject =>
      [...subject.sourceGroups.flatMap(group => group.events), ...subject.targetEvents].filter(
        event => event.physical === target.name,
      ),
    ),
  ];
  return new Set((what === 'region' ? ofRegion : ofEvent).map(node => node.at.line));
}

function claimedExplanation({ target, reason, what, at }: AllowClaim, found: IntentFinding, path: string): Explanation {
  return {
    rule: 'claimed',
    inferred: false,
    holder: '',
    logical: '',
    resource: target.name,
    line: found.line,
    resourceLine: 0,
    text: `${found.message}: allowed by ${path}:${at.line}:${at.column} (${what} '${target.name}'): ${reason}`,
  };
}

/** Takes what the claims allow out of the violations and warnings; each allowance is shown with its reason. */
export function applyClaims(
  document: PolicyDocument,
  intent: InferredIntent,
  claims: Claims | undefined,
): ClaimedIntent {
  if (claims === undefined) return { ...intent, unused: [] };
  const allowances = claims.allow.map(allow => ({ allow, lines: linesOf(document, allow) }));
  const used = new Set<AllowClaim>();
  const explained: Explanation[] = [];
  const isOpen = (found: IntentFinding): boolean => {
    const match = allowances.find(({ allow, lines }) =>
      allow.what === 'rule'
        ? allow.target.name === found.code
        : lines.has(found.line) || found.relatedLines.some(line => lines.has(line)),
    );
    if (match === undefined) return true;
    used.add(match.allow);
    explained.push(claimedExplanation(match.allow, found, claims.path));
    return false;
  };
  const violations = intent.violations.filter(isOpen);
  const warnings = intent.warnings.filter(isOpen);
  return {
    ...intent,
    violations,
    warnings,
    explained: [...intent.explained, ...explained].sort((a, b) => a.line - b.line),
    unused: claims.allow.filter(allow => allow.what !== 'event' && !used.has(allow)),
  };
}
