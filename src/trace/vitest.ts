import type { Trace } from './trace.ts';

/** A JSON value as TypeScript source: line separators and `</script` cannot end a literal or a page early. */
function jsonLiteral(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[\u2028\u2029]/g,
    character => `\\u${character.charCodeAt(0).toString(16)}`,
  );
}

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
    `const trace: unknown = ${jsonLiteral(trace)};`,
    '',
    "// 'reproduced': the defect is still there, exactly as recorded. Once it is repaired, expect 'holds'.",
    `test(${jsonLiteral(`${trace.property} is refuted as recorded`)}, () => {`,
    "  expect(replayTrace(JSON.stringify(trace))).toMatchObject({ status: 'reproduced' });",
    '});',
    '',
  ].join('\n');
}
