import { PROPERTIES } from '../../properties/index.ts';
import { DEFAULT_SCENARIO, discoverScenarios, formatScenarioError } from '../../scenarios/index.ts';
import { FAULTS } from '../faults/index.ts';
import { defaultSeams } from '../impl/seams.ts';
import { MODELS } from '../model/index.ts';
import { RULES } from '../policy/rules/index.ts';
import { InvariantError } from '../units/invariant.ts';
import type { Catalogue, ScenarioInfo } from './catalogue.ts';

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

/** Everything that this version of muencheck comes with. */
export const catalogue: Catalogue = {
  properties: PROPERTIES,
  faults: FAULTS,
  seams: defaultSeams,
  rules: RULES.map(({ code, area, title, severity }) => ({ code, area, title, severity })),
  scenarios: knownScenarios(),
  models: MODELS.map(({ id, title }) => ({ id, title })),
  defaultScenario: DEFAULT_SCENARIO,
};
