import { describe, expect, it } from 'vitest';
import { bochsMissing, runBochs } from '../../guests/emulators.ts';
import { imageOf, runHere } from '../../guests/machine.ts';
import { builtGuest, romImage } from '../../guests/rom.ts';
import { readCapabilities } from './cases/bochs-capabilities.ts';
import { caseData, readTranscript, type VmxCase } from './cases/case-program.ts';
import { comparable } from './cases/defined-fields.ts';
import { EXIT_DIFFERENCES } from './cases/exit-differences.ts';
import { goldenTranscript, recordTranscript } from './cases/golden-transcript.ts';
import { instructionCases } from './cases/instruction-cases.ts';

const cases = instructionCases();
const golden = goldenTranscript('instructions-bochs');

/** Every how many-th case our machine executes here; MUENCHECK_BUDGET=deep makes it all. */
const STRIDE = 'MUENCHECK_BUDGET' in process.env ? 1 : 24;
/** Instructions that a case takes at most, the building of its scratch area included. */
const INSTRUCTIONS_PER_CASE = 400_000;

describe('VMX instructions and VM exits against Bochs', () => {
  it('are the same on our machine, which executes the hypervisor and its guests', () => {
    const chosen = cases.map((_, index) => index).filter(index => index % STRIDE === 0);
    const image = imageOf(builtGuest('vmx-cases'), caseData(chosen.map(index => cases[index] as VmxCase)));
    const run = runHere(image, INSTRUCTIONS_PER_CASE * (chosen.length + 2), readCapabilities(golden.capabilities));
    if (!run.ok) throw new Error(run.reason);
    const here = readTranscript(run.text);
    expect(here.capabilities).toEqual(golden.capabilities);
    const wrong = chosen.flatMap((index, at) => {
      const [ours, theirs] = [comparable(here.lines[at]!), comparable(golden.lines[index]!)];
      const { name } = cases[index]!;
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
