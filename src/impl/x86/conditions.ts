import { type Expr, flag, not, or, xor } from './ir.ts';

/** Condition code (low four bits of Jcc, SETcc, CMOVcc) as one bit (SDM Vol. 1, "EFLAGS Condition Codes"). */
export function condition(code: number): Expr {
  const positive = ((): Expr => {
    switch (code >> 1) {
      case 0:
        return flag('of');
      case 1:
        return flag('cf');
      case 2:
        return flag('zf');
      case 3:
        return or(flag('cf'), flag('zf'));
      case 4:
        return flag('sf');
      case 5:
        return flag('pf');
      case 6:
        return xor(flag('sf'), flag('of'));
      default:
        return or(flag('zf'), xor(flag('sf'), flag('of')));
    }
  })();
  return (code & 1) === 0 ? positive : not(positive);
}

/** Suffixes of condition codes in encoding order. */
export const CONDITION_NAMES = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'];
