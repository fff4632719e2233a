import { mix32 } from '../../units/rng.ts';
import { LOG_STRING_BYTES } from './log-message.ts';

/** What the local client program of a subject does with its LOG service. */
export interface LocalProgram {
  /** Sessions, 1 .. MAX_SESSIONS; session n has the label `client -> app<n>`. */
  readonly sessions: number;
  /** Writes per session before all are closed. */
  readonly messages: number;
  /** True to open new sessions after the last close. */
  readonly isRepeated: boolean;
  /** Every n-th write is longer than LOG allows; 0 for none. */
  readonly oversizedEvery: number;
  readonly seed: number;
}

/** A request of the local program to its LOG service. */
export type LocalRequest =
  | { readonly kind: 'open'; readonly session: number; readonly label: string }
  | { readonly kind: 'write'; readonly session: number; readonly text: string }
  | { readonly kind: 'close'; readonly session: number };

/** Requests in one pass of the program. */
export function requestsPerPass(program: LocalProgram): number {
  return program.sessions * (program.messages + 2);
}

function writeText(program: LocalProgram, session: number, number: number): string {
  const text = `app${session} message ${number}`;
  const isOversized = program.oversizedEvery > 0 && (number + 1) % program.oversizedEvery === 0;
  if (isOversized) return text.padEnd(LOG_STRING_BYTES, '!');
  const extra = mix32((program.seed ^ Math.imul(number + 1, 0x9e3779b1) ^ session) >>> 0) % 64;
  return extra === 0 ? text : `${text} ${'-'.repeat(extra - 1)}`;
}

/** Request `index` (0-based) of the program: opens, then writes in turn over the sessions, then closes; undefined at its end. */
export function localRequest(program: LocalProgram, index: number): LocalRequest | undefined {
  const total = requestsPerPass(program);
  if (index >= total && !program.isRepeated) return undefined;
  const position = index % total;
  const { sessions } = program;
  if (position < sessions) return { kind: 'open', session: position, label: `client -> app${position}` };
  const writes = sessions * program.messages;
  const write = position - sessions;
  if (write >= writes) return { kind: 'close', session: write - writes };
  const session = write % sessions;
  return { kind: 'write', session, text: writeText(program, session, Math.floor(write / sessions)) };
}
