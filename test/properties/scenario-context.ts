import { readFileSync } from 'node:fs';
import { findScenario } from '../../scenarios/index.ts';
import type { CheckContext, Failure, Property, TaskResult } from '../../src/engine/property.ts';
import { defaultSeams, type Seams } from '../../src/impl/seams.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { TRACE_VERSION, type Trace } from '../../src/trace/trace.ts';

/** Replacements of some entries of some collaborator records. */
export type SeamChanges = { readonly [Seam in keyof Seams]?: Partial<Seams[Seam]> };

/** The implementation with some entries replaced. */
export const seamsWith = (changes: SeamChanges): Seams => ({
  ...defaultSeams,
  channel: { ...defaultSeams.channel, ...changes.channel },
  proxy: { ...defaultSeams.proxy, ...changes.proxy },
  kernel: { ...defaultSeams.kernel, ...changes.kernel },
});

/** Context of a scenario as the command line makes it. */
export function scenarioContext(id: string, seams: Seams = defaultSeams, runs?: number): CheckContext {
  const scenario = findScenario(id);
  if (!scenario.ok || scenario.value === undefined) throw new Error(`no scenario ${id}`);
  const bytes = readFileSync(scenario.value.policyPath);
  const parsed = parsePolicy(bytes);
  if (!parsed.ok) throw new Error(`policy of ${id}`);
  return {
    document: parsed.value.document,
    policyText: bytes.toString('utf8'),
    policyPath: scenario.value.policyPath,
    policySha256: '',
    seams,
    seed: 1,
    budget: { name: 'smoke', ...(runs === undefined ? {} : { runs }) },
    software: scenario.value.software,
  };
}

/** Results of all tasks up to the first failing one. */
export function runAll(property: Property, context: CheckContext): readonly TaskResult[] {
  const results: TaskResult[] = [];
  for (const task of property.tasks(context)) {
    const result = property.runTask(context, task);
    results.push(result);
    if (result.failure !== undefined) break;
  }
  return results;
}

export const failureOf = (results: readonly TaskResult[]): Failure | undefined => results.at(-1)?.failure;

/** Times a witness was seen in all results. */
export const seen = (results: readonly TaskResult[], witness: string): number =>
  results.reduce((sum, { witnesses }) => sum + (witnesses[witness] ?? 0), 0);

export const traceOf = (property: Property, failure: Failure): Trace => ({
  format: 'muencheck-trace',
  version: TRACE_VERSION,
  tool: 'test',
  policy: { path: '', sha256: '', gzipBase64: '' },
  property: property.id,
  seed: 1,
  body: failure.body,
  outcome: failure.outcome,
});
