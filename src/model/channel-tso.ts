import { stampOf } from './channel.ts';
import type { InitializeEvent } from './channel-state.ts';
import type { ChannelTsoConfig, ChannelTsoEvent, ChannelTsoState, FlushEvent } from './channel-tso-state.ts';

/*
 * The writer of SHMStream v2 on a processor with a store buffer: a store is appended, the memory takes it some time later.
 * Locations are numbered: 0 epoch, 1 transport, 2 protocol, 3 size, 4 elements, 5 WSC, 6 WC, 7 .. data.
 */

type State = Readonly<ChannelTsoState>;

// Guards

/** The store buffer has room. */
export function hasSpace(state: State, _event: ChannelTsoEvent, config: ChannelTsoConfig): boolean {
  return state.buffered < config.bufferedStores;
}

/** An unused epoch value is left. */
export function bufferedEpochLeft(state: State, _event: ChannelTsoEvent, config: ChannelTsoConfig): boolean {
  return state.writer.epoch < config.epochs;
}

/** WC can be incremented. */
export function bufferedCounterLeft(state: State, _event: ChannelTsoEvent, config: ChannelTsoConfig): boolean {
  return state.own.wc < config.maxCounter;
}

/** The half to be zeroed is not the last. */
export function bufferedMoreToZero(state: State, _event: ChannelTsoEvent, config: ChannelTsoConfig): boolean {
  return state.writer.cursor < 2 * config.expected.elements - 1;
}

/** The buffer holds a store at this place, and none before it goes to the same location. */
export function canFlush(state: State, event: FlushEvent): boolean {
  if (event.at >= state.buffered) return false;
  for (let slot = 0; slot < state.buffer.length; slot++) {
    if (slot < event.at && state.buffer[slot]!.location === state.buffer[event.at]!.location) return false;
  }
  return true;
}

/** The reader that does not look at WSC after its copy. */
export function neverOverrun(_state: State): boolean {
  return false;
}

// Stores

/** Appends a store to the buffer. */
export function append(state: ChannelTsoState, location: number, value: number): void {
  state.buffer[state.buffered]!.location = location;
  state.buffer[state.buffered]!.value = value;
  state.buffered += 1;
}

export function appendInactive(state: ChannelTsoState): void {
  append(state, 0, 0);
  state.own.epoch = 0;
}

export function appendBegin(state: ChannelTsoState, event: InitializeEvent): void {
  append(state, 0, 0);
  state.own.epoch = 0;
  state.writer.geometry = event.geometry;
}

export function appendTransport(state: ChannelTsoState): void {
  append(state, 1, 1);
}

export function appendProtocol(state: ChannelTsoState, _event: ChannelTsoEvent, config: ChannelTsoConfig): void {
  append(state, 2, config.geometries[state.writer.geometry]!.protocol);
}

export function appendSize(state: ChannelTsoState, _event: ChannelTsoEvent, config: ChannelTsoConfig): void {
  append(state, 3, config.geometries[state.writer.geometry]!.size);
}

export function appendElements(state: ChannelTsoState, _event: ChannelTsoEvent, config: ChannelTsoConfig): void {
  append(state, 4, config.geometries[state.writer.geometry]!.elements);
}

export function appendClearedStartCounter(state: ChannelTsoState): void {
  append(state, 5, 0);
}

export function appendClearedCounter(state: ChannelTsoState): void {
  append(state, 6, 0);
  state.own.wc = 0;
}

export function appendZeroHalf(state: ChannelTsoState): void {
  append(state, 7 + state.writer.cursor, 0);
  state.writer.cursor += 1;
}

export function appendEpoch(state: ChannelTsoState): void {
  state.writer.epoch += 1;
  state.writer.cursor = 0;
  state.own.epoch = state.writer.epoch;
  append(state, 0, state.writer.epoch);
}

export function appendStartCounter(state: ChannelTsoState): void {
  append(state, 5, state.own.wc + 1);
}

export function appendFirst(state: ChannelTsoState, _event: ChannelTsoEvent, config: ChannelTsoConfig): void {
  const slot = state.own.wc % config.expected.elements;
  append(state, 7 + 2 * slot, stampOf(config, state.own.epoch, state.own.wc + 1));
}

export function appendSecond(state: ChannelTsoState, _event: ChannelTsoEvent, config: ChannelTsoConfig): void {
  const slot = state.own.wc % config.expected.elements;
  append(state, 8 + 2 * slot, stampOf(config, state.own.epoch, state.own.wc + 1));
}

export function appendCounter(state: ChannelTsoState): void {
  append(state, 6, state.own.wc + 1);
}

/** The write is complete as far as the writer is concerned. */
export function countWrite(state: ChannelTsoState): void {
  state.own.wc += 1;
}

// Memory

/** The memory takes one store; the later ones move up. */
export function flush(state: ChannelTsoState, event: FlushEvent): void {
  const location = state.buffer[event.at]!.location;
  const value = state.buffer[event.at]!.value;
  if (location === 0) state.header.epoch = value;
  else if (location === 1) state.header.transport = value === 1;
  else if (location === 2) state.header.protocol = value;
  else if (location === 3) state.header.size = value;
  else if (location === 4) state.header.elements = value;
  else if (location === 5) state.header.wsc = value;
  else if (location === 6) state.header.wc = value;
  for (let slot = 0; slot < state.data.length; slot++) {
    if (location === 7 + 2 * slot) state.data[slot]!.first = value;
    if (location === 8 + 2 * slot) state.data[slot]!.second = value;
  }
  for (let slot = 1; slot < state.buffer.length; slot++) {
    if (slot > event.at && slot < state.buffered) {
      state.buffer[slot - 1]!.location = state.buffer[slot]!.location;
      state.buffer[slot - 1]!.value = state.buffer[slot]!.value;
    }
  }
  state.buffered -= 1;
  state.buffer[state.buffered]!.location = 0;
  state.buffer[state.buffered]!.value = 0;
}
