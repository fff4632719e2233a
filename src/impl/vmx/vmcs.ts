import { invariant } from '../../units/invariant.ts';
import { VMCS_FIELDS } from './vmcs-fields.ts';

/** Word of the VMCS region where field 0 is kept; before it stand the revision identifier and the abort indicator. */
export const FIELD_BASE_WORD = 4;
/** VMCS revision identifier of this machine (IA32_VMX_BASIC[30:0]). */
export const VMCS_REVISION = 0x12;

const wordOfName = new Map(VMCS_FIELDS.map((field, index) => [field.name, FIELD_BASE_WORD + 2 * index]));

/** Word offset, inside a VMCS region, of the low half of the named field. */
export function vmcsWord(name: string): number {
  const word = wordOfName.get(name);
  invariant(word !== undefined, `no VMCS field ${name}`);
  return word;
}

/** Encoding of the field that has the given word. */
export const fieldEncoding = (word: number): number => VMCS_FIELDS[(word - FIELD_BASE_WORD) >> 1]!.encoding;

/** Word offsets of the fields that hot code reads and writes. */
export const Vmcs = {
  pinControls: vmcsWord('PIN_CONTROLS'),
  procControls: vmcsWord('PROC_CONTROLS'),
  proc2Controls: vmcsWord('PROC2_CONTROLS'),
  entryInterruptInfo: vmcsWord('ENTRY_INTERRUPT_INFO'),
  exitReason: vmcsWord('EXIT_REASON'),
  exitInterruptInfo: vmcsWord('EXIT_INTERRUPT_INFO'),
  exitInstructionLength: vmcsWord('EXIT_INSTRUCTION_LENGTH'),
  exitQualification: vmcsWord('EXIT_QUALIFICATION'),
  guestPhysicalAddress: vmcsWord('GUEST_PHYSICAL_ADDRESS'),
  guestLinearAddress: vmcsWord('GUEST_LINEAR_ADDRESS'),
  interruptibility: vmcsWord('GUEST_INTERRUPTIBILITY'),
  activity: vmcsWord('GUEST_ACTIVITY'),
  preemptionTimer: vmcsWord('PREEMPTION_TIMER'),
  csSelector: vmcsWord('GUEST_CS_SELECTOR'),
  rip: vmcsWord('GUEST_RIP'),
  rflags: vmcsWord('GUEST_RFLAGS'),
  cr0: vmcsWord('GUEST_CR0'),
  cr3: vmcsWord('GUEST_CR3'),
  cr4: vmcsWord('GUEST_CR4'),
  eptPointer: vmcsWord('EPT_POINTER'),
} as const;

/** Primary processor-based VM-execution controls that this machine acts on (SDM Vol. 3C, same title). */
export const ProcControl = {
  interruptWindowExiting: 1 << 2,
  hltExiting: 1 << 7,
  rdtscExiting: 1 << 12,
  cr3LoadExiting: 1 << 15,
  cr3StoreExiting: 1 << 16,
  unconditionalIoExiting: 1 << 24,
  useIoBitmaps: 1 << 25,
  useMsrBitmaps: 1 << 28,
} as const;

/** Secondary processor-based control: enable EPT. */
export const ENABLE_EPT = 1 << 1;
/** RFLAGS.IF. */
export const RFLAGS_IF = 1 << 9;
/** Guest activity states (SDM Vol. 3C, "Guest Non-Register State"). */
export const Activity = { active: 0, hlt: 1 } as const;
/** VM-entry interruption-information: valid, type external interrupt. */
export const INJECT_EXTERNAL_INTERRUPT = 0x8000_0000;
