import { type GuiView, placeOf, type ViewStack } from './gui-views.ts';
import { intersect, PIXEL_BYTES, type Rect, readRect, writeRect } from './pixels.ts';
import type { DataspaceId, ServiceEnv } from './service.ts';

/** Pixels of a session, with a plane of alpha values and one of input marks behind them if it has such. */
export interface PixelBuffer {
  readonly dataspace: DataspaceId;
  readonly width: number;
  readonly height: number;
  readonly hasAlpha: boolean;
}

/** What is shown. */
export interface Screen {
  readonly dataspace: DataspaceId;
  readonly area: Rect;
}

/** Bytes of a buffer: pixels, and if it has alpha a byte of alpha and one of input for each. */
export const bufferBytesOf = (width: number, height: number, hasAlpha: boolean): number =>
  width * height * (hasAlpha ? PIXEL_BYTES + 2 : PIXEL_BYTES);

const OPAQUE = 255;

/** Part of a view's rectangle that its buffer has pixels for. */
function coveredBy(view: GuiView, place: Rect, { width, height }: PixelBuffer): Rect | undefined {
  return intersect(place, { x: place.x + view.offsetX, y: place.y + view.offsetY, width, height });
}

/** A plane of bytes is read as rows of words would be, one byte at a time. */
function readPlane(env: ServiceEnv, { dataspace, width, height }: PixelBuffer, plane: number, rect: Rect): Uint8Array {
  const start = width * height * (PIXEL_BYTES + plane);
  const first = rect.y * width + rect.x;
  const last = (rect.y + rect.height - 1) * width + rect.x + rect.width;
  const span = env.read(dataspace, start + first, last - first);
  const bytes = new Uint8Array(rect.width * rect.height);
  for (let row = 0; row < rect.height; row++)
    bytes.set(span.subarray(row * width, row * width + rect.width), row * rect.width);
  return bytes;
}

/** True if a session with alpha takes input at a place of its buffer. */
export function takesInput(env: ServiceEnv, buffer: PixelBuffer, x: number, y: number): boolean {
  if (!buffer.hasAlpha) return true;
  if (x < 0 || y < 0 || x >= buffer.width || y >= buffer.height) return false;
  return readPlane(env, buffer, 1, { x, y, width: 1, height: 1 })[0] !== 0;
}

/** Pixels that are put together for a part of the screen. */
class Canvas {
  readonly area: Rect;
  readonly bytes: Uint8Array;

  constructor(area: Rect) {
    this.area = area;
    this.bytes = new Uint8Array(area.width * area.height * PIXEL_BYTES);
  }

  #place(rect: Rect, row: number): number {
    return ((rect.y - this.area.y + row) * this.area.width + rect.x - this.area.x) * PIXEL_BYTES;
  }

  clear(rect: Rect): void {
    for (let row = 0; row < rect.height; row++) {
      const at = this.#place(rect, row);
      this.bytes.fill(0, at, at + rect.width * PIXEL_BYTES);
    }
  }

  paint(rect: Rect, pixels: Uint8Array, alpha: Uint8Array | undefined): void {
    for (let row = 0; row < rect.height; row++) {
      const at = this.#place(rect, row);
      for (let index = 0; index < rect.width * PIXEL_BYTES; index++) {
        const place = row * rect.width * PIXEL_BYTES + index;
        const share = alpha?.[Math.floor(place / PIXEL_BYTES)] ?? OPAQUE;
        const below = this.bytes[at + index]!;
        this.bytes[at + index] = Math.floor((pixels[place]! * share + below * (OPAQUE - share)) / OPAQUE);
      }
    }
  }
}

/** Paints a part of the screen anew: every view from the back to the front, black where none is or has pixels. */
export function redraw(
  screen: Screen,
  stack: ViewStack,
  bufferOf: (view: GuiView) => PixelBuffer | undefined,
  part: Rect,
  env: ServiceEnv,
): void {
  const area = intersect(part, screen.area);
  if (area === undefined) return;
  const canvas = new Canvas(area);
  for (const key of [...stack.order].reverse()) {
    const view = stack.views.get(key)!;
    const place = placeOf(stack, key);
    const seen = intersect(place, area);
    if (seen === undefined) continue;
    const buffer = bufferOf(view);
    if (buffer?.hasAlpha !== true) canvas.clear(seen);
    const covered = buffer === undefined ? undefined : coveredBy(view, place, buffer);
    const painted = covered === undefined ? undefined : intersect(covered, area);
    if (buffer === undefined || painted === undefined) continue;
    const from = { ...painted, x: painted.x - place.x - view.offsetX, y: painted.y - place.y - view.offsetY };
    const pixels = readRect(env, buffer.dataspace, buffer.width, from);
    canvas.paint(painted, pixels, buffer.hasAlpha ? readPlane(env, buffer, 0, from) : undefined);
  }
  writeRect(env, screen.dataspace, screen.area.width, area, canvas.bytes);
}
