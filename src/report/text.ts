import type { PairCount, VerdictWord } from '../engine/verdict.ts';
import { VERDICT_WORDS } from '../engine/verdict.ts';
import { groupDigits, layoutTable, traceToText } from '../trace/text.ts';
import type { Paint, Tone } from '../units/paint.ts';
import { printable } from '../units/printable.ts';
import { type CheckReport, countWords, type ReportedProperty, type ReportInput } from './check-report.ts';
import { countFindings, findingLines } from './findings-text.ts';
import { groupExclusions } from './pair-groups.ts';
import type { Reporter } from './reporter.ts';

/** A glyph beside every verdict word, so that a table can be read at a glance without colour. */
const GLYPHS: Readonly<Record<VerdictWord, string>> = {
  proved: '+',
  exhausted: '+',
  tested: '+',
  refuted: 'x',
  inconclusive: '?',
  vacuous: 'o',
  'not-applicable': '-',
};

const TONES: Readonly<Record<VerdictWord, Tone>> = {
  proved: 'good',
  exhausted: 'good',
  tested: 'good',
  refuted: 'bad',
  inconclusive: 'warn',
  vacuous: 'warn',
  'not-applicable': 'dim',
};

const count = (value: number): string => (value === 0 ? '' : groupDigits(value));

const pairCell = (pairs: readonly PairCount[] | undefined): string =>
  pairs === undefined ? '' : `${pairs.filter(pair => pair.excluded === undefined).length}/${pairs.length}`;

function verdictTable(report: CheckReport, paint: Paint): string[] {
  const header = ['', 'property', 'verdict', 'runs', 'steps', 'states', 'pairs', 'reason'];
  const rows = report.properties.map(property => [
    GLYPHS[property.verdict],
    property.id,
    property.verdict,
    count(property.runs),
    count(property.steps),
    count(property.states),
    pairCell(property.pairs),
    property.reason,
  ]);
  const [head = '', ...lines] = layoutTable([header, ...rows], { right: [3, 4, 5, 6] });
  const painted = lines.map((line, index) => {
    const verdict = report.properties[index]?.verdict;
    if (verdict === undefined) return line;
    const start =
      line.indexOf(` ${verdict} `) >= 0 ? line.indexOf(` ${verdict} `) + 1 : line.indexOf(` ${verdict}`) + 1;
    return `${line.slice(0, start)}${paint(TONES[verdict], verdict)}${line.slice(start + verdict.length)}`;
  });
  return [paint('dim', head), ...painted];
}

function witnessLines(properties: readonly ReportedProperty[]): string[] {
  const rows = properties
    .filter(property => property.verdict !== 'not-applicable' && Object.keys(property.witnesses).length > 0)
    .map(property => [
      `  ${property.id}`,
      Object.entries(property.witnesses)
        .map(([id, seen]) => `${id} ${seen === 0 ? 'NEVER' : groupDigits(seen)}`)
        .join(', '),
    ]);
  return rows.length === 0 ? [] : ['', 'witnesses (what was seen, how often)', ...layoutTable(rows)];
}

const countOf = (value: number, noun: string): string => `${groupDigits(value)} ${noun}${value === 1 ? '' : 's'}`;

/** Causes of exclusion that the text shows per list; the JSON report and the page have every pair. */
const MAX_CAUSES = 6;

function exclusionLines(pairs: readonly PairCount[]): string[] {
  const groups = groupExclusions(pairs);
  const shown = groups.length > MAX_CAUSES ? groups.slice(0, MAX_CAUSES - 1) : groups;
  const rest = groups.slice(shown.length).reduce((sum, group) => sum + group.pairs, 0);
  const rows = shown.map(({ pairs: excluded, reason }) => [`    ${groupDigits(excluded)}`, reason]);
  if (rest > 0) rows.push([`    ${groupDigits(rest)}`, 'for other reasons']);
  return layoutTable(rows, { right: [0] });
}

/** Pairs tested and excluded; properties that exclude the same pairs share one list of causes. */
function pairLines(properties: readonly ReportedProperty[]): string[] {
  const lists = new Map<string, { readonly pairs: readonly PairCount[]; readonly rows: string[][] }>();
  for (const { id, pairs } of properties) {
    if (pairs === undefined) continue;
    const tested = pairs.filter(pair => pair.excluded === undefined);
    const effective = tested.reduce((sum, pair) => sum + pair.effectiveRuns, 0);
    const total = tested.reduce((sum, pair) => sum + pair.totalRuns, 0);
    const key = JSON.stringify(pairs.map(pair => [pair.high, pair.low, pair.excluded ?? '']));
    const list = lists.get(key) ?? { pairs, rows: [] };
    list.rows.push([
      `  ${id}`,
      `${groupDigits(tested.length)} of ${countOf(pairs.length, 'pair')} tested,`,
      `${groupDigits(effective)} of ${countOf(total, 'run')} effective`,
    ]);
    lists.set(key, list);
  }
  if (lists.size === 0) return [];
  const lines = [...lists.values()].flatMap(({ pairs, rows }) => {
    const excluded = exclusionLines(pairs);
    return [...layoutTable(rows), ...(excluded.length === 0 ? [] : ['  not tested', ...excluded])];
  });
  return ['', 'pairs of subjects (report.json and report.html name each pair that is not tested)', ...lines];
}

/** Whose structures were judged; nothing if the user gave no tables. */
function tableLines(properties: readonly ReportedProperty[]): string[] {
  const rows = properties.flatMap(({ id, tables }) =>
    tables === undefined || tables.given + tables.missing.length === 0
      ? []
      : [
          [
            `  ${id}`,
            `${groupDigits(tables.given)} given,`,
            `${groupDigits(tables.own)} built by muencheck${tables.missing.length === 0 ? '' : `; not given: ${tables.missing.map(printable).join(', ')}`}`,
          ],
        ],
  );
  return rows.length === 0 ? [] : ['', 'structures that were judged', ...layoutTable(rows)];
}

/** Explanations that concern nobody but the holder, or every subject alike: counted, not listed. */
const UNSHARED: ReadonlySet<string> = new Set(['own-region', 'sole-user', 'sole-device', 'scheduling-info']);
/** Explanations that the text lists; the JSON report has all. */
const MAX_EXPLANATIONS = 24;

function sharingLines(properties: readonly ReportedProperty[]): string[] {
  const sharing = properties.find(property => property.sharing !== undefined)?.sharing;
  if (sharing === undefined) return [];
  const shared = sharing.explained.filter(({ rule }) => !UNSHARED.has(rule));
  const shown = shared.slice(0, MAX_EXPLANATIONS);
  const rows = shown.map(({ rule, inferred, holder, resource, line, text }) => [
    `  ${line}`,
    inferred ? 'inferred' : 'claimed',
    rule,
    holder === '' ? resource : `${holder} ${resource}`,
    text,
  ]);
  const more = shared.length - shown.length;
  const warnings = sharing.warnings.map(({ code, line, message }) => `  ${line}  ${code}  ${printable(message)}`);
  return [
    ...(rows.length === 0
      ? []
      : ['', 'sharing and why, by policy line', ...layoutTable(rows.map(row => row.map(printable)))]),
    ...(more === 0 ? [] : [`  and ${groupDigits(more)} more in report.json`]),
    ...(warnings.length === 0 ? [] : ['', 'sharing that deserves a look, by policy line', ...warnings]),
  ];
}

function unspecifiedLines(properties: readonly ReportedProperty[]): string[] {
  const rows = properties.flatMap(property =>
    Object.entries(property.unspecified).map(([reason, steps]) => [`  ${property.id}`, groupDigits(steps), reason]),
  );
  return rows.length === 0 ? [] : ['', 'steps that the model leaves open', ...layoutTable(rows, { right: [1] })];
}

function findingBlock(input: ReportInput, paint: Paint): string[] {
  const { report } = input;
  if (report.findings.length === 0) return [];
  return [
    '',
    `findings: ${countFindings(report.findings)}`,
    ...report.findings.flatMap(finding => findingLines(report.policy.path, finding, paint)),
  ];
}

/** What fits a screen beside the rest of a counterexample. */
const TIMELINE_ROWS = 12;

function counterexampleBlocks(input: ReportInput): string[] {
  return input.report.properties.flatMap(property =>
    property.counterexample === undefined
      ? []
      : [
          '',
          traceToText(property.counterexample, {
            claim: property.claim,
            policyText: input.policyText,
            replayCommand: input.replayCommand(property.id),
            lastRows: TIMELINE_ROWS,
          }).trimEnd(),
        ],
  );
}

function headLine(report: CheckReport): string {
  const { policy } = report;
  const size = `format ${policy.format}, ${countOf(policy.subjects, 'subject')}, ${countOf(policy.cpus, 'CPU')}`;
  return `${report.tool} ${report.version}  ${printable(policy.path)}  ${size}  sha256 ${policy.digest.slice(0, 16)}  seed 0x${report.seed.toString(16)}`;
}

function summaryLine(report: CheckReport, paint: Paint): string {
  const words = countWords(report, VERDICT_WORDS).map(([word, number]) => `${number} ${word}`);
  return `verdict ${paint(TONES[report.verdict], report.verdict)}${words.length === 0 ? '' : `: ${words.join(', ')}`}`;
}

/** Verdict table, witnesses, findings and counterexamples for a person at a terminal. */
export const textReporter: Reporter = {
  name: 'text',
  description: 'verdict table, witnesses, findings and counterexamples',
  render(input, paint) {
    const { report } = input;
    const lines = [
      headLine(report),
      ...(report.properties.length === 0 ? [] : ['', ...verdictTable(report, paint)]),
      ...witnessLines(report.properties),
      ...pairLines(report.properties),
      ...tableLines(report.properties),
      ...sharingLines(report.properties),
      ...unspecifiedLines(report.properties),
      ...findingBlock(input, paint),
      ...counterexampleBlocks(input),
      ...(input.changes === undefined
        ? []
        : ['', 'changes since the baseline', ...input.changes.map(line => `  ${printable(line)}`)]),
      '',
      report.properties.length === 0 ? 'no property was checked' : summaryLine(report, paint),
    ];
    return `${lines.join('\n')}\n`;
  },
};
