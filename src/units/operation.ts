/**
 * One operation of hosted subject software, as plain data (it stands in traces and counterexample files).
 *
 * 64-bit values are two unsigned 32-bit halves, so that every operation is JSON and exact.
 */
export type Operation =
  | { readonly kind: 'read'; readonly address: number; readonly sizeBytes: 1 | 2 | 4 | 8 }
  | {
      readonly kind: 'write';
      readonly address: number;
      readonly sizeBytes: 1 | 2 | 4 | 8;
      readonly low: number;
      readonly high: number;
    }
  /** REP MOVSB and REP STOSB of at most a page, all of it or (at a fault) nothing. */
  | { readonly kind: 'copy'; readonly from: number; readonly to: number; readonly sizeBytes: number }
  | { readonly kind: 'fill'; readonly address: number; readonly sizeBytes: number; readonly pattern: number }
  /** Rounds of SHA-256 over whole blocks of at most a page, on the eight words at `state`; all of it or (at a fault) nothing. */
  | { readonly kind: 'hash'; readonly address: number; readonly sizeBytes: number; readonly state: number }
  /** VMCALL with RAX = high:low; `cpl` 3 calls from user mode. */
  | { readonly kind: 'vmcall'; readonly low: number; readonly high: number; readonly cpl: 0 | 3 }
  /** Any VM exit an instruction or the environment of the subject could cause, by basic exit reason (SDM Vol. 3D, "VMX Basic Exit Reasons"). */
  | { readonly kind: 'exit'; readonly reason: number; readonly qualification: number; readonly interruptInfo: number }
  | { readonly kind: 'hlt' }
  | { readonly kind: 'rdtsc' }
  /** Writes the subject's own timed-event page: trigger (absolute TSC) and event number. */
  | { readonly kind: 'timedEvent'; readonly low: number; readonly high: number; readonly event: number }
  /** Loads a general-purpose register; index in the order CR2, RAX, RBX, RCX, RDX, RDI, RSI, RBP, R8..R15. */
  | { readonly kind: 'load'; readonly register: number; readonly low: number; readonly high: number }
  /** Reads or writes a place of the FPU and vector registers; `place` is its position in the table of places. */
  | { readonly kind: 'readFpu'; readonly place: number }
  | { readonly kind: 'writeFpu'; readonly place: number; readonly low: number; readonly high: number }
  | { readonly kind: 'rdmsr'; readonly index: number }
  | { readonly kind: 'wrmsr'; readonly index: number; readonly low: number; readonly high: number }
  /** IN and OUT with the port in DX; `value` is zero-extended. */
  | { readonly kind: 'in'; readonly port: number; readonly sizeBytes: 1 | 2 | 4 }
  | { readonly kind: 'out'; readonly port: number; readonly sizeBytes: 1 | 2 | 4; readonly value: number }
  /** MOV from and to a control register. */
  | { readonly kind: 'readCr'; readonly register: 0 | 3 | 4 }
  | { readonly kind: 'writeCr'; readonly register: 0 | 3 | 4; readonly low: number; readonly high: number }
  /** Sets a field of the guest-state area, by its place in the table of VMCS fields: state that some program could have reached. */
  | { readonly kind: 'guestState'; readonly field: number; readonly low: number; readonly high: number }
  | { readonly kind: 'sti' }
  | { readonly kind: 'cli' }
  | { readonly kind: 'nop' };

export type OperationKind = Operation['kind'];
