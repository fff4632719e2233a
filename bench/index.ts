import type { Benchmark, ThreadedBenchmark } from './benchmark.ts';
import { exploreNarrow, exploreWide } from './explore-peers.ts';
import { kernelSteps, kernelStepsUnchecked } from './kernel-steps.ts';
import { modelSteps } from './model-steps.ts';
import { policyPipeline } from './policy-pipeline.ts';
import { proxyBlock, proxyLog, proxyRefinement, rpcRoundTrips } from './proxy.ts';
import { refinementSteps } from './refinement-steps.ts';
import { snapshotPrograms } from './snapshot-programs.ts';
import { snapshotRestore } from './snapshot-restore.ts';
import { systemRestore } from './system-restore.ts';
import { vmExits, vmExitsChecked } from './vm-exits.ts';
import { vmExitsJobs } from './vm-exits-jobs.ts';
import { x86Interpreter } from './x86-interpreter.ts';

/** All benchmarks of `muencheck bench`. */
export const BENCHMARKS: readonly (Benchmark | ThreadedBenchmark)[] = [
  modelSteps,
  kernelSteps,
  kernelStepsUnchecked,
  policyPipeline,
  snapshotRestore,
  systemRestore,
  exploreNarrow,
  exploreWide,
  x86Interpreter,
  snapshotPrograms,
  vmExits,
  vmExitsChecked,
  vmExitsJobs,
  refinementSteps,
  proxyLog,
  proxyBlock,
  rpcRoundTrips,
  proxyRefinement,
];
