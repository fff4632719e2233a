import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bochsMissing, qemuMissing, runBochs, runQemu, type Transcript } from './emulators.ts';
import { runHere } from './machine.ts';
import { builtGuest, romImage } from './rom.ts';

const GOLDEN = new URL('golden/system64.txt', import.meta.url);

/** Lines that QEMU 7.2 prints otherwise, and why it is wrong (SDM sections). */
const QEMU_DIFFERENCES: Readonly<Record<string, string>> = {
  'page: reserved bit': 'P of the error code is 1, the page is present (Vol. 3A, "Page-Fault Exceptions")',
  'page: not canonical stack': '#SS through the stack segment (Vol. 3A, "Interrupt 12")',
  'exception: INT 0x70 without gate':
    'the error code holds vector * 8 + 2 (Vol. 3A, "Error Code"); QEMU takes vector * 16',
  'ring 3: INT 0x80, kernel gate': 'as above',
  'exception: WRMSR, reserved EFER bit': 'reserved bits of EFER fault (Vol. 2D, WRMSR); QEMU ignores them',
  'exception: LSTAR not canonical': 'a not canonical LSTAR faults (Vol. 2D, WRMSR); QEMU takes it',
};

const golden = (): string[] => readFileSync(GOLDEN, 'utf8').split('\n');

function linesOf(run: Transcript): string[] {
  if (!run.ok) throw new Error(run.reason);
  return run.text.split('\n');
}

const nameOf = (line: string): string => line.slice(0, line.lastIndexOf(': '));

describe('system behaviour in 64-bit mode', () => {
  const guest = builtGuest('system64');

  it('is the same on our machine', () => {
    expect(linesOf(runHere(guest, 1_000_000))).toEqual(golden());
  });

  it.skipIf(bochsMissing !== '')(`is the same on Bochs ${bochsMissing}`, () => {
    const run = runBochs(romImage(guest));
    if (run.ok && process.env.MUENCHECK_UPDATE === '1') writeFileSync(GOLDEN, run.text);
    expect(linesOf(run)).toEqual(golden());
  });

  it.skipIf(qemuMissing !== '')(
    `is the same on QEMU, apart from what QEMU is known to do otherwise ${qemuMissing}`,
    () => {
      const lines = linesOf(runQemu(romImage(guest)));
      const different = golden().filter((line, index) => line !== lines[index]);
      expect(different.map(nameOf).sort()).toEqual(Object.keys(QEMU_DIFFERENCES).sort());
    },
  );
});
