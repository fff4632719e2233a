import type { SignalConfig, SignalState, SubmitEvent } from './signal-state.ts';

/** The count has room for all submissions of the event. */
export function fits(state: Readonly<SignalState>, event: SubmitEvent, config: SignalConfig): boolean {
  return state.submits + event.count <= config.maxSubmits;
}

/** Submissions wait. */
export function hasSubmits(state: Readonly<SignalState>): boolean {
  return state.submits > 0;
}

/** Counts the submissions. */
export function addSubmits(state: SignalState, event: SubmitEvent): void {
  state.submits += event.count;
}

/** Hands all waiting submissions to the receiver as one signal. */
export function deliver(state: SignalState): void {
  state.delivered = state.submits;
  state.submits = 0;
}

/** Forgets what waits: a killed context delivers nothing any more. */
export function forget(state: SignalState): void {
  state.submits = 0;
}
