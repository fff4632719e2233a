import type { FaultVerdict } from '../engine/kill-matrix.ts';
import { groupDigits, layoutTable } from '../trace/text.ts';
import { printable } from '../units/printable.ts';

/** The kill matrix as data, text and Markdown. */

/** A row as `faults --json` has it. */
export const plainRow = ({
  id,
  title,
  seam,
  precedent,
  killed,
  by,
  executions,
  counterexample,
  seeds,
}: FaultVerdict): unknown => ({
  id,
  title,
  seam,
  precedent,
  killed,
  by,
  executions,
  counterexample,
  ...(seeds === undefined ? {} : { seeds }),
});

/** How many seeds found the fault, and after how many executions. */
const seedCells = ({ seeds }: FaultVerdict): string[] =>
  seeds === undefined
    ? ['', '', '', '', '']
    : [
        `${seeds.killed}/${seeds.seeds}`,
        String(seeds.mean),
        String(seeds.median),
        groupDigits(seeds.max),
        groupDigits(seeds.cap),
      ];

/** The matrix for a terminal. */
export function matrixText(rows: readonly FaultVerdict[]): string {
  const isRepeated = rows.some(row => row.seeds !== undefined);
  const more = isRepeated ? ['seeds', 'mean', 'median', 'max', 'cap'] : [];
  const header = ['', 'fault', 'seam', 'found by', 'executions', 'operations', 'events', ...more, ''];
  const cells = rows.map(row => [
    row.killed ? '+' : 'x',
    row.id,
    row.seam,
    row.by ?? (row.exercised ? 'SURVIVED' : 'not exercised'),
    groupDigits(row.executions),
    row.counterexample === null ? '' : String(row.counterexample.operations),
    row.counterexample === null ? '' : String(row.counterexample.events),
    ...(isRepeated ? seedCells(row) : []),
    row.killed ? row.title : row.reason,
  ]);
  const killed = rows.filter(row => row.killed).length;
  return `${[...layoutTable([header, ...cells], { right: isRepeated ? [4, 5, 6, 8, 9, 10, 11] : [4, 5, 6] }), '', `faults ${killed}/${rows.length} found`].join('\n')}\n`;
}

const cell = (text: string): string => printable(text).replaceAll('|', '\\|');

/** The matrix as a Markdown table, with what was measured in front. */
export function matrixMarkdown(rows: readonly FaultVerdict[]): string {
  const [first] = rows;
  const seeds = first?.seeds?.seeds ?? 1;
  const killed = rows.filter(row => row.killed && (row.seeds === undefined || row.seeds.killed === row.seeds.seeds));
  const head = [
    '# Kill matrix',
    '',
    `Written by \`muencheck faults --seeds ${seeds} --markdown\`: ${killed.length} of ${rows.length} seeded faults are found with every one of ${seeds} seeds.`,
    'An execution is one run of the properties that the fault names, in their order, up to the first refutation; the cap is what these spend at the smoke budget on the system without a fault.',
    '',
    '| fault | seam | first found by | seeds | mean | median | max | cap | precedent |',
    '|---|---|---|---:|---:|---:|---:|---:|---|',
  ];
  const body = rows.map(row => {
    const [ratio = '', mean = '', median = '', max = '', cap = ''] = seedCells(row);
    return `| ${cell(row.id)} | ${row.seam} | ${cell(row.by ?? 'none')} | ${ratio} | ${mean} | ${median} | ${max} | ${cap} | ${cell(row.precedent)} |`;
  });
  return `${[...head, ...body].join('\n')}\n`;
}
