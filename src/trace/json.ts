import { printable } from '../units/printable.ts';

const escapeUnits = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');

/**
 * A JSON value as text with two-space indentation, in which no raw character could alter a terminal: JSON is printed there too.
 * It parses back to the same value.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(/[^ -~\n]/gu, character =>
    printable(character) === character ? character : escapeUnits(character),
  );
}
