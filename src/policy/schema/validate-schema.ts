import type { XmlBufferInputProvider as BufferProvider } from 'libxml2-wasm';
import { err, ok, type Result } from '../../units/result.ts';
import type { Finding } from '../finding.ts';
import { FindingList } from '../finding-list.ts';
import type { PolicyTree, TreeElement } from '../tree.ts';
import { writeTree } from '../tree-write.ts';
import type { SchemaFiles } from './schema-files.ts';

/** Folder in which libxml2 finds the schema files: they are handed over in memory, and it reads nothing else. */
const FOLDER = '/schema/';

type Library = typeof import('libxml2-wasm');

/** One message of libxml2. */
interface Detail {
  readonly message: string;
  readonly line: number;
  readonly file?: string;
  readonly xpath?: string;
}

/**
 * Validates a document against an XML schema with libxml2, and names the line of the document for everything that does
 * not fit.
 *
 * libxml2 never sees the file itself: it gets the tree that our parser read, which has no document type, no entities
 * and a bounded depth. White space between tags is dropped, as the real toolchain ignores it. The error is a sentence
 * about the schema.
 */
export async function validateSchema(
  tree: PolicyTree,
  schema: SchemaFiles,
): Promise<Result<readonly Finding[], string>> {
  const library = await import('libxml2-wasm');
  const provider = new library.XmlBufferInputProvider(buffersOf(schema));
  library.xmlRegisterInputProvider(provider as BufferProvider);
  try {
    return validate(library, tree, schema);
  } finally {
    library.xmlCleanupInputProvider();
  }
}

/** URLs are absolute, so that `..` in an include cannot lead anywhere but to another of these files. */
const urlOf = (path: string): string => `${FOLDER}${path.replace(/^\//, 'root/').replaceAll('..', 'up')}`;

function buffersOf({ files }: SchemaFiles): Record<string, Uint8Array> {
  const encoder = new TextEncoder();
  return Object.fromEntries([...files].map(([path, text]) => [urlOf(path), encoder.encode(text)]));
}

function validate(library: Library, tree: PolicyTree, schema: SchemaFiles): Result<readonly Finding[], string> {
  const { XmlDocument, XsdValidator, ParseOption } = library;
  const option = ParseOption.XML_PARSE_NONET | ParseOption.XML_PARSE_NO_XXE | ParseOption.XML_PARSE_BIG_LINES;
  const detailsOf = (cause: unknown): readonly Detail[] => {
    if (cause instanceof library.XmlLibError) return cause.details;
    throw cause;
  };
  let source: InstanceType<typeof XmlDocument> | undefined;
  let validator: InstanceType<typeof XsdValidator> | undefined;
  try {
    source = XmlDocument.fromString(schema.files.get(schema.main) ?? '', { url: urlOf(schema.main), option });
    validator = XsdValidator.fromDoc(source);
  } catch (cause) {
    source?.dispose();
    const [first] = detailsOf(cause);
    return err(`${schema.main} is no XML schema: ${first?.message.trim() ?? String(cause)}`);
  }
  const document = XmlDocument.fromString(writeTree(tree), { option });
  try {
    validator.validate(document);
    return ok([]);
  } catch (cause) {
    return ok(findingsOf(detailsOf(cause), tree.root, schema));
  } finally {
    document.dispose();
    validator.dispose();
    source.dispose();
  }
}

function findingsOf(details: readonly Detail[], root: TreeElement, { main }: SchemaFiles): readonly Finding[] {
  const findings = new FindingList('XSD-INVALID');
  for (const { message, xpath } of details) {
    const element = xpath === undefined ? undefined : elementAtXPath(root, xpath);
    const text = message.trim().replace(/\s+/g, ' ').replace(/\.$/, '');
    findings.add('XSD-INVALID', 'error', (element ?? root).at, text, `The schema ${main} does not allow it.`);
  }
  return findings.all();
}

/** The element that a path of libxml2 names: `/system/memory/memory[3]`; its attributes stand in its start tag. */
export function elementAtXPath(root: TreeElement, xpath: string): TreeElement | undefined {
  const [, first, ...steps] = xpath.split('/').map(step => /^([^[@]+)(?:\[([0-9]+)\])?$/.exec(step));
  if (first?.[1] !== root.name) return undefined;
  let element: TreeElement | undefined = root;
  for (const step of steps) {
    if (step === null || element === undefined) break;
    const [, name, number = '1'] = step;
    element = element.children.filter(child => child.name === name)[Number(number) - 1];
  }
  return element;
}
