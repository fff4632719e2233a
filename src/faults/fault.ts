import type { Seams } from '../impl/seams.ts';

/** The collaborator records of the implementation at which a fault can sit. */
export const FAULT_SEAMS = [
  'kernel',
  'paging',
  'compile',
  'structures',
  'machine',
  'channel',
  'component',
  'proxy',
  'genode',
] as const;
export type FaultSeam = (typeof FAULT_SEAMS)[number];

/** A seeded defect: the test of the tests. */
export interface Fault {
  /** Lower case, digits and dashes. */
  readonly id: string;
  readonly title: string;
  readonly seam: FaultSeam;
  /** The real bug that this one is modelled on. */
  readonly precedent: string;
  /** Returns the collaborators with the defect in place; pure. */
  apply(seams: Seams): Seams;
  /** Ids of the properties that must detect it; empty in a user's own fault means: try all. */
  readonly killedBy: readonly string[];
  /** Scenario in which it shows; absent means the default scenario. */
  readonly scenario?: string;
}

/** Types a fault; a module for `faults --from` exports one such value, or an array of them, as its default. */
export const defineFault = (fault: Fault): Fault => fault;
