import { DECODE_INDEX } from './decode-index.ts';
import { OPCODES } from './decode-tables.ts';
import type { InstructionRow } from './row.ts';
import { INSTRUCTIONS } from './table.ts';

/** Mandatory prefixes in the order of VEX.pp. */
export const PREFIX_NONE = 0;
export const PREFIX_66 = 1;
export const PREFIX_F3 = 2;
export const PREFIX_F2 = 3;
const PREFIX_CODES: Readonly<Record<string, number>> = {
  np: PREFIX_NONE,
  '66': PREFIX_66,
  f3: PREFIX_F3,
  f2: PREFIX_F2,
  any: -1,
};
const ROW_PREFIX = Int8Array.from(INSTRUCTIONS, row => PREFIX_CODES[row.prefix]!);
/** 0 any, 1 memory, 2 register. */
const ROW_FORM = Uint8Array.from(INSTRUCTIONS, row => (row.form === 'any' ? 0 : row.form === 'mem' ? 1 : 2));

/** What `chooseRow` returns if no row fits. */
export const NO_ROW = -1;
/** The opcode has rows with a whole ModRM byte, so that choices are not kept. */
const NOT_KEPT = -2;

/** Row ids plus one of choices made before: by mode, opcode, prefix, digit and form; 0 for none yet. */
const choices = new Int16Array(2 * OPCODES * 64);

/** Row of an opcode (mode * OPCODES + map * 256 + opcode), by its mandatory prefix and ModRM byte: its id, or NO_ROW. */
export function chooseRow(opcodeKey: number, prefix: number, modrm: number, isRegister: number): number {
  const key = (opcodeKey << 6) | (prefix << 4) | (((modrm >> 3) & 7) << 1) | isRegister;
  const known = choices[key]!;
  return known > 0 ? known - 1 : chooseAnew(opcodeKey, key, prefix, modrm, isRegister);
}

function chooseAnew(opcodeKey: number, key: number, prefix: number, modrm: number, isRegister: number): number {
  if (choices[key] === NO_ROW) return NO_ROW;
  const found = (opcodeKey >= OPCODES ? DECODE_INDEX.long : DECODE_INDEX.legacy)[opcodeKey % OPCODES]!;
  const first = found[0];
  // A row without ModRM and without rivals takes any prefix.
  const chosen =
    first !== undefined && !first.hasModrm && found.length === 1
      ? first
      : choose(found, modrm, isRegister === 1, prefix);
  if (choices[key] === 0) {
    if (found.some(row => row.modrm >= 0)) choices[key] = NOT_KEPT;
    else choices[key] = chosen === undefined ? NO_ROW : chosen.id + 1;
  }
  return chosen === undefined ? NO_ROW : chosen.id;
}

function choose(
  found: readonly InstructionRow[],
  modrm: number,
  isRegister: boolean,
  prefix: number,
): InstructionRow | undefined {
  for (const row of found) {
    const wanted = ROW_PREFIX[row.id]!;
    if (wanted >= 0 && wanted !== prefix) continue;
    if (row.digit >= 0 && row.digit !== ((modrm >> 3) & 7)) continue;
    if (row.modrm >= 0 && row.modrm !== modrm) continue;
    const form = ROW_FORM[row.id]!;
    if (form !== 0 && (form === 2) !== isRegister) continue;
    return row;
  }
  return undefined;
}
