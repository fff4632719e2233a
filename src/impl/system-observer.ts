import type { SubjectId } from '../units/ids.ts';
import type { Cpu } from './cpu.ts';
import type { DmaOutcome } from './dma/dma-device.ts';
import type { ExitCause } from './exit-cause.ts';
import type { HostedSubject } from './hosted-subject.ts';

/** Watches a run; every callback is optional work for a checker, none can change the run. */
export interface SystemObserver {
  /** A VM exit was taken; the kernel has not run yet. */
  onExit?(cpu: Cpu, subject: SubjectId, reason: number): void;
  /** The kernel performed one atomic segment; `access` is the access it stands before next, 0 when it is about to enter a subject. */
  onSegment?(cpu: Cpu, access: number): void;
  /** A subject was entered. */
  onEntry?(cpu: Cpu, subject: SubjectId): void;
  /** A device made a transfer. */
  onDma?(outcome: DmaOutcome): void;
  /** A subject executed an operation; `exit` is the exit it caused. */
  onOperation?(cpu: Cpu, subject: SubjectId, hosted: HostedSubject, exit: ExitCause | undefined): void;
}
