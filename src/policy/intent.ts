import type { PolicyDocument } from './document.ts';
import { judgeDevices } from './intent-devices.ts';
import { judgeDomains } from './intent-domains.ts';
import type { Explanation, IntentFinding } from './intent-facts.ts';
import { groupBy, intentFacts } from './intent-facts.ts';
import { findLoaders, incompleteLoaders } from './intent-loader.ts';
import { judgedAlone, judgeMapping } from './intent-memory.ts';
import { findSharedMsrs } from './intent-msrs.ts';
import { findOverlaps } from './intent-overlap.ts';
import { judgeShared } from './intent-shares.ts';

/** What a format B policy seems to mean by its sharing, and what has no explanation. */
export interface InferredIntent {
  readonly explained: readonly Explanation[];
  /** Sharing that no rule explains; all of severity error, by line. */
  readonly violations: readonly IntentFinding[];
  /** Explained sharing that deserves a look; all of severity warning, by line. */
  readonly warnings: readonly IntentFinding[];
  /** Mappings by subjects and device domains and device assignments that were judged. */
  readonly examined: number;
}

/**
 * Infers why each mapping, DMA mapping and device assignment of a format B policy exists (DESIGN, claim (2)).
 * A format B policy does not state its intent, so every explanation is a guess from names, types and scheduling.
 */
export function inferIntent(document: PolicyDocument): InferredIntent {
  const facts = intentFacts(document);
  const loaders = findLoaders(facts);
  const alone = facts.held.filter(judgedAlone);
  const shared = groupBy(
    facts.held.filter(held => !judgedAlone(held)),
    held => held.region.name,
  );
  const domains = judgeDomains(facts);
  const devices = judgeDevices(facts);
  const judgements = [
    ...alone.map(held => judgeMapping(facts, loaders, held)),
    ...[...shared.values()].flatMap(all => judgeShared(facts, loaders, all)),
    ...domains,
    ...devices,
  ];
  const findings = [
    ...judgements.flatMap(judgement => judgement.findings),
    ...findOverlaps(facts),
    ...findSharedMsrs(facts),
    ...incompleteLoaders(facts, loaders),
  ].sort((a, b) => a.line - b.line || a.column - b.column);
  return {
    explained: judgements.flatMap(judgement => judgement.explained).sort((a, b) => a.line - b.line),
    violations: findings.filter(found => found.severity === 'error'),
    warnings: findings.filter(found => found.severity !== 'error'),
    examined: facts.held.length + countDomainMappings(document) + devices.length,
  };
}

function countDomainMappings(document: PolicyDocument): number {
  return document.deviceDomains.reduce((sum, domain) => sum + domain.memory.length, 0);
}
