/** Translation cache inside the WebAssembly.Memory, shared by the interpreter and TypeScript. */
export const TLB_ENTRIES = 256;
export const TLB_ENTRY_BYTES = 32;
/** User accesses; supervisor accesses with EFLAGS.AC = 0 and 1 (SMAP). */
export const TLB_BANKS = 3;
export const TlbBank = { user: 0, supervisor: 1, supervisorAc: 2 } as const;
export const TLB_BANK_BYTES = TLB_ENTRIES * TLB_ENTRY_BYTES;

/** Tags (VPID, PCID, EPT pointer) whose translations are kept at the same time. */
export const TLB_CONTEXTS = 4;
export const TLB_CONTEXT_BYTES = TLB_BANKS * TLB_BANK_BYTES;
/** A bank that stays empty, for a program each of whose accesses is looked at: alignment checks, data breakpoints. */
export const EMPTY_BANK_OFFSET = TLB_CONTEXTS * TLB_CONTEXT_BYTES;

/** Offsets in an entry. */
export const TlbEntry = {
  /** Linear page of a readable translation, u64; TLB_INVALID_LOW for none. */
  readTag: 0,
  writeTag: 8,
  /** Byte address of the page inside the WebAssembly.Memory, u32. */
  host: 16,
  /** TlbFlag bits, u32. */
  flags: 20,
} as const;

/** `inUse`: the entry is listed as one that a flush has to void; `large`: it is a part of a larger page. */
export const TlbFlag = { global: 1, inUse: 2, large: 4 } as const;

/** Low half of a tag that no page has. */
export const TLB_INVALID_LOW = 1;

/** Frames that the TLB takes. */
export const TLB_FRAMES = (EMPTY_BANK_OFFSET + TLB_BANK_BYTES) / 4096;

/** Jump cache: linear target to record. */
export const JUMP_ENTRIES = 256;
export const JUMP_ENTRY_BYTES = 16;
export const JumpEntry = { tag: 0, record: 8 } as const;
export const JUMP_FRAMES = (JUMP_ENTRIES * JUMP_ENTRY_BYTES) / 4096;
