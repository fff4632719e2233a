import { describe, expect, it } from 'vitest';
import { buildIoBitmap } from '../../../../src/impl/muen/structures/io-bitmap.ts';
import { buildMsrBitmap } from '../../../../src/impl/muen/structures/msr-bitmap.ts';
import { buildMsrStore } from '../../../../src/impl/muen/structures/msr-store.ts';
import { structureOps } from '../../../../src/impl/muen/structures/ops.ts';
import { goldenDocument, goldenMissing, goldenSystems } from '../../golden.ts';
import { goldenFiles } from './golden-files.ts';

const hex = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? 'absent' : Buffer.from(bytes).toString('hex');

describe.skipIf(goldenMissing !== '')(`bitmaps and MSR stores of the real generators ${goldenMissing}`, () => {
  it.each(goldenSystems)('%s: ours are equal, byte for byte', folder => {
    const document = goldenDocument(folder);
    const files = goldenFiles(folder);
    for (const subject of document.subjects) {
      const { name } = subject;
      expect(hex(buildIoBitmap(document, subject, structureOps)), `${name} iobm`).toBe(hex(files.get(`${name}_iobm`)));
      expect(hex(buildMsrBitmap(subject, structureOps)), `${name} msrbm`).toBe(hex(files.get(`${name}_msrbm`)));
      // The hand-written systems come without generated files.
      if (!folder.startsWith('systems/')) continue;
      const store = buildMsrStore(subject, structureOps);
      expect(store.length === 0 ? 'absent' : hex(store), `${name} msrstore`).toBe(hex(files.get(`${name}_msrstore`)));
    }
  });
});
