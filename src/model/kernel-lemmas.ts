import type { KernelConfig } from './kernel-config.ts';
import type { KernelState } from './kernel-state.ts';

/* Statements about the kernel for runs of any length; `modes` are the places of the CPUs. */

type State = Readonly<KernelState>;
type Modes = readonly string[];

function holdsLock(mode: string): boolean {
  return (
    mode === 'access.lineSelect' ||
    mode === 'access.lineRead' ||
    mode === 'access.lineWrite' ||
    mode === 'access.lockRelease'
  );
}

/** The lock of the I/O APIC is taken exactly while one CPU stands between taking and releasing it. */
export function lockIsHeld(state: State, modes: Modes, config: KernelConfig): boolean {
  let holders = 0;
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    if (holdsLock(modes[cpu]!)) holders += 1;
  }
  return state.lock ? holders === 1 : holders === 0;
}

/** No two CPUs stand at the registers of the I/O APIC. */
export function oneAtRegisters(_state: State, modes: Modes, config: KernelConfig): boolean {
  let holders = 0;
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    if (holdsLock(modes[cpu]!)) holders += 1;
  }
  return holders <= 1;
}
