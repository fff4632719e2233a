import { toJson } from './json.ts';
import type { Trace } from './trace.ts';

/**
 * A vitest file that replays the trace and expects exactly the recorded outcome.
 *
 * The policy is embedded, so the file needs nothing but the package. After a repair of the defect the replay says `holds`.
 *
 * @param faultModule path of the module of a user's own fault, as the user (never the trace) named it.
 */
export function traceToVitest(trace: Trace, faultModule?: string): string {
  const isUserFault = faultModule !== undefined && trace.fault?.from !== undefined;
  return [
    "import { expect, test } from 'vitest';",
    "import { replayTrace } from 'muencheck';",
    ...(isUserFault ? [`import fault from ${toJson(faultModule)};`] : []),
    '',
    `const trace: unknown = ${toJson(trace)};`,
    '',
    "// 'reproduced': the defect is still there, exactly as recorded. Once it is repaired, expect 'holds'.",
    `test(${toJson(`${trace.property} is refuted as recorded`)}, () => {`,
    `  const replayed = replayTrace(JSON.stringify(trace)${isUserFault ? ', [fault].flat()' : ''});`,
    "  expect(replayed).toMatchObject({ status: 'reproduced' });",
    '});',
    '',
  ].join('\n');
}
