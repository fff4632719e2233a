import { PROPERTIES } from '../../properties/index.ts';
import { DEFAULT_SCENARIO, discoverScenarios, formatScenarioError } from '../../scenarios/index.ts';
import { FAULTS } from '../faults/index.ts';
import { defaultSeams } from '../impl/seams.ts';
import { MODELS } from '../model/index.ts';
import type { Model } from '../model/model.ts';
import { toMermaid } from '../model/to-stately.ts';
import { INTENT_FINDINGS } from '../policy/intent-rules.ts';
import { LABEL_FINDINGS } from '../policy/label-rules.ts';
import { LIBRARY_RULES } from '../policy/library/library-rules.ts';
import { RULES } from '../policy/rules/index.ts';
import { InvariantError } from '../units/invariant.ts';
import type { Catalogue, RuleInfo, ScenarioInfo } from './catalogue.ts';

function knownScenarios(): readonly ScenarioInfo[] {
  const found = discoverScenarios();
  // The scenario files are part of the package: a broken one is our own mistake.
  if (!found.ok) throw new InvariantError(formatScenarioError(found.error));
  return found.value.map(({ id, title, description, diagram, policyPath, software }) => ({
    name: id,
    title,
    description,
    diagram,
    policyFile: policyPath,
    software,
  }));
}

const rules: readonly RuleInfo[] = [
  ...[...RULES, ...LIBRARY_RULES].map(({ code, area, title, severity, validator }) => ({
    code,
    area,
    title,
    severity,
    ...(validator === undefined ? {} : { validator }),
  })),
  ...Object.entries(INTENT_FINDINGS).map(([code, { severity, title, hint }]) => ({
    code,
    area: 'intent',
    title,
    severity,
    hint,
  })),
  ...Object.entries(LABEL_FINDINGS).map(([code, row]) => ({ code, area: 'labels', ...row })),
];

/** One diagram per kind of party; parties that share a machine have one chart. */
function chartsOf(configurations: Model['configurations']): readonly string[] {
  const parties = configurations[0]?.create().parties ?? [];
  return [...new Set(parties.map(({ machine }) => toMermaid(machine)))];
}

/** Everything that this version of muencheck comes with. */
export const catalogue: Catalogue = {
  properties: PROPERTIES,
  faults: FAULTS,
  seams: defaultSeams,
  rules,
  scenarios: knownScenarios(),
  models: MODELS.map(({ id, title, configurations }) => ({
    id,
    title,
    configurations: configurations.flatMap(({ name, states }) => (states === undefined ? [] : [{ name, states }])),
    charts: () => chartsOf(configurations),
  })),
  defaultScenario: DEFAULT_SCENARIO,
};
