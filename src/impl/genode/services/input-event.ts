import { bytesOfNumber, numberAt } from '../instance/guest.ts';
import { INPUT_EVENT_BYTES } from './interfaces.ts';

/** Kinds of input events; the place is the number. */
export const INPUT_KINDS = [
  'invalid',
  'press',
  'release',
  'rel-motion',
  'abs-motion',
  'wheel',
  'focus-enter',
  'focus-leave',
  'hover-leave',
  'touch',
  'touch-release',
  'seq-number',
  'axis',
] as const;
export type InputKind = (typeof INPUT_KINDS)[number];

/** An input event: what its numbers mean depends on the kind (key and codepoint, x and y, id). */
export interface InputEvent {
  readonly kind: InputKind;
  readonly values: readonly number[];
}

/** Keys are numbered as in Linux, above KEY_RESERVED and below KEY_MAX. */
const KEY_MAX = 0x2ff;
const VALUES = INPUT_EVENT_BYTES / 4 - 1;

/** True if an event may be given to clients: presses and releases need a key that exists. */
export function isValidEvent({ kind, values: [first = 0] }: InputEvent): boolean {
  if (kind === 'press' || kind === 'release') return first > 0 && first < KEY_MAX;
  return kind !== 'invalid';
}

/** Bytes of an event in the dataspace of a session: its kind, then its values, 32 bits each. */
export function encodeInputEvent({ kind, values }: InputEvent): Uint8Array {
  const bytes = new Uint8Array(INPUT_EVENT_BYTES);
  bytes.set(bytesOfNumber(INPUT_KINDS.indexOf(kind), 4));
  for (let index = 0; index < VALUES; index++) bytes.set(bytesOfNumber((values[index] ?? 0) >>> 0, 4), 4 + 4 * index);
  return bytes;
}

/** Reads an event from bytes that its server may have written at will: an unknown kind is an invalid event. */
export function decodeInputEvent(bytes: Uint8Array): InputEvent {
  const kind = INPUT_KINDS[numberAt(bytes, 0, 4)] ?? 'invalid';
  const values = Array.from({ length: VALUES }, (_, index) => numberAt(bytes, 4 + 4 * index, 4) | 0);
  return { kind, values };
}
