import {
  type ChannelLayout,
  elementOffset,
  HEADER_BYTES,
  isEqual64,
  type Word64,
  ZERO64,
} from '../impl/native/muchannel.ts';
import type { System } from '../impl/system.ts';
import { createChannel } from '../model/channel.model.ts';
import type { ChannelEvent, ChannelGeometry, ChannelState } from '../model/channel-state.ts';
import type { CompiledMachine } from '../model/compile.ts';
import { defined } from '../units/invariant.ts';
import { wordAt } from './channel-access.ts';
import { channelConfig, EpochTable, geometryOf, headerDifference, wordName, wordText } from './relation/channel.ts';

/** The model of one channel, compiled for one reader and one writer. */
export interface ChannelModel {
  readonly writer: CompiledMachine<ChannelState, ChannelEvent>;
  readonly reader: CompiledMachine<ChannelState, ChannelEvent>;
  initial(): ChannelState;
}

const models = new Map<string, ChannelModel>();

/** The compiled model for a geometry; compiling costs more than a short run, so models are kept. */
export function channelModelOf(layout: ChannelLayout, geometries: readonly ChannelGeometry[]): ChannelModel {
  const key = JSON.stringify([geometryOf(layout), geometries]);
  const known = models.get(key);
  if (known !== undefined) return known;
  const { schema, parties } = createChannel(channelConfig(layout, geometries));
  const compiled = (index: number): CompiledMachine<ChannelState, ChannelEvent> =>
    defined(parties[index], 'party of the channel model').compiled;
  const model: ChannelModel = { writer: compiled(0), reader: compiled(1), initial: () => schema.initial() };
  models.set(key, model);
  return model;
}

/**
 * State that writer and reader of one channel share beside a run: the model's state, the values of epochs, and which write each word of the
 * data array comes from.
 */
export class ChannelWorld {
  readonly system: System;
  readonly layout: ChannelLayout;
  /** Physical address of the header. */
  readonly header: number;
  readonly model: ChannelModel;
  readonly state: ChannelState;
  readonly epochs = new EpochTable();
  /** Words of an element. */
  readonly words: number;
  /** What the model does not speak about, by reason. */
  readonly unspecified: Record<string, number> = {};
  /** Empty while implementation and model agree. */
  difference = '';
  /** True once the run left what the model speaks about for good; nothing is compared afterwards. */
  isOver = false;
  readonly #data: Word64[];

  constructor(system: System, layout: ChannelLayout, header: number, geometries: readonly ChannelGeometry[]) {
    this.system = system;
    this.layout = layout;
    this.header = header;
    this.model = channelModelOf(layout, geometries);
    this.state = this.model.initial();
    this.words = layout.elementBytes / 8;
    this.#data = Array.from({ length: this.words * layout.elements }, () => ZERO64);
  }

  /** True while there is something to compare. */
  get isActive(): boolean {
    return this.difference === '' && !this.isOver;
  }

  /** Notes the first difference. */
  differ(what: string): void {
    if (this.difference === '') this.difference = what;
  }

  leaveOpen(reason: string): void {
    this.unspecified[reason] = (this.unspecified[reason] ?? 0) + 1;
  }

  /** Ends the comparison: from here on the model says nothing. */
  end(reason: string): void {
    this.leaveOpen(reason);
    this.isOver = true;
  }

  /** Byte offset of a word of the element with counter `count`. */
  slotOffset(count: number, word: number): number {
    return elementOffset(this.layout, count % this.layout.elements, word);
  }

  /** A word of the data array was stored. */
  store(offset: number, value: Word64): void {
    this.#data[(offset - HEADER_BYTES) / 8] = value;
  }

  /** Compares all words of the channel with the model and with what was stored. */
  compareMemory(): void {
    const inHeader = headerDifference(this.system, this.layout, this.header, this.epochs, this.state);
    if (inHeader !== '') {
      this.differ(inHeader);
      return;
    }
    for (const [index, expected] of this.#data.entries()) {
      const offset = HEADER_BYTES + index * 8;
      const found = wordAt(this.system, this.header + offset);
      if (isEqual64(found, expected)) continue;
      this.differ(`${wordName(this.layout, offset)} is ${wordText(found)}, but ${wordText(expected)} was stored`);
      return;
    }
  }
}
