import { describe, expect, it } from 'vitest';
import { xsetbvPhrase } from '../../src/arbitraries/decode-processor.ts';
import type { Operation } from '../../src/units/operation.ts';
import { createRng } from '../../src/units/rng.ts';

const loaded = (phrase: readonly Operation[], register: number): number | undefined =>
  phrase.flatMap(operation => (operation.kind === 'load' && operation.register === register ? [operation.low] : []))[0];

describe('XSETBV as programs execute it', () => {
  const rng = createRng(3);
  const phrases = Array.from({ length: 2000 }, () => xsetbvPhrase(rng.next(), rng.next()));

  it('ends with the instruction', () => {
    expect(phrases.every(phrase => phrase.at(-1)?.kind === 'exit')).toBe(true);
  });

  it('is wrong in at most one register', () => {
    for (const phrase of phrases) {
      const [rax, rcx, rdx] = [1, 3, 4].map(register => loaded(phrase, register) ?? 0);
      const wrong = [[0, 2, 5, 0x27].includes(rax!), rcx !== 0, rdx !== 0].filter(isWrong => isWrong);
      expect(phrase.length === 1 || wrong.length <= 1).toBe(true);
    }
  });

  it('has each register wrong at times', () => {
    expect(phrases.some(phrase => (loaded(phrase, 4) ?? 0) !== 0)).toBe(true);
    expect(phrases.some(phrase => (loaded(phrase, 3) ?? 0) !== 0)).toBe(true);
    expect(phrases.some(phrase => loaded(phrase, 1) === 5)).toBe(true);
  });
});
