const SUFFIXES: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** A decimal or 0x number below 2^53, undefined if the text is none. */
export function readCount(text: string): number | undefined {
  const trimmed = text.trim();
  if (!/^(\d{1,16}|0x[0-9a-fA-F]{1,13})$/.test(trimmed)) return undefined;
  const value = Number(trimmed);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Bytes: a number with an optional binary suffix (Genode `Number_of_bytes`), undefined if the text is none. */
export function readSize(text: string): number | undefined {
  const parts = /^\s*(\d{1,16}|0x[0-9a-fA-F]{1,13})\s*([KMGT]?)\s*$/.exec(text);
  if (parts === null) return undefined;
  const value = Number(parts[1]) * SUFFIXES[parts[2]!]!;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** True for the spellings that Genode takes as true. */
export const isYes = (text: string | undefined): boolean =>
  text === 'yes' || text === 'true' || text === 'on' || text === '1';

/** True for the spellings that Genode takes as false. */
export const isNo = (text: string | undefined): boolean =>
  text === 'no' || text === 'false' || text === 'off' || text === '0';
