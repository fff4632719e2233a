import { printable } from '../units/printable.ts';
import { countEvents, countOperations, type TimelineRow, type Trace, type TraceBody } from './trace.ts';

/** Lays out rows in columns; every column but the last is as wide as its widest cell. Cells are escaped. */
export function layoutTable(
  rows: readonly (readonly string[])[],
  options: { readonly right?: readonly number[]; readonly gap?: string } = {},
): string[] {
  const { right = [], gap = '  ' } = options;
  const cells = rows.map(row => row.map(printable));
  const widths: number[] = [];
  for (const row of cells) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return cells.map(row =>
    row
      .map((cell, column) => {
        if (right.includes(column)) return cell.padStart(widths[column] ?? 0);
        return column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0);
      })
      .join(gap)
      .trimEnd(),
  );
}

/** Formats a count with `_` between groups of three digits. */
export const groupDigits = (value: number): string => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, '_');

const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Says how much a trace body executes. */
export function describeBody(body: TraceBody): string {
  if (body.kind === 'static') return 'no execution: a structure of the compiled policy';
  if (body.kind === 'script') return `a script of ${countOf(body.steps.length, 'step')}`;
  const size = `${countOf(countOperations(body), 'operation')}, ${countOf(countEvents(body), 'external event')}`;
  return body.kind === 'run'
    ? `one run, ${size}`
    : `two runs that differ only in ${body.high}, seen by ${body.low}, ${size}`;
}

/** The timeline as aligned lines: step, TSC, CPU, subject, event, note. */
export function timelineLines(rows: readonly TimelineRow[]): string[] {
  if (rows.length === 0) return [];
  const header = ['step', 'tsc', 'cpu', 'subject', 'event', ''];
  return layoutTable(
    [
      header,
      ...rows.map(row => [
        String(row.step),
        groupDigits(row.tsc),
        `cpu${row.cpu}`,
        row.subject,
        row.event,
        row.note === undefined ? '' : `<-- ${row.note}`,
      ]),
    ],
    { right: [0, 1] },
  );
}

/** Places in the policy with the text of the line, as far as the policy text is given. */
export function policyLineLines(path: string, lines: readonly number[], policyText: string): string[] {
  const source = policyText.split('\n');
  return lines.map(line => {
    const content = (source[line - 1] ?? '').trim();
    const shown = content.length > 120 ? `${content.slice(0, 117)}...` : content;
    return printable(`${path}:${line}${shown === '' ? '' : `  ${shown}`}`);
  });
}

/** What a person reads about a counterexample. */
export interface TraceTextOptions {
  readonly claim: string;
  readonly policyText: string;
  /** Command that runs the trace again. */
  readonly replayCommand: string;
  /** Timeline rows to show, counted from the end; absent means all. */
  readonly lastRows?: number;
}

/** Text form of a trace: claim, why, timeline, explanation, policy lines and the replay command. */
export function traceToText(trace: Trace, options: TraceTextOptions): string {
  const { outcome } = trace;
  const lines = [
    `REFUTED  ${printable(trace.property)}`,
    ...(options.claim === '' ? [] : [`  claim   ${printable(options.claim)}`]),
    `  why     ${printable(outcome.summary)}`,
    `  trace   ${printable(describeBody(trace.body))}`,
    ...(trace.fault === undefined ? [] : [`  fault   ${printable(trace.fault.id)} (seeded)`]),
  ];
  const rows = options.lastRows === undefined ? outcome.timeline : outcome.timeline.slice(-options.lastRows);
  const hidden = outcome.timeline.length - rows.length;
  if (rows.length > 0) lines.push('', ...timelineLines(rows).map(line => `  ${line}`));
  if (hidden > 0) lines.push(`  (${countOf(hidden, 'earlier row')} of the timeline: replay shows all)`);
  if (outcome.explanation.length > 0) lines.push('', ...outcome.explanation.map(line => `  ${printable(line)}`));
  const places = policyLineLines(trace.policy.path, outcome.policyLines, options.policyText);
  if (places.length > 0)
    lines.push('', ...places.map((place, index) => `  ${index === 0 ? 'see   ' : '      '}  ${place}`));
  lines.push('', `  replay  ${options.replayCommand}`, `  seed    0x${trace.seed.toString(16)}`);
  return `${lines.join('\n')}\n`;
}
