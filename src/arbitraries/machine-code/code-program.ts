import { hexOfBytes } from '../../impl/machine-code/code-image.ts';
import type { CodeBlock } from '../../trace/trace.ts';
import type { Operation } from '../../units/operation.ts';
import { createRng } from '../../units/rng.ts';
import type { BlockKind } from './block-kind.ts';
import { BLOCK_KINDS } from './code-blocks.ts';
import type { CodeVocabulary } from './code-vocabulary.ts';
import { CodeWriter, Reg } from './code-writer.ts';

/** Longest end of a program. */
const END_BYTES = 5;

/** JMP to itself, or to an address before. */
function endOfProgram(address: number, target: number): string {
  if (target === address) return 'ebfe';
  const distance = target - address - END_BYTES;
  return hexOfBytes(Uint8Array.of(0xe9, distance, distance >> 8, distance >> 16, distance >> 24));
}

/** Kinds of blocks that a subject's program may consist of. */
export const kindsFor = ({ mayTrap, words }: CodeVocabulary): readonly BlockKind[] =>
  BLOCK_KINDS.filter(kind => (mayTrap || !kind.traps) && (kind.isForDevices !== true || words.dma.length > 0));

const totals = new WeakMap<readonly BlockKind[], number>();

function totalWeight(kinds: readonly BlockKind[]): number {
  const known = totals.get(kinds);
  if (known !== undefined) return known;
  const total = kinds.reduce((sum, kind) => sum + kind.weight, 0);
  totals.set(kinds, total);
  return total;
}

function chooseKind(kinds: readonly BlockKind[], place: number): BlockKind {
  let left = place % totalWeight(kinds);
  for (const kind of kinds) {
    left -= kind.weight;
    if (left < 0) return kind;
  }
  return kinds[0]!;
}

/** Kind of the block that a word stands for. */
export const kindOf = (word: number, kinds: readonly BlockKind[]): BlockKind =>
  chooseKind(kinds, createRng(word).next());

/** Bytes of the block that a word stands for, at `address`: its kind, and everything random in it, come from the word. */
export function blockBytes(
  word: number,
  vocabulary: CodeVocabulary,
  kinds: readonly BlockKind[],
  address = vocabulary.entry,
): readonly number[] {
  const rng = createRng(word);
  const code = new CodeWriter(vocabulary.is64Bit, address);
  return chooseKind(kinds, rng.next()).emit(code, vocabulary, rng) ? code.bytes : [];
}

/**
 * A program, one word per block. Blocks stand one behind the other from the entry point on, so that a block filled with NOPs
 * leaves all others where they are; the last one is a loop, of itself or of the whole program. `prelude` holds the bytes of blocks in front
 * of them.
 */
export function programBlocks(
  words: readonly number[],
  vocabulary: CodeVocabulary,
  prelude: readonly (readonly number[])[] = [],
  startsOver = false,
): readonly CodeBlock[] {
  const kinds = kindsFor(vocabulary);
  const blocks: CodeBlock[] = [];
  let used = 0;
  const append = (bytes: readonly number[]): boolean => {
    if (used + bytes.length + END_BYTES > vocabulary.roomBytes) return false;
    if (bytes.length > 0) blocks.push({ address: vocabulary.entry + used, hex: hexOfBytes(Uint8Array.from(bytes)) });
    used += bytes.length;
    return true;
  };
  if (prelude.every(append))
    for (const word of words) if (!append(blockBytes(word, vocabulary, kinds, vocabulary.entry + used))) break;
  const end = vocabulary.entry + used;
  blocks.push({ address: end, hex: endOfProgram(end, startsOver ? vocabulary.entry : end) });
  return blocks;
}

/** Calls as blocks of code; undefined if an operation is no call. */
export function preludeCode(
  operations: readonly Operation[],
  { is64Bit }: CodeVocabulary,
): readonly (readonly number[])[] | undefined {
  const blocks: (readonly number[])[] = [];
  for (const operation of operations) {
    if (operation.kind !== 'vmcall' || operation.cpl !== 0) return undefined;
    const code = new CodeWriter(is64Bit).setHalves(Reg.ax, operation.low, operation.high).emit(0x0f, 0x01, 0xc1);
    blocks.push(code.bytes);
  }
  return blocks;
}
