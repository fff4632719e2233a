import { describe, expect, it } from 'vitest';
import { bochsMissing, runBochs } from '../../guests/emulators.ts';
import { imageOf, runHere } from '../../guests/machine.ts';
import { builtGuest, romImage } from '../../guests/rom.ts';
import { readCapabilities } from './cases/bochs-capabilities.ts';
import { caseData, readTranscript } from './cases/case-program.ts';
import { comparable } from './cases/defined-fields.ts';
import { EXIT_DIFFERENCES } from './cases/exit-differences.ts';
import { goldenTranscript, recordTranscript } from './cases/golden-transcript.ts';
import { instructionCases } from './cases/instruction-cases.ts';

const cases = instructionCases();
const golden = goldenTranscript('instructions-bochs');

/** Instructions that a case takes at most, the building of its scratch area included. */
const INSTRUCTIONS_PER_CASE = 400_000;

describe('VMX instructions and VM exits against Bochs', () => {
  it('are the same on our machine, which executes the hypervisor and its guests', () => {
    const image = imageOf(builtGuest('vmx-cases'), caseData(cases));
    const run = runHere(image, INSTRUCTIONS_PER_CASE * cases.length, readCapabilities(golden.capabilities));
    if (!run.ok) throw new Error(run.reason);
    const here = readTranscript(run.text);
    expect(here.capabilities).toEqual(golden.capabilities);
    const wrong = cases.flatMap(({ name }, index) => {
      const [ours, theirs] = [comparable(here.lines[index]!), comparable(golden.lines[index]!)];
      return (ours === theirs) === !(name in EXIT_DIFFERENCES) ? [] : [`${name}: ${ours} here, Bochs ${theirs}`];
    });
    expect(wrong).toEqual([]);
  });

  it.skipIf(bochsMissing !== '')(`reproduce the transcript on Bochs ${bochsMissing}`, () => {
    const run = runBochs(romImage(builtGuest('vmx-cases'), caseData(cases)));
    if (!run.ok) throw new Error(run.reason);
    const fresh = recordTranscript('instructions-bochs', run.text);
    const { capabilities, lines } = goldenTranscript('instructions-bochs');
    expect(fresh.capabilities).toEqual(capabilities);
    expect(fresh.lines).toEqual(lines);
  });
});
