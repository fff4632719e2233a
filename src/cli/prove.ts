import { type InductionResult, inductionScript, readAnswers } from '../explore/smt/induction.ts';
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

/** Proves the registered lemmas of a model by induction through z3; the error says why that cannot be tried. */
export function proveModel(model: Model, limitSeconds: number): Result<readonly ProofReport[], string> {
  const { id, sources, proofs = [] } = model;
  if (proofs.length === 0) return err(`${id} has no lemmas for an induction`);
  const reports: ProofReport[] = [];
  for (const proof of proofs) {
    const startMs = nowMs();
    const { lemmas, assumesBounds = false } = proof;
    const text = readModelSources([...sources, ...proof.sources]);
    const script = inductionScript(proof.create(), lemmas, text, { assumesBounds });
    const output = runZ3(script.text, limitSeconds);
    if (!output.ok) return output;
    reports.push({
      name: `${id}, ${proof.name}`,
      method: `1-induction over the typed domain, z3${assumesBounds ? ', for runs within the bounds of the fields' : ''}`,
      lemmas: lemmas.map(({ id: lemma, claim, purpose }) => ({ id: lemma, claim, purpose })),
      durationMs: elapsedMs(startMs),
      ...readAnswers(script, output.value),
    });
  }
  return ok(reports);
}

/** Proofs for a person. */
export function proofText(reports: readonly ProofReport[]): string {
  const lines = reports.flatMap(({ name, verdict, method, queries, lemmas, open }) => [
    name,
    `  ${verdict}: ${method}, ${queries} queries`,
    ...lemmas
      .filter(({ purpose }) => purpose === 'claim')
      .map(({ id, claim }) => `  ${verdict === 'proved' ? '+' : '?'} ${id}: ${claim}`),
    `  with ${lemmas.filter(({ purpose }) => purpose === 'help').length} helping lemmas`,
    ...open.map(line => `  open: ${line}`),
    '',
  ]);
  return lines.map(line => `${line}\n`).join('');
}
