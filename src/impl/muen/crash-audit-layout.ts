/** Layout of the crash-audit page (Muen "Crash audit": packed, little endian, byte offsets). */

/** First words of a page that holds records. */
export const AUDIT_MAGIC: readonly [number, number] = [0x50d5_0e9a, 0x0100_0df7];

export const AuditHeader = {
  magic: 0,
  version: 8,
  generation: 72,
  bootCount: 80,
  crashCount: 88,
  checksum: 96,
  dumpCount: 102,
  maxDumps: 103,
} as const;
export const VERSION_BYTES = 64;

export const AUDIT_DUMPS = 104;
export const DUMP_BYTES = 1293;
export const MAX_DUMPS = 3;

/** Offsets in a dump; contexts that are not valid are zero. */
export const Dump = {
  tsc: 0,
  reason: 8,
  apicId: 16,
  validity: 17,
  exception: 18,
  machineCheck: 226,
  subject: 715,
  init: 1252,
  vtx: 1265,
} as const;

/** Bits of a dump's validity byte. */
export const Validity = { exception: 1, machineCheck: 2, subject: 4, init: 8, vtx: 16 } as const;

/** Offsets in the exception context, behind 16 registers of 8 bytes in the order of the state page. */
export const ExceptionContext = { vector: 128, errorCode: 136, rip: 144 } as const;
/** Offsets in the machine-check context: status, number of banks; three arrays of 20 bank registers follow. */
export const MachineCheckContext = { status: 0, bankCount: 8 } as const;
/** Offsets in the subject context; validity bit 0: interruption information, bit 1: error code. */
export const SubjectContext = { id: 0, validity: 2, interruptInfo: 4, errorCode: 8, state: 12, fpu: 505 } as const;
export const STATE_BYTES = 493;
export const FPU_HEADER_BYTES = 32;
/** Offsets in the init context: system checks (2 bytes), FPU, machine check, number of remapping units and a byte for each. */
export const InitContext = { system: 0, fpu: 2, machineCheck: 3, iommuCount: 4, iommus: 5 } as const;
/** Offsets in the VT-x context; validity bits 0 active VMCS, 1 requested VMCS, 2 field, 3 value, 4 instruction error. */
export const VtxContext = { validity: 0, active: 1, requested: 9, field: 17, value: 19, error: 27 } as const;

/** Why the kernel stopped. */
export const AuditReason = {
  hardwareException: 0x1000,
  exitNmi: 0x1001,
  exitMachineCheck: 0x1002,
  entryMachineCheck: 0x1003,
  subjectPanic: 0x2000,
  unknownTrap: 0x2001,
  initFailure: 0x3000,
  vtxRootMode: 0x4000,
  vtxEntry: 0x4001,
  vtxClear: 0x4002,
  vtxLoad: 0x4003,
  vtxWrite: 0x4004,
  vtxRead: 0x4005,
  vtdRootTable: 0x5000,
  vtdContextCache: 0x5001,
  vtdIotlb: 0x5002,
  vtdTranslation: 0x5003,
  vtdRemappingTable: 0x5004,
  vtdBlockCompatibility: 0x5005,
  vtdRemapping: 0x5006,
  vtdQueuedInvalidation: 0x5007,
} as const;
export type AuditReason = (typeof AuditReason)[keyof typeof AuditReason];
