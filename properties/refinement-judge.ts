import type { CheckContext } from '../src/engine/property.ts';
import { Lockstep } from '../src/refinement/lockstep.ts';
import type { RunSpec } from '../src/trace/trace.ts';
import { explainDivergence } from './explain-divergence.ts';
import type { RunFinding } from './run-property.ts';
import type { Workbench } from './workbench.ts';

/** One run beside the kernel model. */
export function runBesideModel({ bench, model }: Pick<Workbench, 'bench' | 'model'>, spec: RunSpec): Lockstep {
  const loaded = bench.load(spec);
  const lockstep = new Lockstep(bench.system, model);
  if (!loaded.ok) return lockstep;
  const system = loaded.value;
  lockstep.begin();
  system.observer = lockstep;
  while (lockstep.divergence === undefined && system.step());
  system.observer = {};
  return lockstep;
}

/** Judges a run by whether the implementation does what the kernel model does. */
export function judgeByModel(context: CheckContext, found: Workbench, spec: RunSpec): RunFinding {
  const { divergence } = runBesideModel(found, spec);
  if (divergence === undefined) return { what: '', explanation: [], policyLines: [], step: 0 };
  const { explanation, policyLines } = explainDivergence(context, divergence);
  return { what: divergence.what, explanation, policyLines, step: divergence.step };
}
