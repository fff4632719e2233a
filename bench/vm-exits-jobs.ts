import { readFileSync } from 'node:fs';
import { findScenario } from '../scenarios/index.ts';
import { ContextCache, type ContextSpec } from '../src/cli/context.ts';
import { catalogue } from '../src/cli/default-catalogue.ts';
import { executeRound } from '../src/cli/fuzz-round.ts';
import { type FuzzPayload, handle } from '../src/cli/fuzz-worker.ts';
import { Campaign, type CampaignSettings } from '../src/fuzz/campaign.ts';
import { type Attacker, type Execution, FuzzTarget } from '../src/fuzz/fuzz-target.ts';
import { elapsedMs, nowMs } from '../src/host/clock.ts';
import { inProcessRunner, type JobRunner, workerRunner } from '../src/host/workers.ts';
import { invariant } from '../src/units/invariant.ts';
import { type Measurement, measurement, type ThreadedBenchmark } from './benchmark.ts';

/** Rounds of the campaign: the sweep, and what is guided by what it found. */
const ROUNDS = 24;
/** Turns that nobody times: systems are built and the engine compiles what runs often. */
const WARM_UP_TURNS = 1;
/** The best turn counts, since other work on the machine only makes one longer. */
const TURNS = 4;
const SETTINGS: CampaignSettings = { target: 'guest', strategy: 'coverage-guided', seed: 1 };

type Runner = JobRunner<FuzzPayload, readonly Execution[]>;

function specOf(): ContextSpec {
  const scenario = findScenario('machine-code');
  invariant(scenario.ok && scenario.value !== undefined, 'scenario machine-code');
  const { policyPath, software } = scenario.value;
  const policyBytes = new Uint8Array(readFileSync(policyPath));
  return { policyBytes, policyPath, policySha256: '', seed: 1, budget: { name: 'smoke' }, software };
}

/** What a campaign found, as text. */
const resultOf = ({ corpus, findings, exits }: Campaign): string =>
  JSON.stringify([corpus, [...findings], [...exits].map(([subject, row]) => [subject, [...row]])]);

interface Turn {
  readonly durationMs: number;
  readonly kernelSteps: number;
  readonly result: string;
}

/** The whole campaign from its first execution on; milliseconds of the wall clock. */
async function turn(attackers: readonly Attacker[], runner: Runner, context: ContextSpec): Promise<Turn> {
  const campaign = new Campaign(SETTINGS, attackers);
  const catalogueUrl = new URL('../src/cli/default-catalogue.ts', import.meta.url).href;
  const startMs = nowMs();
  for (let round = 0; round < ROUNDS; round++) {
    const executed = await executeRound(campaign, runner, { catalogueUrl, context });
    invariant(executed.ok, 'no round is cut');
  }
  return { durationMs: elapsedMs(startMs), kernelSteps: campaign.kernelSteps, result: resultOf(campaign) };
}

async function run(): Promise<Measurement> {
  const spec = specOf();
  const context = await new ContextCache().get(spec, catalogue);
  const target = FuzzTarget.create(context);
  invariant(target.ok, 'system of machine-code');
  const { attackers } = target.value;
  const runners: readonly Runner[] = [
    inProcessRunner(handle),
    workerRunner(new URL('../src/cli/fuzz-worker.ts', import.meta.url).href, 2),
  ];
  const best = runners.map(() => Number.POSITIVE_INFINITY);
  const results = new Set<string>();
  let kernelSteps = 0;
  for (let index = 0; index < WARM_UP_TURNS + TURNS; index++) {
    for (const [at, runner] of runners.entries()) {
      const done = await turn(attackers, runner, spec);
      kernelSteps = done.kernelSteps;
      results.add(done.result);
      if (index >= WARM_UP_TURNS) best[at] = Math.min(best[at]!, done.durationMs);
    }
  }
  for (const runner of runners) await runner.close();
  invariant(results.size === 1, 'every turn has the same corpus, findings and exits, whatever the number of jobs');
  const [one, two] = best.map(milliseconds => (kernelSteps * 1000) / milliseconds);
  return measurement(two!, { '--jobs 1': one! });
}

/** VM exits per second of wall-clock time of one campaign with `--jobs 2`, each checked; the peer is the same campaign with `--jobs 1`. */
export const vmExitsJobs: ThreadedBenchmark = {
  id: 'vm-exits-jobs',
  title: 'VM exits of a fuzz campaign with two jobs, and with one; the corpus is the same',
  unit: 'VM exits/s of wall-clock time',
  run,
};
