import type { ExternalInterrupt, Interleaving } from '../units/schedule.ts';

/** What a run is told from outside; the same inputs give the same run. */
export interface RunInputs {
  readonly cyclesPerInstruction: number;
  readonly endTsc: number;
  readonly maxKernelSteps: number;
  readonly interrupts: readonly ExternalInterrupt[];
  readonly interleavings: readonly Interleaving[];
}
