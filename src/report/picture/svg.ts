import { escapeMarkup } from '../markup.ts';

/** Average width of a character of the picture font in user units. */
const CHARACTER_WIDTH = 6.6;

/** Attribute values are numbers or texts of ours; only `text` and `title` carry foreign text, escaped here. */
type Attributes = Readonly<Record<string, string | number>>;

const attributeList = (attributes: Attributes): string =>
  Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${typeof value === 'number' ? round(value) : escapeMarkup(value)}"`)
    .join('');

const round = (value: number): string => String(Math.round(value * 10) / 10);

/** An element with markup as content. */
export const element = (name: string, attributes: Attributes, content = ''): string =>
  `<${name}${attributeList(attributes)}>${content}</${name}>`;

/** A tool tip. */
export const title = (text: string): string => `<title>${escapeMarkup(text)}</title>`;

/** A text element that is cut to `widthUnits`, with the whole text as its tool tip when it is cut. */
export function label(text: string, x: number, y: number, widthUnits: number, attributes: Attributes = {}): string {
  const room = Math.floor(widthUnits / CHARACTER_WIDTH);
  if (room < 2) return '';
  if (text.length <= room) return element('text', { x, y, ...attributes }, escapeMarkup(text));
  return element('text', { x, y, ...attributes }, `${escapeMarkup(text.slice(0, room - 1))}&#8230;${title(text)}`);
}

/** A picture; `name` is what a screen reader says. It shrinks with the page, or keeps its natural size. */
export function picture(
  name: string,
  width: number,
  height: number,
  content: string,
  size: 'fluid' | 'natural' = 'fluid',
): string {
  const style = size === 'fluid' ? `max-width:${round(width)}px` : `width:${round(width)}px`;
  return `<svg role="img" viewBox="0 0 ${round(width)} ${round(height)}" style="${style}"><title>${escapeMarkup(name)}</title>${content}</svg>`;
}

/** Class of the `index`-th of several things that are told apart by colour; there are twelve colours. */
export const colourClass = (index: number): string => `c${((index % 12) + 12) % 12}`;
