import { mix32 } from '../../units/rng.ts';
import { LOG_STRING_BYTES } from './log-message.ts';

/** What the local client program of a subject does with its LOG service. */
export interface LocalProgram {
  /** Sessions that it opens: the first labels of the proxy. */
  readonly sessions: number;
  /** Writes per session before all are closed; 0 for no end. */
  readonly messages: number;
  /** Every n-th write of a session is longer than LOG allows; 0 for none. */
  readonly oversizedEvery: number;
  readonly seed: number;
}

/** A request of the local program to its LOG service. */
export type LocalRequest =
  | { readonly kind: 'open'; readonly session: number }
  | { readonly kind: 'close'; readonly session: number }
  | { readonly kind: 'write'; readonly session: number; readonly text: string };

function writeText(program: LocalProgram, session: number, number: number): string {
  const text = `message ${number} of session ${session}`;
  const isOversized = program.oversizedEvery > 0 && (number + 1) % program.oversizedEvery === 0;
  if (isOversized) return text.padEnd(LOG_STRING_BYTES, '!');
  const extra = mix32((program.seed ^ Math.imul(number + 1, 0x9e3779b1) ^ session) >>> 0) % 64;
  return extra === 0 ? text : `${text} ${'-'.repeat(extra - 1)}`;
}

/** Request `index` (0-based) of the program: opens, then writes in turn over the sessions, then closes; undefined at its end. */
export function localRequest(program: LocalProgram, index: number): LocalRequest | undefined {
  const { sessions, messages } = program;
  if (index < sessions) return { kind: 'open', session: index };
  const write = index - sessions;
  const writes = messages === 0 ? Number.POSITIVE_INFINITY : sessions * messages;
  if (write >= writes + sessions) return undefined;
  if (write >= writes) return { kind: 'close', session: write - writes };
  const session = write % sessions;
  return { kind: 'write', session, text: writeText(program, session, Math.floor(write / sessions)) };
}
