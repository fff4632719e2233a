import { vmcsWord } from '../vmx/vmcs.ts';

/**
 * Layout of a subject-state page (Muen `SK.Subject_State_Type`): packed, little endian, 493 bytes.
 *
 * One row per field: byte offset, size, the VMCS field it is exchanged with, and the direction of the exchange.
 */
export interface StateField {
  readonly name: string;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly vmcs: string;
  /** Written to the VMCS before VM entry; all VMCS-backed fields are saved on exit. */
  readonly restored: boolean;
}

const field = (name: string, offset: number, sizeBytes: number, vmcs: string, restored = true): StateField => ({
  name,
  offset,
  sizeBytes,
  vmcs,
  restored,
});

const segment = (name: string, index: number): readonly StateField[] => {
  const offset = 252 + 24 * index;
  return [
    field(`${name}.selector`, offset, 8, `GUEST_${name}_SELECTOR`),
    field(`${name}.base`, offset + 8, 8, `GUEST_${name}_BASE`),
    field(`${name}.limit`, offset + 16, 4, `GUEST_${name}_LIMIT`),
    field(`${name}.access`, offset + 20, 4, `GUEST_${name}_ACCESS`),
  ];
};

const descriptorTable = (name: string, offset: number): readonly StateField[] => [
  field(`${name}.base`, offset + 8, 8, `GUEST_${name}_BASE`),
  field(`${name}.limit`, offset + 16, 4, `GUEST_${name}_LIMIT`),
];

/** Order of the general-purpose registers in the state page, from offset 0, eight bytes each. */
export const STATE_REGISTERS = [
  'CR2',
  'RAX',
  'RBX',
  'RCX',
  'RDX',
  'RDI',
  'RSI',
  'RBP',
  'R8',
  'R9',
  'R10',
  'R11',
  'R12',
  'R13',
  'R14',
  'R15',
] as const;

/** Segment order of the state page. */
export const STATE_SEGMENTS = ['CS', 'SS', 'DS', 'ES', 'FS', 'GS', 'TR', 'LDTR'] as const;

export const STATE_FIELDS: readonly StateField[] = [
  field('EXIT_REASON', 128, 4, 'EXIT_REASON', false),
  field('INTR_STATE', 132, 4, 'GUEST_INTERRUPTIBILITY'),
  field('ACTIVITY_STATE', 136, 4, 'GUEST_ACTIVITY'),
  field('SYSENTER_CS', 140, 4, 'GUEST_SYSENTER_CS'),
  field('INSTRUCTION_LEN', 144, 4, 'EXIT_INSTRUCTION_LENGTH', false),
  field('EXIT_QUALIFICATION', 148, 8, 'EXIT_QUALIFICATION', false),
  field('GUEST_PHYS_ADDR', 156, 8, 'GUEST_PHYSICAL_ADDRESS', false),
  field('RIP', 164, 8, 'GUEST_RIP'),
  field('RSP', 172, 8, 'GUEST_RSP'),
  field('CR0', 180, 8, 'GUEST_CR0'),
  field('SHADOW_CR0', 188, 8, 'CR0_SHADOW'),
  field('CR3', 196, 8, 'GUEST_CR3', false),
  field('CR4', 204, 8, 'GUEST_CR4'),
  field('SHADOW_CR4', 212, 8, 'CR4_SHADOW'),
  field('RFLAGS', 220, 8, 'GUEST_RFLAGS'),
  field('IA32_EFER', 228, 8, 'GUEST_EFER'),
  field('SYSENTER_ESP', 236, 8, 'GUEST_SYSENTER_ESP'),
  field('SYSENTER_EIP', 244, 8, 'GUEST_SYSENTER_EIP'),
  ...STATE_SEGMENTS.flatMap((name, index) => segment(name, index)),
  ...descriptorTable('GDTR', 444),
  ...descriptorTable('IDTR', 468),
];

/** Words of the state page, named: 32-bit word index of the field's low half. */
export const StateWord = {
  exitReason: 32,
  interruptibility: 33,
  activity: 34,
  instructionLength: 36,
  rip: 41,
  cr4: 51,
  rflags: 55,
  csSelector: 63,
  running: 123,
} as const;

/** Words of the page that belong to the state: 493 bytes rounded up. */
export const STATE_WORDS = 124;
/** Words of the register block at the start of the page. */
export const REGISTER_WORDS = 32;
/** RAX in the register block. */
export const RAX_WORD = 2;
export const RCX_WORD = 6;
export const RDX_WORD = 8;

/** Word pairs exchanged between a state page and a VMCS; `masks` truncates to the width of the VMCS field. */
export interface Transfers {
  readonly stateWords: Uint16Array;
  readonly vmcsWords: Uint16Array;
  readonly masks: Uint32Array;
}

const transfers = (fields: readonly StateField[]): Transfers => {
  const stateWords: number[] = [];
  const vmcsWords: number[] = [];
  const masks: number[] = [];
  for (const { offset, sizeBytes, vmcs } of fields) {
    const low = vmcsWord(vmcs);
    const isSelector = vmcs.endsWith('_SELECTOR');
    for (let half = 0; half < sizeBytes / 4; half++) {
      stateWords.push(offset / 4 + half);
      vmcsWords.push(low + half);
      masks.push(isSelector ? (half === 0 ? 0xffff : 0) : 0xffff_ffff);
    }
  }
  return {
    stateWords: Uint16Array.from(stateWords),
    vmcsWords: Uint16Array.from(vmcsWords),
    masks: Uint32Array.from(masks),
  };
};

/** Word pairs copied VMCS -> state page on exit. */
export const SAVE_TRANSFERS = transfers(STATE_FIELDS);
/** Word pairs copied state page -> VMCS before entry. */
export const RESTORE_TRANSFERS = transfers(STATE_FIELDS.filter(row => row.restored));
