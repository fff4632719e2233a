import type { Campaign, CorpusEntry, FindingGroup } from '../fuzz/campaign.ts';
import type { Execution } from '../fuzz/fuzz-target.ts';
import type { JobRunner } from '../host/workers.ts';
import { err, ok, type Result } from '../units/result.ts';
import type { FuzzPayload } from './fuzz-worker.ts';

/** Inputs of one job. */
const SHARE = 16;

/** What a round of a campaign found, in the order of its executions. */
export interface RoundFinds {
  readonly entries: readonly CorpusEntry[];
  readonly findings: readonly FindingGroup[];
}

/** Executes one round of a campaign in jobs; the error says why it was cut. */
export async function executeRound(
  campaign: Campaign,
  runner: JobRunner<FuzzPayload, readonly Execution[]>,
  payload: Omit<FuzzPayload, 'inputs'>,
): Promise<Result<RoundFinds, string>> {
  const inputs = campaign.nextRound();
  const shares = Array.from({ length: Math.ceil(inputs.length / SHARE) }, (_, index) =>
    inputs.slice(index * SHARE, (index + 1) * SHARE),
  );
  const replies = await Promise.all(shares.map(share => runner.submit({ ...payload, inputs: share })));
  const executions: Execution[] = [];
  for (const reply of replies) {
    if (reply.kind === 'cut') return err(reply.reason);
    if (reply.kind === 'crashed') throw new Error(`${reply.message}\n${reply.stack}`);
    executions.push(...reply.value);
  }
  const entries: CorpusEntry[] = [];
  const findings: FindingGroup[] = [];
  inputs.forEach((input, index) => {
    const { entry, finding } = campaign.merge(input, executions[index]!);
    if (entry !== undefined) entries.push(entry);
    if (finding !== undefined) findings.push(finding);
  });
  return ok({ entries, findings });
}
