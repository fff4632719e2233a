import { createReader } from './channel.machine.ts';
import { channelInvariants, channelWitnesses } from './channel.model.ts';
import { countersBracketWrite, eachElementOnce } from './channel-lemmas.ts';
import type { ChannelConfig, ChannelEvent, ChannelState } from './channel-state.ts';
import { createTsoMemory, createTsoWriter, type StoreOrder } from './channel-tso.machine.ts';
import { neverOverrun } from './channel-tso.ts';
import * as lemmas from './channel-tso-lemmas.ts';
import {
  type ChannelTsoConfig,
  type ChannelTsoEvent,
  type ChannelTsoState,
  channelTsoSchema,
} from './channel-tso-state.ts';
import {
  eraseInstance,
  type Lemma,
  type Model,
  type ModelFault,
  type ModelInstance,
  type ModelWitness,
  type Party,
  party,
} from './model.ts';
import type { Schema } from './schema.ts';

/** Deviations from the protocol or from the processor's memory order, each of which the exploration must refute. */
export interface TsoVariant {
  readonly storeOrder: StoreOrder;
  /** Whether the reader looks at WSC after its copy. */
  readonly rechecks: boolean;
  /** Whether stores to different locations may pass each other (weaker than x86-TSO). */
  readonly reorders: boolean;
}

export const CORRECT_VARIANT: TsoVariant = { storeOrder: 'protocol', rechecks: true, reorders: false };

type TsoParty = Party<ChannelTsoState, ChannelTsoEvent>;

const buffers: ModelWitness<ChannelTsoState> = {
  id: 'store-waits',
  description: 'A whole write waits in the store buffer while the reader copies.',
  seen: (state, modes) => state.buffered >= 4 && modes[2] === 'read.second',
};

/** One writer with its store buffer, the memory, and one reader, whose loads are served by the memory in program order. */
export function createChannelTso(
  config: ChannelTsoConfig,
  variant: TsoVariant = CORRECT_VARIANT,
): ModelInstance<ChannelTsoState, ChannelTsoEvent> {
  const schema = channelTsoSchema(config);
  const writer = createTsoWriter(config, variant.storeOrder, schema);
  const memory = createTsoMemory(config, schema);
  const replaced = variant.rechecks ? {} : { isOverrun: neverOverrun as never };
  const reader = createReader(config, schema as unknown as Schema<ChannelState>, replaced);
  const writes: ChannelTsoEvent[] = [
    ...config.geometries.map((_, geometry): ChannelTsoEvent => ({ type: 'initialize', geometry })),
    { type: 'write' },
    { type: 'deactivate' },
    { type: 'step' },
  ];
  const flushes = Array.from(
    { length: variant.reorders ? config.bufferedStores : 1 },
    (_, at): ChannelTsoEvent => ({ type: 'flush', at }),
  );
  const reads: ChannelEvent[] = [{ type: 'read' }, { type: 'drain' }, { type: 'reset' }, { type: 'step' }];
  return {
    schema,
    parties: [
      party<ChannelTsoState, ChannelTsoEvent, ChannelTsoConfig, string, string>(
        'writer',
        writer.machine,
        writer.definition,
        writes,
        ['writer', 'own', 'buffer', 'buffered'],
      ),
      party<ChannelTsoState, ChannelTsoEvent, ChannelTsoConfig, string, string>(
        'memory',
        memory.machine,
        memory.definition,
        flushes,
        ['header', 'data', 'buffer', 'buffered'],
      ),
      party<ChannelState, ChannelEvent, ChannelConfig, string, string>(
        'reader',
        reader.machine,
        reader.definition,
        reads,
        ['reader', 'ghost'],
      ) as unknown as TsoParty,
    ],
    // The claims of the channel look at the reader as second party.
    invariants: channelInvariants(config).map(({ id, claim, holds }) => ({
      id,
      claim,
      holds: (state: Readonly<ChannelTsoState>, modes: readonly string[]) => holds(state, [modes[0]!, modes[2]!]),
    })),
    witnesses: [
      ...channelWitnesses(config).map(({ id, description, seen }) => ({
        id,
        description,
        seen: (state: Readonly<ChannelTsoState>, modes: readonly string[]) => seen(state, [modes[0]!, modes[2]!]),
      })),
      buffers,
    ],
  };
}

const oneElement = { protocol: 1, size: 1, elements: 1 };
const twoElements = { protocol: 1, size: 1, elements: 2 };

/** Sizes that are explored completely. */
export const TSO_CONFIGS = {
  small: {
    expected: oneElement,
    geometries: [oneElement],
    maxCounter: 2,
    epochs: 2,
    adoptedEpoch: 'reread',
    bufferedStores: 4,
  },
  epochs: {
    expected: twoElements,
    geometries: [twoElements],
    maxCounter: 5,
    epochs: 2,
    adoptedEpoch: 'reread',
    bufferedStores: 8,
  },
  writes: {
    expected: twoElements,
    geometries: [twoElements],
    maxCounter: 4,
    epochs: 1,
    adoptedEpoch: 'reread',
    bufferedStores: 6,
  },
} as const satisfies Readonly<Record<string, ChannelTsoConfig>>;

const torn = ['success-not-torn-in-epoch', 'success-in-order-in-epoch'];

const fault = (
  id: string,
  title: string,
  precedent: string,
  variant: Partial<TsoVariant>,
  violates: readonly string[] = torn,
): ModelFault => ({
  id,
  title,
  precedent,
  violates,
  create: () => eraseInstance(createChannelTso(TSO_CONFIGS.small, { ...CORRECT_VARIANT, ...variant })),
});

const FAULTS: readonly ModelFault[] = [
  fault(
    'late-start-counter',
    'The writer stores WSC after the data instead of before.',
    'SHMStream: the start counter must announce a write before it touches the element',
    { storeOrder: 'lateStartCounter' },
  ),
  fault(
    'early-counter',
    'The writer stores WC before the data.',
    'ring buffers that publish the index before the element, as in many hand-written queues',
    { storeOrder: 'earlyCounter' },
  ),
  fault(
    'no-recheck',
    'The reader does not look at WSC again after it has copied an element.',
    'seqlock readers without the second look at the sequence counter',
    { rechecks: false },
  ),
  fault(
    'stores-pass',
    'Stores to different locations may become visible in any order: a processor weaker than x86-TSO.',
    'the protocol without barriers on a processor with partial store order, such as ARM',
    { reorders: true },
    [...torn, 'counters-bracket-write'],
  ),
];

const claim = (id: string, text: string, holds: Lemma['holds']): Lemma => ({
  id,
  claim: text,
  purpose: 'claim',
  holds,
});
const help = (id: string, text: string, holds: Lemma['holds']): Lemma => ({ id, claim: text, purpose: 'help', holds });

/** What is proved of the protocol under x86-TSO, and what the induction needs for it. */
const TSO_LEMMAS: readonly Lemma[] = [
  claim(
    'success-is-write',
    'A read that returns success has copied write number RC as a whole.',
    lemmas.tsoSuccessIsWrite,
  ),
  claim('each-element-once', 'Each element up to RC is delivered exactly once.', eachElementOnce),
  claim('counters-bracket-write', 'In memory WC <= WSC <= WC + 1 while the channel is active.', countersBracketWrite),
  claim('reader-behind', 'The reader is never ahead of WC in memory.', lemmas.tsoReaderBehind),
  claim(
    'buffer-is-program',
    'The store buffer holds the latest stores of the writer in program order.',
    lemmas.bufferIsProgram,
  ),
  help('writer-of-mode', 'The writer knows its epoch and counter.', lemmas.writerOfMode),
  help(
    'nothing-before-set-up',
    'Before the memory has the initialisation the reader has nothing.',
    lemmas.nothingBeforeSetUp,
  ),
  help('header-after-stores', 'The header follows from the stores taken.', lemmas.headerAfterStores),
  help('counters-after-stores', 'Epoch and counters follow from the stores taken.', lemmas.countersAfterStores),
  help('slots-after-stores', 'The slots follow from the stores taken.', lemmas.slotsAfterStores),
  help('reader-knows-elements', 'A reader that reads knows the number of elements.', lemmas.tsoReaderKnows),
  help('copy-is-wanted-or-overrun', 'A copy is the wanted write, or WSC shows an overrun.', lemmas.tsoCopyWanted),
  help('result-of-mode', 'Results are returned between reads only.', lemmas.tsoResultOfMode),
];

/** SHMStream v2 on x86-TSO. */
export const channelTsoModel: Model = {
  id: 'channel-tso',
  title: 'SHMStream v2 channel on x86-TSO: one writer with a store buffer, the memory, one reader',
  sources: ['channel.ts', 'channel-tso.ts'],
  faults: FAULTS,
  proofs: [
    {
      name: '2 elements, 2^20 writes, 1 epoch, 8 buffered stores',
      sources: ['channel-lemmas.ts', 'channel-tso-lemmas.ts'],
      lemmas: TSO_LEMMAS,
      create: () => eraseInstance(createChannelTso({ ...TSO_CONFIGS.writes, maxCounter: 2 ** 20, bufferedStores: 8 })),
    },
  ],
  configurations: [
    {
      name: '1 element, 2 writes, 2 epochs, 4 buffered stores',
      exhaustive: true,
      states: 27_987,
      create: () => eraseInstance(createChannelTso(TSO_CONFIGS.small)),
    },
    {
      name: '2 elements, 5 writes, 2 epochs, 8 buffered stores',
      exhaustive: false,
      create: () => eraseInstance(createChannelTso(TSO_CONFIGS.epochs)),
    },
    {
      name: '2 elements, 4 writes, 1 epoch, 6 buffered stores',
      exhaustive: true,
      states: 6_329,
      create: () => eraseInstance(createChannelTso(TSO_CONFIGS.writes)),
    },
  ],
};
