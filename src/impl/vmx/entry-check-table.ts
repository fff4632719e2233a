import { CONTROL_CHECKS } from './entry-checks-controls.ts';
import {
  GUEST_FLOW_CHECKS,
  GUEST_REGISTER_CHECKS,
  GUEST_STATE_CHECKS,
  LINK_POINTER_CHECKS,
  PDPTE_CHECKS,
} from './entry-checks-guest.ts';
import { HOST_CHECKS } from './entry-checks-host.ts';
import { SEGMENT_CHECKS } from './entry-checks-segments.ts';
import type { EntryCheckRow, EntryState } from './entry-state.ts';

/** Rows that fail in the same way. */
export interface EntryCheckGroup {
  readonly checks: readonly EntryCheckRow[];
  /** VMfailValid with this error, or a VM exit with reason 33 and this qualification (SDM Vol. 3C, "VM-Entry Failures During or After Loading Guest State"). */
  readonly failure: { readonly error: 7 | 8 } | { readonly qualification: 0 | 2 | 4 };
}

/** All VM-entry checks on the VMCS, in the order in which the groups are decided. */
export const ENTRY_CHECK_GROUPS: readonly EntryCheckGroup[] = [
  { checks: CONTROL_CHECKS, failure: { error: 7 } },
  { checks: HOST_CHECKS, failure: { error: 8 } },
  {
    checks: [...GUEST_REGISTER_CHECKS, ...SEGMENT_CHECKS, ...GUEST_FLOW_CHECKS, ...GUEST_STATE_CHECKS],
    failure: { qualification: 0 },
  },
  { checks: LINK_POINTER_CHECKS, failure: { qualification: 4 } },
  { checks: PDPTE_CHECKS, failure: { qualification: 2 } },
];

export interface FailedEntryCheck {
  readonly check: EntryCheckRow;
  readonly failure: EntryCheckGroup['failure'];
}

/** First check that fails, undefined if the processor would enter the guest. */
export function failedEntryCheck(
  state: EntryState,
  groups: readonly EntryCheckGroup[] = ENTRY_CHECK_GROUPS,
): FailedEntryCheck | undefined {
  for (const { checks, failure } of groups) {
    for (const check of checks) if (check.fails(state)) return { check, failure };
  }
  return undefined;
}

/** Every check that fails. */
export function failedEntryChecks(state: EntryState): readonly FailedEntryCheck[] {
  return ENTRY_CHECK_GROUPS.flatMap(({ checks, failure }) =>
    checks.filter(check => check.fails(state)).map(check => ({ check, failure })),
  );
}
