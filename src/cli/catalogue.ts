import type { Property, ScenarioSoftware } from '../engine/property.ts';
import type { Fault } from '../faults/fault.ts';
import type { Seams } from '../impl/seams.ts';

/** A policy rule as `list` and `explain` show it; area `intent` holds what isolation/sharing-is-explained reports. */
export interface RuleInfo {
  readonly code: string;
  readonly title: string;
  readonly severity: string;
  readonly area: string;
  /** Check of the real validator that the rule stands for. */
  readonly validator?: string;
  readonly hint?: string;
}

/** A scenario: a policy file and the hosted software of its subjects. */
export interface ScenarioInfo {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** ASCII drawing, one entry a line. */
  readonly diagram: readonly string[];
  /** Absolute path of the policy file. */
  readonly policyFile: string;
  readonly software: readonly ScenarioSoftware[];
}

/** An abstract model. */
export interface ModelInfo {
  readonly id: string;
  readonly title: string;
  /** Reachable states per configuration that is explored completely. */
  readonly configurations: readonly { readonly name: string; readonly states: number }[];
  /** Charts of its parties as Mermaid state diagrams. */
  readonly charts: () => readonly string[];
}

/** Everything that is registered: what commands select from and what workers run. */
export interface Catalogue {
  readonly properties: readonly Property[];
  readonly faults: readonly Fault[];
  readonly seams: Seams;
  readonly rules: readonly RuleInfo[];
  readonly scenarios: readonly ScenarioInfo[];
  readonly models: readonly ModelInfo[];
  /** Scenario of `check` and `faults` without an argument. */
  readonly defaultScenario: string;
}
