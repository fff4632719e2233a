/**
 * VMCS field table (SDM Vol. 3D, appendix "Field Encoding in VMCS").
 *
 * A field's place in the table is its index; the VMCS region of this machine keeps field i in the two words from
 * FIELD_BASE_WORD + 2 i (the layout of the region is the processor's own, SDM Vol. 3C, "Format of the VMCS Region").
 */
export interface VmcsField {
  readonly name: string;
  readonly encoding: number;
  /** Bits; natural-width fields have 64. */
  readonly width: 16 | 32 | 64;
  /** True for natural-width fields, which have no high access. */
  readonly isNatural: boolean;
  readonly readOnly: boolean;
  /** SDM Vol. 3C, chapter "Virtual Machine Control Structures", section title. */
  readonly section: string;
}

type Row = readonly [name: string, encoding: number];

/** Bits 14:13 of an encoding: 16-bit, 64-bit, 32-bit, natural-width; bits 11:10: control, read-only, guest, host. */
const WIDTHS = [16, 64, 32, 64] as const;
const widthCode = (encoding: number): number => (encoding >>> 13) & 3;

const fields = (section: string, ...rows: readonly Row[]): readonly VmcsField[] =>
  rows.map(([name, encoding]) => ({
    name,
    encoding,
    width: WIDTHS[widthCode(encoding)]!,
    isNatural: widthCode(encoding) === 3,
    readOnly: ((encoding >>> 10) & 3) === 1,
    section,
  }));

const SEGMENTS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'LDTR', 'TR'];
const each = (names: readonly string[], name: (item: string) => string, encoding: number): Row[] =>
  names.map((item, index) => [name(item), encoding + 2 * index]);
const NUMBERS = ['0', '1', '2', '3'];

export const VMCS_FIELDS: readonly VmcsField[] = [
  ...fields('Virtual-Processor Identifier (VPID)', ['VPID', 0x0000]),
  ...fields('Controls for Virtualization Exceptions', ['EPTP_INDEX', 0x0004]),
  ...fields('Guest Register State', ...each(SEGMENTS, name => `GUEST_${name}_SELECTOR`, 0x0800)),
  ...fields('Guest Non-Register State', ['GUEST_INTERRUPT_STATUS', 0x0810], ['GUEST_PML_INDEX', 0x0812]),
  ...fields(
    'Host-State Area',
    ...each(['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'TR'], name => `HOST_${name}_SELECTOR`, 0x0c00),
  ),
  ...fields('I/O-Bitmap Addresses', ['IO_BITMAP_A', 0x2000], ['IO_BITMAP_B', 0x2002]),
  ...fields('MSR-Bitmap Address', ['MSR_BITMAP', 0x2004]),
  ...fields('VM-Exit Controls for MSRs', ['EXIT_MSR_STORE_ADDRESS', 0x2006], ['EXIT_MSR_LOAD_ADDRESS', 0x2008]),
  ...fields('VM-Entry Controls for MSRs', ['ENTRY_MSR_LOAD_ADDRESS', 0x200a]),
  ...fields('Executive-VMCS Pointer', ['EXECUTIVE_VMCS_POINTER', 0x200c]),
  ...fields('Page-Modification Logging', ['PML_ADDRESS', 0x200e]),
  ...fields('Time-Stamp Counter Offset and Multiplier', ['TSC_OFFSET', 0x2010]),
  ...fields('Controls for APIC Virtualization', ['VIRTUAL_APIC_ADDRESS', 0x2012], ['APIC_ACCESS_ADDRESS', 0x2014]),
  ...fields('VM-Function Controls', ['VM_FUNCTION_CONTROLS', 0x2018]),
  ...fields('Extended-Page-Table Pointer (EPTP)', ['EPT_POINTER', 0x201a]),
  ...fields('Controls for APIC Virtualization', ...each(NUMBERS, name => `EOI_EXIT_BITMAP${name}`, 0x201c)),
  ...fields('VM-Function Controls', ['EPTP_LIST_ADDRESS', 0x2024]),
  ...fields('VMCS Shadowing Bitmap Addresses', ['VMREAD_BITMAP', 0x2026], ['VMWRITE_BITMAP', 0x2028]),
  ...fields('Controls for Virtualization Exceptions', ['VIRTUALIZATION_EXCEPTION_ADDRESS', 0x202a]),
  ...fields('XSS-Exiting Bitmap', ['XSS_EXITING_BITMAP', 0x202c]),
  ...fields('Time-Stamp Counter Offset and Multiplier', ['TSC_MULTIPLIER', 0x2032]),
  ...fields('Basic VM-Exit Information', ['GUEST_PHYSICAL_ADDRESS', 0x2400]),
  ...fields('Guest Non-Register State', ['LINK_POINTER', 0x2800]),
  ...fields(
    'Guest Register State',
    ['GUEST_DEBUGCTL', 0x2802],
    ['GUEST_PAT', 0x2804],
    ['GUEST_EFER', 0x2806],
    ['GUEST_PERF_GLOBAL_CTRL', 0x2808],
  ),
  ...fields('Guest Non-Register State', ...each(NUMBERS, name => `GUEST_PDPTE${name}`, 0x280a)),
  ...fields('Host-State Area', ['HOST_PAT', 0x2c00], ['HOST_EFER', 0x2c02], ['HOST_PERF_GLOBAL_CTRL', 0x2c04]),
  ...fields('Pin-Based VM-Execution Controls', ['PIN_CONTROLS', 0x4000]),
  ...fields('Processor-Based VM-Execution Controls', ['PROC_CONTROLS', 0x4002]),
  ...fields(
    'Exception Bitmap',
    ['EXCEPTION_BITMAP', 0x4004],
    ['PAGE_FAULT_ERROR_CODE_MASK', 0x4006],
    ['PAGE_FAULT_ERROR_CODE_MATCH', 0x4008],
  ),
  ...fields('CR3-Target Controls', ['CR3_TARGET_COUNT', 0x400a]),
  ...fields('VM-Exit Controls', ['EXIT_CONTROLS', 0x400c]),
  ...fields('VM-Exit Controls for MSRs', ['EXIT_MSR_STORE_COUNT', 0x400e], ['EXIT_MSR_LOAD_COUNT', 0x4010]),
  ...fields('VM-Entry Controls', ['ENTRY_CONTROLS', 0x4012]),
  ...fields('VM-Entry Controls for MSRs', ['ENTRY_MSR_LOAD_COUNT', 0x4014]),
  ...fields(
    'VM-Entry Controls for Event Injection',
    ['ENTRY_INTERRUPT_INFO', 0x4016],
    ['ENTRY_EXCEPTION_ERROR_CODE', 0x4018],
    ['ENTRY_INSTRUCTION_LENGTH', 0x401a],
  ),
  ...fields('Controls for APIC Virtualization', ['TPR_THRESHOLD', 0x401c]),
  ...fields('Processor-Based VM-Execution Controls', ['PROC2_CONTROLS', 0x401e]),
  ...fields('Controls for PAUSE-Loop Exiting', ['PLE_GAP', 0x4020], ['PLE_WINDOW', 0x4022]),
  ...fields('VM-Instruction Error Field', ['INSTRUCTION_ERROR', 0x4400]),
  ...fields('Basic VM-Exit Information', ['EXIT_REASON', 0x4402]),
  ...fields(
    'Information for VM Exits Due to Vectored Events',
    ['EXIT_INTERRUPT_INFO', 0x4404],
    ['EXIT_INTERRUPT_ERROR_CODE', 0x4406],
  ),
  ...fields(
    'Information for VM Exits That Occur During Event Delivery',
    ['IDT_VECTORING_INFO', 0x4408],
    ['IDT_VECTORING_ERROR_CODE', 0x440a],
  ),
  ...fields(
    'Information for VM Exits Due to Instruction Execution',
    ['EXIT_INSTRUCTION_LENGTH', 0x440c],
    ['EXIT_INSTRUCTION_INFO', 0x440e],
  ),
  ...fields('Guest Register State', ...each(SEGMENTS, name => `GUEST_${name}_LIMIT`, 0x4800)),
  ...fields('Guest Register State', ['GUEST_GDTR_LIMIT', 0x4810], ['GUEST_IDTR_LIMIT', 0x4812]),
  ...fields('Guest Register State', ...each(SEGMENTS, name => `GUEST_${name}_ACCESS`, 0x4814)),
  ...fields('Guest Non-Register State', ['GUEST_INTERRUPTIBILITY', 0x4824], ['GUEST_ACTIVITY', 0x4826]),
  ...fields('Guest Register State', ['GUEST_SMBASE', 0x4828], ['GUEST_SYSENTER_CS', 0x482a]),
  ...fields('Guest Non-Register State', ['PREEMPTION_TIMER', 0x482e]),
  ...fields('Host-State Area', ['HOST_SYSENTER_CS', 0x4c00]),
  ...fields(
    'Guest/Host Masks and Read Shadows for CR0 and CR4',
    ['CR0_MASK', 0x6000],
    ['CR4_MASK', 0x6002],
    ['CR0_SHADOW', 0x6004],
    ['CR4_SHADOW', 0x6006],
  ),
  ...fields('CR3-Target Controls', ...each(NUMBERS, name => `CR3_TARGET${name}`, 0x6008)),
  ...fields('Basic VM-Exit Information', ['EXIT_QUALIFICATION', 0x6400]),
  ...fields(
    'Information for VM Exits Due to Instruction Execution',
    ...each(['RCX', 'RSI', 'RDI', 'RIP'], name => `IO_${name}`, 0x6402),
  ),
  ...fields('Basic VM-Exit Information', ['GUEST_LINEAR_ADDRESS', 0x640a]),
  ...fields('Guest Register State', ['GUEST_CR0', 0x6800], ['GUEST_CR3', 0x6802], ['GUEST_CR4', 0x6804]),
  ...fields('Guest Register State', ...each(SEGMENTS, name => `GUEST_${name}_BASE`, 0x6806)),
  ...fields(
    'Guest Register State',
    ['GUEST_GDTR_BASE', 0x6816],
    ['GUEST_IDTR_BASE', 0x6818],
    ['GUEST_DR7', 0x681a],
    ['GUEST_RSP', 0x681c],
    ['GUEST_RIP', 0x681e],
    ['GUEST_RFLAGS', 0x6820],
  ),
  ...fields('Guest Non-Register State', ['GUEST_PENDING_DEBUG', 0x6822]),
  ...fields('Guest Register State', ['GUEST_SYSENTER_ESP', 0x6824], ['GUEST_SYSENTER_EIP', 0x6826]),
  ...fields('Host-State Area', ['HOST_CR0', 0x6c00], ['HOST_CR3', 0x6c02], ['HOST_CR4', 0x6c04]),
  ...fields('Host-State Area', ...each(['FS', 'GS', 'TR', 'GDTR', 'IDTR'], name => `HOST_${name}_BASE`, 0x6c06)),
  ...fields(
    'Host-State Area',
    ['HOST_SYSENTER_ESP', 0x6c10],
    ['HOST_SYSENTER_EIP', 0x6c12],
    ['HOST_RSP', 0x6c14],
    ['HOST_RIP', 0x6c16],
  ),
];
