import { describe, expect, it } from 'vitest';
import { PARTS } from './coverage-parts.ts';

/** Executions of a smoke campaign; the usual ones are for coverage-campaign.ts. */
const SMOKE: Readonly<Record<string, number>> = { entries: 256, kernels: 24, hypervisors: 8, walks: 100, boots: 10 };

describe('the parts of the coverage campaign', () => {
  it.each(PARTS.filter(({ name }) => SMOKE[name] !== undefined))('$name find nothing', ({ name, run }) => {
    const { executions, findings } = run(7, SMOKE[name]!);
    expect(executions).toBeGreaterThanOrEqual(SMOKE[name]!);
    expect(findings).toEqual([]);
  });
});
