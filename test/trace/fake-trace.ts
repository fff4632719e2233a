import { toTrace } from '../../src/engine/counterexample.ts';
import type { Trace } from '../../src/trace/trace.ts';
import { outcomeOf, runBody } from '../engine/fake-property.ts';

/** A small valid trace. */
export const fakeTrace: Trace = toTrace(
  'meta/a',
  { body: runBody, outcome: outcomeOf('it differs') },
  { tool: 'muencheck test', policyPath: 'policy.xml', policySha256: 'a'.repeat(64), policyGzipBase64: 'QUJD', seed: 7 },
);

/** Text that attacks whatever prints it: terminal escapes, markup, CI commands, direction overrides, a lone surrogate. */
export const HOSTILE = '\u001b]0;owned\u0007\u001b[2J<script>alert(1)</script>"\'&\n::error::pwn\u202eevil\u0085\ud800';

/** The trace with hostile text in every place that holds free text. */
export const hostileTrace: Trace = {
  ...fakeTrace,
  property: HOSTILE,
  policy: { ...fakeTrace.policy, path: HOSTILE },
  fault: { id: HOSTILE },
  outcome: {
    ...fakeTrace.outcome,
    summary: HOSTILE,
    explanation: [HOSTILE],
    timeline: [{ step: 0, tsc: 0, cpu: 0, subject: HOSTILE, event: HOSTILE, note: HOSTILE }],
  },
};
