import { FRAME_WORDS } from '../../../src/impl/memory.ts';
import type { System } from '../../../src/impl/system.ts';
import { Vmcs } from '../../../src/impl/vmx/vmcs.ts';
import { idOf } from './kernel-bench.ts';

/** Vector of the latest injection into a subject, valid or used up; 0 for none. */
export const lastInjection = (system: System, name: string): number =>
  vmcsWordOf(system, name, 'entryInterruptInfo') & 0xff;

/** Low word of a field in a subject's VMCS. */
export const vmcsWordOf = (system: System, name: string, field: keyof typeof Vmcs): number =>
  system.memory.words[system.kernel.at.vmcsSlots[idOf(system, name)]! * FRAME_WORDS + Vmcs[field]]!;
