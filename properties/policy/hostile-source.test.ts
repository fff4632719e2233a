import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocatePolicy } from '../../src/policy/allocate/allocate.ts';
import { checkPolicy } from '../../src/policy/check.ts';
import { expandPolicy } from '../../src/policy/expand/expand.ts';
import type { Finding } from '../../src/policy/finding.ts';
import { readPolicy } from '../../src/policy/parse.ts';
import { readSource } from '../../src/policy/source/read-source.ts';
import { toXmlDocument } from '../../src/policy/tree.ts';
import { ok } from '../../src/units/result.ts';
import { SMALL_SOURCE } from '../../test/policy/expand/small-source.ts';

/** The small source with an expression, a condition, a reference, a template and an amend in it. */
const RICH_SOURCE = SMALL_SOURCE.replace(
  '<config><boolean name="debug" value="false"/></config>',
  `<config><boolean name="debug" value="false"/><string name="cache" value="WB"/></config>
 <expressions><expression name="quiet"><not><variable name="debug"/></not></expression></expressions>
 <template name="region"><parameters><string name="id"/></parameters><body><memory caching="$cache" name="$id" size="16#1000#"/></body></template>
 <amend xpath="/system/memory"><memory caching="WB" name="extra" size="16#1000#"/></amend>`,
).replace(
  '<memory caching="WB" name="shared" size="16#2000#"/>',
  `<memory caching="$cache" name="shared" size="16#2000#"/>
  <if variable="quiet" value="true"><useTemplate name="region"><parameter name="id" value="more"/></useTemplate></if>`,
);

/** The small source with a plan from before scheduling partitions. */
const OLD_SOURCE = SMALL_SOURCE.replace(
  /<partitions>[\s\S]*<\/majorFrame>/,
  `<majorFrame>
   <cpu id="0"><minorFrame subject="tau0" ticks="5"/><minorFrame subject="one" ticks="5"/><minorFrame subject="three" ticks="10"/></cpu>
   <cpu id="1"><minorFrame subject="two" ticks="20"/></cpu>
  </majorFrame>`,
);

const bases = fc.constantFrom(SMALL_SOURCE, RICH_SOURCE, OLD_SOURCE);
const fraction = fc.integer({ min: 0, max: 9999 }).map(n => n / 10_000);

/** Gives an attribute the value that another one of the same name has. */
function moveValue(text: string, [from, to]: readonly [number, number]): string {
  const attributes = [...text.matchAll(/ (\w+)="([^"]*)"/g)];
  const target = attributes[Math.floor(attributes.length * to)]!;
  const sources = attributes.filter(([, name]) => name === target[1]);
  const [, name, value] = sources[Math.floor(sources.length * from)]!;
  return `${text.slice(0, target.index)} ${name}="${value}"${text.slice(target.index + target[0].length)}`;
}

type Outcome = 'source' | 'expansion' | 'allocation' | 'document';

/** Stage that refuses the text, or `document`; every error has a place in the file or is about the file. */
function outcome(text: string): Outcome {
  const refused = (stage: Outcome, findings: readonly Finding[]): Outcome => {
    expect(findings.some(({ severity }) => severity === 'error')).toBe(true);
    for (const { code, line, message } of findings) {
      expect(code).toMatch(/^[A-Z0-9]+(-[A-Z0-9]+)+$/);
      expect(message).not.toBe('');
      expect(line).toBeGreaterThanOrEqual(0);
    }
    return stage;
  };
  const bytes = new TextEncoder().encode(text);
  const files = { read: (path: string) => ok(path === 's.xml' ? bytes : undefined) };
  const source = readSource({ policy: 's.xml', includeDirectories: [] }, files);
  if (!source.ok) return refused('source', source.error);
  const { tree } = source.value;
  const expanded = expandPolicy(tree);
  if (!expanded.ok) return refused('expansion', expanded.error);
  const allocated = allocatePolicy(tree);
  if (!allocated.ok) return refused('allocation', allocated.error);
  const document = readPolicy(toXmlDocument(tree));
  if (!document.ok) return refused('allocation', document.error);
  checkPolicy(document.value.document);
  return 'document';
}

describe('hostile source policies', () => {
  it('the sources themselves become documents', () => {
    expect([SMALL_SOURCE, RICH_SOURCE, OLD_SOURCE].map(outcome)).toEqual(['document', 'document', 'document']);
  });

  it('no values in the wrong places crash a stage, and every stage refuses some', () => {
    const seen: Record<Outcome, number> = { source: 0, expansion: 0, allocation: 0, document: 0 };
    fc.assert(
      fc.property(bases, fc.array(fc.tuple(fraction, fraction), { minLength: 1, maxLength: 3 }), (text, moves) => {
        seen[outcome(moves.reduce(moveValue, text))] += 1;
      }),
      { numRuns: 120, seed: 1 },
    );
    expect(seen.expansion).toBeGreaterThan(30);
    expect(Math.min(seen.source, seen.document)).toBeGreaterThan(0);
  });
});
