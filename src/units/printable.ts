/** Characters that could forge or hide output: controls, line separators, bidirectional marks, lone surrogates, invisible joiners. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Most names are plain ASCII, for which the cheap test suffices. */
const PLAIN = /^[ -~]*$/;

/** `text` with unsafe characters written as `\u{hex}`, so that a hostile name cannot alter the line it is shown in. */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(UNSAFE, character => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
