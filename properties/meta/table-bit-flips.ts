import type { CheckContext, Failure, Property, Task, TaskResult } from '../../src/engine/property.ts';
import {
  type FlipOutcome,
  type FlipTarget,
  flipTargets,
  judgedText,
  tryFlip,
} from '../../src/refinement/structures/bit-flips.ts';
import { fileNameOf } from '../../src/refinement/structures/given.ts';
import type { StructureMemory } from '../../src/refinement/structures/items.ts';
import type { TraceOutcome } from '../../src/trace/trace.ts';
import { hpa } from '../../src/units/address.ts';
import { createRng, deriveSeed, type Rng } from '../../src/units/rng.ts';
import { structureWorlds } from '../isolation/structure-worlds.ts';
import { BUDGET_FACTOR } from '../refinement-property.ts';

const ID = 'meta/table-bit-flips';
/** Flips per task; the default budget is one task. */
const FLIPS_PER_TASK = 100;

/** A structure with what its judges say of it as it is. */
interface Target {
  readonly world: StructureMemory;
  readonly target: FlipTarget;
  readonly before: string;
}

const known = new WeakMap<CheckContext, ReadonlyMap<string, readonly Target[]>>();

/** Structures by kind: the given ones if there are some, else ours. */
function targetsOf(context: CheckContext): ReadonlyMap<string, readonly Target[]> {
  const found = known.get(context);
  if (found !== undefined) return found;
  const { given, pageTables, others } = structureWorlds(context);
  const has = (region: string): boolean => given?.placed.files.has(region) ?? true;
  const worlds = given === undefined ? [pageTables().world, others().world] : [given.world];
  const byKind = new Map<string, Target[]>();
  for (const world of worlds) {
    for (const target of flipTargets(world, has)) {
      // Ours are in two memories: page tables of subjects and kernels in the first one.
      const isPaging = target.kind === 'ia32e' || target.kind === 'ept';
      const belongs = given !== undefined || isPaging === (world === worlds[0]);
      if (!belongs || target.sizeBytes === 0) continue;
      const before = judgedText(world, target);
      byKind.set(target.kind, [...(byKind.get(target.kind) ?? []), { world, target, before }]);
    }
  }
  known.set(context, byKind);
  return byKind;
}

interface Flip {
  readonly target: Target;
  readonly offset: number;
  readonly bit: number;
}

/** Attempts to find an entry that is not zero; tables are mostly empty. */
const CONTENT_TRIES = 64;

/** A random byte; every second time, if possible, of an entry that is not zero. */
function chooseOffset({ world, target }: Target, rng: Rng): number {
  const wantsContent = rng.below(2) === 1;
  let offset = rng.below(target.sizeBytes);
  for (let tries = 0; wantsContent && tries < CONTENT_TRIES && isZero(world, target, offset); tries++)
    offset = rng.below(target.sizeBytes);
  return offset;
}

function isZero({ memory }: StructureMemory, { region }: FlipTarget, offset: number): boolean {
  const at = region.physicalAddress + offset - (offset % 8);
  return memory.readWordAt(hpa(at)) === 0 && memory.readWordAt(hpa(at + 4)) === 0;
}

/** A random bit of a random structure of a random kind, so that small tables are tried as often as large ones. */
function chooseFlip(byKind: ReadonlyMap<string, readonly Target[]>, rng: Rng): Flip {
  const kinds = [...byKind.values()];
  const targets = kinds[rng.below(kinds.length)]!;
  const target = targets[rng.below(targets.length)]!;
  return { target, offset: chooseOffset(target, rng), bit: rng.below(8) };
}

/** Outcome of a flip that is neither found nor harmless, or found although it is harmless. */
function outcomeOf({ target, offset, bit }: Flip, { detected, ignored }: FlipOutcome): TraceOutcome | undefined {
  if (detected === (ignored === '')) return undefined;
  const { region, kind } = target.target;
  const what = detected
    ? `is reported, although it is harmless: ${ignored}`
    : 'changes what the structure grants, and nothing reports it';
  return {
    summary: `bit ${bit} at offset 0x${offset.toString(16)} of ${fileNameOf(region.name)} ${what}`,
    explanation: [
      `Let the ${kind} structure in region '${region.name}' be as it was generated.`,
      `Then bit ${bit} at offset 0x${offset.toString(16)} is flipped.`,
    ],
    policyLines: [region.at.line],
    timeline: [],
    digests: [],
  };
}

function runTask(context: CheckContext, task: Task): TaskResult {
  const byKind = targetsOf(context);
  const rng = createRng(deriveSeed(context.seed, `${ID} ${task.index}`));
  const seen: Record<string, number> = { detected: 0, ignored: 0 };
  const count = (id: string): void => {
    seen[id] = (seen[id] ?? 0) + 1;
  };
  let failure: Failure | undefined;
  let runs = 0;
  for (; runs < Number(task.slice.flips) && failure === undefined; runs++) {
    const chosen = chooseFlip(byKind, rng);
    const { world, target, before } = chosen.target;
    const result = tryFlip(world, target, chosen.offset, chosen.bit, before);
    count(result.detected ? 'detected' : 'ignored');
    count(`${target.kind}: ${result.detected ? 'detected' : `ignored, ${result.ignored}`}`);
    const outcome = outcomeOf(chosen, result);
    if (outcome !== undefined) failure = { body: { kind: 'static' }, outcome, tables: filesOf(context, chosen) };
  }
  return {
    runs,
    steps: runs,
    states: 0,
    witnesses: seen,
    unspecified: {},
    ...(failure === undefined ? {} : { failure }),
  };
}

/** Given files that show a flip. */
function filesOf(context: CheckContext, { target }: Flip): readonly string[] {
  const placed = structureWorlds(context).given?.placed;
  const regions = target.target.items.flatMap(item => item.regions);
  return [...new Set(regions)].flatMap(region => placed?.files.get(region)?.name ?? []);
}

/** Flips the bit that a recorded summary names again. */
function replay(context: CheckContext, summary: string): TraceOutcome | undefined {
  const [, bit, offset, name] = /^bit (\d) at offset 0x([0-9a-f]+) of (\S+) /.exec(summary) ?? [];
  const target = [...targetsOf(context).values()]
    .flat()
    .find(candidate => fileNameOf(candidate.target.region.name) === name);
  if (target === undefined) return undefined;
  const flip: Flip = { target, offset: Number.parseInt(offset!, 16), bit: Number(bit) };
  if (flip.offset >= target.target.sizeBytes || flip.bit > 7) return undefined;
  return outcomeOf(flip, tryFlip(target.world, target.target, flip.offset, flip.bit, target.before));
}

/** The isolation properties of structures, tested by damage: every bit matters to them or to nobody. */
export const tableBitFlips: Property = {
  id: ID,
  area: 'meta',
  claim:
    'Every change of a single bit of a table, bitmap, store or subject information is found by the isolation properties, or the hardware ignores the bit, and no ignored bit is reported',
  method: 'random single-bit changes',
  passes: 'tested',
  witnesses: [
    { id: 'detected', description: 'a changed bit that is found' },
    { id: 'ignored', description: 'a changed bit that the hardware ignores' },
  ],
  killedBy: [],
  notApplicable: context => (targetsOf(context).size > 0 ? '' : 'there are no structures'),
  tasks: ({ budget }) => {
    const flips = budget.runs ?? FLIPS_PER_TASK * BUDGET_FACTOR[budget.name];
    return Array.from({ length: Math.ceil(flips / FLIPS_PER_TASK) }, (_, index): Task => {
      const left = Math.min(FLIPS_PER_TASK, flips - index * FLIPS_PER_TASK);
      return { property: ID, index, slice: { flips: left } };
    });
  },
  runTask,
  replay: (context, trace) => replay(context, trace.outcome.summary),
};
