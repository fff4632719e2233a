import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { PROPERTIES } from '../../../properties/index.ts';
import { FAULTS } from '../../../src/faults/index.ts';
import { PROXY_OBLIGATIONS } from '../../../src/refinement/genode/obligations.ts';
import { OBLIGATIONS_FILE, obligationsDocument } from './obligations.ts';

test('there are ten obligations', () => expect(PROXY_OBLIGATIONS).toHaveLength(10));

describe.each(PROXY_OBLIGATIONS.map((row, index) => [index + 1, row] as const))('obligation %i', (_, row) => {
  test('names properties that there are', () => {
    const known = PROPERTIES.map(({ id }) => id as string);
    expect(row.properties.filter(id => !known.includes(id))).toEqual([]);
    expect(row.properties.length).toBeGreaterThan(0);
  });
  test('names faults that one of its properties finds', () => {
    expect(row.faults.length).toBeGreaterThan(0);
    for (const id of row.faults) {
      const fault = FAULTS.find(candidate => candidate.id === id);
      expect(fault?.killedBy.filter(property => row.properties.includes(property)) ?? [], id).not.toEqual([]);
    }
  });
});

test('the documentation shows them', () => {
  expect(readFileSync(OBLIGATIONS_FILE, 'utf8')).toBe(obligationsDocument());
});
