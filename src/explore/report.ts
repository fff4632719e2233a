import type { JsonValue } from '../model/schema-describe.ts';
import type { PackedSystem } from './packed-system.ts';
import type { SearchResult } from './search.ts';
import { type TraceStep, traceTo } from './search-trace.ts';
import type { StateTable } from './state-table.ts';

/** One step of an explained trace. */
export interface ExplainedStep {
  /** Party and event. */
  readonly step: string;
  /** What it changed, one line per field. */
  readonly changes: readonly string[];
}

/** A shortest trace with the state at its end. */
export interface ExplainedTrace {
  readonly steps: readonly ExplainedStep[];
  readonly modes: readonly string[];
  readonly state: JsonValue;
}

export interface ClaimReport {
  readonly id: string;
  readonly text: string;
  /** An invariant that holds so far, or a witness that was seen. */
  readonly holds: boolean;
  /** Shortest trace to the violation, or to the witness; absent where there is none. */
  readonly trace?: ExplainedTrace;
}

/** What an exploration showed, as plain data. */
export interface ExplorationReport {
  readonly verdict: 'exhausted' | 'refuted' | 'inconclusive' | 'vacuous';
  readonly reason: string;
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  readonly terminalStates: number;
  readonly terminal?: ExplainedTrace;
  readonly bits: number;
  readonly bytesPerState: number;
  readonly invariants: readonly ClaimReport[];
  readonly witnesses: readonly ClaimReport[];
}

/** Says in words what each step of a trace changed. */
export function explainTrace(
  system: PackedSystem,
  table: StateTable,
  state: number,
  last: number | undefined = undefined,
): ExplainedTrace {
  const { words } = system;
  const steps: TraceStep[] = traceTo(system, table, state);
  const start = steps[0] === undefined ? state : table.parents[steps[0].state]!;
  let before = start;
  const explained = steps.map(({ label, state: after }) => {
    const changes = system.difference(table.states, before * words, table.states, after * words);
    before = after;
    return { step: system.describeLabel(label), changes };
  });
  if (last !== undefined)
    explained.push({ step: system.describeLabel(last), changes: ['leaves the bounds of the state'] });
  return { steps: explained, ...system.view(table.states, state * words) };
}

function claimReports(system: PackedSystem, result: SearchResult, kind: 'invariant' | 'witness'): ClaimReport[] {
  const { table, found, outOfBounds } = result;
  const reports = system.claims.flatMap(({ id, text, kind: its }, claim): ClaimReport[] => {
    if (its !== kind) return [];
    const where = found.find(finding => finding.claim === claim);
    const holds = (where === undefined) === (kind === 'invariant');
    // The way to a witness is of interest only as its length; the whole trace is computed on demand.
    if (where === undefined) return [{ id, text, holds }];
    return [{ id, text, holds, trace: explainTrace(system, table, where.state) }];
  });
  if (kind === 'invariant' && outOfBounds !== undefined) {
    const trace = explainTrace(system, table, outOfBounds.state, outOfBounds.label);
    reports.push({ id: 'bounds', text: 'Every step stays within the bounds of the state.', holds: false, trace });
  }
  return reports;
}

function verdictOf(
  result: SearchResult,
  invariants: readonly ClaimReport[],
  witnesses: readonly ClaimReport[],
): Pick<ExplorationReport, 'verdict' | 'reason'> {
  const broken = invariants.find(({ holds }) => !holds);
  if (broken !== undefined) return { verdict: 'refuted', reason: `${broken.id}: ${broken.text}` };
  if (!result.complete) return { verdict: 'inconclusive', reason: result.reason };
  const unseen = witnesses.find(({ holds }) => !holds);
  if (unseen !== undefined) return { verdict: 'vacuous', reason: `${unseen.id} was never seen: ${unseen.text}` };
  return { verdict: 'exhausted', reason: '' };
}

/** Turns the outcome of a search into a report. */
export function explorationReport(system: PackedSystem, result: SearchResult): ExplorationReport {
  const invariants = claimReports(system, result, 'invariant');
  const witnesses = claimReports(system, result, 'witness');
  const { table, transitions, depth, terminal, firstTerminal } = result;
  return {
    ...verdictOf(result, invariants, witnesses),
    states: table.size,
    transitions,
    depth,
    terminalStates: terminal,
    ...(firstTerminal < 0 ? {} : { terminal: explainTrace(system, table, firstTerminal) }),
    bits: system.bits,
    bytesPerState: Math.round((10 * table.bytes) / table.size) / 10,
    invariants,
    witnesses,
  };
}
