import type { Finding } from '../finding.ts';
import type { ElementRule } from '../grammar.ts';
import { readByGrammar } from '../reader.ts';
import { type TreeElement, toXmlDocument } from '../tree.ts';
import { SourceProblem } from './problem.ts';

/** Everything in a document that its grammar does not have, with file and line; at most 200 findings. */
export function grammarFindings(root: TreeElement, rule: ElementRule): readonly Finding[] {
  const { findings } = readByGrammar(toXmlDocument({ root }), rule, 'source');
  return findings.errorCount > 0 ? findings.all() : [];
}

/** Ends the stage when a document does not fit its grammar. */
export function expectGrammar(root: TreeElement, rule: ElementRule): void {
  const findings = grammarFindings(root, rule);
  if (findings.length > 0) throw new SourceProblem(findings);
}
