import { fileExists } from '../host/files.ts';
import { confinedFiles } from '../host/policy-files.ts';
import type { Finding } from '../policy/finding.ts';
import { collectSchema, mainSchema } from '../policy/schema/schema-files.ts';
import { validateSchema } from '../policy/schema/validate-schema.ts';
import { directoryOf } from '../policy/source/paths.ts';
import { formatOf } from '../policy/toolchain.ts';
import { type PolicyTree, parseTree, type TreeElement } from '../policy/tree.ts';
import { err, ok, type Result } from '../units/result.ts';

/** The folder above the one of a schema is read too: schemas of a format include files beside their folder. */
const foldersOf = (schema: string): readonly string[] => {
  const own = directoryOf(schema);
  return [own, `${own}/..`];
};

/**
 * Validates a document against the schemas in a folder, or against one schema file.
 *
 * @returns findings, none when the document fits; the error is a usage error. A document that is no XML is the matter
 * of its reader: nothing is found.
 */
export async function checkSchema(
  bytes: Uint8Array,
  file: string,
  schema: string,
): Promise<Result<readonly Finding[], string>> {
  const tree = parseTree(bytes, file);
  return tree.ok ? checkTreeSchema(tree.value, schema) : ok([]);
}

/** As checkSchema, for a document that was read or made. */
export async function checkTreeSchema(tree: PolicyTree, schema: string): Promise<Result<readonly Finding[], string>> {
  const isFolder = !fileExists(schema);
  const { name } = tree.root;
  const main = isFolder ? mainSchema(schema, name) : schema;
  if (main === undefined) return err(`--schema: no schema is known for documents with the root <${name}>`);
  const { read } = confinedFiles(isFolder ? [schema] : foldersOf(schema));
  const files = collectSchema(main, formatOf(tree), read);
  return files.ok ? validateSchema(withoutDocumentation(tree), files.value) : err(`--schema: ${files.error}`);
}

/** Documentation may stand anywhere in a source policy; another tool of Muen reads it, and the schemas do not know it. */
function withoutDocumentation(tree: PolicyTree): PolicyTree {
  const plain = (element: TreeElement): TreeElement => ({
    ...element,
    children: element.children.filter(({ name }) => name !== 'doc').map(plain),
  });
  return formatOf(tree) === 'src' ? { root: plain(tree.root) } : tree;
}
