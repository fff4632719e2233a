import type { HostedSubject } from '../impl/hosted-subject.ts';
import { HEADER, isEqual64, type Word64 } from '../impl/native/muchannel.ts';
import { elementWord } from '../impl/native/muchannel-element.ts';
import type { ReaderState, ReadResult } from '../impl/native/muchannel-reader.ts';
import type { ChannelReaderState } from '../impl/native/muchannel-reader-software.ts';
import type { Operation } from '../units/operation.ts';
import type { ChannelWorld } from './channel-world.ts';
import { readerDifference, wordName, wordText } from './relation/channel.ts';

const LOAD_OF_MODE: Readonly<Record<string, number>> = {
  idle: HEADER.epoch,
  'synchronize.transport': HEADER.transport,
  'synchronize.protocol': HEADER.protocol,
  'synchronize.size': HEADER.size,
  'synchronize.elements': HEADER.elements,
  'synchronize.epoch': HEADER.epoch,
  'synchronize.recheck': HEADER.epoch,
  'read.wc': HEADER.writeCount,
  'read.wsc': HEADER.writeStart,
  'read.skip': HEADER.writeCount,
  'read.epoch': HEADER.epoch,
};

/** Loads of the rest of a header that the model judges at its first wrong word and the implementation at its end. */
const REST_OF_HEADER: readonly string[] = ['protocol', 'size', 'elements'];

/** Numbers of results since the software started. */
type Counts = Record<ReadResult, number>;

const noCounts = (): Counts => ({
  inactive: 0,
  incompatible_interface: 0,
  epoch_changed: 0,
  no_data: 0,
  overrun_detected: 0,
  success: 0,
});

/** Follows the loads of one reader through the model's reader. */
export class ChannelReaderSide {
  /** Results of completed reads over the whole run. */
  readonly results: Counts = noCounts();
  readonly #world: ChannelWorld;
  /** Seed by which the software judges elements. */
  readonly #seed: number;
  readonly #sleepEvent: number | undefined;
  #mode: number;
  #counts: Counts = noCounts();
  #corrupted = 0;
  #lastNumber = -1;
  /** Words of the element copied so far. */
  #copied: Word64[] = [];
  #hasStarted = false;
  /** The model refused the header already; the implementation still loads the rest of it. */
  #isJudging = false;
  /** What a look without a read (has_pending) found so far: an unread element, as far as it got. */
  #pendingSaw = false;

  constructor(world: ChannelWorld, seed: number, sleepEvent: number | undefined) {
    this.#world = world;
    this.#seed = seed;
    this.#sleepEvent = sleepEvent;
    this.#mode = world.model.reader.initialMode;
  }

  get #path(): string {
    return this.#world.model.reader.modes[this.#mode]!;
  }

  /** The software started: a null reader. */
  start(): void {
    const { state, model } = this.#world;
    if (this.#hasStarted) this.#world.leaveOpen('the reader was reset');
    this.#hasStarted = true;
    Object.assign(state.reader, model.initial().reader);
    Object.assign(state.ghost, model.initial().ghost);
    this.#mode = model.reader.initialMode;
    this.#counts = noCounts();
    this.#corrupted = 0;
    this.#lastNumber = -1;
    this.#copied = [];
    this.#isJudging = false;
    this.#pendingSaw = false;
  }

  /** Compares the software's private state with the model's, before its next access. */
  comparePrivate(hosted: HostedSubject): void {
    const { receiver, progress } = hosted.state as ChannelReaderState;
    const { reader } = receiver;
    if (this.#isJudging) {
      if (reader.purpose === 'read' && REST_OF_HEADER.includes(reader.phase)) return;
      this.#isJudging = false;
    }
    const world = this.#world;
    const isReading = reader.purpose === 'read' && reader.phase !== 'epoch';
    if (isReading !== (this.#path !== 'idle')) {
      const where = isReading ? `goes on reading (${reader.phase})` : 'has returned';
      world.differ(`the reader ${where}, in the model it is in mode ${this.#path}`);
      return;
    }
    const inState = readerDifference(reader, this.#path, world.epochs, world.state);
    if (inState !== '') {
      world.differ(inState);
      return;
    }
    const counted: readonly (readonly [string, number, number])[] = [
      ['successes', progress.received, this.#counts.success],
      ['overruns', progress.overruns, this.#counts.overrun_detected],
      ['changes of epoch', progress.epochChanges, this.#counts.epoch_changed],
      ['incompatible interfaces', progress.incompatible, this.#counts.incompatible_interface],
      ['corrupted elements', progress.corrupted, this.#corrupted],
    ];
    for (const [what, found, expected] of counted) {
      if (found !== expected) world.differ(`the reader counts ${found} ${what}, the model ${expected}`);
    }
    if (this.#lastNumber >= 0 && progress.lastSequence !== this.#lastNumber)
      world.differ(`the reader delivered element ${progress.lastSequence}, the model ${this.#lastNumber}`);
    this.#lastNumber = -1;
  }

  /** A load of 8 bytes at `offset` was done. */
  load(hosted: HostedSubject, offset: number): void {
    const { reader } = (hosted.state as ChannelReaderState).receiver;
    const world = this.#world;
    if (this.#isJudging) return;
    if (reader.purpose === 'pending') {
      this.#loadPending(reader, offset);
      return;
    }
    const path = this.#path;
    const isElement = path === 'read.first' || path === 'read.second';
    const expected = isElement
      ? world.slotOffset(world.state.reader.rc, this.#copied.length)
      : (LOAD_OF_MODE[path] ?? -1);
    if (offset !== expected) {
      world.differ(
        `the reader loads ${wordName(world.layout, offset)}, in the model it loads ${wordName(world.layout, expected)} (mode ${path})`,
      );
      return;
    }
    if (isElement) this.#loadElement({ low: hosted.low, high: hosted.high });
    else this.#step(path === 'idle' ? 'read' : 'step');
  }

  /** Any other operation: a read is not left in the middle, and nobody sleeps on an element that it saw. */
  other(operation: Operation): void {
    const world = this.#world;
    if (this.#path !== 'idle') {
      world.differ(`the reader does ${operation.kind} within a read, in the model it is in mode ${this.#path}`);
      return;
    }
    const sleeps = operation.kind === 'vmcall' && operation.low === this.#sleepEvent && operation.high === 0;
    if (sleeps && this.#pendingSaw) world.differ('the reader sleeps although its last look showed an unread element');
    this.#pendingSaw = false;
  }

  /** has_pending reads like the beginning of a read and changes nothing; the model has no such operation. */
  #loadPending(reader: ReaderState, offset: number): void {
    const { state } = this.#world;
    const isSynchronised = state.reader.epoch !== 0 && state.header.epoch === state.reader.epoch;
    if (reader.phase === 'epoch') {
      this.#world.leaveOpen('has_pending is not in the model');
      this.#pendingSaw = false;
    }
    if (offset === HEADER.writeCount) this.#pendingSaw = isSynchronised && state.reader.rc < state.header.wc;
    else if (!isSynchronised) this.#pendingSaw = false;
  }

  /** The model takes a step for the first and for the last word of an element. */
  #loadElement(word: Word64): void {
    this.#copied.push(word);
    if (this.#copied.length === 1) this.#step('step');
    if (this.#copied.length === this.#world.words) this.#step('step');
  }

  #step(type: 'read' | 'step'): void {
    const { model, state } = this.#world;
    const next = model.reader.step(this.#mode, state, { type });
    if (next < 0) {
      this.#world.differ(`the model's reader in mode ${this.#path} does not allow ${type}`);
      return;
    }
    const before = this.#path;
    this.#mode = next;
    if (type === 'read') this.#copied = [];
    if (this.#path === 'idle') this.#returned(before);
  }

  /** The model's reader returned: the implementation must have the same result when it does its next operation. */
  #returned(before: string): void {
    const { result } = this.#world.state.reader;
    if (result === 'none') return;
    this.#counts[result] += 1;
    this.results[result] += 1;
    this.#isJudging =
      result === 'incompatible_interface' && (before === 'synchronize.transport' || before === 'synchronize.protocol');
    if (result !== 'success') return;
    const number = this.#copied[0]?.low ?? 0;
    const isIntact = this.#copied.every((word, index) => isEqual64(word, elementWord(this.#seed, number, index)));
    if (isIntact) this.#lastNumber = number;
    else this.#corrupted += 1;
  }

  /** Value that a load must give: what stands in memory. */
  compareValue(hosted: HostedSubject, inMemory: Word64, offset: number): void {
    const value = { low: hosted.low, high: hosted.high };
    if (!isEqual64(value, inMemory))
      this.#world.differ(
        `the reader gets ${wordText(value)} from ${wordName(this.#world.layout, offset)}, memory holds ${wordText(inMemory)}`,
      );
  }
}
