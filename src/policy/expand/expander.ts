import type { Workspace } from '../workspace.ts';
import type { SourceCheck } from './checks/source-check.ts';

/** One step of the expansion. */
export interface Expander {
  /** Name of the step in Muen's mucfgexpand. */
  readonly name: string;
  expand(workspace: Workspace): void;
}

/** A stage: what must hold before it, and its steps in order. */
export interface Stage {
  readonly name: string;
  readonly checks: readonly SourceCheck[];
  readonly expanders: readonly Expander[];
}
