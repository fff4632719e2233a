/** How code is decoded: the D and L bits of CS. */
export const CodeMode = { bits16: 0, bits32: 1, bits64: 2 } as const;
