import type { DonateEvent, SessionConfig, SessionEvent, SessionState } from './session-state.ts';

/** The donation covers the parent's cost, and the client has it. */
export function canRequest(state: Readonly<SessionState>, event: DonateEvent, config: SessionConfig): boolean {
  return event.amount >= config.cost && event.amount <= state.client;
}

/** The client has what it wants to donate. */
export function canUpgrade(state: Readonly<SessionState>, event: DonateEvent): boolean {
  return event.amount <= state.client;
}

/** First donation: the parent keeps its cost, the server gets the rest. */
export function donate(state: SessionState, event: DonateEvent, config: SessionConfig): void {
  state.client -= event.amount;
  state.parent += config.cost;
  state.server += event.amount - config.cost;
  state.donated = event.amount;
}

/** Later donation: the server gets all of it. */
export function donateMore(state: SessionState, event: DonateEvent): void {
  state.client -= event.amount;
  state.server += event.amount;
  state.donated += event.amount;
}

/** The session ended: the client gets all of its donations back. */
export function refundClient(state: SessionState, _event: SessionEvent, config: SessionConfig): void {
  state.server -= state.donated - config.cost;
  state.parent -= config.cost;
  state.client += state.donated;
  state.donated = 0;
}

/** The session ended without a client: its donations stay with the parent. */
export function refundParent(state: SessionState, _event: SessionEvent, config: SessionConfig): void {
  state.server -= state.donated - config.cost;
  state.parent += state.donated - config.cost;
  state.donated = 0;
}

/** The client ended: what it has goes to the parent. */
export function endClient(state: SessionState): void {
  state.parent += state.client;
  state.client = 0;
}

/** The server ended: what it has goes to the parent. */
export function endServer(state: SessionState): void {
  state.parent += state.server;
  state.server = 0;
}

/** The server ended, and with it the session: the parent pays the donations back to the client. */
export function repayClient(state: SessionState): void {
  state.parent -= state.donated;
  state.client += state.donated;
  state.donated = 0;
}

/** The server of a session without a client ended: nobody is to be paid back. */
export function forgetDonation(state: SessionState): void {
  state.donated = 0;
}
