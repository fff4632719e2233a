/** A piece of physical memory: bytes start .. end - 1. */
interface Piece {
  start: number;
  end: number;
}

const byStart = (a: Piece, b: Piece): number => a.start - b.start;

/** Two pieces that share bytes, if there are any; `pieces` is sorted by start. */
export function firstOverlap<T extends Piece>(pieces: readonly T[]): readonly [T, T] | undefined {
  let reaching: T | undefined;
  for (const piece of pieces) {
    if (reaching !== undefined && piece.start < reaching.end) return [reaching, piece];
    if (reaching === undefined || piece.end > reaching.end) reaching = piece;
  }
  return undefined;
}

/**
 * Physical memory that is not in use, as Muen's mucfgalloc keeps it: memory for allocation, memory that only regions
 * with a fixed address may use, and memory of devices.
 */
export class FreeMemory {
  /** Free pieces that regions are placed in, ascending. */
  readonly #free: Piece[] = [];
  /** Blocks that are not for allocation: only fixed regions lie there; several may. */
  readonly #reserved: Piece[] = [];
  readonly #devices: Piece[] = [];

  /** `blocks` in any order, without overlaps; adjacent ones that are for allocation become one piece. */
  constructor(
    blocks: readonly (Readonly<Piece> & { readonly allocatable: boolean })[],
    devices: readonly Readonly<Piece>[],
  ) {
    for (const { start, end, allocatable } of [...blocks].sort(byStart)) {
      const last = this.#free.at(-1);
      if (!allocatable) this.#reserved.push({ start, end });
      else if (last !== undefined && last.end === start) last.end = end;
      else if (end > start) this.#free.push({ start, end });
    }
    for (const { start, end } of [...devices].sort(byStart)) this.#devices.push({ start, end });
  }

  /** Takes a region at its own address. @returns false when the bytes are not all in one free piece or in one device. */
  takeFixed(start: number, sizeBytes: number): boolean {
    const end = start + sizeBytes;
    const holds = (piece: Piece): boolean => piece.start <= start && end <= piece.end;
    const index = this.#free.findIndex(holds);
    if (index >= 0) {
      this.#cut(index, start, end);
      return true;
    }
    const reserved = this.#reserved.findIndex(holds);
    if (reserved >= 0) {
      cutFrom(this.#reserved, reserved, start, end);
      return true;
    }
    return this.#devices.some(holds);
  }

  /** Takes the lowest aligned address with `sizeBytes` free bytes; undefined when there is none. */
  takeFirst(sizeBytes: number, alignmentBytes: number): number | undefined {
    for (let index = 0; index < this.#free.length; index++) {
      const piece = this.#free[index]!;
      const start = Math.ceil(piece.start / alignmentBytes) * alignmentBytes;
      if (start + sizeBytes <= piece.end) {
        this.#cut(index, start, start + sizeBytes);
        return start;
      }
    }
    return undefined;
  }

  /** Bytes that regions can still be placed in. */
  get freeBytes(): number {
    return this.#free.reduce((sum, { start, end }) => sum + (end - start), 0);
  }

  #cut(index: number, start: number, end: number): void {
    cutFrom(this.#free, index, start, end);
  }
}

/** Replaces a piece by what is left of it before `start` and from `end` on. */
function cutFrom(pieces: Piece[], index: number, start: number, end: number): void {
  const piece = pieces[index]!;
  const rest = [
    { start: piece.start, end: start },
    { start: end, end: piece.end },
  ].filter(part => part.end > part.start);
  pieces.splice(index, 1, ...rest);
}
