import { frameOf, hpa } from '../../units/address.ts';
import { TWO32 } from '../../units/word.ts';
import type { Cpu } from '../cpu.ts';
import { HostException } from '../host-exception.ts';
import type { PhysicalMemory } from '../memory.ts';
import { loadMsrs } from '../msr-areas.ts';
import type { VmxCapabilities } from './capabilities.ts';
import { EntryCheckCache } from './entry-check-cache.ts';
import type { FailedEntryCheck } from './entry-check-table.ts';
import { EntryState } from './entry-state.ts';
import { ExitReasonCode } from './exit-reasons.ts';
import { InstructionError, launchError } from './instruction-errors.ts';
import { vmcsWord } from './vmcs.ts';
import { LAUNCH_WORD, LAUNCHED } from './vmx-unit.ts';

const INSTRUCTION_ERROR_WORD = vmcsWord('INSTRUCTION_ERROR');
const GENERAL_PROTECTION = 13;
/** IA32_FEATURE_CONTROL: locked, VMX outside of SMX. */
const VMXON_ALLOWED = 5;
/** The hosted kernel is 64-bit code and has switched its local APIC to x2APIC mode before it enters a guest. */
const ROOT = { isLongMode: true, isX2apic: true } as const;

/** VMsucceed, VMfailInvalid, or the error number of VMfailValid (SDM Vol. 3C, "Conventions"). */
export type VmxOutcome = number;
export const VM_SUCCEED = 0;
export const VM_FAIL_INVALID = -1;

/** Applies the VM-entry checks; the first one that fails, undefined if the guest is entered. */
export type CheckEntry = (state: EntryState, cache: EntryCheckCache) => FailedEntryCheck | undefined;
export const checkEntry: CheckEntry = (state, cache) => cache.failed(state);

/** Registers that decide whether VMXON raises #GP. */
export interface RootRegisters {
  readonly cr0: number;
  readonly cr4: number;
  readonly featureControl: number;
}

/**
 * VMX instructions as hosted root software executes them: the same checks, in the same order, as for machine code
 * (vmx-instructions.ts), and the same table of VM-entry checks. The guest's registers stay in the VMCS, where hosted software keeps them.
 */
export class HostedVmx {
  readonly memory: PhysicalMemory;
  readonly capabilities: VmxCapabilities;
  readonly #entryState: EntryState;
  readonly #cache = new EntryCheckCache();
  readonly #checkEntry: CheckEntry;

  constructor(memory: PhysicalMemory, capabilities: VmxCapabilities, checkEntry: CheckEntry) {
    this.memory = memory;
    this.capabilities = capabilities;
    this.#entryState = new EntryState(memory, capabilities);
    this.#checkEntry = checkEntry;
  }

  vmxon(cpu: Cpu, address: number, { cr0, cr4, featureControl }: RootRegisters): VmxOutcome {
    if (cpu.vmxonAddress >= 0) return this.#fail(cpu, InstructionError.vmxonInRoot);
    const { cr0Fixed0, cr0Fixed1, cr4Fixed0, cr4Fixed1 } = this.capabilities;
    const areFixed =
      (~cr0 & cr0Fixed0) === 0 && (cr0 & ~cr0Fixed1) === 0 && (~cr4 & cr4Fixed0) === 0 && (cr4 & ~cr4Fixed1) === 0;
    if (!areFixed || (featureControl & VMXON_ALLOWED) !== VMXON_ALLOWED)
      throw new HostException(GENERAL_PROTECTION, 'VMXON');
    if (this.#isBadAddress(address) || this.#revisionAt(address) !== this.capabilities.revision) return VM_FAIL_INVALID;
    cpu.vmxonAddress = address;
    cpu.vmcsSlot = -1;
    return VM_SUCCEED;
  }

  vmclear(cpu: Cpu, address: number): VmxOutcome {
    if (this.#isBadAddress(address)) return this.#fail(cpu, InstructionError.vmclearInvalidAddress);
    if (address === cpu.vmxonAddress) return this.#fail(cpu, InstructionError.vmclearVmxonPointer);
    const slot = this.#slotAt(address);
    this.memory.writeWord(slot, LAUNCH_WORD, 0);
    if (slot === cpu.vmcsSlot) cpu.vmcsSlot = -1;
    return VM_SUCCEED;
  }

  vmptrld(cpu: Cpu, address: number): VmxOutcome {
    if (this.#isBadAddress(address)) return this.#fail(cpu, InstructionError.vmptrldInvalidAddress);
    if (address === cpu.vmxonAddress) return this.#fail(cpu, InstructionError.vmptrldVmxonPointer);
    if (this.#revisionAt(address) !== this.capabilities.revision)
      return this.#fail(cpu, InstructionError.vmptrldRevision);
    cpu.vmcsSlot = this.#slotAt(address);
    return VM_SUCCEED;
  }

  /**
   * VMLAUNCH or VMRESUME. An entry that fails because of guest state or an MSR succeeds as an instruction: the CPU holds the reason of
   * the VM exit that follows.
   */
  enter(cpu: Cpu, isLaunch: boolean): VmxOutcome {
    const slot = cpu.vmcsSlot;
    if (slot < 0) return VM_FAIL_INVALID;
    const isLaunched = this.memory.readWord(slot, LAUNCH_WORD) === LAUNCHED;
    const error = launchError(isLaunched, isLaunch);
    if (error !== 0) return this.#fail(cpu, error);
    this.#entryState.begin(slot, ROOT);
    const failure = this.#checkEntry(this.#entryState, this.#cache)?.failure;
    if (failure !== undefined && 'error' in failure) return this.#fail(cpu, failure.error);
    cpu.entryFailureReason = 0;
    if (failure !== undefined) refuse(cpu, ExitReasonCode.entryFailureGuestState, failure.qualification);
    else {
      const entry = loadMsrs(this.memory, cpu);
      if (entry !== 0) refuse(cpu, ExitReasonCode.entryFailureMsrLoading, entry);
      else if (!isLaunched) this.memory.writeWord(slot, LAUNCH_WORD, LAUNCHED);
    }
    return VM_SUCCEED;
  }

  #fail(cpu: Cpu, error: number): VmxOutcome {
    if (cpu.vmcsSlot < 0) return VM_FAIL_INVALID;
    this.memory.writeWord(cpu.vmcsSlot, INSTRUCTION_ERROR_WORD, error);
    return error;
  }

  #isBadAddress(address: number): boolean {
    return address < 0 || address % 0x1000 !== 0 || address >= 2 ** this.capabilities.physicalAddressBits;
  }

  #slotAt(address: number): number {
    return this.memory.slotOf(frameOf(hpa(address)));
  }

  #revisionAt(address: number): number {
    const slot = this.memory.findSlot(frameOf(hpa(address)));
    return slot < 0 ? 0 : this.memory.readWord(slot, 0) % TWO32;
  }
}

function refuse(cpu: Cpu, reason: number, qualification: number): void {
  cpu.entryFailureReason = reason;
  cpu.entryFailureQualification = qualification;
}
