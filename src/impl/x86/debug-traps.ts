import type { CpuState } from './cpu-state.ts';
import { Field, Flag, Interruptibility } from './state-layout.ts';

/** DR6.BS. */
const SINGLE_STEP = 0x4000n;
/** DR6.BT, BS and B3 .. B0. */
const DEBUG_CAUSES = 0xc00fn;
/** "Enabled breakpoint" of the pending debug exceptions (SDM Vol. 3C, "Guest Non-Register State"). */
const ENABLED_BREAKPOINT = 0x1000n;

/**
 * Causes, as DR6 has them, of the debug trap behind an instruction that began with `flags`; 0 for none (SDM Vol. 3B,
 * "Single-Step Exception Condition", "Data Memory and I/O Breakpoint Exception Conditions").
 *
 * In the shadow of MOV SS the causes become pending debug exceptions.
 */
export function trapsBehind(state: CpuState, flags: number, breakpoints: number, hasLeftByGate: boolean): bigint {
  const hits = BigInt(breakpoints);
  // INT n, INT3 and INTO clear TF before a trap could come.
  const traps = hits | ((flags & Flag.tf) === 0 || hasLeftByGate ? 0n : SINGLE_STEP);
  if (traps === 0n) return 0n;
  const pending = state.u64(Field.pendingDebug);
  if ((state.u32(Field.interruptibility) & Interruptibility.movSs) !== 0) {
    state.setU64(Field.pendingDebug, pending | traps | (hits === 0n ? 0n : ENABLED_BREAKPOINT));
    return 0n;
  }
  state.setU64(Field.pendingDebug, 0n);
  return traps | (pending & DEBUG_CAUSES);
}
