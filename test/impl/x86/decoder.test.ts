import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/units/rng.ts';
import { compareOpcodes, compareRandom, IcedComparison } from '../../oracle/iced-compare.ts';

const isDeep = process.env.MUENCHECK_BUDGET === 'deep';

describe('decoder and disassembler agree with iced-x86 on length, mnemonic and operands', () => {
  it('over all opcodes, ModRM bytes and prefixes', () => {
    const comparison = new IcedComparison();
    compareOpcodes(comparison, createRng(1), isDeep ? 1 : 13);
    expect([...comparison.counts.differences]).toEqual([]);
    expect(comparison.counts.agree).toBeGreaterThan(100_000);
    expect(comparison.counts.invalid).toBeGreaterThan(10_000);
  });

  it('on random bytes', () => {
    const comparison = new IcedComparison();
    compareRandom(comparison, createRng(2), isDeep ? 3_000_000 : 50_000);
    expect([...comparison.counts.differences]).toEqual([]);
    expect(comparison.counts.agree).toBeGreaterThan(50_000);
  });
});
