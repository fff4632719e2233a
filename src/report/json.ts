import { toJson } from '../trace/json.ts';
import type { CheckReport, ReportedProperty } from './check-report.ts';
import type { Reporter } from './reporter.ts';

// The order of keys is part of the format: reports are compared byte for byte.
function orderedProperty(property: ReportedProperty): ReportedProperty {
  return {
    id: property.id,
    area: property.area,
    claim: property.claim,
    verdict: property.verdict,
    method: property.method,
    reason: property.reason,
    runs: property.runs,
    steps: property.steps,
    states: property.states,
    ...(property.pairs === undefined ? {} : { pairs: property.pairs }),
    ...(property.tables === undefined ? {} : { tables: property.tables }),
    ...(property.sharing === undefined ? {} : { sharing: property.sharing }),
    witnesses: property.witnesses,
    unspecified: property.unspecified,
    durationMs: property.durationMs,
    ...(property.counterexample === undefined ? {} : { counterexample: property.counterexample }),
  };
}

/** The report with its keys in the documented order. */
function ordered(report: CheckReport): CheckReport {
  return {
    tool: report.tool,
    version: report.version,
    policy: report.policy,
    seed: report.seed,
    verdict: report.verdict,
    properties: report.properties.map(orderedProperty),
    findings: report.findings.map(({ code, severity, message, line, column, hint, file }) => ({
      code,
      severity,
      message,
      line,
      column,
      hint,
      ...(file === undefined ? {} : { file }),
    })),
    timing: report.timing,
  };
}

/** The report as one JSON object. */
export const jsonReporter: Reporter = {
  name: 'json',
  description: 'one JSON object; equal for equal input and seed, apart from timing and durationMs',
  render: ({ report, changes }) =>
    `${toJson(changes === undefined ? ordered(report) : { ...ordered(report), changes })}\n`,
};
