import { createReader, createWriter } from './channel.machine.ts';
import { stampOf } from './channel.ts';
import { createHostileWriter } from './channel-hostile.machine.ts';
import * as lemmas from './channel-lemmas.ts';
import type { ChannelConfig, ChannelEvent, ChannelState } from './channel-state.ts';
import { CHANNEL_RESULTS, channelSchema, HEADER_FIELDS } from './channel-state.ts';
import type { Lemma, Model, ModelInstance, ModelInvariant, ModelWitness, Party } from './model.ts';
import { eraseInstance, party } from './model.ts';
import type { Schema } from './schema.ts';

/** Claims about results look at a reader between reads. */
const returned = (state: Readonly<ChannelState>, modes: readonly string[], result: string): boolean =>
  modes[1] === 'idle' && state.reader.result === result;

const eachElementOnce: ModelInvariant<ChannelState> = {
  id: 'each-element-once',
  claim: 'Since the reader last synchronised, skipped or was reset, it delivered each element up to RC exactly once.',
  holds: ({ ghost, reader }) => ghost.start + ghost.delivered === reader.rc,
};

/** What success must mean in any case; a reader that adopts a reread epoch does not meet all of them. */
export function successInvariants(config: ChannelConfig): ModelInvariant<ChannelState>[] {
  const { protocol, size, elements } = config.expected;
  return [
    {
      id: 'success-not-torn',
      claim: 'An element that a read returns with success was written by one write as a whole.',
      holds: (state, modes) => !returned(state, modes, 'success') || state.reader.first === state.reader.second,
    },
    {
      id: 'success-in-order',
      claim:
        'The element that a read returns with success is that of write number RC in the epoch that the reader holds.',
      holds: (state, modes) =>
        !returned(state, modes, 'success') ||
        state.reader.first === stampOf(config, state.reader.epoch, state.reader.rc),
    },
    {
      id: 'success-compatible',
      claim: 'A channel from which a read returns success announces the geometry that the reader expects.',
      holds: (state, modes) =>
        !returned(state, modes, 'success') ||
        state.reader.epoch !== state.header.epoch ||
        (state.header.protocol === protocol && state.header.size === size && state.header.elements === elements),
    },
  ];
}

/**
 * The same claims as far as SHMStream v2 keeps them: a synchronising reader loads Epoch after the header and may so adopt 0 from a writer
 * that deactivates or initialises again; what it then returns until the next read is not covered. Nor is a change of geometry.
 */
export function channelInvariants(config: ChannelConfig): ModelInvariant<ChannelState>[] {
  const counters: ModelInvariant<ChannelState> = {
    id: 'counters-bracket-write',
    claim: 'While the channel is active WC <= WSC <= WC + 1.',
    holds: ({ header }) => header.epoch === 0 || (header.wc <= header.wsc && header.wsc <= header.wc + 1),
  };
  const strict = successInvariants(config);
  if (config.adoptedEpoch === 'first') return [eachElementOnce, counters, ...strict];
  const weaker = strict
    .filter(({ id }) => id !== 'success-compatible' || config.geometries.length === 1)
    .map(invariant => ({
      id: `${invariant.id}-in-epoch`,
      claim: `While the reader holds a nonzero epoch: ${invariant.claim}`,
      holds: (state: Readonly<ChannelState>, modes: readonly string[]) =>
        state.reader.epoch === 0 || invariant.holds(state, modes),
    }));
  return [eachElementOnce, counters, ...weaker];
}

/** Every result occurs, and a copy can be torn so that the counters are needed. */
export function channelWitnesses(config: ChannelConfig): ModelWitness<ChannelState>[] {
  const compatible = config.geometries.every(({ protocol }) => protocol === config.expected.protocol);
  const results = CHANNEL_RESULTS.filter(
    result => result !== 'none' && !(compatible && result === 'incompatible_interface'),
  );
  return [
    ...results.map(result => ({
      id: `result-${result}`,
      description: `A read returns ${result}.`,
      seen: (state: Readonly<ChannelState>, modes: readonly string[]) => returned(state, modes, result),
    })),
    {
      id: 'torn-copy',
      description: 'A read copies halves of two different writes.',
      seen: ({ reader }, modes) => modes[1] === 'read.wsc' && reader.first !== reader.second && reader.first !== 0,
    },
  ];
}

function readerParty(config: ChannelConfig, schema: Schema<ChannelState>): Party<ChannelState, ChannelEvent> {
  const { machine, definition } = createReader(config, schema);
  const alphabet = [
    { type: 'read' },
    { type: 'drain' },
    { type: 'reset' },
    { type: 'step' },
  ] as const satisfies ChannelEvent[];
  return party<ChannelState, ChannelEvent, ChannelConfig, string, string>('reader', machine, definition, alphabet, [
    'reader',
    'ghost',
  ]);
}

/** The channel with its writer and one reader; more readers do not see each other. */
export function createChannel(config: ChannelConfig): ModelInstance<ChannelState, ChannelEvent> {
  const schema = channelSchema(config);
  const { machine, definition } = createWriter(config, schema);
  const initialize = config.geometries.map((_, geometry): ChannelEvent => ({ type: 'initialize', geometry }));
  const alphabet: ChannelEvent[] = [...initialize, { type: 'write' }, { type: 'deactivate' }, { type: 'step' }];
  const writer = party<ChannelState, ChannelEvent, ChannelConfig, string, string>(
    'writer',
    machine,
    definition,
    alphabet,
    ['header', 'data', 'writer'],
  );
  return {
    schema,
    parties: [writer, readerParty(config, schema)],
    invariants: channelInvariants(config),
    witnesses: channelWitnesses(config),
  };
}

/** The reader against a writer that stores anything anywhere in the header. */
export function createHostileChannel(config: ChannelConfig): ModelInstance<ChannelState, ChannelEvent> {
  const schema = channelSchema(config);
  const { machine, definition } = createHostileWriter(config, schema);
  const header = schema.root.fields.header;
  const alphabet = HEADER_FIELDS.flatMap((type): ChannelEvent[] => {
    const field = header?.kind === 'record' ? header.fields[type] : undefined;
    const largest = field?.kind === 'int' ? field.max : 1;
    return Array.from({ length: largest + 1 }, (_, value) => ({ type, value }));
  });
  const writer = party<ChannelState, ChannelEvent, ChannelConfig, string, string>(
    'writer',
    machine,
    definition,
    alphabet,
    ['header'],
  );
  return {
    schema,
    parties: [writer, readerParty(config, schema)],
    invariants: [eachElementOnce],
    witnesses: channelWitnesses({ ...config, geometries: [{ ...config.expected, protocol: 0 }] }).filter(
      ({ id }) => id !== 'torn-copy',
    ),
  };
}

const oneElement = { protocol: 1, size: 1, elements: 1 };
const twoElements = { protocol: 1, size: 1, elements: 2 };

const help = (id: string, holds: Lemma['holds']): Lemma => ({ id, claim: id, purpose: 'help', holds });
const claim = (id: string, text: string, holds: Lemma['holds']): Lemma => ({
  id,
  claim: text,
  purpose: 'claim',
  holds,
});

/** What is proved of a channel with one epoch, and what the induction needs to know for it. */
export const CHANNEL_LEMMAS: readonly Lemma[] = [
  claim(
    'success-is-write',
    'A read that returns success has copied write number RC as a whole.',
    lemmas.successIsWrite,
  ),
  claim('each-element-once', eachElementOnce.claim, lemmas.eachElementOnce),
  claim('counters-bracket-write', 'While the channel is active WC <= WSC <= WC + 1.', lemmas.countersBracketWrite),
  claim('reader-behind', 'The reader is never ahead of the writer.', lemmas.readerBehind),
  help('nothing-before-epoch', lemmas.nothingBeforeEpoch),
  help('cursor-in-data', lemmas.cursorInData),
  help('header-announced', lemmas.headerAnnounced),
  help('epoch-of-mode', lemmas.epochOfMode),
  help('start-counter-of-mode', lemmas.startCounterOfMode),
  help('slots-hold-writes', lemmas.slotsHoldWrites),
  help('reader-knows-elements', lemmas.readerKnowsElements),
  help('copy-is-wanted-or-overrun', lemmas.copyIsWantedOrOverrun),
  help('result-of-mode', lemmas.resultOfMode),
];

/** SHMStream v2, access by access. */
export const channelModel: Model = {
  id: 'channel',
  title: 'SHMStream v2 channel (muchannel): one writer, one reader, single memory accesses',
  sources: ['channel.ts', 'channel-hostile.ts'],
  proofs: [
    {
      name: '2 elements, 2^20 writes, 1 epoch',
      sources: ['channel-lemmas.ts'],
      lemmas: CHANNEL_LEMMAS,
      create: () =>
        eraseInstance(
          createChannel({
            expected: twoElements,
            geometries: [twoElements],
            maxCounter: 2 ** 20,
            epochs: 1,
            adoptedEpoch: 'reread',
          }),
        ),
    },
  ],
  configurations: [
    {
      name: '2 elements, 4 writes, 1 epoch',
      exhaustive: true,
      states: 1553,
      create: () =>
        eraseInstance(
          createChannel({
            expected: twoElements,
            geometries: [twoElements],
            maxCounter: 4,
            epochs: 1,
            adoptedEpoch: 'reread',
          }),
        ),
    },
    {
      name: '2 elements, 3 writes, 3 epochs, two protocols',
      exhaustive: true,
      states: 126595,
      create: () =>
        eraseInstance(
          createChannel({
            expected: twoElements,
            geometries: [twoElements, { ...twoElements, protocol: 2 }],
            maxCounter: 3,
            epochs: 3,
            adoptedEpoch: 'reread',
          }),
        ),
    },
    {
      name: '2 elements, 3 writes, 3 epochs, two protocols, reader adopts the first epoch',
      exhaustive: true,
      states: 100886,
      create: () =>
        eraseInstance(
          createChannel({
            expected: twoElements,
            geometries: [twoElements, { ...twoElements, protocol: 2 }],
            maxCounter: 3,
            epochs: 3,
            adoptedEpoch: 'first',
          }),
        ),
    },
    {
      name: '1 element, 2 writes, hostile writer',
      exhaustive: true,
      states: 37440,
      create: () =>
        eraseInstance(
          createHostileChannel({
            expected: oneElement,
            geometries: [oneElement],
            maxCounter: 2,
            epochs: 1,
            adoptedEpoch: 'reread',
          }),
        ),
    },
  ],
};
