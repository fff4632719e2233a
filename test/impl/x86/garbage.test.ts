import { describe, expect, it } from 'vitest';
import { PROFILES } from '../../impl/vmx/cases/profiles.ts';
import { GARBAGE_MODES } from '../../oracle/garbage.ts';
import { guestDigest, rootDigest } from '../../oracle/garbage-campaign.ts';

const isDeep = process.env.MUENCHECK_BUDGET === 'deep';
const ROOT_PROGRAMS = isDeep ? 1_000_000 : 300;
const GUEST_PROGRAMS = isDeep ? 1_000_000 : 150;

describe('random bytes as code end without an error of ours and the same way twice', () => {
  it.each(GARBAGE_MODES)('%s mode', mode => {
    for (const cpl of [0, 3] as const)
      expect(rootDigest(mode, cpl, 5, ROOT_PROGRAMS)).toBe(rootDigest(mode, cpl, 5, ROOT_PROGRAMS));
  });

  it.each(PROFILES.map(({ name }) => name))('non-root operation, %s', name => {
    expect(guestDigest(name, 6, GUEST_PROGRAMS)).toBe(guestDigest(name, 6, GUEST_PROGRAMS));
  });
});
