import type { Finding, Severity } from '../policy/finding.ts';
import { toJson } from '../trace/json.ts';
import type { Trace } from '../trace/trace.ts';
import { digestText, formatDigest } from '../units/digest.ts';
import { printable } from '../units/printable.ts';
import type { ReportedProperty, ReportInput } from './check-report.ts';
import type { Reporter } from './reporter.ts';

const LEVELS: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', notice: 'note' };

interface Location {
  readonly physicalLocation: {
    readonly artifactLocation: { readonly uri: string };
    readonly region?: { readonly startLine: number; readonly startColumn?: number };
  };
}

function location(path: string, line: number, column = 0): Location {
  const artifactLocation = { uri: printable(path).split('/').map(encodeURIComponent).join('/') };
  if (line < 1) return { physicalLocation: { artifactLocation } };
  return {
    physicalLocation: { artifactLocation, region: { startLine: line, ...(column < 1 ? {} : { startColumn: column }) } },
  };
}

/** The same finding has the same fingerprint when lines above it move. */
const fingerprint = (...parts: readonly string[]): { readonly 'muencheck/v1': string } => ({
  'muencheck/v1': formatDigest(digestText(parts.join('\n'))),
});

function findingResult(finding: Finding, path: string): unknown {
  const hint = finding.hint === '' ? '' : ` Hint: ${finding.hint}`;
  return {
    ruleId: finding.code,
    level: LEVELS[finding.severity],
    message: { text: printable(`${finding.message}${hint}`) },
    locations: [location(finding.file ?? path, finding.line, finding.column)],
    partialFingerprints: fingerprint(finding.code, finding.message),
  };
}

function codeFlows(trace: Trace, path: string): unknown[] {
  if (trace.outcome.timeline.length === 0) return [];
  const line = trace.outcome.policyLines[0] ?? 0;
  const locations = trace.outcome.timeline.map(row => ({
    location: {
      ...location(path, line),
      message: { text: printable(`step ${row.step}, TSC ${row.tsc}, cpu${row.cpu}, ${row.subject}: ${row.event}`) },
    },
  }));
  return [{ threadFlows: [{ locations }] }];
}

function refutedResult(property: ReportedProperty, path: string): unknown {
  const trace = property.counterexample;
  const lines = trace?.outcome.policyLines ?? [];
  const flows = trace === undefined ? [] : codeFlows(trace, path);
  const events = trace?.outcome.timeline.map(row => `${row.subject} ${row.event}`) ?? [];
  return {
    ruleId: property.id,
    level: 'error',
    message: { text: printable(`${property.claim} Refuted: ${property.reason}`) },
    locations: lines.length === 0 ? [location(path, 0)] : lines.map(line => location(path, line)),
    partialFingerprints: fingerprint(property.id, ...events),
    ...(flows.length === 0 ? {} : { codeFlows: flows }),
  };
}

function rules(input: ReportInput): unknown[] {
  const { report } = input;
  const codes = [...new Set(report.findings.map(finding => finding.code))];
  return [
    ...report.properties.map(property => ({
      id: property.id,
      shortDescription: { text: property.claim },
      properties: { method: property.method },
    })),
    ...codes.map(code => ({ id: code, shortDescription: { text: `policy rule ${code}` } })),
  ];
}

/** SARIF 2.1.0: policy findings and refuted properties with policy lines and the trace as a code flow. */
export const sarifReporter: Reporter = {
  name: 'sarif',
  description: 'SARIF 2.1.0 for code scanning: findings and refuted properties at policy lines',
  render(input) {
    const { report } = input;
    const results = [
      ...report.findings.map(finding => findingResult(finding, report.policy.path)),
      ...report.properties
        .filter(property => property.verdict === 'refuted')
        .map(property => refutedResult(property, report.policy.path)),
    ];
    const document = {
      $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
      version: '2.1.0',
      runs: [{ tool: { driver: { name: report.tool, version: report.version, rules: rules(input) } }, results }],
    };
    return `${toJson(document)}\n`;
  },
};
