import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { INSTRUCTIONS } from '../../src/impl/x86/table.ts';
import { caseData } from '../impl/vmx/cases/case-program.ts';
import { rootCases } from '../impl/vmx/cases/root-cases.ts';
import { BOCHS_DIFFERENCES, type EmulatorDifference, QEMU_DIFFERENCES } from './emulator-differences.ts';
import { bochsMissing, qemuMissing, runBochs, runQemu, type Transcript } from './emulators.ts';
import { executedRows } from './executed-rows.ts';
import { imageOf, multiprocessor, runHere, runTogether } from './machine.ts';
import { builtGuest, processorsOf, romImage, SYSTEM_GUESTS } from './rom.ts';
import { differences } from './transcript.ts';

const MAX_INSTRUCTIONS = 3_000_000;

const goldenPath = (guest: string): URL => new URL(`golden/${guest}.txt`, import.meta.url);
/** What Bochs printed when it was recorded. */
const golden = (guest: string): string => readFileSync(goldenPath(guest), 'utf8');

function textOf(run: Transcript): string {
  if (!run.ok) throw new Error(run.reason);
  return run.text;
}

/** Tests that differ without a row of the table, and rows without a difference. */
function unexplained(guest: string, found: readonly string[], known: readonly EmulatorDifference[]): string[] {
  const rows = known.filter(row => row.guest === guest);
  return [
    ...found.filter(name => !rows.some(({ tests }) => tests.test(name))),
    ...rows.filter(({ tests }) => !found.some(name => tests.test(name))).map(({ tests }) => `no longer: ${tests}`),
  ];
}

describe.each(SYSTEM_GUESTS)('system behaviour: %s', guest => {
  const image = builtGuest(guest);
  const processors = processorsOf(guest);
  const here = (): string =>
    textOf(
      processors === 1
        ? runHere(image, MAX_INSTRUCTIONS)
        : runTogether(multiprocessor(image, processors), MAX_INSTRUCTIONS),
    );

  it('is on our machine as it was on Bochs, apart from what Bochs is known to do otherwise', () => {
    expect(unexplained(guest, differences(here(), golden(guest)), BOCHS_DIFFERENCES)).toEqual([]);
  });

  it.skipIf(bochsMissing !== '')(`is the same on Bochs ${bochsMissing}`, () => {
    const text = textOf(runBochs(romImage(image), processors));
    if (process.env.MUENCHECK_UPDATE === '1') writeFileSync(goldenPath(guest), text);
    expect(text.split('\n')).toEqual(golden(guest).split('\n'));
  });

  it.skipIf(qemuMissing !== '')(
    `is the same on QEMU, apart from what QEMU is known to do otherwise ${qemuMissing}`,
    () => {
      const text = textOf(runQemu(romImage(image), processors));
      expect(unexplained(guest, differences(here(), text), QEMU_DIFFERENCES)).toEqual([]);
    },
  );
});

describe('the transcripts column of the instruction table', () => {
  it('names for each system row the guests that execute it, on our machine as well', () => {
    const executed = new Map<string, ReadonlySet<number>>(
      SYSTEM_GUESTS.filter(guest => processorsOf(guest) === 1).map(guest => [
        guest,
        executedRows(builtGuest(guest), MAX_INSTRUCTIONS),
      ]),
    );
    const cases = rootCases();
    const hypervisor = imageOf(builtGuest('vmx-cases'), caseData(cases));
    executed.set('vmx-cases', executedRows(hypervisor, 400_000 * cases.length));
    const wrong = INSTRUCTIONS.filter(row => row.class === 'system').flatMap(row => {
      const guests = [...executed].filter(([, rows]) => rows.has(row.id)).map(([guest]) => guest);
      const isSame = guests.length > 0 && guests.join(' ') === row.transcripts.join(' ');
      return isSame ? [] : [`${row.encoding} ${row.mnemonic}: executed by ${guests.join(' ')}, not ${row.transcripts}`];
    });
    expect(wrong).toEqual([]);
  });
});
