import { hexOfBytes } from '../../impl/machine-code/code-image.ts';
import type { CodeBlock } from '../../trace/trace.ts';
import type { Operation } from '../../units/operation.ts';
import { createRng } from '../../units/rng.ts';
import type { BlockKind } from './block-kind.ts';
import { BLOCK_KINDS } from './code-blocks.ts';
import type { CodeVocabulary } from './code-vocabulary.ts';
import { CodeWriter, Reg } from './code-writer.ts';

/** JMP to itself, at the end of a program. */
const SPIN = 'ebfe';
const SPIN_BYTES = 2;

/** Kinds of blocks that a subject's program may consist of. */
export const kindsFor = ({ mayTrap, words }: CodeVocabulary): readonly BlockKind[] =>
  BLOCK_KINDS.filter(kind => (mayTrap || !kind.traps) && (kind.isForDevices !== true || words.dma.length > 0));

function chooseKind(kinds: readonly BlockKind[], total: number, place: number): BlockKind {
  let left = place % total;
  for (const kind of kinds) {
    left -= kind.weight;
    if (left < 0) return kind;
  }
  return kinds[0]!;
}

/** Bytes of the block that a word stands for, at `address`: its kind, and everything random in it, come from the word. */
export function blockBytes(
  word: number,
  vocabulary: CodeVocabulary,
  kinds: readonly BlockKind[],
  address = vocabulary.entry,
): readonly number[] {
  const rng = createRng(word);
  const total = kinds.reduce((sum, kind) => sum + kind.weight, 0);
  const code = new CodeWriter(vocabulary.is64Bit, address);
  return chooseKind(kinds, total, rng.next()).emit(code, vocabulary, rng) ? code.bytes : [];
}

/**
 * A program, one word per block. Blocks stand one behind the other from the entry point on, so that a block filled with NOPs
 * leaves all others where they are; the last one is a loop. `prelude` holds the bytes of blocks in front of them.
 */
export function programBlocks(
  words: readonly number[],
  vocabulary: CodeVocabulary,
  prelude: readonly (readonly number[])[] = [],
): readonly CodeBlock[] {
  const kinds = kindsFor(vocabulary);
  const blocks: CodeBlock[] = [];
  let used = 0;
  const append = (bytes: readonly number[]): boolean => {
    if (used + bytes.length + SPIN_BYTES > vocabulary.roomBytes) return false;
    if (bytes.length > 0) blocks.push({ address: vocabulary.entry + used, hex: hexOfBytes(Uint8Array.from(bytes)) });
    used += bytes.length;
    return true;
  };
  if (prelude.every(append))
    for (const word of words) if (!append(blockBytes(word, vocabulary, kinds, vocabulary.entry + used))) break;
  blocks.push({ address: vocabulary.entry + used, hex: SPIN });
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
