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

describe('MOV of a debug register with REX.R', () => {
  it('is invalid, as in iced-x86', () => {
    const comparison = new IcedComparison();
    for (let register = 0; register < 64; register++) {
      const code = new Uint8Array(16);
      code.set([0x44 | (register & 1), 0x0f, 0x21 | (register & 2), 0xc0 | (register & 0x38)]);
      comparison.compare(code, 2);
    }
    expect([...comparison.counts.differences]).toEqual([]);
    expect(comparison.counts.invalid).toBe(64);
  });
});
