import { TWO32 } from '../../units/word.ts';
import type { Term, Terms } from './terms.ts';

type Helper = (terms: Terms, of: readonly Term[]) => Term;

const word = (terms: Terms, a: Term): Term => terms.make('>>>', a, terms.constant(0));

/** Terms of the functions of src/units/word.ts that the subset may call; a test compares them with the originals. */
export const WORD_TERMS: Readonly<Record<string, Helper>> = {
  lowWord: (terms, [value]) => word(terms, value!),
  highWord: (terms, [value]) => word(terms, terms.make('floor', terms.make('/', value!, terms.constant(TWO32)))),
  joinWords: (terms, [low, high]) => terms.make('+', terms.make('*', high!, terms.constant(TWO32)), low!),
  lessOrEqual64: (terms, [lowA, highA, lowB, highB]) =>
    terms.or(terms.make('<', highA!, highB!), terms.and(terms.equal(highA!, highB!), terms.make('<=', lowA!, lowB!))),
  highestBit32: (terms, [value]) => terms.make('-', terms.constant(31), terms.make('clz32', value!)),
};
