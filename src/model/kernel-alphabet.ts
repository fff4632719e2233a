import { DEVICE_VECTOR, TRAP } from './kernel-small.ts';
import type { KernelEvent } from './kernel-state.ts';

/** What may happen on one CPU of a small kernel. */
export interface AlphabetForm {
  /** TSC values at which the kernel may look at the clock. */
  readonly nowTscs: readonly number[];
  readonly vmcalls: readonly number[];
  /** Triggers that a subject may set, with the event to execute. */
  readonly timers: readonly (readonly [trigger: number, event: number])[];
  readonly requestedMajors: readonly number[];
  /** Host vectors that arrive, with the subject awake or halted. */
  readonly vectors: readonly number[];
  /** With traps, interrupts while they are disabled, XSETBV and exits that stop the system. */
  readonly otherExits: boolean;
  readonly timerExpiry: boolean;
  /** Guest state at exits: 0 and false leave RIP and RFLAGS as they are after a reset. */
  readonly instructionLength: number;
  readonly interruptFlag: boolean;
}

/** Saved guest state at an exit: RIP at the start, interrupts as given. */
const saved = (instructionLength: number, interruptFlag: boolean, activity: number) => ({
  ripLow: 0,
  ripHigh: 0,
  interruptFlag,
  interruptibility: 0,
  activity,
  instructionLength,
  entryFailed: false,
});

/** All events of one CPU. */
export function kernelAlphabet(cpu: number, form: AlphabetForm): KernelEvent[] {
  const at = { cpu, nowTsc: form.nowTscs[0] ?? 0 };
  const { instructionLength, interruptFlag } = form;
  const awake = { ...at, ...saved(instructionLength, interruptFlag, 0) };
  const halted = { ...at, ...saved(instructionLength, interruptFlag, 1) };
  const events: KernelEvent[] = [];
  for (const number of form.vmcalls) events.push({ ...awake, type: 'vmcall', raxLow: number, raxHigh: 0 });
  for (const [trigger, timedEvent] of form.timers) {
    events.push({ ...at, type: 'timedEventWrite', triggerLow: trigger, triggerHigh: 0, timedEvent });
  }
  if (form.timerExpiry) events.push({ ...awake, type: 'timerExpiry' }, { ...halted, type: 'timerExpiry' });
  for (const vector of form.vectors) {
    events.push({ ...awake, type: 'externalInterrupt', vector }, { ...halted, type: 'externalInterrupt', vector });
  }
  if (form.otherExits) {
    const masked = { ...at, ...saved(instructionLength, false, 0) };
    events.push(
      { ...awake, type: 'vmcall', raxLow: 0, raxHigh: 1 },
      { ...awake, type: 'trap', reason: TRAP },
      { ...awake, type: 'trap', reason: 60 },
      { ...awake, type: 'trap', reason: TRAP, entryFailed: true },
      { ...masked, type: 'externalInterrupt', vector: DEVICE_VECTOR },
      { ...awake, type: 'interruptWindow' },
      { ...awake, type: 'xsetbv', privilege: 0, index: 0, valueLow: 1, valueHigh: 0 },
      { ...awake, type: 'xsetbv', privilege: 3, index: 0, valueLow: 1, valueHigh: 0 },
      { ...awake, type: 'fatal', reason: 0, vector: 2 },
      { ...awake, type: 'fatal', reason: 0, vector: 18 },
      { ...awake, type: 'fatal', reason: 41, vector: 0 },
    );
  }
  for (const nowTsc of form.nowTscs) {
    events.push({ type: 'continue', cpu, nowTsc });
    for (const requestedMajor of form.requestedMajors) events.push({ type: 'proceed', cpu, nowTsc, requestedMajor });
  }
  return events;
}
