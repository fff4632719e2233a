import { expect, test } from 'vitest';
import { PROPERTIES } from '../../../properties/index.ts';
import { MODELS } from '../../../src/model/index.ts';

test('a finite model of a property is registered, and its states are counted', () => {
  for (const { id, finite } of PROPERTIES) {
    if (finite === undefined) continue;
    const model = MODELS.find(candidate => candidate.id === finite.model);
    expect(model, id).toBeDefined();
    expect(
      model?.configurations.some(({ exhaustive, states }) => exhaustive && (states ?? 0) > 0),
      id,
    ).toBe(true);
  }
});

test('a property that refines a model step by step says which', () => {
  const refining = PROPERTIES.filter(({ method }) => /^step refinement/.test(method));
  expect(refining.length).toBeGreaterThan(10);
  expect(refining.filter(({ finite }) => finite === undefined).map(({ id }) => id)).toEqual([]);
});
