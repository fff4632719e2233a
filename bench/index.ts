import type { Benchmark } from './benchmark.ts';
import { exploreNarrow, exploreWide } from './explore-peers.ts';
import { kernelSteps, kernelStepsUnchecked } from './kernel-steps.ts';
import { modelSteps } from './model-steps.ts';
import { policyPipeline } from './policy-pipeline.ts';
import { snapshotRestore } from './snapshot-restore.ts';

/** All benchmarks of `muencheck bench`. */
export const BENCHMARKS: readonly Benchmark[] = [
  modelSteps,
  kernelSteps,
  kernelStepsUnchecked,
  policyPipeline,
  snapshotRestore,
  exploreNarrow,
  exploreWide,
];
