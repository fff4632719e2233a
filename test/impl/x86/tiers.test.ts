import { describe, expect, it, vi } from 'vitest';
import { Gpr } from '../../../src/impl/x86/state-layout.ts';
import { createRng, type Rng } from '../../../src/units/rng.ts';
import {
  loadProgram,
  type Program,
  randomCrossingProgram,
  randomNarrowProgram,
  randomPairs,
  randomProgram,
  TierComparison,
} from '../../oracle/tier-compare.ts';
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

/** Compares programs of a generator; the number of instructions after which the tiers agreed. */
function agreed(comparison: TierComparison, count: number, make: (rng: Rng) => Program): number {
  const rng = createRng(count);
  for (let index = 0; index < count; index++) {
    const program = make(rng);
    const difference = comparison.compare(program, 40);
    expect(difference, `${Buffer.from(program.code).toString('hex')} at ${program.start}`).toBeUndefined();
  }
  return comparison.boundaries;
}

describe('code across the end of a page', () => {
  it.each([
    [64, { count: 2, areWritable: true }],
    [64, { count: 1, areWritable: false }],
    [32, { count: 2, areWritable: true }],
  ] as const)('%i-bit code in %o: both tiers agree at every instruction boundary', (bits, pages) => {
    const count = PROGRAMS / 3;
    expect(agreed(new TierComparison(pages), count, rng => randomCrossingProgram(rng, bits))).toBeGreaterThan(count);
  });

  it('is run by the interpreter, which sees changes of either page', () => {
    const comparison = new TierComparison({ count: 2, areWritable: true });
    const evaluated = vi.spyOn(comparison.whole.cpu, 'executeFetched');
    // mov eax, 11223344h with its last two bytes behind the border; inc byte [rdi]; jmp back, where RDI is one of its bytes.
    const code = Uint8Array.of(0xb8, 0x44, 0x33, 0x22, 0x11, 0xfe, 0x07, 0xeb, 0xf7);
    for (let at = 0; at < 5; at++) {
      const program = {
        bits: 64 as const,
        start: 0x1000 - 3,
        code,
        gpr: Array.from({ length: 16 }, () => BigInt(CODE_BASE + 0x1000 - 3 + at)),
        flags: 2,
        window: new Uint8Array(256),
      };
      expect(comparison.compare(program, 30)).toBeUndefined();
    }
    expect(comparison.whole.cpu.state.gpr(Gpr.rax)).toBe(0x1a22_3344n);
    expect(evaluated).not.toHaveBeenCalled();
  });
});

describe('comparisons with the jump behind them, which one handler executes', () => {
  it('are two instructions in both tiers', () => {
    expect(agreed(new TierComparison(), PROGRAMS / 2, randomPairs)).toBeGreaterThan(PROGRAMS * 5);
  });
});

describe('16-bit code', () => {
  it('is the same in both tiers at every instruction boundary', () => {
    const pages = { count: 2, areWritable: true } as const;
    expect(agreed(new TierComparison(pages), PROGRAMS, randomNarrowProgram)).toBeGreaterThan(PROGRAMS * 2);
  });

  it('is run by the interpreter where its segment covers the page', () => {
    const comparison = new TierComparison({ count: 2, areWritable: false });
    const evaluated = vi.spyOn(comparison.whole.cpu, 'executeFetched');
    const program = { ...randomNarrowProgram(createRng(1)), codeBase: CODE_BASE - 0x3000, start: 0x800 };
    // inc ax; jnz back, across no page.
    expect(comparison.compare({ ...program, code: Uint8Array.of(0x40, 0x75, 0xfd) }, 40)).toBeUndefined();
    expect(evaluated).not.toHaveBeenCalled();
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
        start: CODE_START,
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
        start: CODE_START,
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
