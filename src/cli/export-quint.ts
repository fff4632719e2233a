import { exportQuint } from '../explore/quint/quint-export.ts';
import { readModelSources } from '../host/model-sources.ts';
import { MODELS } from '../model/index.ts';
import { kernelModel } from '../model/kernel.model.ts';
import { type ExploreTarget, targetInstance } from './explore-target.ts';

/** A target as a Quint module. */
export function quintOfTarget(name: string, target: ExploreTarget): string {
  const model = target.kind === 'policy' ? kernelModel : MODELS.find(({ id }) => id === target.model);
  return exportQuint(targetInstance(target), [], readModelSources(model?.sources ?? []), name);
}

/** A proof's model with its lemmas as invariants; undefined if the model has no proof of that name. */
export function quintOfProof(modelId: string, wanted: string): string | undefined {
  const model = MODELS.find(({ id }) => id === modelId);
  const proof = model?.proofs?.find(({ name }) => name.includes(wanted));
  if (model === undefined || proof === undefined) return undefined;
  const sources = readModelSources([...model.sources, ...proof.sources]);
  return exportQuint(proof.create(), proof.lemmas, sources, `${modelId}, ${proof.name}`);
}
