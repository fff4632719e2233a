import type { VerdictWord } from '../../src/engine/verdict.ts';
import type { CheckReport, ReportedProperty, ReportInput } from '../../src/report/check-report.ts';
import type { Trace } from '../../src/trace/trace.ts';
import { fakeTrace, HOSTILE, hostileTrace } from '../trace/fake-trace.ts';

function property(id: string, verdict: VerdictWord, reason: string, counterexample?: Trace): ReportedProperty {
  return {
    id,
    area: id.split('/')[0] ?? '',
    claim: `Claim of ${id}.`,
    verdict,
    method: 'fake',
    reason,
    runs: 1000,
    steps: 12_345,
    states: verdict === 'exhausted' ? 42 : 0,
    pairs: [
      { high: 'h', low: 'l', effectiveRuns: 3, totalRuns: 4 },
      { high: 'h', low: 'm', effectiveRuns: 0, totalRuns: 0, excluded: 'direct flow' },
    ],
    witnesses: { acted: verdict === 'vacuous' ? 0 : 9 },
    unspecified: { 'NMI while blocked': 2 },
    durationMs: 12.5,
    ...(counterexample === undefined ? {} : { counterexample }),
  };
}

const base: Omit<CheckReport, 'properties' | 'findings' | 'verdict'> = {
  tool: 'muencheck',
  version: '0.1.0',
  policy: { path: 'dir/policy.xml', digest: 'a'.repeat(64), format: 'b', subjects: 3, cpus: 2 },
  seed: 7,
  timing: { totalMs: 5 },
};

/** A report with every verdict word. */
export const fullReport: CheckReport = {
  ...base,
  verdict: 'refuted',
  properties: [
    property('isolation/proved', 'proved', ''),
    property('isolation/refuted', 'refuted', 'it differs', fakeTrace),
    property('scheduling/tested', 'tested', ''),
    property('scheduling/exhausted', 'exhausted', ''),
    property('channels/inconclusive', 'inconclusive', 'time limit'),
    property('channels/vacuous', 'vacuous', 'never seen: acted'),
    property('proxies/none', 'not-applicable', 'no proxy'),
  ],
  findings: [
    {
      code: 'MEM-OVERLAP',
      severity: 'error',
      message: "region 'a' overlaps 'b'",
      line: 2,
      column: 3,
      hint: 'Move one.',
    },
    { code: 'XML-NOTE', severity: 'notice', message: 'the file as a whole', line: 0, column: 0, hint: '' },
  ],
};

/** A report whose free text attacks every format. */
export const hostileReport: CheckReport = {
  ...base,
  policy: { ...base.policy, path: HOSTILE },
  verdict: 'refuted',
  properties: [
    {
      ...property('meta/a', 'refuted', HOSTILE, hostileTrace),
      claim: HOSTILE,
      witnesses: { [HOSTILE]: 0 },
      unspecified: { [HOSTILE]: 1 },
      pairs: [{ high: HOSTILE, low: HOSTILE, effectiveRuns: 0, totalRuns: 0, excluded: HOSTILE }],
    },
    property('meta/b', 'vacuous', HOSTILE),
    property('meta/c', 'not-applicable', HOSTILE),
  ],
  findings: [{ code: 'X', severity: 'warning', message: HOSTILE, line: 1, column: 1, hint: HOSTILE }],
};

export const inputOf = (report: CheckReport, changes?: readonly string[]): ReportInput => ({
  report,
  policyText: '<system>\n  <subject name="a"/>\n</system>',
  replayCommand: id => `muencheck replay ${id.replace('/', '-')}.trace.json`,
  ...(changes === undefined ? {} : { changes }),
});
