import { type SubjectAddress, subjectAddress } from '../units/address.ts';
import type { Operation } from '../units/operation.ts';
import { lowWord, TWO32 } from '../units/word.ts';
import type { Cpu } from './cpu.ts';
import type { HostedSoftware, SoftwareInput } from './hosted.ts';
import { ExitReasonCode } from './vmx/exit-reasons.ts';
import { Vmcs } from './vmx/vmcs.ts';

/** Bytes by which one hosted operation advances RIP. */
export const OPERATION_LENGTH_BYTES = 4;

/** Address of the timed-event page in every subject (Muen sinfo layout: VA 0xe_0001_0000). */
export const TIMED_EVENT_ADDRESS: SubjectAddress = subjectAddress(0xe_0001_0000);

/** Execution state of one subject's hosted software; everything but `vectors` is replaced, never mutated. */
export interface HostedSubject {
  readonly software: HostedSoftware;
  /** The subject runs the machine code in its memory. */
  readonly runsMachineCode: boolean;
  state: unknown;
  /** Operation in flight and the RIP it stands at. */
  operation: Operation | undefined;
  operationRip: number;
  /** Value the last operation read. */
  low: number;
  high: number;
  /** Vectors delivered since the last operation; replaced, never mutated. */
  vectors: readonly number[];
  /** Operations retired since the run began, resets included. */
  retiredCount: number;
}

const NO_VECTORS: readonly number[] = [];

export function hostSoftware(software: HostedSoftware): HostedSubject {
  return {
    software,
    runsMachineCode: software.images !== undefined,
    state: software.initial,
    operation: undefined,
    operationRip: -1,
    low: 0,
    high: 0,
    vectors: NO_VECTORS,
    retiredCount: 0,
  };
}

const SPIN: Operation = { kind: 'nop' };

/**
 * Operation at the current RIP: the one in flight if RIP still stands there, else the next one of the software. RIP at
 * the entry point means that the kernel reset the subject. Where the software has no code, the subject spins.
 */
export function fetchOperation(subject: HostedSubject, rip: number, entryPoint: number): Operation {
  if (subject.operation !== undefined && subject.operationRip === rip) return subject.operation;
  if (rip === entryPoint) subject.state = subject.software.initial;
  const retired = (rip - entryPoint) / OPERATION_LENGTH_BYTES;
  if (retired < 0 || !Number.isInteger(retired)) return SPIN;
  const input: SoftwareInput = { retired, low: subject.low, high: subject.high, vectors: subject.vectors };
  const { state, operation } = subject.software.next(subject.state, input);
  subject.state = state;
  subject.operation = operation;
  subject.operationRip = rip;
  subject.low = 0;
  subject.high = 0;
  subject.vectors = NO_VECTORS;
  return operation;
}

/** RIP of the guest on a CPU; values above 2^53 lose precision and so hold no code. */
export const guestRip = (cpu: Cpu): number => cpu.vmread(Vmcs.rip + 1) * TWO32 + cpu.vmread(Vmcs.rip);

/** Retires the operation: RIP moves on. */
export function advanceGuestRip(cpu: Cpu): void {
  const sum = cpu.vmread(Vmcs.rip) + OPERATION_LENGTH_BYTES;
  cpu.vmwrite(Vmcs.rip, lowWord(sum % TWO32));
  if (sum >= TWO32) cpu.vmwrite(Vmcs.rip + 1, (cpu.vmread(Vmcs.rip + 1) + 1) >>> 0);
}

/** The subject stands before XSETBV, which the kernel refused: its handler of #GP skips the instruction. */
export const isAtXsetbv = ({ operation, operationRip }: HostedSubject, cpu: Cpu): boolean =>
  operation?.kind === 'exit' && operation.reason === ExitReasonCode.xsetbv && operationRip === guestRip(cpu);
