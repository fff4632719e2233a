import { readFileSync, statSync } from 'node:fs';
import type { MergeInputs } from '../../../src/policy/source/merge.ts';
import type { PolicyFiles } from '../../../src/policy/source/source-files.ts';
import { type PolicyTree, parseTree } from '../../../src/policy/tree.ts';
import { ok } from '../../../src/units/result.ts';
import { sharedBytes, sharedPath } from '../shared-files.ts';

/** Folders of the reference data by the name that the tests give them. */
export type Mounts = Readonly<Record<string, string>>;

/** Files below the mounted folders of ../shared; `mount/path` reads `folder/path`. */
export function sharedFiles(mounts: Mounts): PolicyFiles {
  return {
    read(path) {
      const [mount = '', ...rest] = path.split('/');
      const folder = mounts[mount];
      if (folder === undefined) return ok(undefined);
      const place = sharedPath(`${folder}/${rest.join('/')}`);
      return ok(statSync(place, { throwIfNoEntry: false })?.isFile() ? readFileSync(place) : undefined);
    },
  };
}

/** One file of ../shared as a tree. */
export function readSharedTree(path: string): PolicyTree {
  const tree = parseTree(sharedBytes(path), path);
  if (!tree.ok) throw new Error(tree.error.message);
  return tree.value;
}

/** Files that a test writes out. */
export function textFiles(texts: Readonly<Record<string, string>>): PolicyFiles {
  return {
    read: path => ok(Object.hasOwn(texts, path) ? new TextEncoder().encode(texts[path]) : undefined),
  };
}

export const SYSTEMS = [
  'demo_system_desktop_smp--lenovo-t440s',
  'demo_system_vtd--kontron-ktqm77',
  'demo_system_vtd--lenovo-t440s',
  'demo_system_vtd--qemu-kvm',
  'demo_system_vtd--up-squared-e3950',
  'integration_tests--lenovo-t430s',
  'integration_tests--qemu-kvm',
] as const;

/** The inputs of a golden system as its user has them: the configuration, the plan beside it and the policy folder. */
export function goldenInputs(system: string): { readonly inputs: MergeInputs; readonly files: PolicyFiles } {
  const base = sharedFiles({
    input: `golden/systems/${system}/input`,
    policy: 'muen/2024-11/policy',
    xml: 'muen/2024-11/policy/xml',
  });
  // The one policy that is not part of the folder stands beside the configuration, under a flat name.
  const moved = 'policy/xml/demo_system_desktop_smp.xml';
  const read: PolicyFiles['read'] = path => base.read(path === moved ? 'input/xml__demo_system_desktop_smp.xml' : path);
  const includeDirectories = ['input', 'policy', 'xml'];
  return { inputs: { policy: 'input/system_config.xml', includeDirectories }, files: { read } };
}
