import { SaxesParser } from 'saxes';
import { err, ok, type Result } from '../units/result.ts';
import { attributeOffset } from './attribute-place.ts';
import type { SourcePosition } from './document.ts';
import type { Finding } from './finding.ts';
import { lineStarts, positionAt } from './policy-lines.ts';
import { decodeUtf8 } from './utf8.ts';
import { classifyXmlError } from './xml-errors.ts';

/** One element; its name and attribute names carry no namespace prefix. */
export interface XmlElement {
  readonly name: string;
  /** Place of the `<` of the start tag. */
  readonly at: SourcePosition;
  /** Index of that `<` in the source text. */
  readonly offset: number;
  /** Attribute values by name; the object has no prototype, so every name is safe. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** Character data that stands directly in this element, concatenated. */
  readonly text: string;
  /** Index of the first of that text that is not white space, -1 if there is none. */
  readonly textOffset: number;
  /** The text that the offsets count in, given when the document was put together from several. */
  readonly source?: XmlSource;
}

/** Text of one file with the offsets of its lines. */
export interface XmlSource {
  readonly source: string;
  readonly starts: readonly number[];
  readonly file?: string;
}

export interface XmlDocument extends XmlSource {
  readonly root: XmlElement;
}

/** Line and column of `offset`, with the file where the source names it. */
export function placeIn({ starts, file }: XmlSource, offset: number): SourcePosition {
  const at = positionAt(starts, offset);
  return file === undefined ? at : { ...at, file };
}

/** Bounds that a file must keep; a policy of a real system stays far below all of them. */
export interface XmlLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
  readonly maxElements: number;
}

export const XML_LIMITS: XmlLimits = { maxBytes: 64 * 2 ** 20, maxDepth: 64, maxElements: 2_000_000 };

/**
 * Reads an XML file into a tree of elements.
 *
 * Comments are dropped. Refused, with the place: anything that is not well-formed XML 1.0 in UTF-8, a document type,
 * an entity other than the five predefined ones, a processing instruction, a namespace, and files above `limits`
 * (a too large file is refused before it is decoded). Never throws; the first error ends the reading.
 */
export function parseXml(
  bytes: Uint8Array,
  limits: XmlLimits = XML_LIMITS,
  file?: string,
): Result<XmlDocument, Finding> {
  if (bytes.length > limits.maxBytes) return err(inFile(tooLarge(bytes.length, limits.maxBytes), file));
  const decoded = decodeUtf8(bytes);
  return decoded.ok ? parseXmlText(decoded.value, limits, file) : err(inFile(decoded.error, file));
}

/** As parseXml, for text that is already decoded; `maxBytes` bounds its length. With `file`, every place names it. */
export function parseXmlText(
  text: string,
  limits: XmlLimits = XML_LIMITS,
  file?: string,
): Result<XmlDocument, Finding> {
  if (text.length > limits.maxBytes) return err(inFile(tooLarge(text.length, limits.maxBytes), file));
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const starts = lineStarts(source);
  const place: XmlSource = file === undefined ? { source, starts } : { source, starts, file };
  try {
    return ok({ root: readTree(place, limits), ...place });
  } catch (error) {
    if (error instanceof Refused) return err(error.finding);
    throw error;
  }
}

const inFile = (finding: Finding, file: string | undefined): Finding =>
  file === undefined ? finding : { ...finding, file };

/** Leaves the parser's callbacks at the first error; caught in parseXmlText. */
class Refused extends Error {
  readonly finding: Finding;
  constructor(finding: Finding) {
    super(finding.message);
    this.finding = finding;
  }
}

/** Places are computed from the consumed length, so the parser need not put them into its messages. */
const PARSER_OPTIONS = { xmlns: false, position: false, defaultXMLVersion: '1.0', forceXMLVersion: true } as const;

interface OpenElement {
  readonly name: string;
  readonly at: SourcePosition;
  readonly offset: number;
  readonly attributes: Record<string, string>;
  readonly children: XmlElement[];
  text: string;
  textOffset: number;
  source?: XmlSource;
}

type Refuse = (code: string, offset: number, message: string, hint: string) => never;

function readTree(place: XmlSource, limits: XmlLimits): XmlElement {
  const { source, starts } = place;
  const parser = new SaxesParser(PARSER_OPTIONS);
  const refuse: Refuse = (code, offset, message, hint) => {
    const at = placeIn(place, Math.max(0, Math.min(offset, source.length)));
    throw new Refused({ code, severity: 'error', message, ...at, hint });
  };
  const tree = new TreeBuilder(place, limits, refuse);
  parser.on('error', error => {
    const where = { source, position: parser.position, tag: tree.innermost, closed: tree.lastClosed };
    const problem = classifyXmlError(error.message, where, starts);
    refuse(problem.code, problem.offset, problem.message, problem.hint);
  });
  refuseDeclarations(parser, source, refuse);
  parser.on('comment', () => tree.skip(parser.position));
  parser.on('opentag', tag => tree.open(tag.name, tag.attributes, parser.position));
  parser.on('text', text => tree.addText(text, parser.position));
  parser.on('cdata', text => tree.addText(text, parser.position));
  parser.on('closetag', () => tree.close(parser.position));
  parser.write(source).close();
  if (tree.root === undefined) return refuse('XML-EMPTY', 0, 'the file holds no element', 'Give a policy.');
  return tree.root;
}

function refuseDeclarations(parser: SaxesParser<typeof PARSER_OPTIONS>, source: string, refuse: Refuse): void {
  parser.on('xmldecl', ({ encoding }) => {
    if (encoding !== undefined && !/^(utf-?8|us-ascii)$/i.test(encoding)) {
      const hint = 'Convert the file to UTF-8 and declare encoding="utf-8".';
      refuse('XML-ENCODING', source.indexOf(encoding), `the file declares encoding ${quote(encoding)}`, hint);
    }
  });
  parser.on('doctype', () => {
    const offset = source.lastIndexOf('<!DOCTYPE', parser.position - 1);
    refuse(
      'XML-DOCTYPE',
      offset,
      'a document type declaration is not accepted',
      'Remove the DOCTYPE; a policy has none.',
    );
  });
  parser.on('processinginstruction', ({ target }) => {
    const offset = source.lastIndexOf('<?', parser.position - 1);
    const hint = 'Remove it; only the <?xml ...?> declaration at the start is accepted.';
    refuse('XML-PI', offset, `processing instruction ${quote(target)} is not accepted`, hint);
  });
}

/** Builds the tree from parser events; `position` is the number of characters consumed at the event. */
class TreeBuilder {
  readonly #place: XmlSource;
  readonly #source: string;
  readonly #limits: XmlLimits;
  readonly #refuse: Refuse;
  readonly #open: OpenElement[] = [];
  #elements = 0;
  /** Where the markup before the current text ended. */
  #markupEnd = 0;
  root: XmlElement | undefined;

  constructor(place: XmlSource, limits: XmlLimits, refuse: Refuse) {
    this.#place = place;
    this.#source = place.source;
    this.#limits = limits;
    this.#refuse = refuse;
  }

  get innermost(): OpenElement | undefined {
    return this.#open.at(-1);
  }

  get lastClosed(): XmlElement | undefined {
    const parent = this.innermost;
    return parent === undefined ? this.root : parent.children.at(-1);
  }

  skip(position: number): void {
    this.#markupEnd = position;
  }

  open(name: string, attributes: Record<string, string>, position: number): void {
    const offset = this.#source.lastIndexOf('<', position - 1);
    const { maxElements, maxDepth } = this.#limits;
    this.#elements += 1;
    if (this.#elements > maxElements) {
      this.#refuse(
        'XML-TOO-MANY',
        offset,
        `more than ${maxElements} elements`,
        'No policy of a real system is so large.',
      );
    }
    if (this.#open.length >= maxDepth) {
      const hint = 'A format B policy is less than 12 levels deep.';
      this.#refuse('XML-TOO-DEEP', offset, `elements are nested deeper than ${maxDepth} levels`, hint);
    }
    refuseNamespaces(name, attributes, offset, this.#source, this.#refuse);
    const element: OpenElement = {
      name,
      at: placeIn(this.#place, offset),
      offset,
      attributes,
      children: [],
      text: '',
      textOffset: -1,
    };
    if (this.#place.file !== undefined) element.source = this.#place;
    this.#open.push(element);
    this.#markupEnd = position;
  }

  addText(text: string, position: number): void {
    const element = this.innermost;
    if (element !== undefined) {
      element.text += text;
      if (element.textOffset < 0 && /\S/.test(text)) {
        const first = this.#source.slice(this.#markupEnd, position).search(/\S/);
        element.textOffset = this.#markupEnd + Math.max(0, first);
      }
    }
    this.#markupEnd = Math.max(this.#markupEnd, position - 1);
  }

  close(position: number): void {
    const element = this.#open.pop();
    const parent = this.innermost;
    if (parent === undefined) this.root = element;
    else if (element !== undefined) parent.children.push(element);
    this.#markupEnd = position;
  }
}

function refuseNamespaces(
  name: string,
  attributes: Readonly<Record<string, string>>,
  offset: number,
  source: string,
  refuse: Refuse,
): void {
  const hint =
    'Format B uses no namespaces; xi:include stands in source policies only: give the expanded and allocated policy_b.xml.';
  if (name.includes(':')) refuse('XML-NAMESPACE', offset, `element <${name}> has a namespace prefix`, hint);
  for (const attribute of Object.keys(attributes)) {
    if (attribute.includes(':') || attribute === 'xmlns') {
      const place = attributeOffset(source, { name, offset }, attribute);
      refuse('XML-NAMESPACE', place, `attribute ${quote(attribute)} of <${name}> belongs to a namespace`, hint);
    }
  }
}

function tooLarge(size: number, limit: number): Finding {
  return {
    code: 'XML-TOO-LARGE',
    severity: 'error',
    message: `the file has at least ${size} bytes, more than the limit of ${limit}`,
    line: 0,
    column: 0,
    hint: 'A policy of a real system has less than 1 MiB; was an image or a log given instead?',
  };
}

const quote = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
