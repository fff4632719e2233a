/** Addresses and sizes that Muen's toolchain of late 2024 is built with (in bytes). */

export const PAGE_BYTES = 0x1000;

/** The kernel's own image. */
export const KERNEL_TEXT = { address: 0x10_0000, sizeBytes: 0x1_1000 } as const;
export const KERNEL_DATA = { address: 0x12_0000, sizeBytes: 0x2000 } as const;
export const KERNEL_BSS = { address: 0x12_2000, sizeBytes: 0x4000 } as const;
export const KERNEL_STACK = { address: 0x12_7000, sizeBytes: 0x1000 } as const;
export const KERNEL_INTERRUPT_STACK = { address: 0x12_9000, sizeBytes: 0x1000 } as const;
export const KERNEL_GLOBAL_DATA = { address: 0x12_b000, sizeBytes: 0x1000 } as const;
export const KERNEL_RO = { address: 0x12_f000, sizeBytes: 0x2c_0000 } as const;

/** Where every kernel maps what it manages; per-subject arrays have one page for each global subject id. */
export const TAU0_INTERFACE_ADDRESS = 0x3f_f000;
export const CRASH_AUDIT_ADDRESS = 0x40_0000;
export const KERNEL_DEVICES_ADDRESS = 0x50_0000;
export const SUBJECT_STATES_ADDRESS = 0x60_0000;
export const TIMED_EVENTS_ADDRESS = 0x70_0000;
export const INTERRUPTS_ADDRESS = 0x80_0000;
export const MSR_STORES_ADDRESS = 0x90_0000;
export const VMCS_ADDRESS = 0xa0_0000;
export const SCHEDULING_INFO_ADDRESS = 0xb0_0000;
export const FPU_STATES_ADDRESS = 0xc0_0000;
export const MICROCODE_ADDRESS = 0xd0_0000;

/** Physical addresses of what the processors need when they start. */
export const TRAMPOLINE_ADDRESS = 0x1000;
export const VMXON_ADDRESS = 0x8000;

/** What every subject sees of itself. */
export const SINFO = { address: 0xe_0000_0000, sizeBytes: 0x8000 } as const;
/** Distance between the information of siblings: subject information and scheduling information. */
export const SIBLING_SINFO_STRIDE = 0x9000;
export const SUBJECT_SCHEDULING_INFO_ADDRESS = SINFO.address + SINFO.sizeBytes;
export const SUBJECT_TIMED_EVENT_ADDRESS = 0xe_0001_0000;
export const SIBLING_TIMED_EVENTS_ADDRESS = 0xe_0081_0000;

/** First address at which a loader maps the sources of what it loads. */
export const LOADER_SOURCES_ADDRESS = 0x7000_0000_0000;

/** PCI configuration space as subjects see it. */
export const SUBJECT_MMCONF_ADDRESS = 0xf800_0000;

/** Tau0 and the subjects that fill idle time. */
export const NATIVE_STACK = { address: 0x1000, sizeBytes: 0x4000 } as const;
export const NATIVE_TEXT_ADDRESS = 0x20_0000;
export const TAU0_BINARY_BYTES = 0x1_0000;
export const TAU0_BINARY_OFFSET = 0x1f_f000;

/** Highest interrupt number that a device can have (host vectors 32 .. 252). */
export const MAX_IRQ = 220;
