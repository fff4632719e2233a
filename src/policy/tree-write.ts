import type { PolicyTree, TreeElement } from './tree.ts';

const DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n';

const ATTRIBUTE_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

const escapeAttribute = (text: string): string =>
  /[&<>"\t\n\r]/.test(text) ? text.replace(/[&<>"\t\n\r]/g, found => ATTRIBUTE_ESCAPES[found]!) : text;

const escapeText = (text: string): string =>
  /[&<>\r]/.test(text) ? text.replace(/[&<>\r]/g, found => ATTRIBUTE_ESCAPES[found]!) : text;

/**
 * Writes a tree as an XML file: one element a line, indented by one space a level as the real tools do, attributes in
 * their order, white space around text dropped. Reading the file gives the same tree but for the places.
 */
export function writeTree({ root }: PolicyTree): string {
  const lines: string[] = [];
  writeElement(root, '', lines);
  return `${DECLARATION}${lines.join('\n')}\n`;
}

function writeElement(element: TreeElement, indent: string, lines: string[]): void {
  let tag = `${indent}<${element.name}`;
  for (const name in element.attributes) tag += ` ${name}="${escapeAttribute(element.attributes[name]!)}"`;
  const text = escapeText(element.text.trim());
  if (element.children.length === 0) {
    lines.push(text === '' ? `${tag}/>` : `${tag}>${text}</${element.name}>`);
    return;
  }
  lines.push(`${tag}>${text}`);
  for (const child of element.children) writeElement(child, `${indent} `, lines);
  lines.push(`${indent}</${element.name}>`);
}
