import { EXIT_REASONS } from '../impl/vmx/exit-reasons.ts';
import { PROXY_OBLIGATIONS } from '../refinement/genode/obligations.ts';
import type { Catalogue } from './catalogue.ts';
import { EXIT_ACTIONS } from './exit-actions.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { FINDING_CODES } from './finding-codes.ts';
import { VERDICT_MEANINGS } from './verdict-words.ts';

/** What `explain` prints about one thing: a label and a text per line; an empty text is left out. */
export type Facts = readonly (readonly [label: string, text: string])[];
type Topic = readonly [id: string, facts: Facts];

/** Topic of the exit codes of this program, as against the VM exits of the system. */
export const EXIT_CODES_TOPIC = 'exit-codes';

const propertyTopics = (catalogue: Catalogue, program: string): readonly Topic[] =>
  catalogue.properties.map(property => [
    property.id,
    [
      ['property', property.id],
      ['claim', property.claim],
      ['method', property.method],
      ['passes as', `${property.passes}: ${VERDICT_MEANINGS[property.passes]}`],
      ...property.witnesses.map(witness => ['witness', `${witness.id}: ${witness.description}`] as const),
      ...PROXY_OBLIGATIONS.flatMap(({ title, properties }, index) =>
        properties.includes(property.id) ? [['obligation', `${index + 1} of proxies: ${title}`] as const] : [],
      ),
      ['kills', property.killedBy.join(', ')],
      ['run it', `${program} check --property ${property.id}`],
    ],
  ]);

const faultTopics = (catalogue: Catalogue, program: string): readonly Topic[] =>
  catalogue.faults.map(fault => [
    fault.id,
    [
      ['fault', fault.id],
      ['title', fault.title],
      ['seam', fault.seam],
      ['precedent', fault.precedent],
      ['killed by', fault.killedBy.join(', ')],
      ['scenario', fault.scenario ?? catalogue.defaultScenario],
      ['run it', `${program} faults --fault ${fault.id}`],
    ],
  ]);

const scenarioTopics = (catalogue: Catalogue, program: string): readonly Topic[] =>
  catalogue.scenarios.map(scenario => [
    scenario.name,
    [
      ['scenario', scenario.name],
      ['title', scenario.title],
      ['about', scenario.description],
      ...scenario.software.map(item => ['software', `${item.subject}: ${item.software}`] as const),
      ...scenario.diagram.map(line => ['', line] as const),
      ['run it', `${program} check ${scenario.name}`],
    ],
  ]);

const codeTopics = (catalogue: Catalogue): readonly Topic[] => [
  ...catalogue.rules.map(
    ({ code, area, severity, title, validator = '', hint = '' }): Topic => [
      code,
      [
        ['rule', code],
        ['area', area],
        ['severity', severity],
        ['checks', title],
        ['real check', validator],
        ['hint', hint],
      ],
    ],
  ),
  ...Object.entries(FINDING_CODES).map(
    ([code, meaning]): Topic => [
      code,
      [
        ['code', code],
        ['meaning', meaning],
      ],
    ],
  ),
];

/** VM exits go by their number and by their name. */
const exitTopics = (program: string): readonly Topic[] =>
  EXIT_REASONS.flatMap(({ reason, name, action, causedBy }): readonly Topic[] => {
    const isExitCode = EXIT_CODES.some(({ code }) => code === reason);
    const facts: Facts = [
      ['VM exit', `${reason}`],
      ['name', name],
      ['kernel', EXIT_ACTIONS[action]],
      ['caused by', causedBy],
      ['run it', `${program} check --property vmx/every-exit-reason`],
      ['see also', isExitCode ? `${program} explain ${EXIT_CODES_TOPIC} (exit codes of this program)` : ''],
    ];
    return [
      [String(reason), facts],
      [name, facts],
    ];
  });

const wordTopics = (): readonly Topic[] => [
  ...Object.entries(VERDICT_MEANINGS).map(
    ([word, meaning]): Topic => [
      word,
      [
        ['verdict', word],
        ['meaning', meaning],
      ],
    ],
  ),
  [EXIT_CODES_TOPIC, EXIT_CODES.map(({ code, name, meaning }) => [String(code), `${name}: ${meaning}`] as const)],
];

/**
 * Everything that can be explained, by its id; earlier tables win where two use one id.
 *
 * @param program how the user starts this program, for command lines to copy.
 */
export function topics(catalogue: Catalogue, program: string): ReadonlyMap<string, Facts> {
  const found = new Map<string, Facts>();
  const models: readonly Topic[] = catalogue.models.map(({ id, title, charts }) => [
    id,
    [
      ['model', id],
      ['title', title],
      ...charts().flatMap(chart => chart.split('\n').map(line => ['chart', line] as const)),
    ],
  ]);
  const all = [
    ...propertyTopics(catalogue, program),
    ...faultTopics(catalogue, program),
    ...scenarioTopics(catalogue, program),
    ...codeTopics(catalogue),
    ...exitTopics(program),
    ...wordTopics(),
    ...models,
  ];
  for (const [id, facts] of all) if (!found.has(id)) found.set(id, facts);
  return found;
}
