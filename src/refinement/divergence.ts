/** Where implementation and model part. */
export interface Divergence {
  /** Kernel step (0-based) and atomic segment within the run. */
  readonly step: number;
  readonly segment: number;
  readonly cpu: number;
  readonly subject: string;
  readonly exitReason: number;
  readonly nowTsc: number;
  readonly what: string;
}
