import type { Severity } from '../policy/finding.ts';
import { printable } from '../units/printable.ts';
import type { ReportInput } from './check-report.ts';
import type { Reporter } from './reporter.ts';

const COMMANDS: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', notice: 'notice' };

const escapeData = (text: string): string => printable(text).replace(/%/g, '%25');
const escapeProperty = (text: string): string => escapeData(text).replace(/:/g, '%3A').replace(/,/g, '%2C');

function annotation(
  command: string,
  path: string,
  line: number,
  column: number,
  title: string,
  message: string,
): string {
  const place = line < 1 ? '' : `,line=${line}${column < 1 ? '' : `,col=${column}`}`;
  return `::${command} file=${escapeProperty(path)}${place},title=${escapeProperty(title)}::${escapeData(message)}`;
}

/** Annotations as GitHub Actions reads them from the log. */
export const githubReporter: Reporter = {
  name: 'github',
  description: 'GitHub Actions annotations; with GITHUB_STEP_SUMMARY set, also a Markdown table there',
  render({ report }) {
    const lines = [
      ...report.findings.map(finding =>
        annotation(
          COMMANDS[finding.severity],
          finding.file ?? report.policy.path,
          finding.line,
          finding.column,
          finding.code,
          `${finding.message} ${finding.hint}`.trim(),
        ),
      ),
      ...report.properties
        .filter(property => property.verdict === 'refuted')
        .map(property =>
          annotation(
            'error',
            report.policy.path,
            property.counterexample?.outcome.policyLines[0] ?? 0,
            0,
            property.id,
            `refuted: ${property.reason}`,
          ),
        ),
      ...report.properties
        .filter(property => property.verdict === 'inconclusive' || property.verdict === 'vacuous')
        .map(property =>
          annotation('warning', report.policy.path, 0, 0, property.id, `${property.verdict}: ${property.reason}`),
        ),
    ];
    return lines.map(line => `${line}\n`).join('');
  },
};

const escapeCell = (text: string): string =>
  printable(text)
    .replace(/[\\|`*_[\]<>&]/g, character => `\\${character}`)
    .replace(/\\([<>&])/g, (_, character: string) => `&#${character.charCodeAt(0)};`);

/** Markdown table of the verdicts for GITHUB_STEP_SUMMARY. */
export function markdownSummary({ report }: ReportInput): string {
  const rows = report.properties.map(
    property =>
      `| ${escapeCell(property.id)} | ${property.verdict} | ${property.runs} | ${property.steps} | ${escapeCell(property.reason)} |`,
  );
  return [
    `### ${report.tool}: ${escapeCell(report.policy.path)}: ${report.verdict}`,
    '',
    '| property | verdict | runs | steps | reason |',
    '|---|---|--:|--:|---|',
    ...rows,
    '',
  ].join('\n');
}
