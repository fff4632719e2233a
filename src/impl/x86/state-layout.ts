/**
 * Where a processor keeps its state: byte offsets from the processor's base in the WebAssembly.Memory of PhysicalMemory.
 *
 * All execution tiers and the VMX code read and write this one place. u64 fields are little-endian and 8-byte aligned;
 * u32 fields use the first 4 bytes.
 */

/** General-purpose registers in encoding order. */
export const Gpr = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
} as const;

/** Segment registers in encoding order, then the system segments, in VMCS order. */
export const Seg = { es: 0, cs: 1, ss: 2, ds: 3, fs: 4, gs: 5, ldtr: 6, tr: 7 } as const;

export const Field = {
  /** 16 general-purpose registers, u64 each. */
  gpr: 0x000,
  /** Always zero: the register of an address without base or index. */
  zero: 0x080,
  /** Address of the current instruction at boundaries and inside hooks, u64. */
  rip: 0x088,
  /** Status flags in their RFLAGS positions, combined with `flagResult`; see CpuState.rflags. */
  flagBits: 0x090,
  /** Last result, sign-extended to 64 bits, from which ZF, SF and PF derive. */
  flagResult: 0x098,
  /** The other flags of RFLAGS (TF, IF, DF, IOPL, NT, RF, VM, AC, VIF, VIP, ID), u32. */
  systemFlags: 0x0a0,
  /** Linear address minus CS base of the page whose decoded code runs, u64; interpreter only. */
  codeBase: 0x0a8,
  /** Bits of RSP that stack accesses use, u64: derived. */
  stackMask: 0x0b0,
  /** Bits of RIP that branches keep, u64: derived. */
  ripMask: 0x0b8,
  /** Six addends of effective addresses, u64 each; a segment that needs checks has a value that no TLB entry matches: derived. */
  fastBase: 0x0c0,
  /** Address of the TLB bank in use, u32: derived. */
  tlbBase: 0x0f0,
  /** Instructions left of the budget, u32; interpreter only. */
  budget: 0x0f4,
  /** Address of the jump cache, u32. */
  jumpCache: 0x0f8,
  /** Record at which the interpreter stopped, u32. */
  stoppedAt: 0x0fc,
  /** Copies of data that cross a page or belong to a device: 16 bytes each. */
  bounceRead: 0x100,
  bounceWrite: 0x110,
  /** Eight segment registers of SEGMENT_BYTES each, see SegmentField. */
  segments: 0x140,
  gdtrBase: 0x240,
  gdtrLimit: 0x248,
  idtrBase: 0x250,
  idtrLimit: 0x258,
  cr0: 0x260,
  cr2: 0x268,
  cr3: 0x270,
  cr4: 0x278,
  cr8: 0x280,
  dr0: 0x288,
  dr1: 0x290,
  dr2: 0x298,
  dr3: 0x2a0,
  dr6: 0x2a8,
  dr7: 0x2b0,
  xcr0: 0x2b8,
  efer: 0x2c0,
  star: 0x2c8,
  lstar: 0x2d0,
  cstar: 0x2d8,
  fmask: 0x2e0,
  kernelGsBase: 0x2e8,
  sysenterCs: 0x2f0,
  sysenterEsp: 0x2f8,
  sysenterEip: 0x300,
  pat: 0x308,
  tscAux: 0x310,
  apicBase: 0x318,
  miscEnable: 0x320,
  debugControl: 0x328,
  featureControl: 0x330,
  /** Added to the counter of retired cycles to form the TSC, u64. */
  tscOffset: 0x338,
  /** Instructions retired since reset, u64. */
  retired: 0x340,
  /** Activity.* below, u32 (SDM Vol. 3C, "Guest Non-Register State"). */
  activity: 0x348,
  /** Interruptibility.* below, u32. */
  interruptibility: 0x34c,
  /** Debug exceptions that the next boundary delivers, in the DR6 format of the VMCS field, u64. */
  pendingDebug: 0x350,
  /** A branch target is valid if target + ripBias <= ripLimit, u64 each: derived. */
  ripBias: 0x380,
  ripLimit: 0x388,
  /** Offset of an access that the interpreter cannot do itself, u64. */
  slowOffset: 0x390,
  /** x87 state as the first 160 bytes of an XSAVE area hold it. */
  x87: 0x400,
  /** Four PDPTEs that a load of CR3 under PAE paging cached, u64 each. */
  pdpte: 0x358,
} as const;

/** Bytes of a processor's registers; the TLB and the jump cache follow in further frames. */
export const STATE_BYTES = 0x1000;

export const SEGMENT_BYTES = 0x20;
export const SegmentField = {
  /** u32. */
  selector: 0,
  /** Access rights in the format of the VMCS (SDM Vol. 3C, "Guest Register State"), u32. */
  rights: 4,
  /** Byte-granular limit, u32. */
  limit: 8,
  /** u64. */
  base: 16,
} as const;

/** Bits of SegmentField.rights. */
export const Rights = {
  typeMask: 0xf,
  accessed: 1,
  /** Data: writable; code: readable. */
  writableOrReadable: 2,
  /** Data: expand-down; code: conforming. */
  expandDownOrConforming: 4,
  code: 8,
  codeOrData: 0x10,
  dplShift: 5,
  present: 0x80,
  long: 0x2000,
  /** D/B. */
  big: 0x4000,
  granular: 0x8000,
  unusable: 0x1_0000,
} as const;

export const Activity = { active: 0, hlt: 1, shutdown: 2, waitForSipi: 3 } as const;

export const Interruptibility = { sti: 1, movSs: 2, smi: 4, nmi: 8 } as const;

/** RFLAGS bits. */
export const Flag = {
  cf: 0x1,
  reserved1: 0x2,
  pf: 0x4,
  af: 0x10,
  zf: 0x40,
  sf: 0x80,
  tf: 0x100,
  if: 0x200,
  df: 0x400,
  of: 0x800,
  iopl: 0x3000,
  nt: 0x4000,
  rf: 0x1_0000,
  vm: 0x2_0000,
  ac: 0x4_0000,
  vif: 0x8_0000,
  vip: 0x10_0000,
  id: 0x20_0000,
} as const;

/** CF, PF, AF, ZF, SF, OF. */
export const STATUS_FLAGS = 0x8d5;
/** Flags of Field.systemFlags. */
export const SYSTEM_FLAGS = 0x3f_7700;

export const Cr0 = {
  pe: 1,
  mp: 2,
  em: 4,
  ts: 8,
  et: 0x10,
  ne: 0x20,
  wp: 0x1_0000,
  am: 0x4_0000,
  nw: 0x2000_0000,
  cd: 0x4000_0000,
  pg: 0x8000_0000,
} as const;

export const Cr4 = {
  vme: 1,
  pvi: 2,
  tsd: 4,
  de: 8,
  pse: 0x10,
  pae: 0x20,
  mce: 0x40,
  pge: 0x80,
  pce: 0x100,
  osfxsr: 0x200,
  osxmmexcpt: 0x400,
  umip: 0x800,
  vmxe: 0x2000,
  smxe: 0x4000,
  fsgsbase: 0x1_0000,
  pcide: 0x2_0000,
  osxsave: 0x4_0000,
  smep: 0x10_0000,
  smap: 0x20_0000,
} as const;

export const Efer = { sce: 1, lme: 0x100, lma: 0x400, nxe: 0x800 } as const;
