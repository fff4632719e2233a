import { assembleKernel } from '../../src/impl/create-system.ts';
import { bootKernel, isHalt } from '../../src/impl/muen/boot.ts';
import type { Processor } from '../../src/impl/platform/processor.ts';
import { defaultSeams, type Seams } from '../../src/impl/seams.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { InvariantError } from '../../src/units/invariant.ts';
import { createRng, deriveSeed, type Rng } from '../../src/units/rng.ts';

/* Fuzzing of the way to a running system: policies with numbers and references changed, on processors with features missing. */

const pick = <T>(rng: Rng, items: readonly T[]): T => items[rng.below(items.length)]!;
const MAX_CHANGES = 3;
/** Characters of a policy with so much memory that building its tables takes a second. */
const LARGE_POLICY = 300_000;

/** Attribute values of a policy text that are numbers, flags or names. */
const VALUE = /"([^"]*)"/g;
/** Values that say where something is. */
const PLACE = /(?<=(?:virtualAddress|physicalAddress|size|start|end)=)"([^"]*)"/g;

function changedValue(rng: Rng, value: string, others: readonly string[]): string {
  const hex = /^16#([0-9a-f_]+)#$/i.exec(value);
  if (hex !== null && rng.below(3) !== 0) {
    const number =
      BigInt(`0x${hex[1]!.replaceAll('_', '')}`) ^ (1n << BigInt(rng.below(2) === 0 ? rng.below(14) : rng.below(48)));
    return `16#${number.toString(16)}#`;
  }
  if (/^[0-9]+$/.test(value) && rng.below(3) !== 0) return String(Number(value) + rng.below(5) - 2);
  if (value === 'true' || value === 'false') return value === 'true' ? 'false' : 'true';
  // The value of another attribute.
  return pick(rng, others);
}

/** A policy text with a few attribute values changed, or an element left out. */
export function mutatedPolicy(rng: Rng, text: string): string {
  let result = text;
  for (let change = 1 + rng.below(MAX_CHANGES); change > 0; change--) {
    if (rng.below(5) === 0) {
      const leaves = [...result.matchAll(/<[a-zA-Z0-9]+ [^<>]*\/>/g)];
      const leaf = leaves[rng.below(Math.max(1, leaves.length))];
      if (leaf !== undefined) result = result.slice(0, leaf.index) + result.slice(leaf.index + leaf[0].length);
      continue;
    }
    const values = [...result.matchAll(rng.below(2) === 0 ? PLACE : VALUE)];
    const chosen = values[rng.below(Math.max(1, values.length))];
    if (chosen === undefined) continue;
    const others = values.slice(0, 400).map(match => match[1]!);
    const changed = changedValue(rng, chosen[1]!, others);
    result = `${result.slice(0, chosen.index + 1)}${changed}${result.slice(chosen.index + 1 + chosen[1]!.length)}`;
  }
  return result;
}

/** A processor with bits of one of its answers changed. */
function mutatedProcessor(rng: Rng, usual: Processor): Processor {
  const bit = 1 << rng.below(32);
  const leaf = pick(rng, [1, 7, 0xd, 0x8000_0001, 0x8000_0007, 0x8000_0008]);
  const index = pick(rng, [0x3a, 0x179, 0x480, 0x481, 0x482, 0x483, 0x484, 0x485, 0x486, 0x488, 0x48b, 0x48c]);
  const register = rng.below(4);
  switch (rng.below(4)) {
    case 0:
      return {
        ...usual,
        cpuid: (asked, subleaf) => {
          const found = [...usual.cpuid(asked, subleaf)] as [number, number, number, number];
          if (asked === leaf) found[register] = (found[register]! ^ bit) >>> 0;
          return found;
        },
      };
    case 1:
      return {
        ...usual,
        msr: asked => {
          const [low, high] = usual.msr(asked);
          return asked !== index
            ? [low, high]
            : rng.below(2) === 0
              ? [(low ^ bit) >>> 0, high]
              : [low, (high ^ bit) >>> 0];
        },
      };
    case 2:
      return { ...usual, cr0: (usual.cr0 ^ bit) >>> 0 };
    default:
      return { ...usual, efer: (usual.efer ^ bit) >>> 0, rflags: (usual.rflags ^ (bit & 0x200)) >>> 0 };
  }
}

/** Assembles and boots one mutated system; what came of it. An exception of ours is thrown on. */
export function bootMutated(
  seed: number,
  execution: number,
  texts: readonly string[],
): 'refused' | 'halted' | 'booted' {
  const rng = createRng(deriveSeed(seed, `boot ${execution}`));
  // Each policy as it is first, then changed ones of those that boot quickly.
  const base =
    texts[execution] ??
    pick(
      rng,
      texts.filter(text => text.length < LARGE_POLICY),
    );
  const isMutated = execution >= texts.length && rng.below(3) !== 0;
  const parsed = parsePolicy(new TextEncoder().encode(isMutated ? mutatedPolicy(rng, base) : base));
  if (!parsed.ok) return 'refused';
  const { machine } = defaultSeams;
  const seams: Seams = {
    ...defaultSeams,
    machine: {
      ...machine,
      describeProcessor: document => {
        const usual = machine.describeProcessor(document);
        return rng.below(2) === 0 ? usual : mutatedProcessor(rng, usual);
      },
    },
  };
  const assembled = assembleKernel(parsed.value.document, seams);
  if (!assembled.ok) return 'refused';
  try {
    bootKernel(assembled.value.kernel);
    // A second boot finds what the first one left in memory: a warm start.
    if (rng.below(4) === 0) bootKernel(assembled.value.kernel);
    return 'booted';
  } catch (cause) {
    if (cause instanceof InvariantError || !isHalt(cause)) throw cause;
    return 'halted';
  }
}
