/** Arrival of an external interrupt at a CPU's local APIC. */
export interface ExternalInterrupt {
  /** Absolute TSC of the arrival. */
  readonly tsc: number;
  readonly cpu: number;
  readonly vector: number;
}

/** Deviation from the default order: at interleaving point `point` (0-based, counted over the run) CPU `cpu` proceeds. */
export interface Interleaving {
  readonly point: number;
  readonly cpu: number;
}
