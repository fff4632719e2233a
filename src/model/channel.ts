import type { ChannelConfig, ChannelEvent, ChannelState, InitializeEvent } from './channel-state.ts';

/*
 * SHMStream v2 (Muen muchannel), one memory access per function. x86 stores become visible in program order and loads are done in
 * program order (SDM Vol. 3A, "Memory Ordering in P6 and More Recent Processor Families"), and the writer loads only what it alone
 * stores, so interleaving single accesses covers every outcome.
 */

// Writer: guards

/** An unused epoch value is left. */
export function epochLeft(state: Readonly<ChannelState>, _event: ChannelEvent, config: ChannelConfig): boolean {
  return state.writer.epoch < config.epochs;
}

/** WC can be incremented. */
export function counterLeft(state: Readonly<ChannelState>, _event: ChannelEvent, config: ChannelConfig): boolean {
  return state.header.wc < config.maxCounter;
}

/** The half to be zeroed is not the last. */
export function moreToZero(state: Readonly<ChannelState>, _event: ChannelEvent, config: ChannelConfig): boolean {
  return state.writer.cursor < 2 * config.expected.elements - 1;
}

// Writer: actions

/** Epoch := 0, and notes what to announce. */
export function beginInitialize(state: ChannelState, event: InitializeEvent): void {
  state.header.epoch = 0;
  state.writer.geometry = event.geometry;
}

/** Transport := magic. */
export function storeTransport(state: ChannelState): void {
  state.header.transport = true;
}

/** Protocol := announced one. */
export function storeProtocol(state: ChannelState, _event: ChannelEvent, config: ChannelConfig): void {
  state.header.protocol = config.geometries[state.writer.geometry]!.protocol;
}

/** Size := announced one. */
export function storeSize(state: ChannelState, _event: ChannelEvent, config: ChannelConfig): void {
  state.header.size = config.geometries[state.writer.geometry]!.size;
}

/** Elements := announced number. */
export function storeElements(state: ChannelState, _event: ChannelEvent, config: ChannelConfig): void {
  state.header.elements = config.geometries[state.writer.geometry]!.elements;
}

/** WSC := 0. */
export function clearStartCounter(state: ChannelState): void {
  state.header.wsc = 0;
}

/** WC := 0. */
export function clearCounter(state: ChannelState): void {
  state.header.wc = 0;
}

/** Zeroes the next half element. */
export function zeroHalf(state: ChannelState): void {
  const slot = state.data[Math.floor(state.writer.cursor / 2)]!;
  if (state.writer.cursor % 2 === 0) {
    slot.first = 0;
  } else {
    slot.second = 0;
  }
  state.writer.cursor += 1;
}

/** Epoch := next unused value; the channel is active. */
export function storeEpoch(state: ChannelState): void {
  state.writer.epoch += 1;
  state.writer.cursor = 0;
  state.header.epoch = state.writer.epoch;
}

/** Epoch := 0. */
export function clearEpoch(state: ChannelState): void {
  state.header.epoch = 0;
}

/** WSC := WC + 1. */
export function storeStartCounter(state: ChannelState): void {
  state.header.wsc = state.header.wc + 1;
}

/** Stores the first half of element WC mod elements. */
export function storeFirst(state: ChannelState, _event: ChannelEvent, config: ChannelConfig): void {
  const slot = state.data[state.header.wc % config.expected.elements]!;
  slot.first = stampOf(config, state.header.epoch, state.header.wc + 1);
}

/** Stores the second half of element WC mod elements. */
export function storeSecond(state: ChannelState, _event: ChannelEvent, config: ChannelConfig): void {
  const slot = state.data[state.header.wc % config.expected.elements]!;
  slot.second = stampOf(config, state.header.epoch, state.header.wc + 1);
}

/** WC := WC + 1. */
export function storeCounter(state: ChannelState): void {
  state.header.wc += 1;
}

/** Content of the element of write `number` (1 ..) in `epoch`. */
export function stampOf(config: ChannelConfig, epoch: number, number: number): number {
  return epoch * (config.maxCounter + 1) + number;
}

// Reader: guards

/** Epoch is 0. */
export function isInactive(state: Readonly<ChannelState>): boolean {
  return state.header.epoch === 0;
}

/** Epoch is the one that the reader is synchronised with. */
export function isSynchronized(state: Readonly<ChannelState>): boolean {
  return state.reader.epoch !== 0 && state.reader.epoch === state.header.epoch;
}

/** Transport is not the magic value. */
export function transportDiffers(state: Readonly<ChannelState>): boolean {
  return !state.header.transport;
}

/** Protocol is not the expected one. */
export function protocolDiffers(state: Readonly<ChannelState>, _event: ChannelEvent, config: ChannelConfig): boolean {
  return state.header.protocol !== config.expected.protocol;
}

/** Size * Elements is not the expected product; the factors are not compared (Muen compares the data size only). */
export function dataSizeDiffers(state: Readonly<ChannelState>, _event: ChannelEvent, config: ChannelConfig): boolean {
  return state.reader.size * state.header.elements !== config.expected.size * config.expected.elements;
}

/** Epoch is not the one that the reader holds. */
export function epochDiffers(state: Readonly<ChannelState>): boolean {
  return state.header.epoch !== state.reader.epoch;
}

/** RC has reached WC. */
export function noData(state: Readonly<ChannelState>): boolean {
  return state.reader.rc >= state.header.wc;
}

/** The writer may have begun to overwrite the copied element. */
export function isOverrun(state: Readonly<ChannelState>): boolean {
  return state.header.wsc > state.reader.rc + state.reader.elements;
}

// Reader: actions

/** Forgets the result and the element of the operation before. */
export function clearCopy(state: ChannelState): void {
  state.reader.first = 0;
  state.reader.second = 0;
  state.reader.result = 'none';
}

/** Returns inactive. */
export function returnInactive(state: ChannelState): void {
  state.reader.epoch = 0;
  state.reader.result = 'inactive';
}

/** Keeps the epoch that was seen, for synchronisation. */
export function noteEpoch(state: ChannelState): void {
  state.reader.seenEpoch = state.header.epoch;
}

/** Loads Size. */
export function loadSize(state: ChannelState): void {
  state.reader.size = state.header.size;
}

/** Loads Elements. */
export function loadElements(state: ChannelState): void {
  state.reader.elements = state.header.elements;
}

/** Forgets everything and returns incompatible_interface. */
export function returnIncompatible(state: ChannelState): void {
  state.reader.epoch = 0;
  state.reader.size = 0;
  state.reader.elements = 0;
  state.reader.rc = 0;
  state.reader.seenEpoch = 0;
  state.reader.result = 'incompatible_interface';
  state.ghost.start = 0;
  state.ghost.delivered = 0;
}

/** Adopts an epoch and starts at element 0. */
export function adoptEpoch(state: ChannelState, _event: ChannelEvent, config: ChannelConfig): void {
  state.reader.epoch = config.adoptedEpoch === 'first' ? state.reader.seenEpoch : state.header.epoch;
  state.reader.seenEpoch = 0;
  state.reader.rc = 0;
  state.ghost.start = 0;
  state.ghost.delivered = 0;
}

/** Returns epoch_changed; the held epoch stays, so the next read synchronises. */
export function returnEpochChanged(state: ChannelState): void {
  state.reader.result = 'epoch_changed';
}

/** Returns no_data. */
export function returnNoData(state: ChannelState): void {
  state.reader.result = 'no_data';
}

/** Loads the first half of element RC mod elements; the divisor is the reader's own constant. */
export function loadFirst(state: ChannelState, _event: ChannelEvent, config: ChannelConfig): void {
  state.reader.first = state.data[state.reader.rc % config.expected.elements]!.first;
}

/** Loads the second half of element RC mod elements. */
export function loadSecond(state: ChannelState, _event: ChannelEvent, config: ChannelConfig): void {
  state.reader.second = state.data[state.reader.rc % config.expected.elements]!.second;
}

/** The copy is good as far as the counters tell. */
export function acceptElement(state: ChannelState): void {
  state.reader.rc += 1;
  state.reader.result = 'success';
  state.ghost.delivered += 1;
}

/** Skips all unread elements: RC := WC. */
export function skipToCounter(state: ChannelState): void {
  state.reader.rc = state.header.wc;
  state.ghost.start = state.header.wc;
  state.ghost.delivered = 0;
}

/** Skips to WC after an overrun. */
export function skipOverrun(state: ChannelState): void {
  skipToCounter(state);
  state.reader.result = 'overrun_detected';
}

/** RC := 0; the epoch stays. */
export function resetReader(state: ChannelState): void {
  state.reader.rc = 0;
  state.ghost.start = 0;
  state.ghost.delivered = 0;
}
