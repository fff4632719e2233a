import { printable } from '../units/printable.ts';
import type { Trace } from './trace.ts';

/** Makes text safe inside a Mermaid message: no statement separators, no HTML, no comment or directive. */
export function escapeMermaid(text: string): string {
  const escaped = printable(text).replace(/[#;<>"&%{}\\`]/g, character => `#${character.charCodeAt(0)};`);
  return escaped === '' ? ' ' : escaped;
}

/** Sequence diagram of a trace: one participant per CPU and per subject, one message per timeline row. */
export function traceToMermaid(trace: Trace): string {
  const rows = trace.outcome.timeline;
  const participants = new Map<string, string>();
  const participant = (label: string): string => {
    const known = participants.get(label);
    if (known !== undefined) return known;
    const id = `p${participants.size}`;
    participants.set(label, id);
    return id;
  };
  const messages = rows.flatMap(row => {
    const cpu = participant(`cpu${row.cpu}`);
    const subject = participant(row.subject === '' ? 'kernel' : row.subject);
    const message = `  ${subject}->>${cpu}: ${escapeMermaid(`${row.step} @${row.tsc} ${row.event}`)}`;
    return row.note === undefined ? [message] : [message, `  Note over ${subject}: ${escapeMermaid(row.note)}`];
  });
  if (participants.size === 0)
    messages.push(`  Note over ${participant('policy')}: ${escapeMermaid(trace.outcome.summary)}`);
  else messages.push(`  Note over ${[...participants.values()][0]}: ${escapeMermaid(trace.outcome.summary)}`);
  const declarations = [...participants].map(([label, id]) => `  participant ${id} as ${escapeMermaid(label)}`);
  return `${['sequenceDiagram', ...declarations, ...messages].join('\n')}\n`;
}
