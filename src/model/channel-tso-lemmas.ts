import { stampOf } from './channel.ts';
import {
  before,
  doesReaderKnow,
  isCopyWantedOrOverrun,
  isReaderBehind,
  isResultOfMode,
  isSuccessWrite,
} from './channel-lemmas.ts';
import type { ChannelTsoConfig, ChannelTsoState } from './channel-tso-state.ts';

/*
 * SHMStream v2 with one epoch under x86-TSO. The writer's stores are numbered in program order: the initialisation, four a write, and one if
 * it deactivates the channel. The buffer holds the last of them; the memory is as all earlier ones left it, so that the reader sees what it
 * would see of a writer without a buffer that is that much slower. `modes` are places of the writer, the memory and the reader.
 */

type State = Readonly<ChannelTsoState>;
type Modes = readonly string[];

/** Number of stores of the initialisation. */
function setUp(config: ChannelTsoConfig): number {
  return 8 + 2 * config.expected.elements;
}

function isDeactivated(state: State, modes: Modes): boolean {
  return modes[0] === 'inactive' && state.writer.epoch === 1;
}

/** Stores that the writer has done. */
function issued(state: State, modes: Modes, config: ChannelTsoConfig): number {
  const mode = modes[0]!;
  if (mode === 'inactive') return state.writer.epoch === 0 ? 0 : setUp(config) + 4 * state.own.wc + 1;
  if (mode === 'initialize.transport') return 1;
  if (mode === 'initialize.protocol') return 2;
  if (mode === 'initialize.size') return 3;
  if (mode === 'initialize.elements') return 4;
  if (mode === 'initialize.wsc') return 5;
  if (mode === 'initialize.wc') return 6;
  if (mode === 'initialize.data' || mode === 'initialize.epoch') return 7 + state.writer.cursor;
  return setUp(config) + 4 * state.own.wc + started(modes);
}

/** Stores that the memory has taken. */
function taken(state: State, modes: Modes, config: ChannelTsoConfig): number {
  return Math.max(0, issued(state, modes, config) - state.buffered);
}

/** Stores of the write that the writer is in the middle of. */
function started(modes: Modes): number {
  const mode = modes[0]!;
  return mode === 'write.second' ? 1 : mode === 'write.third' ? 2 : mode === 'write.fourth' ? 3 : 0;
}

/** Location of a store of the initialisation. */
function setUpLocation(number: number, config: ChannelTsoConfig): number {
  return number < 7 + 2 * config.expected.elements ? number : 0;
}

/** Value of a store of the initialisation. */
function setUpValue(number: number, config: ChannelTsoConfig): number {
  if (number === 1 || number === setUp(config) - 1) return 1;
  if (number === 2) return config.expected.protocol;
  if (number === 3) return config.expected.size;
  return number === 4 ? config.expected.elements : 0;
}

/** The buffer's entry is the store that the writer did `back` stores before its last one. */
function isStore(state: State, modes: Modes, place: number, back: number, config: ChannelTsoConfig): boolean {
  const its = state.buffer[place]!;
  const isLater = isDeactivated(state, modes);
  if (isLater && back === 0) return its.location === 0 && its.value === 0;
  // Counted from the store before the current write: 0 is the last one of the write before.
  const behind = Math.max(0, back - (isLater ? 1 : 0) - started(modes));
  const isCurrent = back < started(modes);
  const full = isCurrent ? 0 : Math.floor(behind / 4);
  const part = isCurrent ? started(modes) - 1 - back : 3 - (behind % 4);
  const isOfWrite = modes[0] === 'active' || isLater || started(modes) > 0;
  if (!isOfWrite || (!isCurrent && full >= state.own.wc)) {
    const number = issued(state, modes, config) - 1 - back;
    return its.location === setUpLocation(number, config) && its.value === setUpValue(number, config);
  }
  const write = isCurrent ? state.own.wc + 1 : Math.max(1, state.own.wc - full);
  const slot = (write - 1) % config.expected.elements;
  const location = part === 0 ? 5 : part === 1 ? 7 + 2 * slot : part === 2 ? 8 + 2 * slot : 6;
  return its.location === location && its.value === (part === 0 || part === 3 ? write : stampOf(config, 1, write));
}

/** The buffer holds the latest stores in program order. */
export function bufferIsProgram(state: State, modes: Modes, config: ChannelTsoConfig): boolean {
  if (state.buffered > issued(state, modes, config)) return false;
  for (let back = 0; back < state.buffer.length; back++) {
    for (let place = 0; place < state.buffer.length; place++) {
      const isThere = place + back + 1 === state.buffered;
      if (isThere && !isStore(state, modes, place, back, config)) return false;
    }
  }
  for (let place = 0; place < state.buffer.length; place++) {
    const its = state.buffer[place]!;
    if (place >= state.buffered && (its.location !== 0 || its.value !== 0)) return false;
  }
  return true;
}

/** What the writer knows of itself. */
export function writerOfMode(state: State, modes: Modes, config: ChannelTsoConfig): boolean {
  const mode = modes[0]!;
  const isActive = mode === 'active' || mode === 'write.second' || mode === 'write.third' || mode === 'write.fourth';
  if (state.writer.geometry !== 0) return false;
  if (isActive && (state.writer.epoch !== 1 || state.own.epoch !== 1)) return false;
  if (!isActive && state.own.epoch !== 0) return false;
  if (!isActive && mode !== 'inactive' && state.writer.epoch !== 0) return false;
  if (state.writer.epoch === 0 && state.own.wc !== 0) return false;
  if (mode !== 'active' && isActive && state.own.wc >= config.maxCounter) return false;
  if (mode === 'initialize.epoch') return state.writer.cursor === 2 * config.expected.elements;
  if (mode === 'initialize.data') return state.writer.cursor < 2 * config.expected.elements;
  return state.writer.cursor === 0;
}

/** Stores of writes that the memory has taken. */
function takenOfWrites(state: State, modes: Modes, config: ChannelTsoConfig): number {
  const all = Math.max(0, taken(state, modes, config) - setUp(config));
  return isDeactivated(state, modes) && state.buffered === 0 ? Math.max(0, all - 1) : all;
}

/** Before the memory has taken the initialisation nothing is there, and the reader has nothing. */
export function nothingBeforeSetUp(state: State, modes: Modes, config: ChannelTsoConfig): boolean {
  if (taken(state, modes, config) >= setUp(config)) return true;
  if (state.header.epoch !== 0 || state.header.wc !== 0 || state.header.wsc !== 0) return false;
  for (let slot = 0; slot < state.data.length; slot++) {
    if (state.data[slot]!.first !== 0 || state.data[slot]!.second !== 0) return false;
  }
  return state.reader.epoch === 0 && state.reader.rc === 0 && modes[2] === 'idle' && state.reader.result !== 'success';
}

/** The memory has what the header announces from the store of it on. */
export function headerAfterStores(state: State, modes: Modes, config: ChannelTsoConfig): boolean {
  const count = taken(state, modes, config);
  if (count > 3 && state.header.size !== config.expected.size) return false;
  return count <= 4 || state.header.elements === config.expected.elements;
}

/** Epoch and counters in memory follow from the stores that it has taken. */
export function countersAfterStores(state: State, modes: Modes, config: ChannelTsoConfig): boolean {
  if (taken(state, modes, config) < setUp(config)) return true;
  const isOver = isDeactivated(state, modes) && state.buffered === 0;
  const count = takenOfWrites(state, modes, config);
  if (state.header.epoch !== (isOver ? 0 : 1)) return false;
  if (state.header.wc !== Math.floor(count / 4)) return false;
  return state.header.wsc === state.header.wc + (count % 4 === 0 ? 0 : 1);
}

/** A slot in memory holds the latest complete write to it; the halves of the next one are replaced one by one. */
export function slotsAfterStores(state: State, modes: Modes, config: ChannelTsoConfig): boolean {
  if (taken(state, modes, config) < setUp(config)) return true;
  const elements = config.expected.elements;
  const part = takenOfWrites(state, modes, config) % 4;
  for (let ahead = 1; ahead <= config.expected.elements; ahead++) {
    const next = state.header.wc + ahead;
    const slot = state.data[(next - 1) % config.expected.elements]!;
    const old = before(next, elements) === 0 ? 0 : stampOf(config, 1, before(next, elements));
    if (slot.first !== (ahead === 1 && part > 1 ? stampOf(config, 1, next) : old)) return false;
    if (slot.second !== (ahead === 1 && part > 2 ? stampOf(config, 1, next) : old)) return false;
  }
  return true;
}

export function tsoReaderBehind(state: State, modes: Modes): boolean {
  return isReaderBehind(state, modes[2]!);
}

export function tsoReaderKnows(state: State, modes: Modes, config: ChannelTsoConfig): boolean {
  return doesReaderKnow(state, modes[2]!, config);
}

export function tsoCopyWanted(state: State, modes: Modes, config: ChannelTsoConfig): boolean {
  return isCopyWantedOrOverrun(state, modes[2]!, config);
}

export function tsoSuccessIsWrite(state: State, modes: Modes, config: ChannelTsoConfig): boolean {
  return isSuccessWrite(state, modes[2]!, config);
}

export function tsoResultOfMode(state: State, modes: Modes): boolean {
  return isResultOfMode(state, modes[2]!);
}
