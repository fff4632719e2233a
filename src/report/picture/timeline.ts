import { groupDigits } from '../../trace/text.ts';
import type { TimelineRow } from '../../trace/trace.ts';
import { escapeMarkup } from '../markup.ts';
import { colourClass, element, label, picture, title } from './svg.ts';

const WIDTH = 1000;
const LANE = 36;
const GUTTER = 52;
/** Rows that are shown at most: the last ones, where the failure is. */
const MAX_ROWS = 2000;

/** A stretch of time in which one subject ran on a CPU. */
interface Stretch {
  readonly cpu: number;
  readonly subject: string;
  readonly fromTsc: number;
  readonly toTsc: number;
}

/** The timeline of a counterexample: a lane per CPU, and the step table that its marks link to. */
export function timelinePicture(rows: readonly TimelineRow[], anchor: string): string {
  if (rows.length === 0) return '';
  const shown = rows.slice(-MAX_ROWS);
  const hidden = rows.length - shown.length;
  const before =
    hidden === 0 ? '' : `<p>${groupDigits(hidden)} earlier rows: <code>muencheck replay</code> shows all.</p>`;
  return `<figure><figcaption>What ran on each CPU, by TSC; a mark is a VM exit and leads to its step</figcaption>${lanes(shown, anchor)}</figure>${before}${stepTable(shown, anchor)}`;
}

const isEntry = (row: TimelineRow): boolean => row.event === 'enter';

function lanes(rows: readonly TimelineRow[], anchor: string): string {
  const cpus = [...new Set(rows.map(row => row.cpu))].sort((a, b) => a - b);
  const subjects = [...new Set(rows.map(row => row.subject))];
  const first = Math.min(...rows.map(row => row.tsc));
  const last = Math.max(...rows.map(row => row.tsc));
  const scale = (WIDTH - GUTTER - 8) / Math.max(1, last - first);
  const at = (tsc: number): number => GUTTER + (tsc - first) * scale;
  const lane = (cpu: number): number => cpus.indexOf(cpu) * LANE;
  const names = cpus.map(cpu => label(`cpu${cpu}`, 0, lane(cpu) + 21, GUTTER));
  const boxes = stretches(rows, last).map(stretch => {
    const width = Math.max(0.5, at(stretch.toTsc) - at(stretch.fromTsc));
    const box = { x: at(stretch.fromTsc), y: lane(stretch.cpu) + 4, width, height: LANE - 10 };
    const tip = title(`${stretch.subject}: ${groupDigits(stretch.fromTsc)} to ${groupDigits(stretch.toTsc)}`);
    const text = label(stretch.subject, box.x + 4, box.y + 17, width - 8, { class: 'on' });
    return element('rect', { ...box, class: colourClass(subjects.indexOf(stretch.subject)) }, tip) + text;
  });
  const marks = rows.map((row, index) => {
    if (isEntry(row)) return '';
    const x = at(row.tsc);
    const y = lane(row.cpu);
    const line = element('line', {
      x1: x,
      x2: x,
      y1: y,
      y2: y + LANE - 2,
      class: row.note === undefined ? 'exit' : 'exit noted',
    });
    return element(
      'a',
      { href: `#${anchor}-${index}` },
      line + title(`step ${row.step}: ${row.subject}: ${row.event}`),
    );
  });
  return picture('timeline per CPU', WIDTH, cpus.length * LANE, names.join('') + boxes.join('') + marks.join(''));
}

/** From each entry to the next row of the same CPU. */
function stretches(rows: readonly TimelineRow[], lastTsc: number): Stretch[] {
  const open = new Map<number, TimelineRow>();
  const found: Stretch[] = [];
  const close = (cpu: number, toTsc: number): void => {
    const row = open.get(cpu);
    if (row !== undefined) found.push({ cpu, subject: row.subject, fromTsc: row.tsc, toTsc });
    open.delete(cpu);
  };
  for (const row of rows) {
    close(row.cpu, row.tsc);
    if (isEntry(row)) open.set(row.cpu, row);
  }
  for (const cpu of [...open.keys()]) close(cpu, lastTsc);
  return found;
}

function stepTable(rows: readonly TimelineRow[], anchor: string): string {
  const lines = rows.map((row, index) => {
    const note = row.note === undefined ? '' : `<b>${escapeMarkup(row.note)}</b>`;
    const cells = `<td class="number">${row.step}</td><td class="number">${groupDigits(row.tsc)}</td><td>cpu${row.cpu}</td>`;
    return `<tr id="${anchor}-${index}"${row.note === undefined ? '' : ' class="noted"'}>${cells}<td>${escapeMarkup(row.subject)}</td><td>${escapeMarkup(row.event)}</td><td>${note}</td></tr>`;
  });
  const head =
    '<tr><th class="number">step</th><th class="number">TSC</th><th>cpu</th><th>subject</th><th>event</th><th></th></tr>';
  return `<details open=""><summary>Steps (${groupDigits(rows.length)} rows)</summary><table class="steps"><thead>${head}</thead><tbody>${lines.join('\n')}</tbody></table></details>`;
}
