import { readFileSync } from 'node:fs';
import { findScenario } from '../../scenarios/index.ts';
import type { CheckContext } from '../../src/engine/property.ts';
import type { Fault } from '../../src/faults/fault.ts';
import { Campaign } from '../../src/fuzz/campaign.ts';
import type { FuzzTargetName, Strategy } from '../../src/fuzz/fuzz-input.ts';
import { FuzzTarget } from '../../src/fuzz/fuzz-target.ts';
import { defaultSeams, type Seams } from '../../src/impl/seams.ts';
import { parsePolicy } from '../../src/policy/parse.ts';

/** Target of each strategy: recorded exits are of the subject's exits, all others of its programs. */
export const TARGET_OF: Readonly<Record<Strategy, FuzzTargetName>> = {
  'random-bytes': 'guest',
  structured: 'guest',
  'coverage-guided': 'guest',
  recorded: 'vm-exit',
};

/** A booted system of a scenario with `seams` in place. */
export function targetOf(scenarioId: string, seams: Seams = defaultSeams): FuzzTarget {
  const scenario = findScenario(scenarioId);
  if (!scenario.ok || scenario.value === undefined) throw new Error(`no scenario ${scenarioId}`);
  const { policyPath, software } = scenario.value;
  const bytes = readFileSync(policyPath);
  const parsed = parsePolicy(bytes);
  if (!parsed.ok) throw new Error(policyPath);
  const context: CheckContext = {
    document: parsed.value.document,
    policyText: bytes.toString(),
    policyPath,
    policySha256: '',
    seams,
    seed: 1,
    budget: { name: 'smoke' },
    software,
  };
  const created = FuzzTarget.create(context);
  if (!created.ok) throw new Error(created.error);
  return created.value;
}

/** Executions until a fault is found, exactly; undefined if `cap` executions do not find it. */
export function executionsToKill(
  target: FuzzTarget,
  strategy: Strategy,
  seed: number,
  cap: number,
): { readonly executions: number; readonly what: string } | undefined {
  const campaign = new Campaign({ target: TARGET_OF[strategy], strategy, seed }, target.attackers);
  while (campaign.executions < cap) {
    for (const input of campaign.nextRound()) {
      const { finding } = campaign.merge(input, target.execute(input));
      if (finding !== undefined) return { executions: campaign.executions, what: finding.what };
      if (campaign.executions >= cap) return undefined;
    }
  }
  return undefined;
}

/** Memory types have no effect on this machine: caches are outside of the model. */
const WITHOUT_EFFECT = ['paging-device-cached'];

/** Faults at the seams that a fuzzed run passes: kernel, processor, compiled tables. */
export const isFuzzable = ({ id, seam, killedBy }: Fault): boolean =>
  ['kernel', 'machine', 'compile', 'paging'].includes(seam) &&
  // Neither the boot nor transfers of devices are among the inputs.
  !killedBy.every(property => property.startsWith('boot/')) &&
  !killedBy.some(property => property.startsWith('isolation/dma')) &&
  !WITHOUT_EFFECT.includes(id);
