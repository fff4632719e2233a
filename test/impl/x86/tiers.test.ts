import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/units/rng.ts';
import { randomProgram, TierComparison } from '../../oracle/tier-compare.ts';

const PROGRAMS = process.env.MUENCHECK_BUDGET === 'deep' ? 200_000 : 1500;

describe('reference evaluator and interpreter', () => {
  it.each([64, 32] as const)('agree at every instruction boundary of random %i-bit programs', bits => {
    const comparison = new TierComparison();
    const rng = createRng(bits);
    for (let count = 0; count < PROGRAMS; count++) {
      const program = randomProgram(rng, bits);
      const difference = comparison.compare(program, 40);
      expect(difference, Buffer.from(program.code).toString('hex')).toBeUndefined();
    }
    expect(comparison.boundaries).toBeGreaterThan(PROGRAMS * 2);
  });
});
