import fc from 'fast-check';
import { LOG_STRING_BYTES, MESSAGE_KINDS, wordsOfBytes } from '../../src/impl/genode/log-message.ts';
import { type ChannelLayout, elementOffset, HEADER, storeAt, type Word64 } from '../../src/impl/native/muchannel.ts';
import type { Operation } from '../../src/units/operation.ts';
import { hostileScriptArbitrary } from '../channels/hostile-script.ts';
import { scriptOf } from '../channels/writer-script.ts';

/** A message as a hostile client makes it: by default a good one, with some fields wrong. */
interface Forgery {
  readonly kind: number;
  /** Added to the low word of the epoch. */
  readonly generation: number;
  readonly session: number;
  /** Added to the number that is due in the session. */
  readonly sequence: number;
  readonly reserved: number;
  /** Added to the length that belongs to the text. */
  readonly length: number;
  readonly text: readonly number[];
}

type ForgedAction =
  | { readonly kind: 'start' }
  | { readonly kind: 'message'; readonly forgery: Forgery }
  | { readonly kind: 'operations'; readonly operations: readonly Operation[] };

/** Mostly `usual`, now and then something else. */
const mostly = <T>(usual: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, { weight: 2, arbitrary: other });

function forgeryArbitrary(sessions: number): fc.Arbitrary<Forgery> {
  const short = fc.array(fc.integer({ min: 0x20, max: 0x7e }), { maxLength: 12 });
  const control = fc.array(fc.integer({ min: 1, max: 0xff }), { minLength: 1, maxLength: 12 });
  const long = fc
    .constantFrom(LOG_STRING_BYTES - 1, LOG_STRING_BYTES)
    .map(size => Array.from({ length: size }, () => 0x78));
  const withNul = fc.constant([0x61, 0, 0x62]);
  return fc.record({
    kind: mostly(
      MESSAGE_KINDS.write,
      fc.oneof(fc.constant(MESSAGE_KINDS.close as number), fc.constantFrom(0, 3, 0xffff_ffff)),
    ),
    generation: mostly(0, fc.constantFrom(-1, 1, 7)),
    session: mostly(0, fc.constantFrom(...Array.from({ length: sessions + 2 }, (_, index) => index), 0xffff_ffff)),
    sequence: mostly(0, fc.constantFrom(-1, -2, 1, 5, 0x8000_0000)),
    reserved: mostly(0, fc.constant(1)),
    length: mostly(0, fc.constantFrom(-1, 1, 2, 64, 0x7fff_ffff)),
    text: fc.oneof(
      { weight: 3, arbitrary: fc.constant<readonly number[]>([]) },
      { weight: 4, arbitrary: short },
      { weight: 2, arbitrary: control },
      { weight: 1, arbitrary: long },
      { weight: 1, arbitrary: withNul },
    ),
  });
}

const u32 = (value: number): number => value >>> 0;

/** Stores that publish a forged message as element `count` of an epoch. */
function publish(
  layout: ChannelLayout,
  epoch: number,
  count: number,
  due: number,
  forgery: Forgery,
): readonly Operation[] {
  const { kind, generation, session, sequence, reserved, length, text } = forgery;
  const lengthBytes = kind === MESSAGE_KINDS.close ? length : text.length + 1 + length;
  const words: Word64[] = [
    { low: u32(kind), high: u32(epoch + generation) },
    { low: u32(session), high: u32(due + sequence) },
    { low: u32(lengthBytes), high: reserved },
    ...wordsOfBytes([...text, 0].slice(0, LOG_STRING_BYTES)),
  ];
  const slot = count % layout.elements;
  const next: Word64 = { low: count + 1, high: 0 };
  return [
    storeAt(layout, HEADER.writeStart, next),
    ...words.map((word, index) => storeAt(layout, elementOffset(layout, slot, index), word)),
    storeAt(layout, HEADER.writeCount, next),
  ];
}

/** Turns actions into operations; epochs and numbers go on from one action to the next as a plausible client's would. */
function forgedScript(layout: ChannelLayout, event: number, actions: readonly ForgedAction[]): readonly Operation[] {
  const operations: Operation[] = [];
  const due = new Map<number, number>();
  let epoch = 0;
  let count = 0;
  for (const action of actions) {
    if (action.kind === 'operations') operations.push(...action.operations);
    else if (action.kind === 'start') {
      epoch += 1;
      count = 0;
      due.clear();
      // The script's own initialisation always announces epoch 1; the last store is the epoch.
      const stores = scriptOf(layout, 0, event, [{ kind: 'initialize', geometry: 0 }]).slice(0, -1);
      operations.push(...stores, storeAt(layout, HEADER.epoch, { low: epoch, high: 0 }));
    } else if (epoch > 0) {
      const { session } = action.forgery;
      const number = (due.get(session) ?? 0) + 1;
      due.set(session, number);
      operations.push(...publish(layout, epoch, count, number, action.forgery));
      operations.push({ kind: 'vmcall', low: event, high: 0, cpl: 0 });
      count += 1;
    }
  }
  return operations;
}

/** Operations of a client that publishes forged messages, starts again as it likes, and now and then stores anything anywhere. */
export function forgedScriptArbitrary(
  layout: ChannelLayout,
  sizeBytes: number,
  event: number,
  sessions: number,
  maxActions: number,
): fc.Arbitrary<readonly Operation[]> {
  const message = forgeryArbitrary(sessions).map((forgery): ForgedAction => ({ kind: 'message', forgery }));
  const stores = hostileScriptArbitrary(layout, sizeBytes, event, 3).map(
    (operations): ForgedAction => ({ kind: 'operations', operations }),
  );
  const pause = fc.integer({ min: 30, max: 80 }).map(
    (length): ForgedAction => ({
      kind: 'operations',
      operations: Array.from({ length }, (): Operation => ({ kind: 'nop' })),
    }),
  );
  const actionsWith = (pauses: number): fc.Arbitrary<readonly ForgedAction[]> =>
    fc.array(
      fc.oneof(
        { weight: 14, arbitrary: message },
        { weight: 2, arbitrary: fc.constant<ForgedAction>({ kind: 'start' }) },
        { weight: 1, arbitrary: stores },
        { weight: pauses, arbitrary: pause },
      ),
      { maxLength: maxActions, size: 'max' },
    );
  // Without pauses the server gets its time where the client has no frame: the way to short counterexamples.
  return fc
    .oneof(actionsWith(10), actionsWith(0))
    .map(actions => forgedScript(layout, event, [{ kind: 'start' }, ...actions]));
}
