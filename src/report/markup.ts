import { printable } from '../units/printable.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes one line of text for HTML and XML content and quoted attributes; control characters become visible. */
export const escapeMarkup = (text: string): string =>
  printable(text).replace(/[&<>"']/g, character => ENTITIES[character] ?? '');

/** Escapes text of several lines. */
export const escapeMarkupLines = (text: string): string => text.split('\n').map(escapeMarkup).join('\n');
