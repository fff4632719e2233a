/** A rectangle with its origin. */
export interface SpecRect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A view as the specification sees it: whose it is, where, and which part of the buffer. */
export interface SpecView {
  readonly owner: number;
  rect: SpecRect;
  parent: SpecView | undefined;
  offset: { x: number; y: number };
}

/** Pixels of a client, as it drew them. */
export interface SpecBuffer {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint32Array;
}

const contains = ({ x, y, width, height }: SpecRect, px: number, py: number): boolean =>
  px >= x && py >= y && px < x + width && py < y + height;

/** Place of a view on the screen. */
export function specPlace({ rect, parent }: SpecView): SpecRect {
  if (parent === undefined) return rect;
  const above = specPlace(parent);
  return { ...rect, x: rect.x + above.x, y: rect.y + above.y };
}

/** The screen and its views, one pixel after the other: the specification of a window system. */
export class SpecScreen {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint32Array;
  readonly buffers = new Map<number, SpecBuffer>();
  /** From the front to the back. */
  views: SpecView[] = [];

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint32Array(width * height);
  }

  /** Frontmost view at a point. */
  viewAt(x: number, y: number): SpecView | undefined {
    return this.views.find(view => contains(specPlace(view), x, y));
  }

  #colour(x: number, y: number): number {
    const view = this.viewAt(x, y);
    const buffer = view === undefined ? undefined : this.buffers.get(view.owner);
    if (view === undefined || buffer === undefined) return 0;
    const place = specPlace(view);
    const column = x - place.x - view.offset.x;
    const row = y - place.y - view.offset.y;
    const isInside = column >= 0 && row >= 0 && column < buffer.width && row < buffer.height;
    return isInside ? buffer.pixels[row * buffer.width + column]! : 0;
  }

  /** Paints every pixel of the screen that lies in one of the rectangles. */
  paint(...rects: readonly SpecRect[]): number {
    let painted = 0;
    for (let y = 0; y < this.height; y++)
      for (let x = 0; x < this.width; x++)
        if (rects.some(rect => contains(rect, x, y))) {
          this.pixels[y * this.width + x] = this.#colour(x, y);
          painted += 1;
        }
    return painted;
  }

  /** Pixels of a client's buffer changed: each view shows them where it shows them. */
  refresh(owner: number, rect: SpecRect): number {
    let painted = 0;
    for (let y = 0; y < this.height; y++)
      for (let x = 0; x < this.width; x++) {
        const isShown = this.views.some(view => {
          const place = specPlace(view);
          const [column, row] = [x - place.x - view.offset.x, y - place.y - view.offset.y];
          return view.owner === owner && contains(place, x, y) && contains(rect, column, row);
        });
        if (!isShown) continue;
        this.pixels[y * this.width + x] = this.#colour(x, y);
        painted += 1;
      }
    return painted;
  }
}

/** An event as it was delivered: kind and first two numbers. */
export type SpecEvent = readonly [kind: string, first: number, second: number];

/** Who gets which event. */
export class SpecInput {
  readonly #sessionAt: (x: number, y: number) => number;
  readonly received = new Map<number, SpecEvent[]>();
  #x = 0;
  #y = 0;
  #hovered = -1;
  #focused = -1;
  #keys = new Set<number>();
  #holder = -1;

  constructor(sessionAt: (x: number, y: number) => number) {
    this.#sessionAt = sessionAt;
  }

  #give(session: number, event: SpecEvent): void {
    this.received.get(session)?.push(event);
  }

  /** Views moved, or the pointer did. */
  follow(): void {
    const now = this.#sessionAt(this.#x, this.#y);
    if (now === this.#hovered) return;
    this.#give(this.#hovered, ['hover-leave', 0, 0]);
    this.#hovered = now;
  }

  forget(session: number): void {
    this.received.delete(session);
    if (this.#hovered === session) this.#hovered = -1;
    if (this.#focused === session) this.#focused = -1;
    if (this.#holder === session) this.#holder = -1;
  }

  move(x: number, y: number): void {
    this.#x = x;
    this.#y = y;
    this.follow();
    this.#give(this.#keys.size > 0 ? this.#holder : this.#hovered, ['abs-motion', x, y]);
  }

  press(key: number): void {
    if (this.#keys.size === 0) {
      if (key >= 0x110 && key <= 0x112 && this.#focused !== this.#hovered) {
        this.#give(this.#focused, ['focus-leave', 0, 0]);
        this.#focused = this.#hovered;
        this.#give(this.#focused, ['focus-enter', 0, 0]);
      }
      this.#holder = this.#focused;
    }
    this.#keys.add(key);
    this.#give(this.#holder, ['press', key, 0]);
  }

  release(key: number): void {
    this.#give(this.#holder, ['release', key, 0]);
    this.#keys.delete(key);
    if (this.#keys.size === 0) this.#holder = -1;
  }
}
