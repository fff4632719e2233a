import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assemble, builtGuest, builtPath, GUESTS, nasmMissing } from './rom.ts';

describe.skipIf(nasmMissing !== '')(`built guests ${nasmMissing}`, () => {
  it.each(GUESTS)('%s is what nasm makes of its source', guest => {
    const fresh = assemble(guest);
    if (process.env.MUENCHECK_UPDATE === '1') writeFileSync(builtPath(guest), fresh);
    expect(Buffer.from(builtGuest(guest)).equals(Buffer.from(fresh)), 'MUENCHECK_UPDATE=1 rebuilds it').toBe(true);
  });
});
