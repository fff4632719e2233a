import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/units/rng.ts';
import { loadProgram, randomProgram, TierComparison } from '../../oracle/tier-compare.ts';
import { CODE_BASE, CODE_START } from '../../oracle/user-machine.ts';

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

describe('code that jumps to where no code can be', () => {
  it.each([0xffff_ffff_ffff_ffffn, 0n, 0x7fff_ffff_ffffn, 0x8000_0000_0000n])(
    'to %i: both tiers fault alike',
    target => {
      const comparison = new TierComparison();
      const gpr = Array.from({ length: 16 }, () => target);
      const program = {
        bits: 64 as const,
        code: Uint8Array.of(0xff, 0xe0),
        gpr,
        flags: 2,
        window: new Uint8Array(256),
      };
      expect(comparison.compare(program, 4)).toBeUndefined();
      expect(comparison.whole.event?.vector).toBeGreaterThanOrEqual(13);
    },
  );
});

describe('the code cache', () => {
  it('runs one different program after another in the same place', () => {
    const comparison = new TierComparison();
    const rng = createRng(9);
    // Each program is decoded anew, over the records of the one before.
    for (let round = 0; round < 300; round++) {
      const code = new Uint8Array(1500);
      for (let at = 0; at < 1500; at += 3) code.set([0x48, 0xff, 0xc0 + rng.below(4)], at);
      const program = {
        bits: 64 as const,
        code,
        gpr: Array.from({ length: 16 }, () => 0n),
        flags: 2,
        window: new Uint8Array(256),
      };
      comparison.whole.event = undefined;
      loadProgram(comparison.whole, program);
      comparison.whole.cpu.run(501);
      expect(comparison.whole.cpu.state.rip).toBe(BigInt(CODE_BASE + CODE_START + 1500));
    }
  });
});
