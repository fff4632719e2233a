import { decideSteps, type InductionResult } from '../explore/smt/decide-steps.ts';
import { stepInduction } from '../explore/smt/transition-induction.ts';
import { elapsedMs, nowMs } from '../host/clock.ts';
import { readModelSources } from '../host/model-sources.ts';
import { runZ3 } from '../host/z3.ts';
import type { Lemma, Model } from '../model/model.ts';
import { err, ok, type Result } from '../units/result.ts';

/** What an induction showed of one size of a model. */
export interface ProofReport extends InductionResult {
  readonly name: string;
  readonly method: string;
  readonly lemmas: readonly Pick<Lemma, 'id' | 'claim' | 'purpose'>[];
  readonly durationMs: number;
}

/**
 * Proves the registered lemmas of a model by induction through z3; the error says why that cannot be tried.
 *
 * @param wanted part of the name of the proofs to do; all if empty.
 */
export function proveModel(model: Model, limitSeconds: number, wanted = ''): Result<readonly ProofReport[], string> {
  const { id, sources, proofs = [] } = model;
  const selected = proofs.filter(({ name }) => name.includes(wanted));
  if (selected.length === 0)
    return err(proofs.length === 0 ? `${id} has no lemmas for an induction` : `no proof of ${id} matches "${wanted}"`);
  const reports: ProofReport[] = [];
  for (const proof of selected) {
    const startMs = nowMs();
    const { lemmas, assumesBounds = false, free = {} } = proof;
    const text = readModelSources([...sources, ...proof.sources]);
    const induction = stepInduction(proof.create(), lemmas, text, proof);
    const result = decideSteps(induction, script => runZ3(script, 100 * limitSeconds), 1000 * limitSeconds);
    if (!result.ok) return result;
    const fields = Object.keys(free);
    const any = fields.length === 0 ? '' : `, for any ${fields.join(', ')}`;
    reports.push({
      name: `${id}, ${proof.name}`,
      method: `induction, each lemma and each step by z3${any}${assumesBounds ? ', for runs within the bounds of the fields' : ''}`,
      lemmas: lemmas.map(({ id: lemma, claim, purpose }) => ({ id: lemma, claim, purpose })),
      durationMs: elapsedMs(startMs),
      ...result.value,
    });
  }
  return ok(reports);
}

/** Proofs for a person. */
export function proofText(reports: readonly ProofReport[]): string {
  const lines = reports.flatMap(({ name, verdict, method, queries, folded, lemmas, open }) => [
    name,
    `  ${verdict}: ${method}; ${queries} questions to the solver, ${folded} without`,
    ...lemmas
      .filter(({ purpose }) => purpose === 'claim')
      .map(({ id, claim }) => `  ${verdict === 'proved' ? '+' : '?'} ${id}: ${claim}`),
    `  with ${lemmas.filter(({ purpose }) => purpose === 'help').length} helping lemmas`,
    ...open.map(line => `  open: ${line}`),
    '',
  ]);
  return lines.map(line => `${line}\n`).join('');
}
