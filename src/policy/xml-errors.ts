import { attributeOffset } from './attribute-place.ts';
import type { SourcePosition } from './document.ts';
import { positionAt } from './policy-lines.ts';

/** What the XML parser stood at when it failed. */
export interface XmlErrorPlace {
  readonly source: string;
  /** Number of characters it had consumed. */
  readonly position: number;
  /** Innermost open element. */
  readonly tag: { readonly name: string; readonly at: SourcePosition } | undefined;
  /** Element that was closed last. */
  readonly closed: { readonly name: string; readonly at: SourcePosition } | undefined;
}

export interface XmlProblem {
  readonly code: string;
  readonly message: string;
  readonly offset: number;
  readonly hint: string;
}

interface XmlErrorRow {
  /** Start of the parser's message. */
  readonly starts: string;
  readonly code: string;
  /** Which character the finding points at: the last one read, the first of a text, the last `<` or `&`, or the end. */
  readonly at: 'character' | 'text' | 'tag' | 'reference' | 'end';
  readonly hint: string;
}

const ROWS: readonly XmlErrorRow[] = [
  {
    starts: 'disallowed character.',
    code: 'XML-CHARACTER',
    at: 'character',
    hint: 'Remove the character: XML 1.0 allows no NUL and no control characters, and no `<` in attribute values.',
  },
  {
    starts: 'undefined entity',
    code: 'XML-ENTITY',
    at: 'reference',
    hint: 'Only &amp; &lt; &gt; &quot; &apos; and character references are accepted; write other text out.',
  },
  {
    starts: 'malformed character entity',
    code: 'XML-ENTITY',
    at: 'reference',
    hint: 'Write a character reference as &#38; or &#x26;, of a character that XML 1.0 allows.',
  },
  {
    starts: 'disallowed character in entity name',
    code: 'XML-ENTITY',
    at: 'reference',
    hint: 'Write a literal ampersand as &amp;.',
  },
  { starts: 'empty entity name', code: 'XML-ENTITY', at: 'reference', hint: 'Write a literal ampersand as &amp;.' },
  {
    starts: 'duplicate attribute',
    code: 'XML-DUPLICATE-ATTRIBUTE',
    at: 'tag',
    hint: 'Keep one of the two attributes.',
  },
  {
    starts: 'unclosed tag',
    code: 'XML-TRUNCATED',
    at: 'end',
    hint: 'The file ends too early; was it cut off, or is an end tag missing?',
  },
  {
    starts: 'unexpected end',
    code: 'XML-TRUNCATED',
    at: 'end',
    hint: 'The file ends in the middle of markup; was it cut off?',
  },
  {
    starts: 'document must contain a root element',
    code: 'XML-EMPTY',
    at: 'end',
    hint: 'Give a policy file.',
  },
  { starts: 'unmatched closing tag', code: 'XML-MISMATCH', at: 'tag', hint: 'Close the innermost open element first.' },
  { starts: 'unexpected close tag', code: 'XML-MISMATCH', at: 'tag', hint: 'Close the innermost open element first.' },
  {
    starts: 'documents may contain only one root',
    code: 'XML-ROOTS',
    at: 'tag',
    hint: 'Put everything into one root element.',
  },
  {
    starts: 'text data outside of root node',
    code: 'XML-OUTSIDE',
    at: 'text',
    hint: 'An XML file starts with < and nothing but comments follows its root element.',
  },
  {
    starts: 'an XML declaration must be at the start',
    code: 'XML-PI',
    at: 'tag',
    hint: 'Move <?xml ...?> to the very start of the file or remove it.',
  },
  {
    starts: 'the XML declaration must appear at the start',
    code: 'XML-PI',
    at: 'tag',
    hint: 'Move <?xml ...?> to the very start of the file or remove it.',
  },
  {
    starts: 'inappropriately located doctype',
    code: 'XML-DOCTYPE',
    at: 'tag',
    hint: 'Remove the DOCTYPE; a Muen policy has none.',
  },
];

const OTHER: XmlErrorRow = {
  starts: '',
  code: 'XML-MALFORMED',
  at: 'character',
  hint: 'Make the file well-formed XML 1.0 (xmllint --noout shows the same place).',
};

const OPEN_REFERENCE: XmlErrorRow = {
  starts: '',
  code: 'XML-ENTITY',
  at: 'reference',
  hint: 'Write a literal ampersand as &amp;, and end references with a semicolon.',
};

const CUT_OFF: XmlErrorRow = {
  starts: '',
  code: 'XML-TRUNCATED',
  at: 'end',
  hint: 'The file ends before its first element is complete; was it cut off?',
};

/** Turns a message of the XML parser into a stable code, the exact place and the next thing to do. */
export function classifyXmlError(message: string, place: XmlErrorPlace, starts: readonly number[]): XmlProblem {
  const row = rowOf(message, place.source);
  const text = message.replace(/\.$/, '');
  const opened = place.tag === undefined ? '' : `; <${place.tag.name}> of line ${place.tag.at.line} is still open`;
  const mismatch = mismatchOf(row, place);
  const duplicate = /^duplicate attribute: (.*)$/.exec(text)?.[1];
  const offset = duplicate === undefined ? errorOffset(row, place) : duplicateOffset(place, duplicate);
  const { line, column } = positionAt(starts, offset);
  const found = row.at === 'character' || row.at === 'text' ? describeCharacter(place.source, offset) : '';
  return {
    code: row.code,
    message: mismatch ?? `${text}${found} at line ${line}, column ${column}${row.at === 'end' ? opened : ''}`,
    offset,
    hint: row.hint,
  };
}

/** What a closing tag and the innermost element are, when they do not fit. */
function mismatchOf({ code, starts }: XmlErrorRow, { source, position, closed }: XmlErrorPlace): string | undefined {
  if (code !== 'XML-MISMATCH') return undefined;
  const name = /<\/([^<>]*?)\s*>?$/.exec(source.slice(Math.max(0, position - 200), position))?.[1] ?? '';
  if (closed === undefined || starts.startsWith('unmatched')) return `</${name}> closes no element`;
  return `</${name}> does not close <${closed.name}> of line ${closed.at.line}`;
}

function rowOf(message: string, source: string): XmlErrorRow {
  const row = ROWS.find(candidate => message.startsWith(candidate.starts)) ?? OTHER;
  // A file that ends inside its first start tag has no root element either.
  if (row.code === 'XML-EMPTY' && /\S/.test(source)) return CUT_OFF;
  // A reference without its semicolon swallows the rest of the file.
  return row.at === 'end' && opensReference(source) ? OPEN_REFERENCE : row;
}

/** True when no semicolon follows the last ampersand. */
function opensReference(source: string): boolean {
  const ampersand = source.lastIndexOf('&');
  return ampersand >= 0 && !source.includes(';', ampersand);
}

function errorOffset(row: XmlErrorRow, { source, position }: XmlErrorPlace): number {
  const last = Math.max(0, Math.min(position, source.length) - 1);
  switch (row.at) {
    case 'end':
      return source.length;
    case 'text': {
      const start = source.lastIndexOf('>', last) + 1;
      return start + Math.max(0, source.slice(start).search(/\S/));
    }
    case 'tag':
      return Math.max(0, source.lastIndexOf('<', last));
    case 'reference':
      return Math.max(0, source.lastIndexOf('&', last));
    case 'character':
      return last;
  }
}

/** Place of the second `name=` in the start tag that ends before `position`. */
function duplicateOffset({ source, position }: XmlErrorPlace, name: string): number {
  const offset = Math.max(0, source.lastIndexOf('<', position - 1));
  const element = /^<([^\s/>]*)/.exec(source.slice(offset, offset + 1000))?.[1] ?? '';
  return attributeOffset(source, { name: element, offset }, name, 1);
}

function describeCharacter(source: string, offset: number): string {
  const code = source.codePointAt(offset);
  if (code === undefined) return '';
  const shown = code > 0x20 && code !== 0x7f ? ` (${String.fromCodePoint(code)})` : '';
  return ` U+${code.toString(16).toUpperCase().padStart(4, '0')}${shown}`;
}
