import { describe, expect, test } from 'vitest';
import { defaultSeams } from '../../../src/impl/seams.ts';
import { RESTART_CASES } from '../../../src/refinement/genode/restart-cases.ts';
import { walkRestarts } from '../../../src/refinement/genode/restart-points.ts';

const [LOG, , BLOCK] = RESTART_CASES;

/** What is wrong after restarts at every n-th point. */
function walk(restart: (typeof RESTART_CASES)[number], side: 'apps' | 'server', stride: number) {
  const wrong: string[] = [];
  let failed = 0;
  const { points, distinct } = walkRestarts(
    defaultSeams,
    restart,
    side,
    index => index % stride === 0,
    outcome => {
      if (outcome.what !== '') wrong.push(`${outcome.point}: ${outcome.what}`);
      failed += outcome.hasFailed ? 1 : 0;
      return true;
    },
  );
  return { wrong, failed, points, distinct };
}

describe('restart of one side of a link', () => {
  test('points that leave the same are one', () => {
    const { wrong, points, distinct } = walk(LOG!, 'server', 40);
    expect(wrong).toEqual([]);
    expect(points).toBeGreaterThan(2000);
    expect(distinct).toBeLessThan(points / 8);
  });
  test('a client whose packets are at a service that restarts gets them back as failed', () => {
    const { wrong, failed } = walk(BLOCK!, 'server', 250);
    expect(wrong).toEqual([]);
    expect(failed).toBeGreaterThan(0);
  });
});
