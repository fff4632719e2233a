import { err, type Result } from '../../units/result.ts';
import type { Finding } from '../finding.ts';
import { checkBeforeExpansion } from '../library/library-rules.ts';
import type { PolicyTree } from '../tree.ts';
import { inWorkspace, type ToolOutcome } from '../workspace.ts';
import { STAGES } from './stages.ts';

/**
 * Expands a source policy, components joined and virtual resources allocated, to format A (Muen's mucfgexpand).
 *
 * The tree is changed in place. Each stage first checks what it relies on; what a check reports ends the expansion
 * before the stage begins.
 */
export function expandPolicy(tree: PolicyTree): Result<ToolOutcome, readonly Finding[]> {
  const findings = checkBeforeExpansion(tree.root);
  if (findings.length > 0) return err(findings);
  return inWorkspace(tree, workspace => {
    for (const { checks, expanders } of STAGES) {
      for (const { code, check } of checks) {
        check(workspace, (element, message, hint) => workspace.report(element, code, message, hint));
      }
      if (workspace.errorCount > 0) return;
      for (const expander of expanders) expander.expand(workspace);
      if (workspace.errorCount > 0) return;
    }
  });
}
