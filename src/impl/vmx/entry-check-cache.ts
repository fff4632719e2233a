import { FRAME_WORDS } from '../memory.ts';
import { Proc } from './control-bits.ts';
import {
  ENTRY_CHECK_GROUPS,
  type EntryCheckGroup,
  type FailedEntryCheck,
  failedEntryCheck,
} from './entry-check-table.ts';
import { GUEST_FLOW_CHECKS, GUEST_STATE_CHECKS, LINK_POINTER_CHECKS, PDPTE_CHECKS } from './entry-checks-guest.ts';
import type { EntryCheckRow, EntryState } from './entry-state.ts';
import { vmcsWord } from './vmcs.ts';
import { VMCS_FIELDS } from './vmcs-fields.ts';

/** Fields that change from entry to entry, or that no check looks at. */
export const VOLATILE_FIELDS: readonly string[] = [
  'ENTRY_INTERRUPT_INFO',
  'ENTRY_EXCEPTION_ERROR_CODE',
  'ENTRY_INSTRUCTION_LENGTH',
  'GUEST_RIP',
  'GUEST_RSP',
  'GUEST_RFLAGS',
  'GUEST_ACTIVITY',
  'GUEST_INTERRUPTIBILITY',
  'GUEST_PENDING_DEBUG',
  'PREEMPTION_TIMER',
  'CR0_SHADOW',
  'CR4_SHADOW',
];

/** Rows that look at such fields, or at memory. RFLAGS.VM, at which further rows look, is part of what is remembered. */
const VOLATILE_ROWS: ReadonlySet<EntryCheckRow> = new Set([
  ...ENTRY_CHECK_GROUPS[0]!.checks.filter(({ id }) => id.startsWith('inject') || id === 'tpr-threshold'),
  ...GUEST_FLOW_CHECKS,
  ...GUEST_STATE_CHECKS,
  ...LINK_POINTER_CHECKS,
  ...PDPTE_CHECKS,
]);

/** True if the outcome of a row may change while no other field than the volatile ones does. */
export const isVolatile = (row: EntryCheckRow): boolean => VOLATILE_ROWS.has(row);

const VOLATILE_GROUPS: readonly EntryCheckGroup[] = ENTRY_CHECK_GROUPS.map(({ checks, failure }) => ({
  checks: checks.filter(isVolatile),
  failure,
}));

/** Words of all other fields that software writes. */
const KEY_WORDS = Uint16Array.from(
  VMCS_FIELDS.filter(({ name, readOnly }) => !readOnly && !VOLATILE_FIELDS.includes(name)).flatMap(
    ({ name, width }) => {
      const word = vmcsWord(name);
      return width === 64 ? [word, word + 1] : [word];
    },
  ),
);
const PROC_WORD = vmcsWord('PROC_CONTROLS');
const RFLAGS_VM = 0x2_0000;

/**
 * The table of VM-entry checks for software that enters the same guests again and again: of rows that passed and whose fields have not
 * changed since, nothing is asked again. The outcome is that of the whole table.
 */
export class EntryCheckCache {
  /** By slot and interrupt-window exiting, which software switches at almost every entry: fields that passed, then RFLAGS.VM. */
  readonly #passed: (Uint32Array | undefined)[] = [];

  failed(state: EntryState): FailedEntryCheck | undefined {
    const { words } = state.memory;
    const base = state.slot * FRAME_WORDS;
    const window = (words[base + PROC_WORD]! & Proc.interruptWindowExiting) === 0 ? 0 : 1;
    const place = 2 * state.slot + window;
    const known = this.#passed[place];
    if (known !== undefined && isUnchanged(words, base, known, state.rflags & RFLAGS_VM))
      return failedEntryCheck(state, VOLATILE_GROUPS);
    const failed = failedEntryCheck(state);
    if (failed === undefined) {
      const copy = known ?? new Uint32Array(KEY_WORDS.length + 1);
      for (let index = 0; index < KEY_WORDS.length; index++) copy[index] = words[base + KEY_WORDS[index]!]!;
      copy[KEY_WORDS.length] = state.rflags & RFLAGS_VM;
      this.#passed[place] = copy;
    }
    return failed;
  }
}

function isUnchanged(words: Uint32Array, base: number, known: Uint32Array, virtual8086: number): boolean {
  for (let index = 0; index < KEY_WORDS.length; index++)
    if (words[base + KEY_WORDS[index]!] !== known[index]) return false;
  return known[KEY_WORDS.length] === virtual8086;
}
