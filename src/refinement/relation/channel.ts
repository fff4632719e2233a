import {
  CHANNEL_MARKER,
  type ChannelLayout,
  HEADER,
  HEADER_BYTES,
  isEqual64,
  type Word64,
  ZERO64,
} from '../../impl/native/muchannel.ts';
import type { ReaderState } from '../../impl/native/muchannel-reader.ts';
import type { System } from '../../impl/system.ts';
import type { ChannelConfig, ChannelGeometry, ChannelState } from '../../model/channel-state.ts';
import { wordAt } from '../channel-access.ts';

/*
 * The relation of muchannel and its model.
 *
 * Header words are related by value, epochs by the order in which they were announced, sizes in 8-byte words. The model's element has two
 * halves: the first stands for the first word of an element and the second for the last one; words between them carry the same stamp and
 * are accessed in order between the two. Reserved is not related: nobody reads it.
 */

/** Bounds of the model: beyond what any run reaches. */
const MAX_COUNTER = 0xffff;
const MAX_EPOCHS = 0xfff;

/** Epoch values by the model's index; 0 is the inactive channel. */
export class EpochTable {
  readonly #values: Word64[] = [ZERO64];

  /** Value of a model epoch. */
  valueOf(index: number): Word64 | undefined {
    return this.#values[index];
  }

  /** Model epoch of a value, -1 if it was not announced. */
  indexOf(value: Word64): number {
    return this.#values.findIndex(known => isEqual64(known, value));
  }

  /** Notes the next announced value. */
  add(value: Word64): void {
    this.#values.push(value);
  }
}

/** What a layout announces, in the model's units. */
export const geometryOf = ({ protocol, elementBytes, elements }: ChannelLayout): ChannelGeometry => ({
  protocol,
  size: elementBytes / 8,
  elements,
});

/** Parameters of the model for a reader that expects `layout` and a writer that may announce `geometries`. */
export function channelConfig(layout: ChannelLayout, geometries: readonly ChannelGeometry[]): ChannelConfig {
  return {
    expected: geometryOf(layout),
    geometries,
    maxCounter: MAX_COUNTER,
    epochs: MAX_EPOCHS,
    adoptedEpoch: 'first',
  };
}

const NAMES: Readonly<Record<number, string>> = {
  [HEADER.transport]: 'Transport',
  [HEADER.epoch]: 'Epoch',
  [HEADER.protocol]: 'Protocol',
  [HEADER.size]: 'Size',
  [HEADER.elements]: 'Elements',
  [HEADER.reserved]: 'Reserved',
  [HEADER.writeStart]: 'WSC',
  [HEADER.writeCount]: 'WC',
};

/** Name of the word at a byte offset of a channel. */
export function wordName(layout: ChannelLayout, offset: number): string {
  if (offset < HEADER_BYTES) return NAMES[offset] ?? `byte ${offset} of the header`;
  const word = (offset - HEADER_BYTES) / 8;
  const words = layout.elementBytes / 8;
  if (!Number.isInteger(word) || word >= words * layout.elements) return `byte ${offset} of the region`;
  return `word ${word % words} of element ${Math.floor(word / words)}`;
}

/** A word for a person. */
export const wordText = ({ low, high }: Word64): string =>
  high === 0 ? String(low) : `0x${high.toString(16)}_${low.toString(16).padStart(8, '0')}`;

const numberWord = (value: number): Word64 => ({ low: value, high: 0 });

/** First header word in memory that does not mean what the model says; empty if all do. */
export function headerDifference(
  system: System,
  layout: ChannelLayout,
  header: number,
  epochs: EpochTable,
  state: Readonly<ChannelState>,
): string {
  const model = state.header;
  const transport = wordAt(system, header + HEADER.transport);
  if (isEqual64(transport, CHANNEL_MARKER) !== model.transport)
    return `Transport in memory is ${wordText(transport)}, in the model ${model.transport ? 'the marker' : 'anything else'}`;
  const expected: readonly (readonly [number, Word64])[] = [
    [HEADER.epoch, epochs.valueOf(model.epoch) ?? ZERO64],
    [HEADER.protocol, numberWord(model.protocol)],
    [HEADER.size, numberWord(model.size * 8)],
    [HEADER.elements, numberWord(model.elements)],
    [HEADER.writeStart, numberWord(model.wsc)],
    [HEADER.writeCount, numberWord(model.wc)],
  ];
  for (const [offset, word] of expected) {
    const found = wordAt(system, header + offset);
    if (!isEqual64(found, word))
      return `${wordName(layout, offset)} in memory is ${wordText(found)}, in the model ${wordText(word)}`;
  }
  return '';
}

/** First part of the reader's private memory that does not mean what the model says; empty if all do. */
export function readerDifference(
  reader: ReaderState,
  mode: string,
  epochs: EpochTable,
  state: Readonly<ChannelState>,
): string {
  const model = state.reader;
  const compare = (name: string, found: Word64, expected: Word64): string =>
    isEqual64(found, expected) ? '' : `the reader's ${name} is ${wordText(found)}, in the model ${wordText(expected)}`;
  const epoch = compare('epoch', reader.epoch, epochs.valueOf(model.epoch) ?? ZERO64);
  if (epoch !== '') return epoch;
  const count = compare('RC', reader.readCount, numberWord(model.rc));
  if (count !== '') return count;
  // The implementation takes the whole header over at once, after it judged it.
  const size = mode === 'synchronize.elements' ? reader.scratch.header.size : reader.size;
  const sizes = compare('Size', size, numberWord(model.size * 8));
  if (sizes !== '') return sizes;
  const elements = compare('Elements', reader.elements, numberWord(model.elements));
  if (elements !== '' || !mode.startsWith('synchronize.') || mode === 'synchronize.recheck') return elements;
  return compare('seen epoch', reader.scratch.seenEpoch, epochs.valueOf(model.seenEpoch) ?? ZERO64);
}
