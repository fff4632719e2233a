import type { XmlElement } from '../../../policy/xml.ts';
import {
  addNode,
  EMPTY_DIRECTORY,
  EMPTY_FILE,
  EMPTY_SYMLINK,
  type FileTree,
  isNodeName,
  writeFile,
} from './file-tree.ts';
import type { ServiceEnv } from './service.ts';

const KINDS = ['dir', 'inline', 'symlink'];
/** Deepest directory of a configuration. */
const MAX_DEPTH = 32;

/** What is wrong with the `<content>` of a configuration, empty if nothing is. */
export function checkContent(nodes: readonly XmlElement[], depth = 0): string {
  if (depth > MAX_DEPTH) return `<content> is deeper than ${MAX_DEPTH} directories`;
  const names = new Set<string>();
  for (const node of nodes) {
    const { name } = node.attributes;
    if (!KINDS.includes(node.name)) return `<${node.name}> in <content> is not supported, ${KINDS.join(', ')} are`;
    if (name === undefined || !isNodeName(name)) return `<${node.name}> in <content> has no valid name`;
    if (names.has(name)) return `"${name}" is twice in one directory of <content>`;
    names.add(name);
    const wrong = node.name === 'dir' ? checkContent(node.children, depth + 1) : '';
    if (wrong !== '') return wrong;
  }
  return '';
}

/** Adds what `<content>` lists to a directory; undefined if there is no room. */
export function addContent(
  before: FileTree,
  directory: number,
  nodes: readonly XmlElement[],
  env: ServiceEnv,
): FileTree | undefined {
  let tree: FileTree | undefined = before;
  for (const node of nodes) {
    const name = node.attributes.name!;
    if (node.name === 'symlink') {
      tree = addNode(tree, directory, name, { ...EMPTY_SYMLINK, target: node.attributes.target ?? '' })?.tree;
    } else if (node.name === 'inline') {
      const bytes = Uint8Array.from(node.text, character => character.charCodeAt(0) & 0xff);
      const { file, written } = writeFile(EMPTY_FILE, 0, bytes, env);
      tree = written < bytes.length ? undefined : addNode(tree, directory, name, file)?.tree;
    } else {
      const added = addNode(tree, directory, name, EMPTY_DIRECTORY);
      tree = added === undefined ? undefined : addContent(added.tree, added.inode, node.children, env);
    }
    if (tree === undefined) return undefined;
  }
  return tree;
}
