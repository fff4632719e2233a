import { Size } from './instruction.ts';
import { meaningOf, VARIANTS_PER_ROW, variantsOf } from './meaning.ts';
import type { InstructionRow } from './row.ts';
import { INSTRUCTIONS } from './table.ts';
import type { WasmFunction } from './wasm-binary.ts';
import type { HandlerCode } from './wasm-handler.ts';
import { lowerPair } from './wasm-lower.ts';

/*
 * Pairs of instructions that one handler executes: a comparison or a count and the conditional jump behind it. The pair is
 * still two instructions: the budget may end between them, and the jump keeps its own record.
 */

/** Mnemonic and opcode of what comes first, with register operands of 32 and 64 bits. */
const FIRST: readonly (readonly [string, number])[] = [
  ['cmp', 0x39],
  ['cmp', 0x3b],
  ['cmp', 0x83],
  ['test', 0x85],
  ['dec', 0xff],
  ['sub', 0x83],
];
const CONDITIONS = /^j(n?b|n?z|n?be|n?s|n?l|n?le)$/;

const isFirst = (row: InstructionRow): boolean =>
  row.map === 0 && FIRST.some(([mnemonic, opcode]) => row.mnemonic === mnemonic && row.opcode === opcode);
/** A register form of 32 or 64 bits. */
const isUsual = (variant: number): boolean => {
  const size = Math.floor((variant % VARIANTS_PER_ROW) / 6) + Size.word;
  return size !== Size.word && Math.floor(variant / 3) % 2 === 0;
};

/** Handlers of pairs by the handlers of their parts. */
export interface FusedPairs {
  /** Number of a handler among those that come first, and among those that come second; 0 for others. */
  readonly first: Uint8Array;
  readonly second: Uint8Array;
  /** Handler of a pair by `first * FUSED_STRIDE + second`. */
  readonly handlers: Uint16Array;
}
export const FUSED_STRIDE = 64;

/** One variant for each handler among those of rows. */
function distinct(
  rows: readonly InstructionRow[],
  handlers: Int32Array,
  isWanted: (variant: number) => boolean,
): number[] {
  const byHandler = new Map<number, number>();
  for (const variant of rows.flatMap(variantsOf)) if (isWanted(variant)) byHandler.set(handlers[variant]!, variant);
  return [...byHandler.values()];
}

/** Adds the handlers of pairs to `functions`, whose indices `handlers` holds by variant. */
export function addFusedPairs(
  handlers: Int32Array,
  functions: WasmFunction[],
  newHandler: () => HandlerCode,
  toFunction: (body: HandlerCode) => WasmFunction,
): FusedPairs {
  const firsts = distinct(INSTRUCTIONS.filter(isFirst), handlers, isUsual);
  const jumps = INSTRUCTIONS.filter(({ mnemonic }) => typeof mnemonic === 'string' && CONDITIONS.test(mnemonic));
  const seconds = distinct(jumps, handlers, () => true);
  const pairs: FusedPairs = {
    first: new Uint8Array(functions.length),
    second: new Uint8Array(functions.length),
    handlers: new Uint16Array((firsts.length + 1) * FUSED_STRIDE),
  };
  seconds.forEach((variant, index) => {
    pairs.second[handlers[variant]!] = index + 1;
  });
  firsts.forEach((variant, index) => {
    pairs.first[handlers[variant]!] = index + 1;
    seconds.forEach((jump, number) => {
      const body = newHandler();
      lowerPair(body, meaningOf(variant), meaningOf(jump));
      pairs.handlers[(index + 1) * FUSED_STRIDE + number + 1] = functions.length;
      functions.push(toFunction(body));
    });
  });
  return pairs;
}
