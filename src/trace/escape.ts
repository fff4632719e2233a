/** Inclusive ranges of UTF-16 units that a terminal acts on, that reorder or hide text, or that are half a character. */
const UNSAFE_RANGES: readonly (readonly [number, number])[] = [
  [0x00, 0x1f], // C0 controls
  [0x7f, 0x9f], // DEL and C1 controls
  [0xad, 0xad], // soft hyphen
  [0x61c, 0x61c], // Arabic letter mark
  [0x200b, 0x200f], // zero-width characters and direction marks
  [0x2028, 0x202e], // line separators and bidirectional embeddings
  [0x2060, 0x206f], // invisible operators and bidirectional isolates
  [0xfeff, 0xfeff], // byte order mark
];

const isUnsafe = (unit: number): boolean => UNSAFE_RANGES.some(([first, last]) => unit >= first && unit <= last);

const visible = (unit: number): string =>
  unit < 0x100 ? `\\x${unit.toString(16).padStart(2, '0')}` : `\\u{${unit.toString(16)}}`;

/**
 * Makes text from a policy or a trace safe to print on one line of a terminal: a control, reordering or invisible
 * character, or half of a surrogate pair, is shown as `\xNN` or `\u{NNNN}`.
 */
export function escapeLine(text: string): string {
  let escaped = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const isLoneSurrogate = code >= 0xd800 && code <= 0xdfff;
    escaped += isLoneSurrogate || isUnsafe(code) ? visible(code) : character;
  }
  return escaped;
}

/**
 * A JSON value as text of two-space lines without any raw character that escapeLine would replace: JSON may be printed on
 * a terminal too, and parses back to the same value.
 */
export function toJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2);
  let safe = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    safe += character !== '\n' && isUnsafe(code) ? `\\u${code.toString(16).padStart(4, '0')}` : character;
  }
  return safe;
}
