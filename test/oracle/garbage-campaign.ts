import { defined } from '../../src/units/invariant.ts';
import { createRng, type Rng } from '../../src/units/rng.ts';
import { PROFILES } from '../impl/vmx/cases/profiles.ts';
import { GarbageMachine, type GarbageMode } from './garbage.ts';
import { GarbageGuest } from './garbage-guest.ts';

function digestOf(machine: { run(rng: Rng): number }, seed: number, programs: number): number {
  const rng = createRng(seed);
  let digest = 0;
  for (let count = 0; count < programs; count++) digest = (Math.imul(digest, 31) + machine.run(rng)) >>> 0;
  return digest;
}

/** Digest of what random programs do in a mode, outside of VMX. */
export const rootDigest = (mode: GarbageMode, cpl: 0 | 3, seed: number, programs: number): number =>
  digestOf(new GarbageMachine(mode, cpl), seed, programs);

/** Digest of what random programs do in a guest of the case hypervisor, by the profile of its state. */
export const guestDigest = (profile: string, seed: number, programs: number): number =>
  digestOf(
    new GarbageGuest(
      defined(
        PROFILES.find(({ name }) => name === profile),
        profile,
      ),
    ),
    seed,
    programs,
  );
