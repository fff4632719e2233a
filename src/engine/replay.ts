import type { Trace, TraceOutcome } from '../trace/trace.ts';
import type { CheckContext, Property } from './property.ts';

/** What a replay showed. */
export interface ReplayResult {
  /** `reproduced`: exactly the recorded outcome; `differs`: another failure; `holds`: no failure. */
  readonly status: 'reproduced' | 'differs' | 'holds';
  /** One line per difference from the recorded outcome. */
  readonly differences: readonly string[];
  readonly outcome?: TraceOutcome;
}

const canonical = (value: unknown): string => JSON.stringify(value);

function digestDifference(recorded: readonly string[], seen: readonly string[]): string[] {
  const length = Math.max(recorded.length, seen.length);
  for (let index = 0; index < length; index++) {
    if (recorded[index] !== seen[index]) {
      return [`state digest ${index}: recorded ${recorded[index] ?? 'nothing'}, now ${seen[index] ?? 'nothing'}`];
    }
  }
  return [];
}

function timelineDifference(recorded: TraceOutcome, seen: TraceOutcome): string[] {
  const row = (outcome: TraceOutcome, index: number): string => {
    const found = outcome.timeline[index];
    return found === undefined
      ? 'nothing'
      : canonical([found.step, found.tsc, found.cpu, found.subject, found.event, found.note ?? '']);
  };
  const length = Math.max(recorded.timeline.length, seen.timeline.length);
  for (let index = 0; index < length; index++) {
    if (row(recorded, index) !== row(seen, index))
      return [`timeline row ${index}: recorded ${row(recorded, index)}, now ${row(seen, index)}`];
  }
  return [];
}

/** Lists how two outcomes differ; empty when they are equal in every fact. */
export function compareOutcomes(recorded: TraceOutcome, seen: TraceOutcome): readonly string[] {
  const differences: string[] = [];
  if (recorded.summary !== seen.summary)
    differences.push(`summary: recorded "${recorded.summary}", now "${seen.summary}"`);
  if (canonical(recorded.explanation) !== canonical(seen.explanation)) differences.push('the explanation differs');
  if (canonical(recorded.policyLines) !== canonical(seen.policyLines)) {
    differences.push(`policy lines: recorded ${recorded.policyLines.join(', ')}, now ${seen.policyLines.join(', ')}`);
  }
  return [...differences, ...timelineDifference(recorded, seen), ...digestDifference(recorded.digests, seen.digests)];
}

/** Runs a trace again in a context built from its own policy, seed and fault. */
export function replay(context: CheckContext, property: Property, trace: Trace): ReplayResult {
  const outcome = property.replay(context, trace);
  if (outcome === undefined) return { status: 'holds', differences: ['the property holds: no failure was seen'] };
  const differences = compareOutcomes(trace.outcome, outcome);
  return { status: differences.length === 0 ? 'reproduced' : 'differs', differences, outcome };
}
