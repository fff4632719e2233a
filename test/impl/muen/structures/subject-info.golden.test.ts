import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { structureOps } from '../../../../src/impl/muen/structures/ops.ts';
import { buildSubjectInfo } from '../../../../src/impl/muen/structures/subject-info.ts';
import { parsePolicy } from '../../../../src/policy/parse.ts';
import { goldenMissing, goldenSystems } from '../../golden.ts';
import { goldenFiles } from './golden-files.ts';

const GOLDEN = fileURLToPath(new URL('../../../../../shared/golden/', import.meta.url));

describe.skipIf(goldenMissing !== '')(`subject information of the real generator ${goldenMissing}`, () => {
  it.each(goldenSystems.filter(folder => folder.startsWith('systems/')))('%s: ours is equal, byte for byte', folder => {
    const parsed = parsePolicy(readFileSync(`${GOLDEN}${folder}/policy_b_hashed.xml`));
    if (!parsed.ok) throw new Error(parsed.error[0]?.message);
    const { document } = parsed.value;
    const files = goldenFiles(folder);
    for (const subject of document.subjects) {
      const real = files.get(`${subject.name}_sinfo`);
      const own = buildSubjectInfo(document, subject, structureOps);
      expect(real, subject.name).toBeDefined();
      const at = real!.findIndex((byte, index) => byte !== own[index]);
      expect([subject.name, at, own.length]).toEqual([subject.name, -1, real!.length]);
    }
  });
});
