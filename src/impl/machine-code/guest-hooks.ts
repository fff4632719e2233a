import { vmcsWord } from '../vmx/vmcs.ts';
import { VmxHooks } from '../vmx/vmx-hooks.ts';
import type { PhysicalAccess, PhysicalTranslation } from '../x86/hooks.ts';
import type { Processor } from '../x86/processor.ts';

const EXIT_INSTRUCTION_LENGTH = vmcsWord('EXIT_INSTRUCTION_LENGTH');

/**
 * VMX as a subject's machine code meets it.
 *
 * The manual leaves the instruction length undefined at EPT violations and misconfigurations; processors store it for accesses
 * of an instruction, and monitors that skip such an access (Muen's SM) depend on it.
 */
export class GuestHooks extends VmxHooks {
  override translate(cpu: Processor, address: number, access: PhysicalAccess): PhysicalTranslation {
    try {
      return super.translate(cpu, address, access);
    } catch (unwinding) {
      if (!cpu.isNonRoot && access.kind !== 'fetch' && cpu.delivering === undefined)
        this.unit.write32(EXIT_INSTRUCTION_LENGTH, cpu.instruction.length);
      throw unwinding;
    }
  }
}
