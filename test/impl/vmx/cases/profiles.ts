import { Entry, Exit, Pin, Proc, Proc2 } from '../../../../src/impl/vmx/control-bits.ts';
import { type Op, type OpList, poke, vmwrite } from './case-program.ts';

/* Guests that VM entry accepts: starting points of the cases. Addresses are those of src/guests/vmx-cases.asm. */

export const VMCS_A = 0x21000;
export const VMCS_B = 0x22000;
export const IO_BITMAP_A = 0x23000;
export const IO_BITMAP_B = 0x24000;
export const MSR_BITMAP = 0x25000;
export const VIRTUAL_APIC = 0x26000;
export const APIC_ACCESS = 0x27000;
export const ENTRY_MSR_LOAD = 0x28000;
export const EXIT_MSR_STORE = 0x29000;
export const EXIT_MSR_LOAD = 0x2a000;
export const LOG_PAGE = 0x2b000;
export const VMREAD_BITMAP = 0x2c000;
export const VMWRITE_BITMAP = 0x2d000;
export const GUEST_PDPT = 0x2e000;
export const EPTP_LIST = 0x2f000;
export const EPT_ROOT = 0x30000;
export const EPT_PAGE_TABLE = 0x33000;
export const GUEST_PML4 = 0x34000;
export const GUEST_PAGE_TABLE = 0x37000;
export const GUEST_GDT = 0x38000;
export const GUEST_TSS = 0x38100;
export const GUEST_VECTORS = 0x38400;
export const GUEST_DATA = 0x3a000;
export const GUEST_PAGE_DIRECTORY = 0x3b000;
export const GUEST_CODE = 0x3c000;
export const GUEST_STUBS = 0x3d000;
export const GUEST_IDT = 0x3e000;

/** Controls that have no meaning and must be 1. */
export const MUST = { pin: 0x16, proc: 0x0400_6172, exit: 0x3_6dfb, entry: 0x11fb } as const;

const PIN = MUST.pin | Pin.externalInterruptExiting | Pin.nmiExiting | Pin.virtualNmis | Pin.preemptionTimer;
const PROC = MUST.proc | Proc.hltExiting | Proc.ioBitmaps | Proc.msrBitmaps | Proc.tprShadow | Proc.secondaryControls;
const PROC2_EPT = Proc2.ept | Proc2.vpid | Proc2.unrestrictedGuest;
const EXIT =
  MUST.exit |
  Exit.saveDebugControls |
  Exit.hostAddressSpaceSize |
  Exit.savePat |
  Exit.loadPat |
  Exit.saveEfer |
  Exit.loadEfer |
  Exit.savePreemptionTimer;
const ENTRY = MUST.entry | Entry.loadDebugControls | Entry.loadPat | Entry.loadEfer;
const PAT = 0x0007_0406_0007_0406n;

const SEGMENTS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS'] as const;

interface SegmentValues {
  readonly selector: number;
  readonly limit: number;
  readonly access: number;
}

const segments = (code: SegmentValues, data: SegmentValues): Op[] =>
  SEGMENTS.flatMap(name => {
    const { selector, limit, access } = name === 'CS' ? code : data;
    return [
      vmwrite(`GUEST_${name}_SELECTOR`, selector),
      vmwrite(`GUEST_${name}_BASE`, 0),
      vmwrite(`GUEST_${name}_LIMIT`, limit),
      vmwrite(`GUEST_${name}_ACCESS`, access),
    ];
  });

const FLAT_DATA = { selector: 0x10, limit: 0xffff_ffff, access: 0xc093 };

/** Controls and 64-bit guest state; the other profiles change what differs. */
const COMMON: readonly Op[] = [
  vmwrite('PIN_CONTROLS', PIN),
  vmwrite('PROC_CONTROLS', PROC),
  vmwrite('PROC2_CONTROLS', PROC2_EPT),
  vmwrite('EXIT_CONTROLS', EXIT),
  vmwrite('ENTRY_CONTROLS', ENTRY | Entry.ia32eGuest),
  vmwrite('EXCEPTION_BITMAP', 0xffff_ffff),
  vmwrite('VPID', 1),
  vmwrite('EPT_POINTER', EPT_ROOT + 0x1e),
  vmwrite('LINK_POINTER', 0xffff_ffff_ffff_ffffn),
  vmwrite('IO_BITMAP_A', IO_BITMAP_A),
  vmwrite('IO_BITMAP_B', IO_BITMAP_B),
  vmwrite('MSR_BITMAP', MSR_BITMAP),
  vmwrite('VIRTUAL_APIC_ADDRESS', VIRTUAL_APIC),
  vmwrite('APIC_ACCESS_ADDRESS', APIC_ACCESS),
  vmwrite('PML_ADDRESS', LOG_PAGE),
  vmwrite('VIRTUALIZATION_EXCEPTION_ADDRESS', LOG_PAGE),
  vmwrite('VMREAD_BITMAP', VMREAD_BITMAP),
  vmwrite('VMWRITE_BITMAP', VMWRITE_BITMAP),
  vmwrite('EPTP_LIST_ADDRESS', EPTP_LIST),
  vmwrite('TSC_MULTIPLIER', 1n << 48n),
  vmwrite('PREEMPTION_TIMER', 100_000),
  ...segments({ selector: 8, limit: 0xffff_ffff, access: 0xa09b }, FLAT_DATA),
  vmwrite('GUEST_LDTR_ACCESS', 0x1_0000),
  vmwrite('GUEST_TR_SELECTOR', 0x18),
  vmwrite('GUEST_TR_BASE', GUEST_TSS),
  vmwrite('GUEST_TR_LIMIT', 0x67),
  vmwrite('GUEST_TR_ACCESS', 0x8b),
  vmwrite('GUEST_GDTR_BASE', GUEST_GDT),
  vmwrite('GUEST_GDTR_LIMIT', 0xff),
  vmwrite('GUEST_IDTR_BASE', GUEST_IDT),
  vmwrite('GUEST_IDTR_LIMIT', 0xfff),
  vmwrite('GUEST_CR0', 0x8000_0031),
  vmwrite('GUEST_CR3', GUEST_PML4),
  vmwrite('GUEST_CR4', 0x2020),
  vmwrite('GUEST_DR7', 0x400),
  vmwrite('GUEST_RSP', 0x39f00),
  vmwrite('GUEST_RIP', GUEST_CODE),
  vmwrite('GUEST_RFLAGS', 2),
  vmwrite('GUEST_PAT', PAT),
  vmwrite('GUEST_EFER', 0xd01),
];

const LEGACY = [vmwrite('ENTRY_CONTROLS', ENTRY), vmwrite('GUEST_EFER', 0)];
const CODE32 = { selector: 0x28, limit: 0xffff_ffff, access: 0xc09b };

const profile = (name: string, ...ops: readonly Op[]): OpList => ({ name, ops: [...COMMON, ...ops] });

/** 64-bit guest with EPT. */
export const LONG = profile('long');
/** 64-bit guest without EPT, VPID and unrestricted mode. */
export const SHADOWED = profile('shadowed', vmwrite('PROC2_CONTROLS', 0));
/** Compatibility mode at CPL 3. */
export const COMPATIBILITY = profile(
  'compatibility',
  ...segments(
    { selector: 0x43, limit: 0xffff_ffff, access: 0xc0fb },
    { selector: 0x33, limit: 0xffff_ffff, access: 0xc0f3 },
  ),
);
/** 32-bit protected mode with 32-bit paging. */
export const PROTECTED = profile(
  'protected',
  ...LEGACY,
  ...segments(CODE32, FLAT_DATA),
  vmwrite('GUEST_CR3', GUEST_PAGE_DIRECTORY),
  vmwrite('GUEST_CR4', 0x2010),
);
/** 32-bit protected mode without EPT, so that the guest is not unrestricted. */
export const RESTRICTED = profile('restricted', ...PROTECTED.ops.slice(COMMON.length), vmwrite('PROC2_CONTROLS', 0));
/** PAE paging with EPT: PDPTEs come from the VMCS. */
export const PAE = profile(
  'pae',
  ...LEGACY,
  ...segments(CODE32, FLAT_DATA),
  vmwrite('GUEST_CR3', GUEST_PDPT),
  vmwrite('GUEST_CR4', 0x2020),
  vmwrite('GUEST_PDPTE0', 0x36001),
);
/** PAE paging without EPT: PDPTEs come from memory. */
export const PAE_SHADOWED = profile('pae-shadowed', ...PAE.ops.slice(COMMON.length), vmwrite('PROC2_CONTROLS', 0));
/** Real mode in an unrestricted guest. */
export const REAL = profile(
  'real',
  ...LEGACY,
  ...segments({ selector: 0, limit: 0xffff, access: 0x9b }, { selector: 0, limit: 0xffff, access: 0x93 }),
  vmwrite('GUEST_CS_SELECTOR', 0x3000),
  vmwrite('GUEST_CS_BASE', 0x30000),
  vmwrite('GUEST_RIP', 0xc000),
  vmwrite('GUEST_RSP', 0x8000),
  vmwrite('GUEST_CR0', 0x30),
  vmwrite('GUEST_CR3', 0),
  vmwrite('GUEST_CR4', 0x2000),
  vmwrite('GUEST_IDTR_BASE', GUEST_VECTORS),
  vmwrite('GUEST_IDTR_LIMIT', 0x3ff),
);
/** Protected mode without paging in an unrestricted guest. */
export const UNPAGED = profile(
  'unpaged',
  ...LEGACY,
  ...segments(CODE32, FLAT_DATA),
  vmwrite('GUEST_CR0', 0x31),
  vmwrite('GUEST_CR4', 0x2000),
);
/** Virtual-8086 mode. */
export const VIRTUAL_8086 = profile(
  'virtual-8086',
  ...LEGACY,
  ...segments({ selector: 0x3000, limit: 0xffff, access: 0xf3 }, { selector: 0x3000, limit: 0xffff, access: 0xf3 }),
  ...SEGMENTS.map(name => vmwrite(`GUEST_${name}_BASE`, 0x30000)),
  vmwrite('GUEST_CR3', GUEST_PAGE_DIRECTORY),
  vmwrite('GUEST_CR4', 0x2010),
  vmwrite('GUEST_RFLAGS', 0x2_0002),
  vmwrite('GUEST_RIP', 0xc000),
  vmwrite('GUEST_RSP', 0x9000),
);

export const PROFILES: readonly OpList[] = [
  LONG,
  SHADOWED,
  COMPATIBILITY,
  PROTECTED,
  RESTRICTED,
  PAE,
  PAE_SHADOWED,
  REAL,
  UNPAGED,
  VIRTUAL_8086,
];

/** Value that a profile gives a field; fields that it does not write are 0. */
export function profileValue(list: OpList, encoding: number): bigint {
  return list.ops.findLast(({ kind, a }) => kind === 1 && a === encoding)?.b ?? 0n;
}

/** An MSR area entry. */
export const msrEntry = (
  area: number,
  index: number,
  msr: number,
  value: bigint | number,
  reserved = 0,
): readonly Op[] => [
  poke(area + 16 * index, BigInt(msr) | (BigInt(reserved) << 32n)),
  poke(area + 16 * index + 8, value),
];
