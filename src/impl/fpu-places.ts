/** A part of the extended state that hosted software can read and write, as real code would by FLD, MOVQ, KMOVQ and the like. */
export interface FpuPlace {
  readonly name: string;
  /** State component in XCR0. */
  readonly component: number;
  /** 32-bit word of the XSAVE area. */
  readonly word: number;
  /** Bits that the low word keeps. */
  readonly lowBits: number;
  /** Bits that the high word keeps; 0 if the place has 32 bits. */
  readonly highBits: number;
}

const ALL = 0xffff_ffff;

const place = (name: string, component: number, byte: number, lowBits = ALL, highBits = ALL): FpuPlace => ({
  name,
  component,
  word: byte / 4,
  lowBits,
  highBits,
});

/** Ends of every register file, and the control words. Bits 6, 7 and 12..15 of FCW read as 1, 0 and 0. */
export const FPU_PLACES: readonly FpuPlace[] = [
  place('FCW', 0, 0, 0x0f7f, 0),
  place('ST0', 0, 0x20),
  place('ST7', 0, 0x90),
  place('MXCSR', 1, 0x18, 0xffff, 0),
  place('XMM0', 1, 0xa0),
  place('XMM15', 1, 0x190),
  place('YMM0H', 2, 0x240),
  place('YMM15H', 2, 0x330),
  place('K1', 5, 0x448),
  place('ZMM0H', 6, 0x480),
  place('ZMM16', 7, 0x680),
  place('ZMM31', 7, 0xa40),
];
