import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/units/rng.ts';
import { GARBAGE_MODES, GarbageMachine } from '../../oracle/garbage.ts';

const PROGRAMS = process.env.MUENCHECK_BUDGET === 'deep' ? 1_000_000 : 1000;

describe('random bytes as code', () => {
  it.each(GARBAGE_MODES)('end without an error of ours and the same way twice: %s mode', mode => {
    for (const cpl of [0, 3] as const) {
      const digestOf = (): number => {
        const machine = new GarbageMachine(mode, cpl);
        const rng = createRng(5);
        let digest = 0;
        for (let count = 0; count < PROGRAMS; count++) digest = (Math.imul(digest, 31) + machine.run(rng)) >>> 0;
        return digest;
      };
      expect(digestOf()).toBe(digestOf());
    }
  });
});
