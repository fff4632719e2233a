import type { KernelTables } from './muen/tables.ts';

/**
 * Declared costs of virtual time. All are multiples of the VMX-preemption timer's unit (2^rate cycles), so that a frame
 * ends at the same TSC whatever ran in it.
 */
export interface TimeModel {
  /** TSC cycles of one timer unit. */
  readonly unitCycles: number;
  /** From a VM exit to the following VM entry, barrier waits not counted. */
  readonly exitCostCycles: number;
  /**
   * An operation starts only if it ends this long before the frame does: hosted software keeps clear of late exits,
   * whose effect on the next frame is a timing flow of its own.
   */
  readonly guardCycles: number;
  /** TSC at which the system starts. */
  readonly startTsc: number;
  /** Shortest minor frame of the plan. */
  readonly shortestFrameCycles: number;
}

/** Cost of an exit on current hardware is one to three thousand cycles; short frames scale it down. */
const EXIT_COST_CYCLES = 2048;
/** Exits that fit into the guard: a subject can have at most 64 events pending, each one interrupt window. */
const GUARD_EXITS = 64;

/** Chooses the costs for a plan. */
export function timeModel(tables: KernelTables): TimeModel {
  const unitCycles = 2 ** tables.vmxTimerRate;
  let shortest = Number.POSITIVE_INFINITY;
  for (const plan of tables.plans) {
    for (const frames of plan) {
      let start = 0;
      for (const frame of frames) {
        shortest = Math.min(shortest, frame.deadlineCycles - start);
        start = frame.deadlineCycles;
      }
    }
  }
  const exitCostCycles = roundUp(Math.min(EXIT_COST_CYCLES, shortest / (GUARD_EXITS * 4)), unitCycles);
  return {
    unitCycles,
    exitCostCycles,
    guardCycles: exitCostCycles * GUARD_EXITS,
    startTsc: roundUp(0x100000, unitCycles),
    shortestFrameCycles: shortest,
  };
}

/** Smallest positive multiple of `unit` that is at least `value`. */
export function roundUp(value: number, unit: number): number {
  return Math.max(1, Math.ceil(value / unit)) * unit;
}

/** Cycles per operation such that the shortest frame holds about `operations` of them. */
export function cyclesPerInstruction(model: TimeModel, operations: number): number {
  const usable = Math.max(model.unitCycles, model.shortestFrameCycles - model.guardCycles);
  return Math.max(1, Math.floor(usable / operations / model.unitCycles)) * model.unitCycles;
}
