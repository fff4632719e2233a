import type { StateOfSchema } from './schema.ts';
import { int, schemaOf } from './schema.ts';

/** Parameters of the model of a Genode session; amounts are in units of the parent's cost per session. */
export interface SessionConfig {
  /** What the client has to donate from. */
  readonly clientQuota: number;
  /** What the parent has. */
  readonly parentQuota: number;
  /** What the parent keeps of each donation. */
  readonly cost: number;
}

/** A call of the client, an answer of the server, or the end of one of them. */
export type SessionEvent =
  | DonateEvent
  | { readonly type: 'deliver' }
  | { readonly type: 'deny' }
  | { readonly type: 'denyRam' }
  | { readonly type: 'denyCaps' }
  | { readonly type: 'fetch' }
  | { readonly type: 'confirm' }
  | { readonly type: 'close' }
  | { readonly type: 'closed' }
  | { readonly type: 'clientExit' }
  | { readonly type: 'serverExit' };

/** Asks for the session, or upgrades it, with a donation. */
export interface DonateEvent {
  readonly type: 'request' | 'upgrade';
  readonly amount: number;
}

/** What each party holds beyond what it started with, the donation of the session included in the server's. */
export function sessionSchema(config: SessionConfig) {
  const total = config.clientQuota + config.parentQuota;
  return schemaOf({
    client: int(0, total, config.clientQuota),
    parent: int(0, total, config.parentQuota),
    server: int(0, total),
    donated: int(0, total),
  });
}

export type SessionState = StateOfSchema<ReturnType<typeof sessionSchema>>;
