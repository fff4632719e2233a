/** An XML element to be written: attributes and children keep their order. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: readonly (readonly [string, string])[];
  readonly children: readonly XmlElement[];
  /** Text content; only of elements without children. */
  readonly text?: string;
}

/** An element with children. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | boolean>>,
  children: readonly XmlElement[] = [],
): XmlElement {
  return {
    name,
    attributes: Object.entries(attributes).map(([key, value]) => [key, String(value)] as const),
    children,
  };
}

/** An element with text content. */
export function textElement(name: string, text: string): XmlElement {
  return { name, attributes: [], children: [], text };
}

/**
 * Hexadecimal literal of the policy schema (`word64Type`): groups of four digits, at least one group.
 * @param value non-negative safe integer or unsigned 64-bit value
 * @param groups smallest number of groups
 */
export function wordLiteral(value: number | bigint, groups = 1): string {
  const digits = value.toString(16);
  const width = Math.max(groups * 4, Math.ceil(digits.length / 4) * 4);
  const parts = digits.padStart(width, '0').match(/.{4}/g) ?? [];
  return `16#${parts.join('_')}#`;
}

/** Two-digit hexadecimal literal of the policy schema (`byteType`). */
export function byteLiteral(value: number): string {
  return `16#${value.toString(16).padStart(2, '0')}#`;
}

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`);
}

function writeElement(node: XmlElement, depth: number, lines: string[]): void {
  const indent = ' '.repeat(depth);
  const attributes = node.attributes.map(([key, value]) => ` ${key}="${escapeText(value)}"`).join('');
  if (node.text !== undefined) {
    lines.push(`${indent}<${node.name}${attributes}>${escapeText(node.text)}</${node.name}>`);
  } else if (node.children.length === 0) {
    lines.push(`${indent}<${node.name}${attributes}/>`);
  } else {
    lines.push(`${indent}<${node.name}${attributes}>`);
    for (const child of node.children) writeElement(child, depth + 1, lines);
    lines.push(`${indent}</${node.name}>`);
  }
}

/** Serialises a document: UTF-8 declaration, one element a line, one space of indentation a level. */
export function writeXml(root: XmlElement): string {
  const lines = ['<?xml version="1.0" encoding="utf-8"?>'];
  writeElement(root, 0, lines);
  return `${lines.join('\n')}\n`;
}
