import type { KernelConfig } from './kernel-config.ts';
import type { Continue, FatalExit, KernelExit, KernelState, Proceed } from './kernel-state.ts';

/** Ends of the system: on purpose by a source action, or by a crash that is recorded first. */

export function isReboot(state: Readonly<KernelState>, event: Continue): boolean {
  return state.cpus[event.cpu]!.action === 3;
}

export function isPowerOff(state: Readonly<KernelState>, event: Continue): boolean {
  return state.cpus[event.cpu]!.action === 5;
}

export function isPanic(state: Readonly<KernelState>, event: Continue): boolean {
  return state.cpus[event.cpu]!.action === 6;
}

export function reboot(state: KernelState): void {
  state.outcome = 1;
}

export function powerOff(state: KernelState): void {
  state.outcome = 2;
}

export function panic(state: KernelState): void {
  state.outcome = 3;
}

/** The policy wants the system to stop on this event. */
export function crashSubject(state: KernelState, event: Continue): void {
  state.cpus[event.cpu]!.crashReason = 0x2000;
}

/** An exit reason that no trap table covers. */
export function crashUnknown(state: KernelState, event: KernelExit): void {
  state.cpus[event.cpu]!.crashReason = 0x2001;
}

export function crashFatal(state: KernelState, event: FatalExit): void {
  let reason = 0x1002;
  if (event.reason === 41) reason = 0x1003;
  else if (event.vector === 2) reason = 0x1001;
  state.cpus[event.cpu]!.crashReason = reason;
}

export function isDumpLeft(state: Readonly<KernelState>, _event: Proceed, config: KernelConfig): boolean {
  return state.dumpsTaken < config.maxDumps;
}

/** Takes the next dump and fills it. A subject is named only where it is the cause. */
export function takeDump(state: KernelState, event: Proceed): void {
  const local = state.cpus[event.cpu]!;
  const dump = state.dumps[state.dumpsTaken]!;
  dump.reason = local.crashReason;
  dump.cpu = event.cpu;
  dump.subject = local.crashReason >= 0x2000 ? local.source : 0;
  state.dumpsTaken += 1;
}

/** All dumps are taken; the CPU stops for ever, and what it wanted to record is lost. */
export function missDump(state: KernelState): void {
  state.dumpsTaken += 1;
}

export function countCrash(state: KernelState): void {
  state.crashes += 1;
}
