import { describe, expect, it } from 'vitest';
import { DEFAULT_CAPABILITIES, EptVpid } from '../../../src/impl/vmx/capabilities.ts';
import { ENTRY_CHECK_GROUPS } from '../../../src/impl/vmx/entry-check-table.ts';
import { bochsMissing, runBochs } from '../../guests/emulators.ts';
import { imageOf, runHere } from '../../guests/machine.ts';
import { builtGuest, romImage } from '../../guests/rom.ts';
import { readCapabilities } from './cases/bochs-capabilities.ts';
import { BOCHS_DIFFERENCES } from './cases/bochs-differences.ts';
import { caseData, launch, readTranscript, vmwrite } from './cases/case-program.ts';
import { comparable } from './cases/defined-fields.ts';
import { entryCases } from './cases/entry-mutations.ts';
import { ENTRY_DIFFERENCES } from './cases/exit-differences.ts';
import { goldenTranscript, recordTranscript } from './cases/golden-transcript.ts';
import { entryOutcome, HostedCases } from './cases/hosted-case.ts';
import { LONG, PROTECTED } from './cases/profiles.ts';

const cases = entryCases();
const golden = goldenTranscript('entry-bochs');
/** Every how many-th case our machine executes. */
const MACHINE_STRIDE = 'MUENCHECK_BUDGET' in process.env ? 1 : 5;
/** Every how many-th case Bochs runs again. */
const STRIDE = ['MUENCHECK_UPDATE', 'MUENCHECK_BUDGET'].some(name => name in process.env) ? 1 : 7;
/** Bochs keeps virtual-NMI blocking when a VM entry says that there is none, so this bit depends on the cases before. */
const withoutNmiBlocking = (line: string): string =>
  line
    .replace(/ b8(?=[ ;])/g, '')
    .replace(/ b9(?=[ ;])/g, ' b1')
    .replace(/ ba(?=[ ;])/g, ' b2');
const isMsrLoad = (name: string): boolean => name.includes('MSR load');

describe('VM-entry checks against Bochs', () => {
  const hosted = new HostedCases(readCapabilities(golden.capabilities));
  const outcomes = cases.map(one => hosted.evaluate(one));

  it('decide more than 6000 mutated VMCSs as Bochs did, with the rows exchanged that Bochs has otherwise', () => {
    expect(cases.length).toBeGreaterThan(6000);
    expect(golden.lines).toHaveLength(cases.length);
    const wrong = cases.flatMap(({ name }, index) => {
      const line = golden.lines[index]!;
      return isMsrLoad(name) || outcomes[index]!.asBochs === entryOutcome(line)
        ? []
        : [`${name}: ${outcomes[index]!.asBochs} here, Bochs ${line}`];
    });
    expect(wrong).toEqual([]);
  });

  it('differ from Bochs only in the rows of the table of differences, each of which is seen', () => {
    const seen = new Set<string>();
    cases.forEach((_, index) => {
      const { text, asBochs, failed } = outcomes[index]!;
      if (text === asBochs) return;
      if (text === 'entered') seen.add('added');
      for (const { check } of failed) seen.add(check.id);
    });
    expect(BOCHS_DIFFERENCES.map(({ row }) => row).filter(row => !seen.has(row))).toEqual([]);
  });

  it('are each the cause of a failure in some case', () => {
    const seen = new Set(outcomes.flatMap(({ failed }) => failed.map(({ check }) => check.id)));
    // Bochs has accessed and dirty flags in EPT, and its hypervisor runs in 64-bit mode.
    const elsewhere = ['eptp-accessed-dirty', 'legacy-processor'];
    const rows = ENTRY_CHECK_GROUPS.flatMap(({ checks }) => checks.map(({ id }) => id));
    expect(rows.filter(id => !seen.has(id))).toEqual(elsewhere);
    expect(new Set(rows).size).toBe(rows.length);
  });

  it('end in the same exits when our machine executes the hypervisor and its guests', () => {
    const chosen = cases.map((_, index) => index).filter(index => index % MACHINE_STRIDE === 0);
    const image = imageOf(builtGuest('vmx-cases'), caseData(chosen.map(index => cases[index]!)));
    const run = runHere(image, 400_000 * chosen.length, readCapabilities(golden.capabilities));
    if (!run.ok) throw new Error(run.reason);
    const here = readTranscript(run.text).lines;
    const wrong = chosen.flatMap((index, at) => {
      const { name } = cases[index]!;
      const { text, asBochs } = outcomes[index]!;
      const [ours, theirs] = [comparable(here[at]!), comparable(golden.lines[index]!)];
      const isExplained = text !== asBochs || ENTRY_DIFFERENCES.some(([pattern]) => pattern.test(name));
      return ours === theirs || isExplained ? [] : [`${name}: ${ours} here, Bochs ${theirs}`];
    });
    expect(wrong).toEqual([]);
  });

  it.skipIf(bochsMissing !== '')(`reproduce the transcript on Bochs ${bochsMissing}`, () => {
    const chosen = (_: unknown, index: number): boolean => index % STRIDE === 0;
    const run = runBochs(romImage(builtGuest('vmx-cases'), caseData(cases.filter(chosen))));
    if (!run.ok) throw new Error(run.reason);
    const fresh = STRIDE === 1 ? recordTranscript('entry-bochs', run.text) : readTranscript(run.text);
    const { capabilities, lines } = goldenTranscript('entry-bochs');
    expect(fresh.capabilities).toEqual(capabilities);
    expect(fresh.lines.map(withoutNmiBlocking)).toEqual(lines.filter(chosen).map(withoutNmiBlocking));
  });
});

describe('VM-entry checks of other processors', () => {
  it('refuse accessed and dirty flags in EPT where they are not supported', () => {
    const without = { ...DEFAULT_CAPABILITIES, eptVpidLow: DEFAULT_CAPABILITIES.eptVpidLow & ~EptVpid.accessedDirty };
    const one = { name: '', lists: [LONG], ops: [vmwrite('EPT_POINTER', 0x3_005e), launch()] };
    expect(new HostedCases(without).evaluate(one)).toMatchObject({
      text: 'z7',
      first: { check: { id: 'eptp-accessed-dirty' } },
    });
    expect(new HostedCases(DEFAULT_CAPABILITIES).evaluate(one).text).toBe('entered');
  });

  it('refuse IA-32e mode to a processor outside of it', () => {
    const hosted = new HostedCases(DEFAULT_CAPABILITIES);
    const processor = { isLongMode: false, isX2apic: false };
    for (const profile of [LONG, PROTECTED]) {
      const one = { name: '', lists: [profile], ops: [launch()] };
      expect(hosted.evaluate(one, processor)).toMatchObject({
        text: 'z8',
        first: { check: { id: 'legacy-processor' } },
      });
    }
  });
});
