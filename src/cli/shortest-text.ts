import { groupDigits, layoutTable } from '../trace/text.ts';

/** A fault's counterexample beside the shortest one. */
export interface ShortestRow {
  readonly fault: string;
  readonly property: string;
  /** Registered model that the property judges by; empty if it has none that is finite. */
  readonly model: string;
  /** Operations and events that the minimiser left; null if nothing was found. */
  readonly minimised: number | null;
  /** Fewest operations and events; null if the search ended before that was known. */
  readonly optimum: number | null;
  /** What a check gives to its user: the minimised one, or what its own short search found. */
  readonly given: number | null;
  readonly runs: number;
  /** Why the fault has no finite model; empty if it has. */
  readonly outside: string;
}

/** Rows by what is known of them. */
function sorted(rows: readonly ShortestRow[]) {
  const finite = rows.filter(({ outside }) => outside === '');
  const reasons = new Map<string, number>();
  for (const { outside } of rows) if (outside !== '') reasons.set(outside, (reasons.get(outside) ?? 0) + 1);
  const equal = finite.filter(({ optimum, given }) => optimum !== null && optimum === given);
  return {
    finite,
    equal,
    percent: Math.floor((1000 * equal.length) / Math.max(1, finite.length)) / 10,
    open: finite.filter(({ optimum }) => optimum === null),
    longer: finite.filter(({ optimum, given }) => optimum !== null && optimum !== given),
    empty: finite.filter(({ minimised }) => minimised === 0),
    reasons,
  };
}

const lengths = ({ minimised, given, optimum }: ShortestRow): readonly [string, string, string] => [
  String(minimised),
  String(given),
  optimum === null ? '?' : String(optimum),
];

/** One row as a line of progress. */
export function shortestLine(row: ShortestRow): string {
  if (row.outside !== '') return `${row.fault}: ${row.outside}`;
  const [, given, shortest] = lengths(row);
  return `${row.fault}: given ${given}, shortest ${shortest}, executions ${groupDigits(row.runs)}`;
}

function summary(rows: readonly ShortestRow[]): readonly string[] {
  const { finite, equal, percent, open, longer, empty, reasons } = sorted(rows);
  const names = (list: readonly ShortestRow[]): string =>
    list.length === 0 ? '' : `: ${list.map(({ fault }) => fault).join(', ')}`;
  return [
    `faults with a finite model ${finite.length}, counterexample as short as the shortest ${equal.length} (${percent} %), of these ${empty.length} without operations or events`,
    `longer than the shortest ${longer.length}${names(longer)}`,
    `shortest not known ${open.length}${names(open)}`,
    ...[...reasons].map(([reason, count]) => `without a finite model ${count}: ${reason}`),
  ];
}

/** The comparison for a terminal. */
export function shortestText(rows: readonly ShortestRow[]): string {
  const cells = sorted(rows).finite.map(row => [
    row.optimum === null ? '?' : row.optimum === row.given ? '+' : 'x',
    row.fault,
    row.model,
    row.property,
    ...lengths(row),
    groupDigits(row.runs),
  ]);
  const header = ['', 'fault', 'model', 'found by', 'minimised', 'given', 'shortest', 'executions'];
  const table = cells.length === 0 ? [] : [...layoutTable([header, ...cells], { right: [4, 5, 6, 7] }), ''];
  return `${[...table, ...summary(rows)].join('\n')}\n`;
}

/** What the document says above its table. */
const EXPLANATION = `A fault has a *finite model* if the first property that finds it judges by a registered model whose reachable states are counted (\`finite\` in \`src/engine/property.ts\`), and if its counterexample consists of what that model describes: no machine code, no steps of a hostile peer.
*Length* is the number of operations and external events (interrupts, changes of the CPU that proceeds). *Given* is what a check shows its user. The *shortest* length comes from a breadth-first search on the implementation with the fault in place, over the alphabet of the property, each state once:
all operations with every operand that their runner tells apart (operands with more than 16 values: the first and the last); for the kernel one operation of each class (\`src/arbitraries/operation-classes.ts\`), interrupts at every moment at which something happens, every other CPU at every access to shared state, within the time of the counterexample; for the channel every list of its writer's actions.
Software with parameters counts no operations. \`--search\` limits the executions of a system, and of scripts, which cost a fiftieth, fifty times as many; \`?\` is a search that ended there, and everything that it tried passes.`;

/** The comparison as a document. */
export function shortestMarkdown(rows: readonly ShortestRow[], maxRuns: number): string {
  const cells = sorted(rows).finite.map(
    row => `| ${[row.fault, row.model, row.property, ...lengths(row), groupDigits(row.runs)].join(' | ')} |`,
  );
  return `${[
    '# Shortest counterexamples',
    '',
    `Printed by \`muencheck faults --shortest --markdown --search ${maxRuns}\` for ${rows.length} seeded faults.`,
    '',
    EXPLANATION,
    '',
    ...summary(rows).map(line => `- ${line}`),
    '',
    '| fault | model | found by | minimised | given | shortest | executions |',
    '|---|---|---|---:|---:|---:|---:|',
    ...cells,
  ].join('\n')}\n`;
}
