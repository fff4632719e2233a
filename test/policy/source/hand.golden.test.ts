import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { expandPolicy } from '../../../src/policy/expand/expand.ts';
import { readSource, type SourceInputs } from '../../../src/policy/source/read-source.ts';
import type { PolicyFiles } from '../../../src/policy/source/source-files.ts';
import { hasShared, SKIP_REASON, sharedJson, sharedPath } from '../shared-files.ts';
import { readSharedTree, sharedFiles } from './golden-source.ts';
import { allDifferences } from './tree-agreement.ts';

interface Case {
  readonly case: string;
  readonly failsIn: string | null;
  readonly messages: readonly string[];
}

const CASES = hasShared ? sharedJson<readonly Case[]>('golden/hand/index.json') : [];

/** Stages of the real toolchain that `src/policy/source` stands for. */
const OUR_STAGES = ['mucfgmerge', 'mucfgcjoin', 'mucfgcvresalloc', 'mucfgvresalloc'];

function inputsOf(name: string): readonly [SourceInputs, PolicyFiles] {
  const base = `golden/hand/${name}/input`;
  const files = sharedFiles({
    input: base,
    specs: `${base}/cspecs_ext`,
    policy: 'muen/2024-11/policy',
    xml: 'muen/2024-11/policy/xml',
  });
  const specifications = readdirSync(sharedPath(`${base}/cspecs_ext`)).map(file => `specs/${file}`);
  return [{ policy: 'input/system_config.xml', includeDirectories: ['input', 'policy', 'xml'], specifications }, files];
}

describe.skipIf(!hasShared)(`systems written by hand (${hasShared ? '../shared' : SKIP_REASON})`, () => {
  const accepted = CASES.filter(({ failsIn }) => !OUR_STAGES.includes(failsIn ?? ''));
  const rejected = CASES.filter(({ failsIn }) => OUR_STAGES.includes(failsIn ?? ''));

  it.each(accepted.map(({ case: name }) => name))('%s agrees with the real tools after merge and join', name => {
    const [inputs, files] = inputsOf(name);
    for (const [stage, file] of [
      ['merged', 'policy_src.xml'],
      ['joined', 'policy_with_comp.xml'],
    ] as const) {
      const path = `golden/hand/${name}/${file}`;
      if (!existsSync(sharedPath(path))) continue;
      const result = readSource(inputs, files, stage);
      if (!result.ok) throw new Error(JSON.stringify(result.error));
      expect(allDifferences(result.value.tree, readSharedTree(path))).toEqual([]);
    }
    expect(readSource(inputs, files)).toMatchObject({ ok: true });
  });

  it.each(rejected.map(entry => [entry.case, entry] as const))('%s is rejected in the same stage', (name, entry) => {
    const [inputs, files] = inputsOf(name);
    const stage =
      entry.failsIn === 'mucfgmerge' ? 'merged' : entry.failsIn === 'mucfgvresalloc' ? 'allocated' : 'joined';
    const result = readSource(inputs, files, stage);
    if (result.ok) throw new Error('accepted');
    expect(result.error).toHaveLength(1);
    const [finding] = result.error;
    expect(finding!.line).toBeGreaterThan(0);
    expect(finding!.file).toMatch(/^input\//);
  });

  it('there is a violation for the merge stage, and its message names the value', () => {
    expect(rejected.map(({ case: name }) => name)).toEqual(['h03v_shm_kernel_type']);
    const [inputs, files] = inputsOf('h03v_shm_kernel_type');
    expect(readSource(inputs, files, 'merged')).toMatchObject({
      ok: false,
      error: [{ code: 'POL-ENUM', message: expect.stringContaining('memory/@type is "kernel"') }],
    });
  });

  it.each(CASES.filter(({ failsIn }) => failsIn === 'mucfgexpand').map(({ case: name }) => name))(
    '%s is rejected by the expansion as by mucfgexpand',
    name => {
      const [inputs, files] = inputsOf(name);
      const source = readSource(inputs, files);
      if (!source.ok) throw new Error(JSON.stringify(source.error));
      expect(expandPolicy(source.value.tree).ok).toBe(false);
    },
  );
});
