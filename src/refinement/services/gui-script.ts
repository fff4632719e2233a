import { bytesOfNumber } from '../../impl/genode/instance/guest.ts';
import { guiService } from '../../impl/genode/services/gui.ts';
import { encodeCommands, type GuiCommand } from '../../impl/genode/services/gui-commands.ts';
import type { GuiState } from '../../impl/genode/services/gui-turn.ts';
import { decodeInputEvent } from '../../impl/genode/services/input-event.ts';
import { INPUT_EVENT_BYTES } from '../../impl/genode/services/interfaces.ts';
import type { ServiceOps } from '../../impl/genode/services/service-ops.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import { configElement, made } from './config-element.ts';
import { SpecInput, type SpecRect, SpecScreen, type SpecView, specPlace } from './gui-spec.ts';
import { ServiceBench } from './service-bench.ts';

const WIDTH = 12;
const HEIGHT = 8;
const BUFFER = { width: 7, height: 5 };
const PERIOD_US = 1000;
/** Events of the devices, again and again. */
const EVENTS: readonly (readonly [kind: 'move' | 'press' | 'release', first: number, second: number])[] = [
  ['move', 2, 2],
  ['press', 0x110, 0],
  ['move', 9, 5],
  ['release', 0x110, 0],
  ['press', 30, 0],
  ['press', 31, 0],
  ['release', 30, 0],
  ['move', 6, 3],
  ['release', 31, 0],
  ['press', 0x110, 0],
  ['release', 0x110, 0],
  ['press', 32, 0],
  ['move', 0, 7],
  ['release', 32, 0],
];
const NODES = EVENTS.map(([kind, first, second]) =>
  kind === 'move' ? `<abs-motion x="${first}" y="${second}"/>` : `<${kind} code="${first}"/>`,
).join('');
const CONFIG = `<config width="${WIDTH}" height="${HEIGHT}" period_us="${PERIOD_US}" repeat="yes">${NODES}</config>`;

const CLIENTS = [1, 2] as const;
const PLACES: readonly number[] = [0, 1, 3, 6, -2, 9, 11, -(2 ** 31), 2 ** 31 - 1];
const SIZES: readonly number[] = [4, 6, 3, 12, 1, 0, 2 ** 32 - 1];
/** Numbers that clients give to views; the last one stands for a view of the other client. */
const IDS = 3;
const FOREIGN = 9;
const STACKINGS = ['front', 'back', 'front_of', 'behind_of', 'background'] as const;

export const GUI_WITNESSES = [
  'shown',
  'covered',
  'moved',
  'restacked',
  'child',
  'gone',
  'foreign',
  'keys',
  'hover',
  'hostile',
  'greedy',
  'closed',
] as const;

class GuiRun {
  readonly bench: ServiceBench<GuiState>;
  readonly log = new ScriptLog(GUI_WITNESSES);
  readonly #screen = new SpecScreen(WIDTH, HEIGHT);
  readonly #input = new SpecInput((x, y) => this.#screen.viewAt(x, y)?.owner ?? -1);
  /** Views by client and number. */
  readonly #ids = new Map<number, Map<number, SpecView>>();
  #played = 0;
  #drawn = 0;

  constructor(ops: ServiceOps) {
    this.bench = new ServiceBench(made(guiService(configElement(CONFIG), ops)));
    for (const client of CLIENTS) this.#open(client);
  }

  /** A client gives itself a buffer, empty at first. */
  #buffer(client: number): void {
    this.bench.call(client, 'buffer', BUFFER.width, BUFFER.height, 0);
    this.#screen.buffers.set(client, { ...BUFFER, pixels: new Uint32Array(BUFFER.width * BUFFER.height) });
  }

  #object(client: number, name: 'framebuffer' | 'input'): number {
    return (this.bench.call(client, name) as number[])[0]!;
  }

  #open(client: number): void {
    this.bench.open(client, `client ${client}`);
    this.#buffer(client);
    this.#object(client, 'input');
    this.#ids.set(client, new Map());
    this.#input.received.set(client, []);
  }

  #views(client: number): Map<number, SpecView> {
    return this.#ids.get(client)!;
  }

  /** A client draws by itself, in the memory that it shares. */
  draw(step: ScriptStep, client: number): string {
    const [dataspace] = this.bench.call(this.#object(client, 'framebuffer'), 'dataspace') as number[];
    const { pixels } = this.#screen.buffers.get(client)!;
    for (let count = 0; count < 5; count++) {
      const index = (operand(step, 1, 100) * 3 + count * (1 + operand(step, 2, 9))) % pixels.length;
      this.#drawn += 0x0100_0301;
      pixels[index] = this.#drawn;
      this.bench.write(dataspace!, 4 * index, bytesOfNumber(pixels[index]!, 4));
    }
    return '';
  }

  #rect(step: ScriptStep, from: number): SpecRect {
    return {
      x: PLACES[operand(step, from, PLACES.length)]!,
      y: PLACES[operand(step, from + 1, PLACES.length)]!,
      width: SIZES[operand(step, from + 2, SIZES.length)]!,
      height: SIZES[(operand(step, from, 5) + operand(step, from + 2, 9)) % SIZES.length]!,
    };
  }

  refresh(step: ScriptStep, client: number): string {
    const rect = this.#rect(step, 1);
    this.bench.call(this.#object(client, 'framebuffer'), 'refresh', rect.x, rect.y, rect.width, rect.height);
    this.log.see('shown', this.#screen.refresh(client, rect) > 0);
    return '';
  }

  /** Views changed: what they covered and cover is painted. */
  #rearranged(before: readonly SpecRect[], views: readonly SpecView[]): void {
    const covered = this.#screen.paint(...before, ...views.map(specPlace));
    this.log.see('covered', covered > 0);
    this.#input.follow();
  }

  #family(view: SpecView): SpecView[] {
    return [view, ...this.#screen.views.filter(other => other.parent === view).flatMap(other => this.#family(other))];
  }

  view(step: ScriptStep, client: number): string {
    const id = operand(step, 1, IDS);
    const rect = this.#rect(step, 2);
    const isFront = operand(step, 4, 2) === 0;
    const parent = step.operation === 'child' ? this.#views(client).get((id + 1) % IDS) : undefined;
    const attributes = ['view', rect.x, rect.y, rect.width, rect.height, isFront ? 1 : 0];
    const found =
      step.operation === 'child'
        ? this.bench.call(client, 'child_view', id, (id + 1) % IDS, ...attributes)
        : this.bench.call(client, 'view', id, ...attributes);
    const isRefused = step.operation === 'child' && parent === undefined;
    if ((found === 'INVALID') !== isRefused) return `a child view is ${isRefused ? 'made' : 'refused'} wrongly`;
    if (isRefused) return '';
    this.log.see('child', parent !== undefined);
    const made: SpecView = { owner: client, rect, parent, offset: { x: 0, y: 0 } };
    this.#views(client).set(id, made);
    this.#screen.views = isFront ? [made, ...this.#screen.views] : [...this.#screen.views, made];
    this.#rearranged([], [made]);
    return '';
  }

  #execute(client: number, command: Partial<GuiCommand>, named = 1): void {
    const [dataspace] = this.bench.call(client, 'command_dataspace') as number[];
    this.bench.write(dataspace!, 0, encodeCommands([command], named));
    this.bench.call(client, 'execute');
  }

  move(step: ScriptStep, client: number): string {
    const id = operand(step, 1, IDS);
    const rect = this.#rect(step, 2);
    const kind = operand(step, 4, 3) === 0 ? 'offset' : 'geometry';
    this.#execute(client, { kind, view: id, rect });
    const view = this.#views(client).get(id);
    if (view === undefined) return '';
    const family = kind === 'offset' ? [view] : this.#family(view);
    const before = family.map(specPlace);
    if (kind === 'offset') view.offset = { x: rect.x, y: rect.y };
    else view.rect = rect;
    this.log.see('moved');
    this.#rearranged(before, family);
    return '';
  }

  stack(step: ScriptStep, client: number): string {
    const id = operand(step, 1, IDS);
    const neighbor = operand(step, 2, IDS);
    const kind = STACKINGS[operand(step, 3, STACKINGS.length)]!;
    this.#execute(client, { kind, view: id, neighbor });
    const view = this.#views(client).get(id);
    if (view === undefined) return '';
    const others = this.#screen.views.filter(other => other !== view);
    const next = others.indexOf(this.#views(client).get(neighbor)!);
    const isNext = kind === 'front_of' || kind === 'behind_of';
    const at = kind === 'front' ? 0 : isNext ? next + (kind === 'behind_of' ? 1 : 0) : others.length;
    if (isNext && next < 0) return '';
    this.#screen.views = [...others.slice(0, at), view, ...others.slice(at)];
    this.log.see('restacked');
    this.#rearranged([], [view]);
    return '';
  }

  #remove(view: SpecView): void {
    const family = this.#family(view);
    const before = family.map(specPlace);
    for (const ids of this.#ids.values()) for (const [id, other] of ids) if (other === view) ids.delete(id);
    this.#screen.views = this.#screen.views.filter(other => other !== view);
    for (const other of this.#screen.views)
      if (other.parent === view) {
        other.parent = undefined;
        other.rect = { x: 0, y: 0, width: 0, height: 0 };
      }
    this.#rearranged(before, []);
  }

  destroy(step: ScriptStep, client: number): string {
    const id = operand(step, 1, IDS);
    this.bench.call(client, 'destroy_view', id);
    const view = this.#views(client).get(id);
    if (view === undefined) return '';
    this.#remove(view);
    this.log.see('gone');
    return '';
  }

  /** A client gets the view of another, and tries to change it: nothing may happen. */
  foreign(step: ScriptStep, client: number): string {
    const owner = 3 - client;
    const [view] = this.bench.call(owner, 'view_capability', operand(step, 1, IDS)) as number[];
    const found = this.bench.call(client, 'associate', FOREIGN, view!);
    const isThere = this.#views(owner).has(operand(step, 1, IDS));
    if ((found === 'INVALID') === isThere) return `a view is associated ${isThere ? 'not' : ''} wrongly`;
    if (!isThere) return '';
    this.#execute(client, { kind: 'geometry', view: FOREIGN, rect: { x: 0, y: 0, width: 12, height: 8 } });
    if (operand(step, 2, 2) === 0) this.bench.call(client, 'destroy_view', FOREIGN);
    this.log.see('foreign');
    return '';
  }

  /** More commands are announced than there is room for: none is executed. */
  hostile(step: ScriptStep, client: number): string {
    const named = [65, 66, 1000, 2 ** 31, 2 ** 32 - 1][operand(step, 1, 5)]!;
    const rect = { x: 0, y: 0, width: 12, height: 8 };
    this.#execute(client, { kind: 'geometry', view: operand(step, 2, IDS), rect }, named);
    this.log.see('hostile');
    return '';
  }

  /** A client asks for a buffer that its quota does not cover, and then for the usual one again. */
  greedy(step: ScriptStep, client: number): string {
    const [width, height] = (
      [
        [2048, 2100],
        [2 ** 16, 2 ** 16],
        [2 ** 32 - 1, 1],
        [2048, 2560],
      ] as const
    )[operand(step, 1, 4)]!;
    const found = this.bench.call(client, 'buffer', width, height, operand(step, 2, 2));
    this.#buffer(client);
    this.#screen.paint(...this.#screen.views.filter(({ owner }) => owner === client).map(specPlace));
    this.log.see('greedy');
    return found === 'OUT_OF_RAM' ? '' : `a buffer of ${width}x${height} pixels is not refused`;
  }

  reopen(_step: ScriptStep, client: number): string {
    this.bench.close(client);
    for (const view of this.#screen.views.filter(({ owner }) => owner === client)) this.#remove(view);
    this.#screen.buffers.delete(client);
    this.#input.forget(client);
    this.#input.follow();
    this.#open(client);
    this.log.see('closed');
    return '';
  }

  pass(step: ScriptStep): string {
    const count = 1 + operand(step, 0, 4);
    this.bench.advanceUs(count * PERIOD_US);
    for (let index = 0; index < count; index++) {
      const [kind, first, second] = EVENTS[this.#played % EVENTS.length]!;
      this.#played += 1;
      if (kind === 'move') this.#input.move(first, second);
      else this.#input[kind](first);
    }
    return '';
  }

  /** A client fetches its events: exactly those that were for it. */
  flush(_step: ScriptStep, client: number): string {
    const object = this.#object(client, 'input');
    const [dataspace] = this.bench.call(object, 'dataspace') as number[];
    const [count] = this.bench.call(object, 'flush') as number[];
    const bytes = this.bench.read(dataspace!, 0, count! * INPUT_EVENT_BYTES);
    const found = Array.from({ length: count! }, (_, index) => {
      const { kind, values } = decodeInputEvent(bytes.subarray(index * INPUT_EVENT_BYTES));
      return `${kind} ${values.slice(0, 2).join(' ')}`;
    });
    const expected = this.#input.received.get(client)!.map(event => event.join(' '));
    this.#input.received.set(client, []);
    this.log.see(
      'keys',
      expected.some(line => line.startsWith('press 3')),
    );
    this.log.see('hover', expected.includes('hover-leave 0 0'));
    return found.join() === expected.join()
      ? ''
      : `client ${client} gets the events ${found.join(', ')}; for it were ${expected.join(', ')}`;
  }

  compare(): string {
    const { screen } = this.bench.host.state;
    const bytes = this.bench.read(screen!, 0, WIDTH * HEIGHT * 4);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let index = 0; index < WIDTH * HEIGHT; index++) {
      const [found, expected] = [view.getUint32(4 * index, true), this.#screen.pixels[index]!];
      if (found !== expected)
        return `pixel ${index % WIDTH}, ${Math.floor(index / WIDTH)} is ${found.toString(16)}, not ${expected.toString(16)}`;
    }
    return '';
  }
}

/** Runs the window system with two clients beside one that paints pixel by pixel. */
export const runGuiScript: ScriptRunner<ServiceOps> = (ops, steps) => {
  const run = new GuiRun(ops);
  const { log, bench } = run;
  for (const [index, step] of steps.entries()) {
    const client = CLIENTS[operand(step, 0, CLIENTS.length)]!;
    const perform: Readonly<Record<string, (step: ScriptStep, client: number) => string>> = {
      draw: (given, who) => run.draw(given, who),
      refresh: (given, who) => run.refresh(given, who),
      view: (given, who) => run.view(given, who),
      child: (given, who) => run.view(given, who),
      move: (given, who) => run.move(given, who),
      stack: (given, who) => run.stack(given, who),
      destroy: (given, who) => run.destroy(given, who),
      foreign: (given, who) => run.foreign(given, who),
      hostile: (given, who) => run.hostile(given, who),
      greedy: (given, who) => run.greedy(given, who),
      reopen: (given, who) => run.reopen(given, who),
      pass: given => run.pass(given),
      flush: (given, who) => run.flush(given, who),
    };
    log.effective();
    log.fail(index, perform[step.operation]?.(step, client) ?? '');
    log.fail(index, run.compare());
    log.fail(index, bench.outside);
    if (log.hasFailed) break;
  }
  return log.judgement();
};
