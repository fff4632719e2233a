/** Where implementation and model part. */
export interface Divergence {
  /** Kernel step (0-based) and atomic segment within the run. */
  readonly step: number;
  readonly segment: number;
  readonly cpu: number;
  readonly subject: string;
  readonly exitReason: number;
  /** Before any subject ran: nothing has exited yet. */
  readonly isAtBoot: boolean;
  /** What the exit was about: RAX of a VMCALL, else the vector of an interrupt or exception. */
  readonly operand: number;
  /** Privilege level of the code that exited. */
  readonly privilege: number;
  readonly nowTsc: number;
  readonly what: string;
}
