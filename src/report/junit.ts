import type { Finding } from '../policy/finding.ts';
import { traceToText } from '../trace/text.ts';
import type { ReportedProperty, ReportInput } from './check-report.ts';
import { escapeMarkup, escapeMarkupLines } from './markup.ts';
import type { Reporter } from './reporter.ts';

/** A test case in JUnit's terms: refuted fails, inconclusive and vacuous are errors, not-applicable is skipped. */
interface Case {
  readonly name: string;
  readonly seconds: number;
  readonly child: string;
  readonly kind: 'passed' | 'failure' | 'error' | 'skipped';
}

function propertyCase(property: ReportedProperty, input: ReportInput): Case {
  const base = { name: property.id, seconds: property.durationMs / 1000 };
  const message = `message="${escapeMarkup(property.reason)}"`;
  if (property.verdict === 'refuted') {
    const options = {
      claim: property.claim,
      policyText: input.policyText,
      replayCommand: input.replayCommand(property.id),
    };
    const text = property.counterexample === undefined ? '' : traceToText(property.counterexample, options);
    return {
      ...base,
      kind: 'failure',
      child: `<failure type="refuted" ${message}>${escapeMarkupLines(text)}</failure>`,
    };
  }
  if (property.verdict === 'inconclusive' || property.verdict === 'vacuous') {
    return { ...base, kind: 'error', child: `<error type="${property.verdict}" ${message}/>` };
  }
  if (property.verdict === 'not-applicable') return { ...base, kind: 'skipped', child: `<skipped ${message}/>` };
  return {
    ...base,
    kind: 'passed',
    child: `<system-out>${property.verdict}: ${property.runs} runs, ${property.steps} steps, ${property.states} states</system-out>`,
  };
}

function findingCase(finding: Finding): Case {
  const place = `${finding.file === undefined ? '' : `${finding.file}, `}line ${finding.line}, column ${finding.column}`;
  const message = `message="${escapeMarkup(finding.message)}"`;
  const child =
    finding.severity === 'error'
      ? `<failure type="${finding.severity}" ${message}/>`
      : `<system-out>${finding.severity}: ${escapeMarkup(finding.message)}</system-out>`;
  return {
    name: escapeMarkup(`${finding.code} ${place}`),
    seconds: 0,
    kind: finding.severity === 'error' ? 'failure' : 'passed',
    child,
  };
}

function suite(name: string, path: string, cases: readonly Case[], properties: string): string {
  const of = (kind: Case['kind']): number => cases.filter(item => item.kind === kind).length;
  const seconds = cases.reduce((sum, item) => sum + item.seconds, 0).toFixed(3);
  const attributes = `name="${name}" tests="${cases.length}" failures="${of('failure')}" errors="${of('error')}" skipped="${of('skipped')}" time="${seconds}"`;
  const lines = cases.map(
    item =>
      `    <testcase classname="${escapeMarkup(path)}" name="${item.name}" time="${item.seconds.toFixed(3)}">${item.child}</testcase>`,
  );
  return [`  <testsuite ${attributes}>`, properties, ...lines, '  </testsuite>'].join('\n');
}

/** JUnit XML: one suite per area, one case per property. */
export const junitReporter: Reporter = {
  name: 'junit',
  description: 'JUnit XML: a suite per area, a case per property',
  render(input) {
    const { report } = input;
    const metadata = `    <properties><property name="seed" value="${report.seed}"/><property name="policy-sha256" value="${report.policy.digest}"/></properties>`;
    const areas = [...new Set(report.properties.map(property => property.area))];
    const suites = areas.map(area => {
      const cases = report.properties
        .filter(property => property.area === area)
        .map(property => propertyCase(property, input));
      return suite(area, report.policy.path, cases, metadata);
    });
    if (report.findings.length > 0)
      suites.push(suite('policy', report.policy.path, report.findings.map(findingCase), metadata));
    return `${['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites name="${report.tool} ${report.version}">`, ...suites, '</testsuites>'].join('\n')}\n`;
  },
};
