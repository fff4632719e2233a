import type { Result } from '../../units/result.ts';
import { word } from '../expand/regions.ts';
import type { Finding } from '../finding.ts';
import { parseWord64 } from '../literal.ts';
import { childNamed, createElement, type PolicyTree, removeChild, type TreeElement } from '../tree.ts';
import { inWorkspace, type ToolOutcome, type Workspace } from '../workspace.ts';

/** What hashing needs from outside. */
export interface HashInputs {
  /** Bytes of a file that a region names; undefined when there is none. */
  readonly file: (name: string) => Uint8Array | undefined;
  /** SHA-256 of the parts one after the other, as 64 hex digits. */
  readonly sha256: (parts: readonly Uint8Array[]) => string;
}

/** Largest region that is hashed. */
const MAX_REGION_BYTES = 2 ** 30;

/**
 * Adds the hash of its content to each region that has one (Muen's mucfgmemhashes): a file, followed by zeros up to the
 * size of the region, or a fill pattern. Regions with a hash, or with "none" for one, stay as they are; subject
 * information has none, since it holds hashes itself. Files that are not given are a warning.
 */
export function addMemoryHashes(tree: PolicyTree, inputs: HashInputs): Result<ToolOutcome, readonly Finding[]> {
  return inWorkspace(tree, workspace => {
    const regions = workspace.all('memory/memory');
    for (const region of regions) addHash(workspace, region, inputs);
    const byName = new Map(regions.map(region => [region.attributes.name, region]));
    for (const region of regions) resolveReference(workspace, region, byName);
  });
}

function addHash(workspace: Workspace, region: TreeElement, inputs: HashInputs): void {
  const file = childNamed(region, 'file');
  const fill = childNamed(region, 'fill');
  const bytes = file === undefined ? undefined : inputs.file(file.attributes.filename ?? '');
  if (file !== undefined && bytes === undefined) {
    if (region.attributes.type === 'subject_info') return;
    const message = `the file '${file.attributes.filename}' of memory region '${region.attributes.name}' is not among the given ones; the region gets no hash`;
    workspace.report(file, 'HASH-FILE', message, 'Give the directory that holds it.', 'warning');
    return;
  }
  if (file !== undefined && bytes !== undefined && file.attributes.size === undefined) {
    file.attributes.size = word(bytes.length);
  }
  if (region.attributes.type === 'subject_info' || childNamed(region, 'hash') !== undefined) return;
  const sizeBytes = workspace.word(region, 'size');
  if (sizeBytes > MAX_REGION_BYTES) return;
  const content = bytes === undefined ? undefined : contentOf(file, bytes, sizeBytes);
  const parts = content ?? (fill === undefined ? undefined : filled(fill, sizeBytes));
  if (parts !== undefined) {
    region.children.push(createElement(region, 'hash', { value: `16#${inputs.sha256(parts)}#` }));
  }
}

/** Bytes of the file from its offset, and zeros behind them. */
function contentOf(file: TreeElement | undefined, bytes: Uint8Array, sizeBytes: number): readonly Uint8Array[] {
  const offset = Number(parseWord64(file?.attributes.offset ?? '') ?? 0n);
  const part = bytes.subarray(offset, offset + sizeBytes);
  return [part, new Uint8Array(sizeBytes - part.length)];
}

function filled(fill: TreeElement, sizeBytes: number): readonly Uint8Array[] {
  const digits = (fill.attributes.pattern ?? '').replace(/^16#|#$/g, '');
  return [new Uint8Array(sizeBytes).fill(Number.parseInt(digits, 16) || 0)];
}

/** A region that is loaded with the content of another one has its hash. */
function resolveReference(
  workspace: Workspace,
  region: TreeElement,
  regions: ReadonlyMap<string | undefined, TreeElement>,
): void {
  const reference = childNamed(region, 'hashRef');
  if (reference === undefined) return;
  const source = regions.get(reference.attributes.memory);
  if (source === undefined) {
    const message = `the hash of memory region '${region.attributes.name}' is that of '${reference.attributes.memory}', which does not exist`;
    workspace.report(reference, 'HASH-REFERENCE', message, 'Name a memory region.');
    return;
  }
  const hash = childNamed(source, 'hash');
  if (hash === undefined) return;
  removeChild(region, reference);
  region.children.push(createElement(reference, 'hash', { value: hash.attributes.value ?? 'none' }));
}
