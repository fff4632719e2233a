import { readFileSync } from 'node:fs';
import { programBlocks } from '../../src/arbitraries/machine-code/code-program.ts';
import type { CodeVocabulary } from '../../src/arbitraries/machine-code/code-vocabulary.ts';
import type { CheckContext } from '../../src/engine/property.ts';
import { type Attacker, FuzzTarget, type Reach } from '../../src/fuzz/fuzz-target.ts';
import { freshInput } from '../../src/fuzz/mutate.ts';
import { hexOfBytes } from '../../src/impl/machine-code/code-image.ts';
import { defaultSeams } from '../../src/impl/seams.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { createRng, deriveSeed } from '../../src/units/rng.ts';
import { handoverRelays } from './handover-relays.ts';

/*
 * A whole system for full major frames, with adversarial machine code in each subject in turn: every exit compared with the model, every
 * frame condition checked.
 * Run by hand: npx tsx test/fuzz/demo-campaign.ts <policy_b.xml> [VM exits] [seed]
 */

/** Every other program may do what stops the system; the others run to the end of their major frames. */
const REACHES: readonly Reach[] = [
  { instructionsPerFrame: 60, majorFrames: 8, maxKernelSteps: 4000, mayStop: false },
  { instructionsPerFrame: 60, majorFrames: 8, maxKernelSteps: 4000, mayStop: true },
];

const [path = '../shared/golden/systems/demo_system_vtd--qemu-kvm/policy_b.xml', wanted = '1000000', seedText = '1'] =
  process.argv.slice(2);
const SEED = Number(seedText);
const bytes = readFileSync(path);
const parsed = parsePolicy(bytes);
if (!parsed.ok) throw new Error(path);
const context: CheckContext = {
  document: parsed.value.document,
  policyText: bytes.toString(),
  policyPath: path,
  policySha256: '',
  seams: defaultSeams,
  seed: SEED,
  budget: { name: 'smoke' },
  software: [],
};

function targetOf(reach: Reach, software: CheckContext['software']): FuzzTarget {
  const created = FuzzTarget.create({ ...context, software }, reach);
  if (!created.ok) throw new Error(created.error);
  return created.value;
}

const bare = REACHES.map(reach => targetOf(reach, []));
const attackers = bare[0]!.attackers.filter(({ code }) => code !== undefined);
const entryOf = (subject: string): number => attackers.find(row => row.subject === subject)!.code!.entry;
/** Systems by attacker, in which the other subjects of its scheduling group hand over to it. */
const targets = new Map(
  attackers.map(({ subject }) => {
    const relays = handoverRelays(parsed.value.document, subject, entryOf);
    return [subject, relays.length === 0 ? bare : REACHES.map(reach => targetOf(reach, relays))];
  }),
);

const BLOCKS = 16;

/** A program that begins again at its end. */
function endless(words: readonly number[], code: CodeVocabulary): string {
  const blocks = programBlocks(words, code).map(({ hex }) => hex);
  // In place of the loop at the end, JMP to the first byte.
  const body = blocks.slice(0, -1).join('');
  const distance = -(body.length / 2 + 5);
  return `${body}e9${hexOfBytes(new Uint8Array(Int32Array.of(distance).buffer))}`;
}

interface Count {
  runs: number;
  /** Exits of the subject itself, and of the whole system meanwhile. */
  own: number;
  all: number;
  /** Runs that reached the end of their major frames. */
  whole: number;
}

const counts = new Map<string, Count>();
for (const { subject } of attackers) counts.set(subject, { runs: 0, own: 0, all: 0, whole: 0 });
/** All in turn, and every other time the one that exited least, so that none is left behind. */
function nextAttacker(run: number): Attacker {
  if (run % 2 === 0) return attackers[(run / 2) % attackers.length]!;
  const own = ({ subject }: Attacker): number => counts.get(subject)!.own;
  return attackers.reduce((least, row) => (own(row) < own(least) ? row : least));
}

const findings: string[] = [];
let exits = 0;
for (let run = 0; exits < Number(wanted); run++) {
  const attacker = nextAttacker(run);
  const turn = counts.get(attacker.subject)!.runs;
  const target = targets.get(attacker.subject)![turn % REACHES.length]!;
  // Every other time the other subjects do something, too, so that those get the CPU that others hand over to.
  const around = freshInput(createRng(deriveSeed(SEED, `around ${run}`)), [attacker], 'guest', 'structured');
  const { code } = target.attackers.find(({ subject }) => subject === attacker.subject)!;
  const rng = createRng(deriveSeed(SEED, `demo ${run}`));
  const hex = endless(
    Array.from({ length: BLOCKS }, () => rng.next()),
    code!,
  );
  const execution = target.execute(
    Math.floor(turn / REACHES.length) % 2 === 0 ? { kind: 'bytes', subject: attacker.subject, hex } : around,
  );
  const count = counts.get(attacker.subject)!;
  count.runs += 1;
  count.all += execution.kernelSteps;
  count.own += execution.exits.filter(row => row.subject === attacker.subject).reduce((sum, row) => sum + row.count, 0);
  if (target.bench.system.kernel.platform.power === 'running' && execution.kernelSteps < REACHES[0]!.maxKernelSteps)
    count.whole += 1;
  exits += execution.kernelSteps;
  if (execution.failure !== '') findings.push(`run ${run}, ${attacker.subject}: ${execution.failure}`);
}
for (const [subject, { runs, own, all, whole }] of counts)
  console.log(
    `${subject.padEnd(24)} ${String(runs).padStart(6)} runs, ${String(whole).padStart(6)} to the end  ${String(own).padStart(8)} exits of its own  ${String(all).padStart(9)} in all`,
  );
const codeless = bare[0]!.attackers.filter(({ code }) => code === undefined).map(({ subject }) => subject);
console.log(
  `${counts.size} subjects with adversarial machine code${codeless.length === 0 ? '' : `; without executable memory: ${codeless.join(', ')}`}`,
);
console.log(`${exits} VM exits, ${findings.length} violations`);
for (const finding of findings.slice(0, 20)) console.log(`x  ${finding}`);
