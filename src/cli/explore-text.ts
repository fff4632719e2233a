import type { BitstateResult } from '../explore/bitstate.ts';
import type { ChartComparison } from '../explore/compare-charts.ts';
import type { Claim } from '../explore/packed-system.ts';
import type { ClaimReport, ExplainedTrace, ExplorationReport } from '../explore/report.ts';
import { groupDigits } from '../trace/text.ts';
import type { Paint } from '../units/paint.ts';
import { printable } from '../units/printable.ts';

/** Steps of a trace as numbered lines with what each changes. */
function traceLines({ steps, modes }: ExplainedTrace): string[] {
  const width = String(steps.length).length;
  return [
    ...steps.flatMap(({ step, changes }, index) => [
      `    ${String(index + 1).padStart(width)}  ${step}`,
      ...changes.map(change => `    ${' '.repeat(width)}    ${change}`),
    ]),
    `    then: ${modes.join(', ')}`,
  ];
}

function claimLines({ id, text, holds, trace }: ClaimReport, isWitness: boolean, paint: Paint): string[] {
  if (isWitness) {
    const seen = trace === undefined ? paint('warn', 'never seen') : `seen after ${trace.steps.length} steps`;
    return [`  ${holds ? '+' : 'o'} witness    ${id}: ${seen}`];
  }
  const line = `  ${holds ? paint('good', '+') : paint('bad', 'x')} invariant  ${id}: ${text}`;
  return trace === undefined ? [line] : [line, ...traceLines(trace)];
}

/** Explorations for a person. */
export function explorationText(
  rows: readonly ({ readonly name: string } & ExplorationReport)[],
  paint: Paint,
): string {
  const lines = rows.flatMap(row => [
    paint('strong', row.name),
    `  ${row.verdict}${row.reason === '' ? '' : `: ${row.reason}`}`,
    `  ${groupDigits(row.states)} states, ${groupDigits(row.transitions)} transitions, depth ${row.depth}, ${row.bits} bits a state, ${row.bytesPerState} bytes a state in memory, ${groupDigits(row.terminalStates)} terminal states`,
    ...row.invariants.flatMap(claim => claimLines(claim, false, paint)),
    ...row.witnesses.flatMap(claim => claimLines(claim, true, paint)),
    ...(row.terminal === undefined ? [] : ['  first terminal state', ...traceLines(row.terminal)]),
    '',
  ]);
  return lines.map(line => `${line.split('\u001b').length > 1 ? line : printable(line)}\n`).join('');
}

/** Bitstate searches for a person. */
export function bitstateText(
  rows: readonly ({
    readonly name: string;
    readonly verdict: string;
    readonly violated: Claim | undefined;
  } & BitstateResult)[],
): string {
  const lines = rows.flatMap(
    ({ name, verdict, violated, violation, states, transitions, depth, filled, missed, reason }) => [
      name,
      violated === undefined
        ? `  ${verdict}: ${reason === '' ? 'no violation in what was seen, states may be missing' : reason}`
        : `  ${verdict}: ${violated.id}: ${violated.text} Violated at depth ${violation?.depth}; without --bitstate the trace is shown.`,
      `  ${groupDigits(states)} states, ${groupDigits(transitions)} transitions, depth ${depth}; ${(100 * filled).toFixed(2)} % of the bits are set, at the end a new state is missed with probability ${missed.toExponential(1)}`,
      '',
    ],
  );
  return lines.map(line => `${printable(line)}\n`).join('');
}

/** Comparisons of compiled models with their charts, for a person. */
export function chartsText(
  rows: readonly (ChartComparison & { readonly name: string; readonly verdict: string })[],
): string {
  const lines = rows.flatMap(({ name, verdict, states, steps, cut, difference }) => [
    name,
    `  ${verdict}${cut === '' ? '' : `: ${cut}`}: ${groupDigits(states)} states, ${groupDigits(steps)} steps compiled and by xstate`,
    ...(difference === '' ? [] : [`  x ${difference}`]),
  ]);
  return lines.map(line => `${printable(line)}\n`).join('');
}
