import fc from 'fast-check';
import { expect, it } from 'vitest';
import { defaultSeams } from '../../src/impl/seams.ts';
import { cyclesPerInstruction } from '../../src/impl/time-model.ts';
import { checkPolicy } from '../../src/policy/check.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { readPolicy } from '../../src/policy/parse.ts';
import { bringTo } from '../../src/policy/toolchain.ts';
import { parseTree, toXmlDocument } from '../../src/policy/tree.ts';
import { kernelModel } from '../../src/refinement/kernel-model.ts';
import { TestBench } from '../../src/refinement/test-bench.ts';
import { SMALL_SOURCE } from '../../test/policy/expand/small-source.ts';
import { mutate, type TreeMutation, treeMutation } from '../../test/policy/tree-mutation.ts';
import { runBesideModel } from '../refinement-judge.ts';

const MAJOR_FRAMES = 3;
const MAX_OPERATIONS = 200;
const MAX_KERNEL_STEPS = 40;
const SOURCE = new TextEncoder().encode(SMALL_SOURCE);

type Outcome = 'refused' | 'invalid' | 'runs';

/** The policy in format B if every step up to there takes the source with these edits. */
function built(edits: readonly TreeMutation[]): PolicyDocument | undefined {
  const tree = parseTree(SOURCE, 'small.xml');
  if (!tree.ok) throw new Error(tree.error.message);
  for (const edit of edits) mutate(tree.value, edit);
  const outcome = bringTo(tree.value, 'b');
  const document = outcome.ok ? readPolicy(toXmlDocument(outcome.value.tree)) : undefined;
  if (document?.ok) return document.value.document;
  const findings = outcome.ok ? (document?.ok === false ? document.error : []) : outcome.error;
  expect(findings.some(({ severity }) => severity === 'error')).toBe(true);
  for (const { file, line } of findings) expect([file, line > 0]).toEqual(['small.xml', true]);
  return undefined;
}

/** Boots the system and follows some frames of it, in which subjects only spin, beside the model. */
function expectRuns(document: PolicyDocument): void {
  const bench = TestBench.create(document, defaultSeams);
  if (!bench.ok) throw new Error(`valid, but not built: ${bench.error[0]?.message}`);
  const { time, kernel } = bench.value.system;
  const cycles = cyclesPerInstruction(time, 20);
  // Edited frames may be so long that only some of one fits.
  const duration = Math.min(MAJOR_FRAMES * (kernel.tables.majorFrames[0]?.periodCycles ?? 0), MAX_OPERATIONS * cycles);
  const lockstep = runBesideModel(
    { bench: bench.value, model: kernelModel(document) },
    {
      cyclesPerInstruction: cycles,
      endTsc: time.startTsc + duration,
      maxKernelSteps: MAX_KERNEL_STEPS,
      programs: [],
      interrupts: [],
      interleavings: [],
    },
  );
  expect(lockstep.divergence).toBeUndefined();
}

function follow(edits: readonly TreeMutation[]): Outcome {
  const document = built(edits);
  if (document === undefined) return 'refused';
  if (checkPolicy(document).findings.some(({ severity }) => severity === 'error')) return 'invalid';
  expectRuns(document);
  return 'runs';
}

it('every edited source policy that validates boots and runs as the model says', { timeout: 1_200_000 }, () => {
  const seen: Record<Outcome, number> = { refused: 0, invalid: 0, runs: 0 };
  fc.assert(
    fc.property(fc.array(treeMutation, { minLength: 1, maxLength: 3 }), edits => {
      seen[follow(edits)] += 1;
    }),
    { numRuns: process.env.MUENCHECK_BUDGET === 'deep' ? 5000 : 250 },
  );
  expect(Math.min(seen.refused, seen.invalid, seen.runs)).toBeGreaterThan(5);
});
