import { bytesOfNumber } from '../../impl/genode/instance/guest.ts';
import {
  FRAMEBUFFER_SYNC_SIGH,
  type FramebufferState,
  framebufferService,
} from '../../impl/genode/services/framebuffer.ts';
import type { ServiceOps } from '../../impl/genode/services/service-ops.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import { configElement, made } from './config-element.ts';
import { ServiceBench } from './service-bench.ts';

const WIDTH = 12;
const HEIGHT = 8;
const SYNC_US = 1000;
const CONFIG = `<config width="${WIDTH}" height="${HEIGHT}" sync_us="${SYNC_US}"/>`;
/** Coordinates and sizes at and around the bounds. */
const PLACES: readonly number[] = [0, 1, 5, 7, 8, 11, 12, -1, -5, -(2 ** 31), 2 ** 31 - 1];
const SIZES: readonly number[] = [1, 2, 3, 8, 12, 0, 13, 2 ** 31, 2 ** 32 - 1];

export const FRAMEBUFFER_WITNESSES = [
  'shown',
  'clipped',
  'nothing',
  'copied',
  'refused',
  'panned',
  'blanked',
  'synced',
] as const;

class FramebufferRun {
  readonly bench: ServiceBench<FramebufferState>;
  readonly log = new ScriptLog(FRAMEBUFFER_WITNESSES);
  /** Pixels, 32 bits each: what must be shown, and what the client drew. */
  readonly screen = new Uint32Array(WIDTH * HEIGHT);
  readonly buffer = new Uint32Array(WIDTH * HEIGHT);
  #pan = { x: 0, y: 0 };
  #session = 1;
  #drawn = 0;
  #isSynced = false;
  #syncedUs = 0;

  constructor(ops: ServiceOps) {
    this.bench = new ServiceBench(made(framebufferService(configElement(CONFIG), ops)));
    this.bench.open(this.#session, 'client');
  }

  get #dataspace(): number {
    return (this.bench.call(this.#session, 'dataspace') as number[])[0]!;
  }

  /** The client draws by itself, in the memory that it shares. */
  draw(step: ScriptStep): string {
    const dataspace = this.#dataspace;
    for (let pixel = 0; pixel < 6; pixel++) {
      const index = (operand(step, 0, 1000) * 7 + pixel * (1 + operand(step, 1, 17))) % this.buffer.length;
      this.#drawn += 0x0101_0001;
      this.buffer[index] = this.#drawn;
      this.bench.write(dataspace, 4 * index, bytesOfNumber(this.buffer[index]!, 4));
    }
    return '';
  }

  #rect(step: ScriptStep) {
    return {
      x: PLACES[operand(step, 0, PLACES.length)]!,
      y: PLACES[operand(step, 1, PLACES.length)]!,
      width: SIZES[operand(step, 2, SIZES.length)]!,
      height: SIZES[operand(step, 3, SIZES.length)]!,
    };
  }

  refresh(step: ScriptStep): string {
    const { x, y, width, height } = this.#rect(step);
    this.bench.call(this.#session, 'refresh', x, y, width, height);
    this.log.see('clipped', x < 0 || y < 0 || x + width > WIDTH || y + height > HEIGHT);
    this.log.see(this.#show(x, y, width, height) > 0 ? 'shown' : 'nothing');
    return this.#compare();
  }

  /** Pixel by pixel: what lies in the rectangle, the buffer and, panned, the screen. */
  #show(x: number, y: number, width: number, height: number): number {
    let count = 0;
    for (let row = 0; row < HEIGHT; row++) {
      for (let column = 0; column < WIDTH; column++) {
        const isInside = column >= x && column < x + width && row >= y && row < y + height;
        const [toColumn, toRow] = [column - this.#pan.x, row - this.#pan.y];
        if (!isInside || toColumn < 0 || toRow < 0 || toColumn >= WIDTH || toRow >= HEIGHT) continue;
        this.screen[toRow * WIDTH + toColumn] = this.buffer[row * WIDTH + column]!;
        count += 1;
      }
    }
    return count;
  }

  pan(step: ScriptStep): string {
    const { x, y } = this.#rect(step);
    this.#pan = { x, y };
    this.bench.call(this.#session, 'panning', x, y);
    this.#show(0, 0, WIDTH, HEIGHT);
    this.log.see('panned');
    return this.#compare();
  }

  blit(step: ScriptStep): string {
    const { x, y, width, height } = this.#rect(step);
    const to = { x: PLACES[operand(step, 4, PLACES.length)]!, y };
    const words = [x, y, width, height, to.x, to.y];
    const batch = words.flatMap(word => [...bytesOfNumber(word >>> 0, 4)]);
    this.bench.call(this.#session, 'blit', [...batch, ...new Array<number>(72).fill(0)]);
    const isInside = (left: number): boolean =>
      left >= 0 && y >= 0 && width > 0 && height > 0 && left + width <= WIDTH && y + height <= HEIGHT;
    const isDone = isInside(x) && isInside(to.x) && Math.abs(x - to.x) >= width;
    this.log.see(isDone ? 'copied' : 'refused');
    if (isDone) {
      const before = this.buffer.slice();
      for (let row = y; row < y + height; row++)
        for (let column = 0; column < width; column++)
          this.buffer[row * WIDTH + to.x + column] = before[row * WIDTH + x + column]!;
    }
    return this.#compare();
  }

  /** The client goes, and another gets the screen. */
  reopen(): string {
    this.bench.close(this.#session);
    this.#session += 1;
    this.screen.fill(0);
    this.buffer.fill(0);
    this.#pan = { x: 0, y: 0 };
    this.#isSynced = false;
    this.log.see('blanked');
    const failed = this.bench.open(this.#session, 'client');
    return failed === undefined ? this.#compare() : `a free screen is not given out: ${failed}`;
  }

  sync(step: ScriptStep): string {
    const wants = operand(step, 0, 3) > 0;
    if (wants && !this.#isSynced) this.#syncedUs = this.bench.timeUs;
    this.#isSynced = wants;
    this.bench.call(this.#session, 'sync_sigh', wants ? 1 : 0);
    return '';
  }

  /** Time passes: a client that asked is told once a period, however often it asked. */
  pass(step: ScriptStep): string {
    const start = this.bench.timeUs;
    this.bench.signals = [];
    this.bench.advanceUs(operand(step, 1, 5000));
    const told = this.bench.signals.filter(({ opcode }) => opcode === FRAMEBUFFER_SYNC_SIGH).length;
    const periods = (us: number): number => Math.floor((us - this.#syncedUs) / SYNC_US);
    const expected = this.#isSynced ? periods(this.bench.timeUs) - periods(start) : 0;
    this.log.see('synced', told > 0);
    return told === expected ? '' : `${told} sync signals come in ${expected} periods`;
  }

  #compare(): string {
    const { screen } = this.bench.host.state;
    const shown = this.bench.memory.get(screen!)!;
    const drawn = this.bench.memory.get(this.#dataspace)!;
    const pixel = (bytes: Uint8Array, index: number): number =>
      (bytes[4 * index]! |
        (bytes[4 * index + 1]! << 8) |
        (bytes[4 * index + 2]! << 16) |
        (bytes[4 * index + 3]! << 24)) >>>
      0;
    for (let index = 0; index < this.screen.length; index++) {
      if (pixel(shown, index) !== this.screen[index])
        return `pixel ${index} of the screen is another one than was refreshed`;
      if (pixel(drawn, index) !== this.buffer[index])
        return `pixel ${index} of the buffer is another one than was drawn`;
    }
    return '';
  }
}

/** Runs a screen beside two arrays of pixels. */
export const runFramebufferScript: ScriptRunner<ServiceOps> = (ops, steps) => {
  const run = new FramebufferRun(ops);
  const { log, bench } = run;
  const perform: Readonly<Record<string, (step: ScriptStep) => string>> = {
    draw: step => run.draw(step),
    refresh: step => run.refresh(step),
    pan: step => run.pan(step),
    blit: step => run.blit(step),
    reopen: () => run.reopen(),
    sync: step => run.sync(step),
    pass: step => run.pass(step),
  };
  for (const [index, step] of steps.entries()) {
    log.effective();
    log.fail(index, perform[step.operation]?.(step) ?? '');
    log.fail(index, bench.outside);
    if (log.hasFailed) break;
  }
  return log.judgement();
};
