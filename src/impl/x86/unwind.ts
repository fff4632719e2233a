/** Ends the instruction at hand; caught by the run loop alone. One object, so that throwing it costs little. */
class Unwind extends Error {
  override readonly name = 'Unwind';
}

export const UNWIND: Error = new Unwind('instruction ended');

/** Exception vectors (SDM Vol. 3A, table "Protected-Mode Exceptions and Interrupts"). */
export const Vector = {
  divide: 0,
  debug: 1,
  nmi: 2,
  breakpoint: 3,
  overflow: 4,
  bound: 5,
  invalidOpcode: 6,
  noCoprocessor: 7,
  doubleFault: 8,
  invalidTss: 10,
  notPresent: 11,
  stack: 12,
  protection: 13,
  page: 14,
  alignment: 17,
} as const;
