import { printable } from '../units/printable.ts';
import type { SourcePosition } from './document.ts';

/** A sentence together with the policy lines it names, so that nobody has to read them back from the text. */
export interface Sentence {
  readonly text: string;
  /** 1-based policy lines, in order of mention. */
  readonly lines: readonly number[];
}

/** Template tag: positions are written as `line n` and remembered, sentences are inserted, everything else as it stands. */
export function say(
  strings: TemplateStringsArray,
  ...values: readonly (string | number | SourcePosition | Sentence)[]
): Sentence {
  const lines: number[] = [];
  const texts = values.map(value => {
    if (typeof value === 'string' || typeof value === 'number') return String(value);
    if ('text' in value) {
      lines.push(...value.lines);
      return value.text;
    }
    lines.push(value.line);
    return `line ${value.line}`;
  });
  return { text: String.raw({ raw: strings }, ...texts), lines };
}

/** Sentences joined by commas; `otherwise` if there are none. */
export function listOf(sentences: readonly Sentence[], otherwise = ''): Sentence {
  if (sentences.length === 0) return { text: otherwise, lines: [] };
  return {
    text: sentences.map(sentence => sentence.text).join(', '),
    lines: sentences.flatMap(sentence => sentence.lines),
  };
}

/** `'name'`, with characters that could forge output escaped. */
export function quoted(name: string): string {
  return `'${printable(name)}'`;
}
