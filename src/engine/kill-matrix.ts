import type { Fault } from '../faults/fault.ts';
import { countEvents, countOperations, type Trace } from '../trace/trace.ts';
import type { Property } from './property.ts';
import type { CheckResult } from './run.ts';

/** One row of the kill matrix. */
export interface FaultVerdict {
  readonly id: string;
  readonly title: string;
  readonly seam: string;
  readonly precedent: string;
  readonly killed: boolean;
  /** Property that found it; null if none did. */
  readonly by: string | null;
  /** Runs spent until it was found, or in vain. */
  readonly executions: number;
  readonly counterexample: { readonly operations: number; readonly events: number } | null;
  /** Why it survived; empty if it was killed. */
  readonly reason: string;
  /** False when no named property applies to the policy, so that survival says nothing. */
  readonly exercised: boolean;
  readonly trace?: Trace;
  /** What the same fault took with several seeds; absent with one. */
  readonly seeds?: SeedStatistics;
}

/** Executions to the first kill over several seeds; a seed that found nothing counts with what it spent in vain. */
export interface SeedStatistics {
  readonly seeds: number;
  readonly killed: number;
  readonly mean: number;
  readonly median: number;
  readonly max: number;
  /** Executions that the named properties spend at the same budget on the system without a fault. */
  readonly cap: number;
}

export function seedStatistics(verdicts: readonly FaultVerdict[], cap: number): SeedStatistics {
  const executions = verdicts.map(verdict => verdict.executions).sort((a, b) => a - b);
  const sum = executions.reduce((total, count) => total + count, 0);
  const middle = executions.length >> 1;
  const upper = executions[middle] ?? 0;
  return {
    seeds: executions.length,
    killed: verdicts.filter(verdict => verdict.killed).length,
    mean: Math.round((10 * sum) / Math.max(1, executions.length)) / 10,
    median: executions.length % 2 === 1 ? upper : ((executions[middle - 1] ?? 0) + upper) / 2,
    max: executions.at(-1) ?? 0,
    cap,
  };
}

/** Properties to try on a fault: the ones it names, or all. */
export function propertiesFor(fault: Fault, properties: readonly Property[], all: boolean): readonly Property[] {
  if (all || fault.killedBy.length === 0) return properties;
  return fault.killedBy.flatMap(id => properties.filter(property => property.id === id));
}

/**
 * Tries the named properties on a fault, in order, until one refutes.
 *
 * @param check checks one property with the fault in place.
 */
export async function tryFault(
  fault: Fault,
  properties: readonly Property[],
  check: (property: Property) => Promise<CheckResult>,
): Promise<{ readonly verdict: FaultVerdict; readonly errors: CheckResult['errors'] }> {
  const base = { id: fault.id, title: fault.title, seam: fault.seam, precedent: fault.precedent };
  const reasons: string[] = [];
  const errors: CheckResult['errors'][number][] = [];
  let executions = 0;
  let exercised = false;
  for (const property of properties) {
    const result = await check(property);
    errors.push(...result.errors);
    const [verdict] = result.properties;
    if (verdict === undefined) continue;
    executions += verdict.runs;
    if (verdict.verdict !== 'not-applicable') exercised = true;
    if (verdict.verdict === 'refuted') {
      const trace = verdict.counterexample;
      const counterexample =
        trace === undefined ? null : { operations: countOperations(trace.body), events: countEvents(trace.body) };
      const killed = {
        ...base,
        killed: true,
        by: property.id,
        executions,
        counterexample,
        reason: '',
        exercised: true,
      };
      return { verdict: { ...killed, ...(trace === undefined ? {} : { trace }) }, errors };
    }
    reasons.push(`${property.id}: ${verdict.verdict}${verdict.reason === '' ? '' : ` (${verdict.reason})`}`);
  }
  const reason = properties.length === 0 ? 'it names no known property' : reasons.join('; ');
  return { verdict: { ...base, killed: false, by: null, executions, counterexample: null, reason, exercised }, errors };
}
