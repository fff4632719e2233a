import { toJson } from './json.ts';
import type { TimelineRow, Trace } from './trace.ts';

/** One event in Chrome's trace event format, which Perfetto reads; `ts` and `dur` are in TSC ticks, shown as microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'i' | 'M';
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly s?: 't';
  readonly args?: Readonly<Record<string, unknown>>;
}

const isEntry = (row: TimelineRow): boolean => row.event.startsWith('enter');

/** A lane per CPU: a slice per stay in a subject, from its entry to the CPU's next row, and a mark per other row. */
function laneEvents(rows: readonly TimelineRow[], endTsc: number): TraceEvent[] {
  return rows.map((row, index): TraceEvent => {
    const args = { step: row.step, event: row.event, ...(row.note === undefined ? {} : { note: row.note }) };
    const at = { pid: 1, tid: row.cpu, ts: row.tsc, args };
    if (!isEntry(row)) return { name: `${row.subject}: ${row.event}`, ph: 'i', s: 't', ...at };
    return { name: row.subject, ph: 'X', ...at, dur: Math.max(0, (rows[index + 1]?.tsc ?? endTsc) - row.tsc) };
  });
}

/** The timeline of a trace for ui.perfetto.dev or chrome://tracing. */
export function traceToPerfetto(trace: Trace): string {
  const { timeline, summary } = trace.outcome;
  const cpus = [...new Set(timeline.map(({ cpu }) => cpu))].sort((a, b) => a - b);
  const endTsc = Math.max(0, ...timeline.map(({ tsc }) => tsc));
  const names: TraceEvent[] = [
    { name: 'process_name', ph: 'M', pid: 1, tid: 0, args: { name: trace.property } },
    ...cpus.map((cpu): TraceEvent => ({ name: 'thread_name', ph: 'M', pid: 1, tid: cpu, args: { name: `cpu${cpu}` } })),
  ];
  const lanes = cpus.flatMap(cpu =>
    laneEvents(
      timeline.filter(row => row.cpu === cpu),
      endTsc,
    ),
  );
  return `${toJson({ traceEvents: [...names, ...lanes], otherData: { tool: trace.tool, summary } })}\n`;
}
