import type { Cpu } from './cpu.ts';
import { type ExitCause, plainExit } from './exit-cause.ts';
import { ExitReasonCode } from './vmx/exit-reasons.ts';
import { ENABLE_EPT, Vmcs } from './vmx/vmcs.ts';
import { type Access, MISCONFIGURED, NOT_PRESENT } from './x86/paging-walk.ts';

const PAGE_FAULT = 14;
/** Valid, error code delivered, hardware exception. */
const HARDWARE_EXCEPTION = 0x8000_0b00;

/** EPT violation or misconfiguration of a VM subject; page fault of a native one, which exits if its exception bitmap says so. */
export function accessFault(cpu: Cpu, address: number, access: Access, code: number): ExitCause {
  const isWrite = access === 'write';
  if ((cpu.vmread(Vmcs.proc2Controls) & ENABLE_EPT) !== 0) {
    return {
      ...plainExit(code === MISCONFIGURED ? ExitReasonCode.eptMisconfiguration : ExitReasonCode.eptViolation),
      qualification: isWrite ? 2 : 1,
      guestPhysicalAddress: address,
    };
  }
  return {
    ...plainExit(ExitReasonCode.exception),
    qualification: address,
    interruptInfo: (HARDWARE_EXCEPTION | PAGE_FAULT) >>> 0,
    interruptErrorCode: (code === NOT_PRESENT ? 0 : 1) | (isWrite ? 2 : 0),
  };
}
