import type { KernelConfig } from './kernel-config.ts';
import type { KernelState, Proceed } from './kernel-state.ts';

/** Masking and unmasking lines of the I/O APIC: its two registers are shared by all CPUs, so there is a spin lock. */

export function isLockFree(state: Readonly<KernelState>, _event: Proceed): boolean {
  return !state.lock;
}

export function takeLock(state: KernelState): void {
  state.lock = true;
}

export function releaseLock(state: KernelState): void {
  state.lock = false;
}

/** The line is masked for an interrupt that just arrived, not unmasked for its owner. */
export function isMasking(state: Readonly<KernelState>, event: Proceed): boolean {
  return state.cpus[event.cpu]!.masking;
}

/** An entry that the I/O APIC does not have takes no value. */
export function updateLine(state: KernelState, event: Proceed, config: KernelConfig): void {
  const local = state.cpus[event.cpu]!;
  if (local.irq > config.lastLine) return;
  const word = local.irq >>> 5;
  const bit = 1 << (local.irq & 31);
  state.maskedIrqs[word] = ((state.maskedIrqs[word]! & ~bit) | (local.masking ? bit : 0)) >>> 0;
}
