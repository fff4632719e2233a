import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CAPABILITIES } from '../../../src/impl/vmx/capabilities.ts';
import { Entry, Exit, Pin, Proc, Proc2 } from '../../../src/impl/vmx/control-bits.ts';
import { CONTROL_COVERAGE } from './cases/control-coverage.ts';
import { goldenTranscript } from './cases/golden-transcript.ts';
import { instructionCases } from './cases/instruction-cases.ts';

const WORDS = { pin: Pin, proc: Proc, proc2: Proc2, exit: Exit, entry: Entry } as const;
const cases = instructionCases();
const golden = goldenTranscript('instructions-bochs');
const hostedTests = readFileSync(new URL('hosted-root.test.ts', import.meta.url), 'utf8');

describe('controls that the capability MSRs announce', () => {
  it.each(Object.keys(WORDS) as (keyof typeof WORDS)[])('%s: each is a row of the coverage table', word => {
    const { may } = DEFAULT_CAPABILITIES[word];
    const announced = Object.entries(WORDS[word])
      .filter(([, bit]) => (may & bit) !== 0)
      .map(([name]) => name);
    const covered = CONTROL_COVERAGE.filter(row => row.word === word).map(({ control }) => control);
    expect(covered.sort()).toEqual(announced.sort());
    const known = Object.values(WORDS[word]).reduce((bits, bit) => bits | bit, 0);
    const must = DEFAULT_CAPABILITIES[word].must;
    expect(may & ~must & ~known, 'announced without a name').toBe(0);
  });

  it.each(CONTROL_COVERAGE)('$word $control does what it says', ({ shown }) => {
    if ('hosted' in shown) expect(hostedTests).toContain(shown.hosted);
    else {
      const index = cases.findIndex(({ name }) => name === shown.case);
      expect(index, shown.case).toBeGreaterThanOrEqual(0);
      expect(golden.lines[index]).toMatch(shown.line);
    }
  });
});
