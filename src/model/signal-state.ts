import type { StateOfSchema } from './schema.ts';
import { int, schemaOf } from './schema.ts';

/** Parameters of the model of a Genode signal context. */
export interface SignalConfig {
  /** Submissions that the context can count. */
  readonly maxSubmits: number;
}

/** What happens to the context: `take` is the receiver's thread that gets the signal. */
export type SignalEvent =
  | SubmitEvent
  | { readonly type: 'take' }
  | { readonly type: 'ack' }
  | { readonly type: 'kill' };

/** `count` submissions at once. */
export interface SubmitEvent {
  readonly type: 'submit';
  readonly count: number;
}

/** Submissions that wait, and how many the latest delivery stood for. */
export function signalSchema(config: SignalConfig) {
  return schemaOf({ submits: int(0, config.maxSubmits), delivered: int(0, config.maxSubmits) });
}

export type SignalState = StateOfSchema<ReturnType<typeof signalSchema>>;
