import { describe, expect, it } from 'vitest';
import { Terms } from '../../src/explore/symbolic/terms.ts';
import { WORD_TERMS } from '../../src/explore/symbolic/word-helpers.ts';
import { createRng } from '../../src/units/rng.ts';
import * as word from '../../src/units/word.ts';

describe('terms of the word helpers', () => {
  it.each(Object.keys(WORD_TERMS))('%s computes what src/units/word.ts does', name => {
    const original = (word as unknown as Readonly<Record<string, (...args: number[]) => number | boolean>>)[name]!;
    const rng = createRng(7);
    const terms = new Terms();
    const pick = (): number => [0, 1, 31, 0x8000_0000, 0xffff_ffff, rng.next()][rng.below(6)]!;
    for (let round = 0; round < 300; round++) {
      const args = Array.from({ length: original.length }, pick);
      if (name.endsWith('Word')) args[0] = args[0]! * 2 ** rng.below(21) + rng.below(1000);
      const term = WORD_TERMS[name]!(
        terms,
        args.map(value => terms.constant(value)),
      );
      expect(term.kind === 'constant' && term.value, `${name}(${args})`).toBe(original(...args));
    }
  });
});
