import { CONDITION_RULES, CONFIGURATION_RULES } from '../library/library-config.ts';
import type { LibraryRule } from '../library/library-rule.ts';
import type { PolicyTree } from '../tree.ts';
import { ProblemList } from './problem.ts';

function expectRules(rules: readonly LibraryRule[], { root }: PolicyTree): void {
  const problems = new ProblemList();
  for (const rule of rules) problems.note(rule.check(root, {}).findings);
  problems.end();
}

/** Refuses wrong values of variables and references of expressions, all of them at once. */
export const expectConfiguration = (tree: PolicyTree): void => expectRules(CONFIGURATION_RULES, tree);

/** Refuses conditions on variables that do not exist; expressions are variables by then. */
export const expectConditions = (tree: PolicyTree): void => expectRules(CONDITION_RULES, tree);
