import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { catalogue } from '../../src/cli/default-catalogue.ts';
import { FINDING_CODES } from '../../src/cli/finding-codes.ts';
import { topics } from '../../src/cli/topics.ts';
import { ROOT } from './spawn.ts';

/** Codes of findings as literals in the source, without those of policy rules. */
function codesInSource(): ReadonlySet<string> {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  const text = files
    .filter(file => file.endsWith('.ts') && !file.endsWith('finding-codes.ts'))
    .map(file => readFileSync(join(ROOT, 'src', file), 'utf8'))
    .join('\n');
  return new Set(
    text.match(
      /(?<=')(?:XML|POL|PAGING|COMPILE|DERIVE|KERNEL|STRUCTURE|CLAIM|TABLE|FAULT|INTENT|ALLOC|EXPAND|INIT|LOAD|SRC|HASH|XSD)-[A-Z0-9-]+(?=')/g,
    ),
  );
}

test('every code that a finding can have is explained', () => {
  const codes = codesInSource();
  expect(codes.size).toBeGreaterThan(50);
  const known = topics(catalogue, 'muencheck');
  expect([...codes].filter(code => !known.has(code))).toEqual([]);
});

test('no code is explained that nothing reports', () => {
  const codes = codesInSource();
  expect(Object.keys(FINDING_CODES).filter(code => !codes.has(code))).toEqual([]);
});

test('no two tables use one id, up to case', () => {
  const ids = [
    ...catalogue.properties.map(property => property.id),
    ...catalogue.faults.map(fault => fault.id),
    ...catalogue.scenarios.map(scenario => scenario.name),
    ...catalogue.rules.map(rule => rule.code),
    ...Object.keys(FINDING_CODES),
  ].map(id => id.toLowerCase());
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
});
