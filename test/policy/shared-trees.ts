import { readdirSync } from 'node:fs';
import { type PolicyTree, parseTree } from '../../src/policy/tree.ts';
import { hasShared, sharedBytes, sharedPath } from './shared-files.ts';

/** Names of the real systems that outputs of the real toolchain exist for. */
export const SYSTEMS: readonly string[] = hasShared ? readdirSync(sharedPath('golden/systems')).sort() : [];

/** Reads a file of the shared data as a tree, or fails the test. */
export function sharedTree(path: string): PolicyTree {
  const tree = parseTree(sharedBytes(path), path);
  if (!tree.ok) throw new Error(`${path}: ${tree.error.line}: ${tree.error.message}`);
  return tree.value;
}

export const systemTree = (system: string, file: string): PolicyTree => sharedTree(`golden/systems/${system}/${file}`);
