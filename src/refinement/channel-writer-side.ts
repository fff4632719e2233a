import type { HostedSubject } from '../impl/hosted-subject.ts';
import { OPERATION_LENGTH_BYTES } from '../impl/hosted-subject.ts';
import { HEADER, HEADER_BYTES, isEqual64, isZero64, type Word64, ZERO64 } from '../impl/native/muchannel.ts';
import { elementWord } from '../impl/native/muchannel-element.ts';
import type { ChannelWriterState } from '../impl/native/muchannel-writer-software.ts';
import type { ChannelEvent, ChannelGeometry } from '../model/channel-state.ts';
import type { Operation } from '../units/operation.ts';
import type { ChannelEnd } from './channel-access.ts';
import type { ChannelWorld } from './channel-world.ts';
import { wordName, wordText } from './relation/channel.ts';

/** Who writes: the software, judged by the model; or a list of operations, which only must keep to the protocol to be of interest. */
export type WriterKind =
  | { readonly kind: 'software'; readonly seed: number }
  | { readonly kind: 'script'; readonly operations: readonly Operation[] };

const NOT_A_WRITER = 'the scripted writer leaves the protocol';

const STORE_OF_MODE: Readonly<Record<string, number>> = {
  'initialize.transport': HEADER.transport,
  'initialize.protocol': HEADER.protocol,
  'initialize.size': HEADER.size,
  'initialize.elements': HEADER.elements,
  'initialize.wsc': HEADER.writeStart,
  'initialize.wc': HEADER.writeCount,
  'initialize.epoch': HEADER.epoch,
  'write.wc': HEADER.writeCount,
};

/** Follows the writer's stores through the model's writer. */
export class ChannelWriterSide {
  readonly #world: ChannelWorld;
  readonly #end: ChannelEnd;
  readonly #kind: WriterKind;
  readonly #geometries: readonly ChannelGeometry[];
  #mode: number;
  /** Words of the data array, or of an element, that the operation under way has stored. */
  #stored = 0;
  #hasStarted = false;
  /** It knows nothing of the channel yet: it has not begun to initialise since it started. */
  #isFresh = true;

  constructor(world: ChannelWorld, end: ChannelEnd, kind: WriterKind, geometries: readonly ChannelGeometry[]) {
    this.#world = world;
    this.#end = end;
    this.#kind = kind;
    this.#geometries = geometries;
    this.#mode = world.model.writer.initialMode;
  }

  get #path(): string {
    return this.#world.model.writer.modes[this.#mode]!;
  }

  /** The software started: what it was doing is forgotten, and it initialises the channel next. */
  start(): void {
    const { state, model } = this.#world;
    const isBetween = this.#path === 'inactive' || this.#path === 'active';
    if (this.#hasStarted && !isBetween) {
      this.#world.leaveOpen('the writer was reset within an operation');
      this.#mode = model.writer.modeIndex('active');
      state.writer.cursor = 0;
    }
    this.#hasStarted = true;
    this.#isFresh = true;
    this.#stored = 0;
  }

  /** Compares the software's private state with the model's, before its next access. */
  comparePrivate(hosted: HostedSubject): void {
    if (this.#kind.kind !== 'software' || this.#isFresh) return;
    const { writer } = hosted.state as ChannelWriterState;
    const path = this.#path;
    if (writer.task.kind === 'init' || !(path === 'active' || path.startsWith('write.'))) return;
    const { state, epochs } = this.#world;
    if (writer.committed !== state.header.wc)
      this.#world.differ(`the writer counts ${writer.committed} elements, in the model WC is ${state.header.wc}`);
    const epoch = epochs.valueOf(state.writer.epoch) ?? ZERO64;
    if (!isEqual64(writer.epoch, epoch))
      this.#world.differ(`the writer's epoch is ${wordText(writer.epoch)}, in the model ${wordText(epoch)}`);
  }

  /** A store of 8 bytes at `offset` was done. */
  store(hosted: HostedSubject, offset: number, value: Word64): void {
    const world = this.#world;
    const path = this.#path;
    // Nobody reads Reserved.
    if (offset === HEADER.reserved) return;
    if (path === 'inactive' || path === 'active') this.#begin(hosted, path, offset);
    else if (path === 'initialize.data' || path === 'write.first' || path === 'write.second')
      this.#storeData(path, offset, value);
    else this.#storeHeader(path, offset, value);
    if (!world.isActive) return;
    world.compareMemory();
    if (world.difference !== '' && this.#kind.kind === 'script') {
      world.difference = '';
      world.end(NOT_A_WRITER);
    }
  }

  /** A store by the writer that the model does not allow. */
  #refuse(what: string): void {
    if (this.#kind.kind === 'script') this.#world.end(NOT_A_WRITER);
    else this.#world.differ(what);
  }

  #step(event: ChannelEvent): void {
    const { model, state } = this.#world;
    const next = model.writer.step(this.#mode, state, event);
    if (next < 0) this.#refuse(`the model's writer in mode ${this.#path} does not allow ${event.type}`);
    else this.#mode = next;
  }

  #begin(hosted: HostedSubject, path: string, offset: number): void {
    this.#stored = 0;
    this.#isFresh = false;
    if (offset === HEADER.writeStart) {
      this.#step({ type: 'write' });
      return;
    }
    if (offset !== HEADER.epoch) {
      this.#refuse(
        `the writer stores ${wordName(this.#world.layout, offset)}, in the model it is ${path} and begins with WSC or Epoch`,
      );
      return;
    }
    const begun = this.#begun(hosted);
    if (begun === undefined) this.#refuse('the writer announces a geometry that it does not have');
    else this.#step(begun);
  }

  /** What the store of 0 to Epoch begins: choices of the writer, so they are looked up where it made them. */
  #begun(hosted: HostedSubject): ChannelEvent | undefined {
    if (this.#kind.kind === 'software') {
      const { task } = (hosted.state as ChannelWriterState).writer;
      return task.kind === 'deactivate' ? { type: 'deactivate' } : { type: 'initialize', geometry: 0 };
    }
    const next = (hosted.operationRip - this.#end.entryPoint) / OPERATION_LENGTH_BYTES + 1;
    const announced = announcedGeometry(this.#kind.operations, next, this.#end.address);
    if (announced === undefined) return { type: 'deactivate' };
    const geometry = this.#geometries.findIndex(
      known =>
        known.protocol === announced.protocol && known.size === announced.size && known.elements === announced.elements,
    );
    return geometry < 0 ? undefined : { type: 'initialize', geometry };
  }

  #storeHeader(path: string, offset: number, value: Word64): void {
    const expected = STORE_OF_MODE[path];
    const { layout, epochs } = this.#world;
    if (offset !== expected) {
      const due = expected === undefined ? 'nothing' : wordName(layout, expected);
      this.#refuse(`the writer stores ${wordName(layout, offset)}, in the model it stores ${due} (mode ${path})`);
      return;
    }
    if (path === 'initialize.epoch') {
      if (isZero64(value) || epochs.indexOf(value) >= 0) {
        this.#refuse(`the writer announces epoch ${wordText(value)}, which is zero or was used before`);
        return;
      }
      epochs.add(value);
    }
    this.#step({ type: 'step' });
    this.#stored = 0;
  }

  /** Words of the data array: the model takes a step for the first and for the last word of an element. */
  #storeData(path: string, offset: number, value: Word64): void {
    const world = this.#world;
    const { words, state, layout } = world;
    const word = this.#stored % words;
    const isZeroing = path === 'initialize.data';
    const expected = isZeroing ? HEADER_BYTES + this.#stored * 8 : world.slotOffset(state.header.wc, word);
    if (offset !== expected) {
      this.#refuse(
        `the writer stores ${wordName(layout, offset)}, in the model it stores ${wordName(layout, expected)} (mode ${path})`,
      );
      return;
    }
    const due = this.#content(isZeroing, word);
    if (due !== undefined && !isEqual64(value, due)) {
      this.#refuse(
        `the writer stores ${wordText(value)} in ${wordName(layout, offset)}, but ${wordText(due)} belongs there`,
      );
      return;
    }
    this.#stored += 1;
    world.store(offset, value);
    if (word === 0) this.#step({ type: 'step' });
    if (word === words - 1) this.#step({ type: 'step' });
    if (!isZeroing && word === words - 1) this.#stored = 0;
  }

  /** What belongs into a word of the element being stored; undefined where the writer may choose. */
  #content(isZeroing: boolean, word: number): Word64 | undefined {
    if (isZeroing) return ZERO64;
    return this.#kind.kind === 'software' ? elementWord(this.#kind.seed, this.#world.state.header.wc, word) : undefined;
  }
}

/** Geometry that the initialisation announces which goes on at operation `index`; undefined if none goes on there. */
function announcedGeometry(
  operations: readonly Operation[],
  index: number,
  address: number,
): ChannelGeometry | undefined {
  const stores = operations
    .slice(index)
    .flatMap(operation => (operation.kind === 'write' ? [{ offset: operation.address - address, operation }] : []))
    .filter(({ offset }) => offset >= 0);
  if (stores[0]?.offset !== HEADER.transport) return undefined;
  const valueAt = (offset: number): number => stores.find(store => store.offset === offset)?.operation.low ?? 0;
  return {
    protocol: valueAt(HEADER.protocol),
    size: valueAt(HEADER.size) / 8,
    elements: valueAt(HEADER.elements),
  };
}

/** Every geometry that a script announces, each once. */
export function geometriesOf(operations: readonly Operation[], address: number): readonly ChannelGeometry[] {
  const found = new Map<string, ChannelGeometry>();
  for (const [index, operation] of operations.entries()) {
    const isEpoch = operation.kind === 'write' && operation.address === address + HEADER.epoch;
    const geometry = isEpoch ? announcedGeometry(operations, index + 1, address) : undefined;
    if (geometry !== undefined) found.set(JSON.stringify(geometry), geometry);
  }
  return [...found.values()];
}
