import { stampOf } from './channel.ts';
import type { ChannelConfig, ChannelState } from './channel-state.ts';

/*
 * What an induction needs to know about SHMStream v2 with one epoch: where the writer is, what each slot then holds, and what the reader
 * has copied unless WSC says otherwise. `modes` are the writer's and the reader's place.
 */

type State = Readonly<ChannelState>;
type Modes = readonly string[];

function isWriting(mode: string): boolean {
  return mode === 'write.first' || mode === 'write.second' || mode === 'write.wc';
}

function isInitializing(mode: string): boolean {
  return (
    mode === 'initialize.transport' ||
    mode === 'initialize.protocol' ||
    mode === 'initialize.size' ||
    mode === 'initialize.elements' ||
    mode === 'initialize.wsc' ||
    mode === 'initialize.wc' ||
    mode === 'initialize.data' ||
    mode === 'initialize.epoch'
  );
}

/** Before the only initialisation is complete nothing is there, and the reader has nothing. */
export function nothingBeforeEpoch(state: State, modes: Modes): boolean {
  if (state.writer.epoch !== 0) return !isInitializing(modes[0]!);
  if (modes[0] !== 'inactive' && !isInitializing(modes[0]!)) return false;
  if (state.header.epoch !== 0 || state.header.wc !== 0 || state.header.wsc !== 0) return false;
  for (let slot = 0; slot < state.data.length; slot++) {
    if (state.data[slot]!.first !== 0 || state.data[slot]!.second !== 0) return false;
  }
  return state.reader.epoch === 0 && state.reader.rc === 0 && modes[1] === 'idle' && state.reader.result !== 'success';
}

/** The zeroing stays within the data. */
export function cursorInData(state: State, modes: Modes, config: ChannelConfig): boolean {
  if (modes[0] === 'initialize.epoch') return state.writer.cursor === 2 * config.expected.elements;
  if (modes[0] === 'initialize.data') return state.writer.cursor < 2 * config.expected.elements;
  return state.writer.cursor === 0;
}

/** After the initialisation the header announces the geometry. */
export function headerAnnounced(state: State, modes: Modes, config: ChannelConfig): boolean {
  if (modes[0] === 'initialize.elements') return state.header.size === config.expected.size;
  const isPast =
    state.writer.epoch !== 0 ||
    modes[0] === 'initialize.wsc' ||
    modes[0] === 'initialize.wc' ||
    modes[0] === 'initialize.data' ||
    modes[0] === 'initialize.epoch';
  return !isPast || (state.header.elements === config.expected.elements && state.header.size === config.expected.size);
}

/** Epoch is the writer's one while the channel is active, else 0. */
export function epochOfMode(state: State, modes: Modes): boolean {
  const isActive = modes[0] === 'active' || isWriting(modes[0]!);
  if (isActive) return state.writer.epoch === 1 && state.header.epoch === 1;
  return state.header.epoch === 0;
}

/** WSC runs ahead of WC by one exactly during a write. */
export function startCounterOfMode(state: State, modes: Modes): boolean {
  return state.header.wsc === state.header.wc + (isWriting(modes[0]!) ? 1 : 0);
}

/** Number of the latest write to the slot that write `next` goes to, before it: 0 if there is none. */
export function before(next: number, elements: number): number {
  return next > elements ? next - elements : 0;
}

/** A slot holds the latest complete write to it; during a write the halves of its slot are replaced one by one. */
export function slotsHoldWrites(state: State, modes: Modes, config: ChannelConfig): boolean {
  const elements = config.expected.elements;
  for (let ahead = 1; ahead <= config.expected.elements; ahead++) {
    const next = state.header.wc + ahead;
    const slot = state.data[(next - 1) % config.expected.elements]!;
    const old = before(next, elements) === 0 ? 0 : stampOf(config, 1, before(next, elements));
    const isFirst = ahead === 1 && (modes[0] === 'write.second' || modes[0] === 'write.wc');
    const isSecond = ahead === 1 && modes[0] === 'write.wc';
    if (slot.first !== (isFirst ? stampOf(config, 1, next) : old)) return false;
    if (slot.second !== (isSecond ? stampOf(config, 1, next) : old)) return false;
  }
  return true;
}

/** The reader never is ahead of the writer, and while it copies it is behind. */
export function readerBehind(state: State, modes: Modes): boolean {
  return isReaderBehind(state, modes[1]!);
}

export function isReaderBehind(state: State, mode: string): boolean {
  const isCopying = mode === 'read.first' || mode === 'read.second' || mode === 'read.wsc';
  return isCopying ? state.reader.rc < state.header.wc : state.reader.rc <= state.header.wc;
}

/** The reader that reads knows the number of elements. */
export function readerKnowsElements(state: State, modes: Modes, config: ChannelConfig): boolean {
  return doesReaderKnow(state, modes[1]!, config);
}

export function doesReaderKnow(state: State, mode: string, config: ChannelConfig): boolean {
  const reads =
    mode === 'synchronize.epoch' ||
    mode === 'synchronize.recheck' ||
    mode === 'read.wc' ||
    mode === 'read.first' ||
    mode === 'read.second' ||
    mode === 'read.wsc' ||
    mode === 'read.skip' ||
    mode === 'read.epoch';
  if (state.reader.epoch !== 0 || reads)
    return state.reader.elements === config.expected.elements && state.reader.size === config.expected.size;
  return mode !== 'synchronize.elements' || state.reader.size === config.expected.size;
}

/** What has been copied is the wanted write, or WSC shows that it may not be. */
export function copyIsWantedOrOverrun(state: State, modes: Modes, config: ChannelConfig): boolean {
  return isCopyWantedOrOverrun(state, modes[1]!, config);
}

export function isCopyWantedOrOverrun(state: State, mode: string, config: ChannelConfig): boolean {
  const wanted = stampOf(config, 1, state.reader.rc + 1);
  const isOverrun = state.header.wsc > state.reader.rc + config.expected.elements;
  if (mode === 'read.second') return isOverrun || state.reader.first === wanted;
  if (mode === 'read.wsc') return isOverrun || (state.reader.first === wanted && state.reader.second === wanted);
  return true;
}

/** A read that ends with success has copied write number RC as a whole. */
export function successIsWrite(state: State, modes: Modes, config: ChannelConfig): boolean {
  return isSuccessWrite(state, modes[1]!, config);
}

export function isSuccessWrite(state: State, mode: string, config: ChannelConfig): boolean {
  if (state.reader.result !== 'success' || (mode !== 'idle' && mode !== 'read.epoch')) return true;
  const wanted = stampOf(config, 1, state.reader.rc);
  return state.reader.first === wanted && state.reader.second === wanted;
}

/** Since it last started over, the reader delivered each element up to RC exactly once. */
export function eachElementOnce(state: State): boolean {
  return state.ghost.start + state.ghost.delivered === state.reader.rc;
}

/** While the channel is active WC <= WSC <= WC + 1. */
export function countersBracketWrite(state: State): boolean {
  return state.header.epoch === 0 || (state.header.wc <= state.header.wsc && state.header.wsc <= state.header.wc + 1);
}

/** Results other than success are only returned between reads. */
export function resultOfMode(state: State, modes: Modes): boolean {
  return isResultOfMode(state, modes[1]!);
}

export function isResultOfMode(state: State, mode: string): boolean {
  return mode === 'idle' || mode === 'read.epoch' || state.reader.result === 'none';
}
