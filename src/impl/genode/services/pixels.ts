import { numberAt } from '../instance/guest.ts';
import type { DataspaceId, ServiceEnv } from './service.ts';
import type { ServiceOps } from './service-ops.ts';

export const PIXEL_BYTES = 4;
/** Entries of a blit: source rectangle and target point, 32 bits each. */
const BLIT_ENTRIES = 4;
const BLIT_ENTRY_BYTES = 24;

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Common part of two rectangles, undefined if there is none. */
export function intersect(a: Rect, b: Rect): Rect | undefined {
  const x = Math.max(a.x, b.x);
  const y = Math.max(a.y, b.y);
  const width = Math.min(a.x + a.width, b.x + b.width) - x;
  const height = Math.min(a.y + a.height, b.y + b.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : undefined;
}

/** Pixels of a rectangle inside of a picture of this width, row by row. */
export function readRect(env: ServiceEnv, dataspace: DataspaceId, width: number, rect: Rect): Uint8Array {
  const first = rect.y * width + rect.x;
  const last = (rect.y + rect.height - 1) * width + rect.x + rect.width;
  const span = env.read(dataspace, first * PIXEL_BYTES, (last - first) * PIXEL_BYTES);
  const bytes = new Uint8Array(rect.width * rect.height * PIXEL_BYTES);
  for (let row = 0; row < rect.height; row++) {
    const start = row * width * PIXEL_BYTES;
    bytes.set(span.subarray(start, start + rect.width * PIXEL_BYTES), row * rect.width * PIXEL_BYTES);
  }
  return bytes;
}

export function writeRect(env: ServiceEnv, dataspace: DataspaceId, width: number, rect: Rect, bytes: Uint8Array): void {
  const rowBytes = rect.width * PIXEL_BYTES;
  if (rect.width === width) {
    env.write(dataspace, rect.y * width * PIXEL_BYTES, bytes);
    return;
  }
  for (let row = 0; row < rect.height; row++) {
    const place = ((rect.y + row) * width + rect.x) * PIXEL_BYTES;
    env.write(dataspace, place, bytes.subarray(row * rowBytes, (row + 1) * rowBytes));
  }
}

/** Copies inside of a buffer of so many pixels; an entry that is not inside, or overlaps itself, does not count. */
export function blit(
  ops: ServiceOps,
  { width, height }: { readonly width: number; readonly height: number },
  dataspace: DataspaceId,
  batch: Uint8Array,
  env: ServiceEnv,
): void {
  const isInside = (rect: Rect): boolean =>
    rect.x >= 0 &&
    rect.y >= 0 &&
    rect.width > 0 &&
    rect.height > 0 &&
    rect.x + rect.width <= width &&
    rect.y + rect.height <= height;
  for (let entry = 0; entry < BLIT_ENTRIES; entry++) {
    const word = (index: number): number => numberAt(batch, entry * BLIT_ENTRY_BYTES + 4 * index, 4);
    const from: Rect = { x: word(0) | 0, y: word(1) | 0, width: word(2), height: word(3) };
    const to: Rect = { ...from, x: word(4) | 0, y: word(5) | 0 };
    if (!isInside(from) || !ops.mayBlitTo(isInside(to)) || intersect(from, to) !== undefined) continue;
    writeRect(env, dataspace, width, to, readRect(env, dataspace, width, from));
  }
}
