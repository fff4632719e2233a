import { wholePages } from '../core/ram.ts';
import type { RpcValue } from '../proxy/values.ts';
import { COMMAND_BUFFER_BYTES, type GuiCommand, readCommands } from './gui-commands.ts';
import { followPointer, type InputFocus, type RoutedEvent, routeEvent, withoutSession } from './gui-input.ts';
import { bufferBytesOf, type PixelBuffer, redraw, takesInput } from './gui-screen.ts';
import {
  addView,
  changeView,
  familyOf,
  type GuiView,
  placeOf,
  removeView,
  restack,
  type ViewKey,
  type ViewStack,
  viewsAt,
} from './gui-views.ts';
import { addInputSession, type InputState, queueEvent, removeInputSession } from './input.ts';
import type { InputEvent } from './input-event.ts';
import { intersect, type Rect } from './pixels.ts';
import { type DataspaceId, type ServiceEnv, type SessionNumber, withEntry } from './service.ts';
import type { ServiceOps } from './service-ops.ts';
import { closeTextRom, openTextRom, type TextRoms } from './text-rom.ts';

/** What a session has. */
export interface GuiSession {
  readonly quotaBytes: number;
  readonly usedBytes: number;
  readonly buffer: PixelBuffer | undefined;
  readonly panX: number;
  readonly panY: number;
  /** Views by the numbers that the client chose. */
  readonly ids: ReadonlyMap<number, ViewKey>;
  readonly commands: DataspaceId | undefined;
  /** Objects for its pixels and its input, made when they are asked for. */
  readonly framebuffer: SessionNumber | undefined;
  readonly input: SessionNumber | undefined;
  /** Session that gets its keys. */
  readonly forward: SessionNumber | undefined;
  readonly syncUs: number | undefined;
}

/** What an RPC object stands for. */
export interface GuiObject {
  readonly kind: 'framebuffer' | 'input' | 'info' | 'view';
  readonly session: SessionNumber;
  /** The view, of a view. */
  readonly key: ViewKey;
}

export interface GuiState {
  /** What is shown; no client reaches it. Undefined if there was not enough RAM. */
  readonly screen: DataspaceId | undefined;
  readonly sessions: ReadonlyMap<SessionNumber, GuiSession>;
  readonly objects: ReadonlyMap<SessionNumber, GuiObject>;
  readonly stack: ViewStack;
  readonly input: InputState;
  readonly focus: InputFocus;
  /** Sessions that read about the screen. */
  readonly infos: TextRoms;
}

export interface GuiMode {
  readonly width: number;
  readonly height: number;
  readonly syncUs: number;
}

/** What a view costs its session. */
const VIEW_COST_BYTES = 256;
/** Module that tells about the screen. */
export const INFO_MODULE = 'info';

type Outcome = readonly RpcValue[] | string;
const DONE: Outcome = [];

/** One use of the state by a handler. */
export class GuiTurn {
  readonly #ops: ServiceOps;
  readonly #mode: GuiMode;
  readonly #env: ServiceEnv;
  state: GuiState;

  constructor(ops: ServiceOps, mode: GuiMode, env: ServiceEnv, state: GuiState) {
    this.#ops = ops;
    this.#mode = mode;
    this.#env = env;
    this.state = state;
  }

  change(changes: Partial<GuiState>): void {
    this.state = { ...this.state, ...changes };
  }

  session(id: SessionNumber): GuiSession {
    return this.state.sessions.get(id)!;
  }

  changeSession(id: SessionNumber, changes: Partial<GuiSession>): void {
    this.change({ sessions: new Map(this.state.sessions).set(id, { ...this.session(id), ...changes }) });
  }

  /** Uses a session's quota; false if it has not so much. */
  pay(id: SessionNumber, bytes: number): boolean {
    const { quotaBytes, usedBytes } = this.session(id);
    if (!this.#ops.guiMayUse(usedBytes + bytes, quotaBytes)) return false;
    this.changeSession(id, { usedBytes: usedBytes + bytes });
    return true;
  }

  #object(session: SessionNumber, kind: GuiObject['kind'], of: string, key = -1): SessionNumber {
    const object = this.#env.createObject(session, of);
    this.change({ objects: new Map(this.state.objects).set(object, { kind, session, key }) });
    return object;
  }

  /** Object for the pixels of a session, the same one whenever it is asked for. */
  framebuffer(id: SessionNumber): Outcome {
    const known = this.session(id).framebuffer;
    const framebuffer = known ?? this.#object(id, 'framebuffer', 'Framebuffer');
    this.changeSession(id, { framebuffer });
    return [framebuffer];
  }

  /** Object for the input of a session; invalid if there is no memory for its events. */
  input(id: SessionNumber): Outcome {
    const known = this.session(id).input;
    if (known !== undefined) return [known];
    const object = this.#object(id, 'input', 'Input');
    const input = addInputSession(this.state.input, object, this.#env);
    if (input === undefined) {
      this.#dropObject(object);
      return [0];
    }
    this.change({ input });
    this.changeSession(id, { input: object });
    return [object];
  }

  info(id: SessionNumber): Outcome {
    if (!this.pay(id, wholePages(1))) return 'OUT_OF_RAM';
    const object = this.#object(id, 'info', 'ROM');
    this.change({ infos: openTextRom(this.state.infos, object, INFO_MODULE) });
    return [object];
  }

  #dropObject(object: SessionNumber): void {
    this.change({ objects: withEntry(this.state.objects, object, undefined) });
    this.#env.destroyObject(object);
  }

  /** Paints parts of the screen anew, and looks who is under the pointer now. */
  paint(...parts: readonly Rect[]): void {
    const { screen, stack } = this.state;
    if (screen === undefined) return;
    const area = { x: 0, y: 0, width: this.#mode.width, height: this.#mode.height };
    const bufferOf = ({ owner }: GuiView): PixelBuffer | undefined => this.session(owner).buffer;
    for (const part of parts) redraw({ dataspace: screen, area }, stack, bufferOf, part, this.#env);
  }

  /** Changes views, paints what they covered and cover, and lets the pointer follow. */
  #rearrange(keys: readonly ViewKey[], next: ViewStack): void {
    if (next === this.state.stack) return;
    const places = (): Rect[] => keys.map(key => placeOf(this.state.stack, key));
    const before = places();
    this.change({ stack: next });
    this.paint(...(this.#ops.guiPaintsBehind() ? before : []), ...places());
    this.#deliver(followPointer(this.#query, this.state.focus));
  }

  get #query() {
    return {
      sessionAt: (x: number, y: number): SessionNumber | undefined => {
        const key = viewsAt(this.state.stack, x, y).find(candidate => this.#takes(candidate, x, y));
        return key === undefined ? undefined : this.state.stack.views.get(key)!.owner;
      },
      forwardOf: (session: SessionNumber): SessionNumber => {
        const forward = this.session(session).forward;
        return forward !== undefined && this.state.sessions.has(forward) ? forward : session;
      },
    };
  }

  #takes(key: ViewKey, x: number, y: number): boolean {
    const view = this.state.stack.views.get(key)!;
    const place = placeOf(this.state.stack, key);
    const buffer = this.session(view.owner).buffer;
    const [left, top] = [place.x + view.offsetX, place.y + view.offsetY];
    return buffer === undefined || takesInput(this.#env, buffer, x - left, y - top);
  }

  #deliver({ focus, events }: { readonly focus: InputFocus; readonly events: readonly RoutedEvent[] }): void {
    this.change({ focus });
    for (const { session, event } of events) {
      for (const [id, { input }] of this.state.sessions) {
        if (input === undefined || !this.#ops.guiHears(id === session)) continue;
        this.change({ input: queueEvent(this.#ops, this.state.input, input, event, this.#env) });
      }
    }
  }

  /** An event of a device. */
  event(event: InputEvent): void {
    this.#deliver(routeEvent(this.#query, this.state.focus, event));
  }

  /** A view under a number that the client chooses; what the number stood for before it stands for no longer. */
  view(id: SessionNumber, number: number, parent: ViewKey | undefined, attributes: readonly RpcValue[]): Outcome {
    const [title, x, y, width, height, isFront] = attributes;
    this.release(id, number);
    if (!this.pay(id, VIEW_COST_BYTES)) return 'OUT_OF_RAM';
    const rect = { x: Number(x), y: Number(y), width: Number(width), height: Number(height) };
    const { panX, panY } = this.session(id);
    const view: GuiView = { owner: id, title: String(title), rect, parent, offsetX: -panX, offsetY: -panY };
    const { stack, key } = addView(this.state.stack, view, Number(isFront) !== 0);
    this.changeSession(id, { ids: new Map(this.session(id).ids).set(number, key) });
    this.#rearrange([key], stack);
    return DONE;
  }

  childView(id: SessionNumber, number: number, parent: number, attributes: readonly RpcValue[]): Outcome {
    const above = this.session(id).ids.get(parent);
    return above === undefined ? 'INVALID' : this.view(id, number, above, attributes);
  }

  /** Destroys a view of the session's own. */
  destroyView(id: SessionNumber, number: number): Outcome {
    const key = this.session(id).ids.get(number);
    this.release(id, number);
    if (key !== undefined && this.#isOwn(id, key)) this.#remove(key);
    return DONE;
  }

  #isOwn(id: SessionNumber, key: ViewKey): boolean {
    const view = this.state.stack.views.get(key);
    return view !== undefined && this.#ops.guiMayChange(view.owner === id);
  }

  #remove(key: ViewKey): void {
    const family = familyOf(this.state.stack, key);
    const { owner } = this.state.stack.views.get(key)!;
    for (const [object, row] of this.state.objects)
      if (row.kind === 'view' && row.key === key) this.#dropObject(object);
    for (const [session, { ids }] of this.state.sessions) {
      const kept = [...ids].filter(([, other]) => other !== key);
      if (kept.length < ids.size) this.changeSession(session, { ids: new Map(kept) });
    }
    if (this.state.sessions.has(owner)) this.pay(owner, -VIEW_COST_BYTES);
    this.#rearrange(family, removeView(this.state.stack, key));
  }

  release(id: SessionNumber, number: number): Outcome {
    this.changeSession(id, { ids: withEntry(this.session(id).ids, number, undefined) });
    return DONE;
  }

  /** Lets a number stand for a view that somebody handed over. */
  associate(id: SessionNumber, number: number, object: SessionNumber): Outcome {
    const row = this.state.objects.get(object);
    if (row?.kind !== 'view') return 'INVALID';
    this.changeSession(id, { ids: new Map(this.session(id).ids).set(number, row.key) });
    return DONE;
  }

  viewCapability(id: SessionNumber, number: number): Outcome {
    const key = this.session(id).ids.get(number);
    if (key === undefined) return [0];
    for (const [object, row] of this.state.objects) if (row.kind === 'view' && row.key === key) return [object];
    return [this.#object(this.state.stack.views.get(key)!.owner, 'view', 'View', key)];
  }

  commandDataspace(id: SessionNumber): Outcome {
    const known = this.session(id).commands;
    if (known !== undefined) return [known];
    const commands = this.#env.allocate(COMMAND_BUFFER_BYTES);
    if (commands === undefined) return [0];
    this.changeSession(id, { commands });
    return [commands];
  }

  execute(id: SessionNumber): Outcome {
    const { commands } = this.session(id);
    if (commands === undefined) return DONE;
    const read = (offset: number, bytes: number): Uint8Array => this.#env.read(commands, offset, bytes);
    for (const command of readCommands(read, this.#ops.guiCommandCount)) this.#perform(id, command);
    return DONE;
  }

  #perform(id: SessionNumber, { kind, view, rect, neighbor, title }: GuiCommand): void {
    const { ids } = this.session(id);
    const key = ids.get(view);
    if (key === undefined || !this.#isOwn(id, key)) return;
    const { stack } = this.state;
    const { panX, panY } = this.session(id);
    switch (kind) {
      case 'geometry':
        this.#rearrange(familyOf(stack, key), changeView(stack, key, { rect }));
        return;
      case 'offset':
        this.#rearrange([key], changeView(stack, key, { offsetX: rect.x - panX, offsetY: rect.y - panY }));
        return;
      case 'title':
        this.change({ stack: changeView(stack, key, { title }) });
        return;
      case 'front':
      case 'back':
        this.#rearrange([key], restack(stack, key, kind));
        return;
      case 'background':
        this.#rearrange([key], restack(stack, key, 'back'));
        return;
      case 'front_of':
      case 'behind_of':
        this.#rearrange([key], restack(stack, key, kind === 'front_of' ? 'before' : 'behind', ids.get(neighbor)));
        return;
      case 'nop':
    }
  }

  /** A new buffer, which the session pays for; the old one is gone. */
  buffer(id: SessionNumber, width: number, height: number, hasAlpha: boolean): Outcome {
    const old = this.session(id).buffer;
    if (old !== undefined) {
      this.#env.release(old.dataspace);
      this.changeSession(id, { buffer: undefined });
      this.pay(id, -bufferBytesOf(old.width, old.height, old.hasAlpha));
    }
    const bytes = bufferBytesOf(width, height, hasAlpha);
    const isPaid = bytes === 0 || this.pay(id, bytes);
    const dataspace = bytes === 0 || !isPaid ? undefined : this.#env.allocate(bytes);
    if (dataspace !== undefined) this.changeSession(id, { buffer: { dataspace, width, height, hasAlpha } });
    else if (isPaid) this.pay(id, -bytes);
    this.paint(...this.#placesOf(id));
    return dataspace === undefined && bytes > 0 ? 'OUT_OF_RAM' : DONE;
  }

  #keysOf(id: SessionNumber): ViewKey[] {
    return [...this.state.stack.views].flatMap(([key, { owner }]) => (owner === id ? [key] : []));
  }

  #placesOf(id: SessionNumber): Rect[] {
    return this.#keysOf(id).map(key => placeOf(this.state.stack, key));
  }

  /** Part of a session's buffer changed: what its views show of it is painted. */
  refresh(id: SessionNumber, rect: Rect): Outcome {
    for (const key of this.#keysOf(id)) {
      const view = this.state.stack.views.get(key)!;
      const place = placeOf(this.state.stack, key);
      const shown = intersect(place, {
        ...rect,
        x: rect.x + place.x + view.offsetX,
        y: rect.y + place.y + view.offsetY,
      });
      if (shown !== undefined) this.paint(shown);
    }
    return DONE;
  }

  /** Point of the buffer that is at the upper left of the views. */
  pan(id: SessionNumber, x: number, y: number): Outcome {
    const { panX, panY } = this.session(id);
    let { stack } = this.state;
    for (const key of this.#keysOf(id)) {
      const { offsetX, offsetY } = stack.views.get(key)!;
      stack = changeView(stack, key, { offsetX: offsetX + panX - x, offsetY: offsetY + panY - y });
    }
    this.changeSession(id, { panX: x, panY: y });
    this.#rearrange(this.#keysOf(id), stack);
    return DONE;
  }

  /** A session ends: its views, objects and memory are gone. */
  close(id: SessionNumber): void {
    for (const key of this.#keysOf(id)) if (this.state.stack.views.has(key)) this.#remove(key);
    const { buffer, commands, input } = this.session(id);
    if (buffer !== undefined) this.#env.release(buffer.dataspace);
    if (commands !== undefined) this.#env.release(commands);
    if (input !== undefined) this.change({ input: removeInputSession(this.state.input, input, this.#env) });
    for (const [object, row] of this.state.objects) {
      if (row.session !== id) continue;
      if (row.kind === 'info') this.change({ infos: closeTextRom(this.state.infos, object, this.#env) });
      this.#dropObject(object);
    }
    this.change({
      sessions: withEntry(this.state.sessions, id, undefined),
      focus: withoutSession(this.state.focus, id),
    });
    this.#deliver(followPointer(this.#query, this.state.focus));
  }
}
