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
  readonly readOnly: boolean;
}

const rw16 = (name: string, encoding: number): VmcsField => ({ name, encoding, width: 16, readOnly: false });
const rw32 = (name: string, encoding: number): VmcsField => ({ name, encoding, width: 32, readOnly: false });
const ro32 = (name: string, encoding: number): VmcsField => ({ name, encoding, width: 32, readOnly: true });
const rw64 = (name: string, encoding: number): VmcsField => ({ name, encoding, width: 64, readOnly: false });
const ro64 = (name: string, encoding: number): VmcsField => ({ name, encoding, width: 64, readOnly: true });

const SEGMENTS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'LDTR', 'TR'];

export const VMCS_FIELDS: readonly VmcsField[] = [
  rw16('VPID', 0x0000),
  ...SEGMENTS.map((segment, index) => rw16(`GUEST_${segment}_SELECTOR`, 0x0800 + 2 * index)),
  ...['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'TR'].map((segment, index) =>
    rw16(`HOST_${segment}_SELECTOR`, 0x0c00 + 2 * index),
  ),
  rw64('IO_BITMAP_A', 0x2000),
  rw64('IO_BITMAP_B', 0x2002),
  rw64('MSR_BITMAP', 0x2004),
  rw64('EXIT_MSR_STORE_ADDRESS', 0x2006),
  rw64('EXIT_MSR_LOAD_ADDRESS', 0x2008),
  rw64('ENTRY_MSR_LOAD_ADDRESS', 0x200a),
  rw64('TSC_OFFSET', 0x2010),
  rw64('EPT_POINTER', 0x201a),
  ro64('GUEST_PHYSICAL_ADDRESS', 0x2400),
  rw64('LINK_POINTER', 0x2800),
  rw64('GUEST_DEBUGCTL', 0x2802),
  rw64('GUEST_PAT', 0x2804),
  rw64('GUEST_EFER', 0x2806),
  ...[0, 1, 2, 3].map(index => rw64(`GUEST_PDPTE${index}`, 0x280a + 2 * index)),
  rw64('HOST_PAT', 0x2c00),
  rw64('HOST_EFER', 0x2c02),
  rw32('PIN_CONTROLS', 0x4000),
  rw32('PROC_CONTROLS', 0x4002),
  rw32('EXCEPTION_BITMAP', 0x4004),
  rw32('PAGE_FAULT_ERROR_CODE_MASK', 0x4006),
  rw32('PAGE_FAULT_ERROR_CODE_MATCH', 0x4008),
  rw32('CR3_TARGET_COUNT', 0x400a),
  rw32('EXIT_CONTROLS', 0x400c),
  rw32('EXIT_MSR_STORE_COUNT', 0x400e),
  rw32('EXIT_MSR_LOAD_COUNT', 0x4010),
  rw32('ENTRY_CONTROLS', 0x4012),
  rw32('ENTRY_MSR_LOAD_COUNT', 0x4014),
  rw32('ENTRY_INTERRUPT_INFO', 0x4016),
  rw32('ENTRY_EXCEPTION_ERROR_CODE', 0x4018),
  rw32('ENTRY_INSTRUCTION_LENGTH', 0x401a),
  rw32('TPR_THRESHOLD', 0x401c),
  rw32('PROC2_CONTROLS', 0x401e),
  ro32('INSTRUCTION_ERROR', 0x4400),
  ro32('EXIT_REASON', 0x4402),
  ro32('EXIT_INTERRUPT_INFO', 0x4404),
  ro32('EXIT_INTERRUPT_ERROR_CODE', 0x4406),
  ro32('IDT_VECTORING_INFO', 0x4408),
  ro32('IDT_VECTORING_ERROR_CODE', 0x440a),
  ro32('EXIT_INSTRUCTION_LENGTH', 0x440c),
  ro32('EXIT_INSTRUCTION_INFO', 0x440e),
  ...SEGMENTS.map((segment, index) => rw32(`GUEST_${segment}_LIMIT`, 0x4800 + 2 * index)),
  rw32('GUEST_GDTR_LIMIT', 0x4810),
  rw32('GUEST_IDTR_LIMIT', 0x4812),
  ...SEGMENTS.map((segment, index) => rw32(`GUEST_${segment}_ACCESS`, 0x4814 + 2 * index)),
  rw32('GUEST_INTERRUPTIBILITY', 0x4824),
  rw32('GUEST_ACTIVITY', 0x4826),
  rw32('GUEST_SMBASE', 0x4828),
  rw32('GUEST_SYSENTER_CS', 0x482a),
  rw32('PREEMPTION_TIMER', 0x482e),
  rw32('HOST_SYSENTER_CS', 0x4c00),
  rw64('CR0_MASK', 0x6000),
  rw64('CR4_MASK', 0x6002),
  rw64('CR0_SHADOW', 0x6004),
  rw64('CR4_SHADOW', 0x6006),
  ro64('EXIT_QUALIFICATION', 0x6400),
  ro64('GUEST_LINEAR_ADDRESS', 0x640a),
  rw64('GUEST_CR0', 0x6800),
  rw64('GUEST_CR3', 0x6802),
  rw64('GUEST_CR4', 0x6804),
  ...SEGMENTS.map((segment, index) => rw64(`GUEST_${segment}_BASE`, 0x6806 + 2 * index)),
  rw64('GUEST_GDTR_BASE', 0x6816),
  rw64('GUEST_IDTR_BASE', 0x6818),
  rw64('GUEST_DR7', 0x681a),
  rw64('GUEST_RSP', 0x681c),
  rw64('GUEST_RIP', 0x681e),
  rw64('GUEST_RFLAGS', 0x6820),
  rw64('GUEST_PENDING_DEBUG', 0x6822),
  rw64('GUEST_SYSENTER_ESP', 0x6824),
  rw64('GUEST_SYSENTER_EIP', 0x6826),
  rw64('HOST_CR0', 0x6c00),
  rw64('HOST_CR3', 0x6c02),
  rw64('HOST_CR4', 0x6c04),
  rw64('HOST_FS_BASE', 0x6c06),
  rw64('HOST_GS_BASE', 0x6c08),
  rw64('HOST_TR_BASE', 0x6c0a),
  rw64('HOST_GDTR_BASE', 0x6c0c),
  rw64('HOST_IDTR_BASE', 0x6c0e),
  rw64('HOST_SYSENTER_ESP', 0x6c10),
  rw64('HOST_SYSENTER_EIP', 0x6c12),
  rw64('HOST_RSP', 0x6c14),
  rw64('HOST_RIP', 0x6c16),
];
