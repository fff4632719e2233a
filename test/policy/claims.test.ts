import { describe, expect, test } from 'vitest';
import { MAX_CLAIMS_BYTES, readClaims } from '../../src/policy/claims.ts';

/** Problems as `line:column message`. */
function problems(text: string): readonly string[] {
  const read = readClaims('claims.json', text);
  return read.ok ? [] : read.error.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

describe('a claims file', () => {
  test('is read with the places of all names', () => {
    const text = `{
  "noFlow": [{ "from": "a", "to": "b" }],
  "onlyVia": [{ "from": "a", "to": "c", "via": ["proxy"] }],
  "labels": { "a": "low", "b": "high" },
  "levels": ["low", "high"],
  "allow": [{ "region": "shm", "reason": "meant" }]
}`;
    const read = readClaims('claims.json', text);
    if (!read.ok) throw new Error(problems(text).join());
    expect(read.value.noFlow).toEqual([
      {
        from: { name: 'a', at: { line: 2, column: 24 } },
        to: { name: 'b', at: { line: 2, column: 35 } },
        at: { line: 2, column: 14 },
      },
    ]);
    expect(read.value.onlyVia[0]!.via).toEqual([{ name: 'proxy', at: { line: 3, column: 49 } }]);
    expect(read.value.labels.map(({ subject, label }) => `${subject.name} ${label.name}`)).toEqual(['a low', 'b high']);
    expect(read.value.allow[0]).toMatchObject({ what: 'region', reason: 'meant', target: { name: 'shm' } });
  });

  test('may be empty of claims', () => {
    expect(readClaims('claims.json', '{}').ok).toBe(true);
  });

  test.each([
    ['', ['1:1 this is not JSON: ValueExpected']],
    ['{', ['1:2 this is not JSON: CloseBraceExpected']],
    ['{\n "noFlow": [,] }', ['2:13 this is not JSON: ValueExpected']],
    ['{} // why', ['1:4 this is not JSON: InvalidCommentToken']],
    ['[]', ['1:1 this must be an object with noFlow, onlyVia, labels, levels, allow']],
    ['{"noflow": []}', ['1:2 "noflow" is unknown here; known: noFlow, onlyVia, labels, levels, allow']],
    ['{"noFlow": {}}', ['1:12 this must be an array']],
    ['{"noFlow": [{"from": "a"}]}', ['1:13 "to" is missing']],
    ['{"noFlow": [{"from": "a", "to": 7}]}', ['1:33 "to" must be a name']],
    ['{"noFlow": [{"from": "a", "to": "a"}]}', ['1:13 "from" and "to" are both "a"']],
    ['{"onlyVia": [{"from": "a", "to": "b", "via": []}]}', ['1:14 "via" must name at least one; use noFlow for none']],
    ['{"allow": [{"region": "r"}]}', ['1:12 "reason" is missing']],
    [
      '{"allow": [{"region": "r", "rule": "x", "reason": "y"}]}',
      ['1:12 an "allow" names one of region, event or rule'],
    ],
    ['{"labels": []}', ['1:12 "labels" must be an object: a label for each subject']],
    ['{"labels": {"a": "x", "a": "y"}}', ['1:23 "a" has two labels']],
    [
      '{"labels": {"a": "x"}, "levels": ["y", "y"]}',
      ['1:40 level "y" stands here twice', '1:18 label "x" is none of the levels'],
    ],
    ['{"noFlow": [], "noFlow": []}', ['1:16 "noFlow" stands here twice']],
    ['['.repeat(100_000), ['1:17 more than 16 levels of nesting']],
  ])('that is wrong is refused with line and column: %s', (text, expected) => {
    const found = problems(text);
    expect(found.slice(0, expected.length)).toEqual(expected);
  });

  test('that is huge is refused at once, and problems are limited', () => {
    expect(problems(' '.repeat(MAX_CLAIMS_BYTES + 1))).toHaveLength(1);
    expect(problems(`{"noFlow": [${Array(900).fill('{}').join(',')}]}`).length).toBeLessThanOrEqual(50);
    expect(problems(`{"levels": [${Array(2000).fill('"x"').join(',')}]}`)).toEqual(['1:12 more than 1000 entries']);
  });
});
