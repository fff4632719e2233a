import type { Fault } from './fault.ts';

/** All seeded faults. */
export const FAULTS: readonly Fault[] = [];
