import type { PackedSystem } from '../explore/packed-system.ts';
import { type ExpandJob, type ExpandReply, expandBlock } from '../explore/search-parallel.ts';
import { compileModel } from '../explore/symbolic/packed-model.ts';
import { readModelSources } from '../host/model-sources.ts';
import { MODELS } from '../model/index.ts';
import { kernelModel } from '../model/kernel.model.ts';
import { type PolicyScope, policyKernel } from '../model/kernel-policy.ts';
import { eraseInstance, type ModelInstance } from '../model/model.ts';
import { parsePolicy } from '../policy/parse.ts';
import { defined, invariant } from '../units/invariant.ts';

/** What is explored, as plain data from which every thread builds the same system. */
export type ExploreTarget =
  | { readonly kind: 'model'; readonly model: string; readonly configuration: string }
  | { readonly kind: 'fault'; readonly model: string; readonly fault: string }
  | { readonly kind: 'policy'; readonly policyBytes: Uint8Array; readonly scope: PolicyScope };

/** The model that a target stands for; the policy is known to parse. */
export function targetInstance(target: ExploreTarget): ModelInstance {
  if (target.kind === 'model') {
    const model = MODELS.find(({ id }) => id === target.model);
    const configuration = model?.configurations.find(({ name }) => name === target.configuration);
    return defined(configuration, `configuration ${target.configuration} of ${target.model}`).create();
  }
  if (target.kind === 'fault') {
    const faults = MODELS.find(({ id }) => id === target.model)?.faults;
    const fault = faults?.find(({ id }) => id === target.fault);
    return defined(fault, `fault ${target.fault} of ${target.model}`).create();
  }
  const parsed = parsePolicy(target.policyBytes);
  invariant(parsed.ok, 'the policy does not parse');
  return eraseInstance(policyKernel(parsed.value.document, target.scope));
}

/** The compiled system of a target. */
export function targetSystem(target: ExploreTarget): PackedSystem {
  const model = target.kind === 'policy' ? kernelModel : MODELS.find(({ id }) => id === target.model);
  return compileModel(targetInstance(target), readModelSources(model?.sources ?? []));
}

/** One block of an exploration for a worker thread. */
export interface ExplorePayload {
  readonly target: ExploreTarget;
  readonly job: ExpandJob;
}

let known: { readonly key: string; readonly system: PackedSystem } | undefined;

/** Expands a block; a thread builds the system once. */
export function handle({ target, job }: ExplorePayload): ExpandReply {
  const key = JSON.stringify(target.kind === 'policy' ? target.scope : target);
  if (known?.key !== key) known = { key, system: targetSystem(target) };
  return expandBlock(known.system, job);
}
