/** A predecoded instruction in the WebAssembly.Memory: what a handler needs besides the processor's state. */
export const RECORD_BYTES = 64;

export const RecordField = {
  /** Index of the handler in the function table, u32. */
  handler: 0,
  /** Offset of this instruction in its page, and of the next one from the start of the same page (it may lie in the page behind), u16. */
  start: 4,
  next: 6,
  /** Byte offsets of register operands in the state, u16 each. */
  rm: 8,
  reg: 10,
  vvvv: 12,
  /** Byte offsets of the address registers (Field.zero for none, Field.codeBase for RIP-relative), u16 each. */
  base: 14,
  index: 16,
  /** u8. */
  scale: 18,
  /** Segment of the memory operand, u8. */
  segment: 19,
  /** Record of the branch target, if it lies in the same page and was reached before, u32. */
  target: 20,
  /** u64 each. */
  displacement: 24,
  immediate: 32,
  addressMask: 40,
  /** Byte offset of the segment's addend in the state, u16. */
  segmentAddend: 48,
  /** Byte address of the page of its code inside the WebAssembly.Memory, u32. */
  page: 52,
  /** Bits of index registers that string instructions keep, u64. */
  addressKeep: 56,
} as const;

/** Handlers that are not instructions. */
export const SpecialHandler = {
  /** Leaves the interpreter to look an address up: a record that is void. */
  lookup: 0,
  /** Goes on at RecordField.target. */
  goto: 1,
  /** End of a run: goes on at its address by the jump cache, or leaves to look it up. */
  onward: 2,
} as const;
export const SPECIAL_HANDLERS = 3;

/** What a chain of handlers returns. */
export const ExitStatus = {
  /** The budget is used up; RIP is set. */
  budget: 0,
  /** An instruction unwound; it is the one at Field.stoppedAt. */
  unwound: 1,
  /** RIP has no known record; Field.stoppedAt may be linked to it. */
  lookup: 2,
  /** A helper asks to leave; RIP is set. */
  left: 3,
} as const;

/** Bits of the access argument of slow accesses, above the size in bytes; modify: the old value is needed, too. */
export const AccessFlag = { write: 0x100, modify: 0x200 } as const;
