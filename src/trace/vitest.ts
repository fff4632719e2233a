import { toJson } from './escape.ts';
import type { Trace } from './trace.ts';

/**
 * A vitest file that replays the trace and expects exactly the recorded outcome.
 *
 * The policy is embedded, so the file needs nothing but the package. After a repair of the defect the replay says `holds`.
 */
export function traceToVitest(trace: Trace): string {
  return [
    "import { expect, test } from 'vitest';",
    "import { replayTrace } from 'muencheck';",
    '',
    `const trace: unknown = ${toJson(trace)};`,
    '',
    "// 'reproduced': the defect is still there, exactly as recorded. Once it is repaired, expect 'holds'.",
    `test(${toJson(`${trace.property} is refuted as recorded`)}, () => {`,
    "  expect(replayTrace(JSON.stringify(trace))).toMatchObject({ status: 'reproduced' });",
    '});',
    '',
  ].join('\n');
}
