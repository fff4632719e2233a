import { readFileSync } from 'node:fs';
import { findScenario } from '../scenarios/index.ts';
import { programBlocks } from '../src/arbitraries/machine-code/code-program.ts';
import { codeVocabulary } from '../src/arbitraries/machine-code/code-vocabulary.ts';
import { vocabularies } from '../src/arbitraries/vocabulary.ts';
import { defaultSeams } from '../src/impl/seams.ts';
import { parsePolicy } from '../src/policy/parse.ts';
import { type KernelModel, kernelModel } from '../src/refinement/kernel-model.ts';
import { Lockstep } from '../src/refinement/lockstep.ts';
import { TestBench } from '../src/refinement/test-bench.ts';
import type { RunSpec, SubjectProgram } from '../src/trace/trace.ts';
import { defined, invariant } from '../src/units/invariant.ts';
import { createRng } from '../src/units/rng.ts';
import { type Benchmark, measurement, medianOf, perSecond } from './benchmark.ts';

const PROGRAMS = 64;
const BLOCKS = 16;
/** VM exits of one program before the system is put back. */
const EXITS = 50;
const CYCLES_PER_INSTRUCTION = 32;
/** Programs until the engine has compiled what runs often. */
const WARM_UP = 600;
const MEASURED = 400;

interface Field {
  readonly bench: TestBench;
  readonly model: KernelModel;
  readonly specs: readonly RunSpec[];
}

/** The native program of scenario machine-code as generated programs, with its monitor; the rest of the system idles. */
function field(): Field {
  const scenario = findScenario('machine-code');
  invariant(scenario.ok && scenario.value !== undefined, 'scenario machine-code');
  const parsed = parsePolicy(readFileSync(scenario.value.policyPath));
  invariant(parsed.ok, 'policy of machine-code');
  const { document } = parsed.value;
  const created = TestBench.create(document, defaultSeams);
  invariant(created.ok, 'system of machine-code');
  const bench = created.value;
  const words = defined(
    vocabularies(document).find(({ subject }) => subject === 'program'),
    'program',
  );
  const vocabulary = defined(codeVocabulary(document, bench.system.kernel.tables, words, false), 'code of program');
  const warden = scenario.value.software.filter(({ subject }) => subject === 'warden');
  // HLT; JMP back: the other CPU takes no time of ours.
  const waiting: SubjectProgram = { subject: 'guest', machineCode: [{ address: 0x40_0000, hex: 'f4ebfd' }] };
  const rng = createRng(1);
  const specs = Array.from({ length: PROGRAMS }, (): RunSpec => {
    const blocks = Array.from({ length: BLOCKS }, () => rng.next());
    const program: SubjectProgram = { subject: 'program', machineCode: programBlocks(blocks, vocabulary) };
    return {
      cyclesPerInstruction: CYCLES_PER_INSTRUCTION,
      // Within the first minor frame: what is measured are exits, not the idling of others.
      endTsc: bench.system.time.startTsc + 400_000,
      maxKernelSteps: EXITS,
      programs: [program, waiting, ...warden],
      interrupts: [],
      interleavings: [],
    };
  });
  return { bench, model: kernelModel(document), specs };
}

/** Runs programs from the same snapshot each; VM exits handled. */
function execute({ bench, model, specs }: Field, programs: number, isChecked: boolean): number {
  let exits = 0;
  for (let index = 0; index < programs; index++) {
    const loaded = bench.load(specs[index % specs.length]!);
    invariant(loaded.ok, 'the programs fit');
    const system = loaded.value;
    if (isChecked) {
      const lockstep = new Lockstep(system, model);
      lockstep.begin();
      system.observer = lockstep;
      while (lockstep.divergence === undefined && system.step());
      invariant(lockstep.divergence === undefined, lockstep.divergence?.what ?? '');
    } else system.run();
    exits += system.kernelSteps;
  }
  return exits;
}

const exitsBenchmark = (id: string, title: string, isChecked: boolean): Benchmark => ({
  id,
  title,
  unit: 'VM exits/s',
  run() {
    const ready = field();
    execute(ready, WARM_UP, isChecked);
    return measurement(
      medianOf(5, () => perSecond(() => execute(ready, MEASURED, isChecked))),
      {},
    );
  },
});

/** VM exits of generated machine code, from the instruction to the next entry, reset to a snapshot every 50 exits included. */
export const vmExits = exitsBenchmark('vm-exits', 'VM exits of machine code with snapshot reset', false);
export const vmExitsChecked = exitsBenchmark(
  'vm-exits-checked',
  'VM exits of machine code with snapshot reset, refinement- and frame-checked',
  true,
);
