import type { PolicyNode } from '../policy/document.ts';

/** A line that grants a flow: its number where the policy is one file, `file:line` where it was put together from several. */
export type PolicyLine = number | `${string}:${number}`;

/** The line on which an element of the policy begins. */
export const policyLine = ({ at: { file, line } }: PolicyNode): PolicyLine =>
  file === undefined ? line : `${file}:${line}`;

interface Place {
  readonly file: string;
  readonly line: number;
}

function placeOf(line: PolicyLine): Place {
  if (typeof line === 'number') return { file: '', line };
  const colon = line.lastIndexOf(':');
  return { file: line.slice(0, colon), line: Number(line.slice(colon + 1)) };
}

/** Distinct lines, by file and number. */
export function sortedLines(lines: readonly PolicyLine[]): PolicyLine[] {
  const places = [...new Set(lines)].map(line => ({ line, place: placeOf(line) }));
  places.sort(({ place: a }, { place: b }) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
  return places.map(({ line }) => line);
}

/** Ranges of lines of one file. */
interface Range extends Place {
  last: number;
}

function rangesOf(lines: readonly PolicyLine[]): readonly Range[] {
  const ranges: Range[] = [];
  for (const { file, line } of lines.map(placeOf)) {
    const previous = ranges.at(-1);
    if (previous?.file === file && line === previous.last + 1) previous.last = line;
    else ranges.push({ file, line, last: line });
  }
  return ranges;
}

/** Lines as ranges, each file named once in a row; at most eight of them, then how many lines more. */
export function lineList(lines: readonly PolicyLine[]): string {
  const ranges = rangesOf(lines);
  let named = '';
  const shown = ranges.slice(0, 8).map(({ file, line, last }) => {
    const numbers = line === last ? `${line}` : `${line}-${last}`;
    const text = file === named ? numbers : `${file}:${numbers}`;
    named = file;
    return text;
  });
  const rest = ranges.slice(8).reduce((sum, { line, last }) => sum + last - line + 1, 0);
  return `${shown.join(', ')}${rest === 0 ? '' : ` and ${rest} more`}`;
}
