import { PhysicalMemory } from '../../src/impl/memory.ts';
import { isMsrTrapped, isPortTrapped } from '../../src/impl/vmx/access-bitmaps.ts';
import { EptAccess, EptOutcome } from '../../src/impl/vmx/ept-access.ts';
import { enumerateEpt } from '../../src/impl/vmx/ept-enumerate.ts';
import { translateEpt } from '../../src/impl/vmx/ept-walk.ts';
import { isPortTrapped as isPortBitSet, openPorts } from '../../src/impl/vmx/io-bitmap-walk.ts';
import { isMsrTrapped as isMsrBitSet, openMsrs } from '../../src/impl/vmx/msr-bitmap-walk.ts';
import { type Access, DEFAULT_WALK, MISCONFIGURED } from '../../src/impl/x86/paging-walk.ts';
import { hpa, PAGE_SIZE_BYTES } from '../../src/units/address.ts';
import { createRng, deriveSeed, type Rng } from '../../src/units/rng.ts';

/*
 * Fuzzing of what reads tables and bitmaps in memory: random EPT tables, I/O and MSR bitmaps, and accesses near what they map. There are
 * two or three readers of each, written apart: processor, hosted subjects, and the enumeration that proofs use. They must agree.
 */

const TABLES = 6;
const ENTRIES_PER_TABLE = 6;
const ACCESSES = 24;
/** Entries are placed among the first of a table, so that addresses of few bits meet them. */
const PLACES = 8;
const ENTRY_BITS = [12, 21, 30, 39];
const BITMAP = hpa(0x8_0000);
/** Beyond the physical addresses of the machine: a reserved bit of an entry. */
const RESERVED_HIGH = 0x100;
const KINDS: readonly Access[] = ['read', 'write', 'execute'];

const pick = <T>(rng: Rng, items: readonly T[]): T => items[rng.below(items.length)]!;
const tableAddress = (index: number): number => PAGE_SIZE_BYTES * (1 + index);

/** An entry: another table with all rights, a leaf, or anything. */
function entry(rng: Rng): readonly [low: number, high: number] {
  const rights = rng.below(3) === 0 ? rng.below(8) : 7;
  switch (rng.below(8)) {
    case 0:
      return [(rng.next() & ~0x80) >>> 0, rng.below(2) === 0 ? 0 : rng.next()];
    case 1:
      return [rights | (rng.below(8) << 3) | 0x80 | (rng.below(4) << 30), 0];
    case 2:
      return [rights | (rng.below(8) << 3) | 0x80 | (rng.below(1024) << 21), rng.below(8) === 0 ? RESERVED_HIGH : 0];
    case 3:
      return [rights | (6 << 3) | (rng.below(1 << 18) << 12), rng.below(256)];
    default:
      return [rights | tableAddress(rng.below(TABLES)), rng.below(16) === 0 ? RESERVED_HIGH : 0];
  }
}

function writeTables(rng: Rng, memory: PhysicalMemory): void {
  for (let table = 0; table < TABLES; table++)
    for (let count = 0; count < ENTRIES_PER_TABLE; count++) {
      const [low, high] = entry(rng);
      memory.writePair(hpa(tableAddress(table) + 8 * rng.below(PLACES)), low, high);
    }
}

/** An address whose indexes are among the places of entries, sometimes beyond everything. */
function address(rng: Rng): number {
  if (rng.below(16) === 0) return pick(rng, [2 ** 48, -1, 2 ** 48 - 1, 2 ** 50]);
  return ENTRY_BITS.reduce((sum, bit) => sum + rng.below(PLACES) * 2 ** bit, rng.below(PAGE_SIZE_BYTES));
}

/** Disagreement about translations through one set of tables, empty if there is none. */
function walkTables(rng: Rng, memory: PhysicalMemory): string {
  writeTables(rng, memory);
  const root = tableAddress(0);
  const processor = new EptAccess(memory, DEFAULT_WALK.physicalAddressBits);
  const { runs } = enumerateEpt(memory, hpa(root), { maxTables: 4096, maxRuns: 4096, maxMalformed: 4096 });
  for (let count = 0; count < ACCESSES; count++) {
    const at = address(rng);
    const kind = pick(rng, KINDS);
    const hosted = translateEpt(memory, hpa(root), at, kind);
    const access = {
      kind: kind === 'execute' ? 'fetch' : kind,
      isFinal: true,
      linear: undefined,
      isAccessedDirty: false,
    } as const;
    const outcome = at < 0 ? EptOutcome.violation : processor.walk(root | 0x1e, 0, at, access);
    const expected =
      hosted >= 0 ? EptOutcome.mapped : hosted === MISCONFIGURED ? EptOutcome.misconfiguration : EptOutcome.violation;
    const what = `${kind} of 0x${at.toString(16)}`;
    if (outcome !== expected) return `${what}: the processor says ${outcome}, hosted subjects ${hosted}`;
    if (outcome === EptOutcome.mapped && processor.address !== hosted) return `${what}: two translations`;
    const isListed = runs.some(
      run =>
        at >= run.virtualAddress &&
        at < run.virtualAddress + run.sizeBytes &&
        { read: run.readable, write: run.writable, execute: run.executable }[kind],
    );
    if (isListed !== hosted >= 0) return `${what}: the enumeration says ${isListed ? 'mapped' : 'not mapped'}`;
    // Accessed and dirty flags, and accesses of a page walk.
    const flagged = { ...access, isFinal: rng.below(2) === 0, isAccessedDirty: rng.below(2) === 0 };
    if (at >= 0) processor.walk(root | 0x5e, 0, at, flagged);
  }
  return '';
}

/** Bytes that are mostly all set or all clear. */
const bitmapByte = (rng: Rng): number => pick(rng, [0xff, 0xff, 0, 0, rng.below(256)]);

const PORTS = [0, 0x7ffd, 0x7fff, 0x8000, 0xfffc, 0xfffe, 0xffff];
const MSRS = [0, 0x1fff, 0x2000, 0xbfff_ffff, 0xc000_0000, 0xc000_1fff, 0xc000_2000, 0xffff_ffff];
const SIZES = [1, 2, 4] as const;

/** Disagreement about one set of bitmaps, empty if there is none. */
function walkBitmaps(rng: Rng, memory: PhysicalMemory): string {
  memory.writeBytes(
    BITMAP,
    Uint8Array.from({ length: 2 * PAGE_SIZE_BYTES }, () => bitmapByte(rng)),
  );
  const second = hpa(BITMAP + PAGE_SIZE_BYTES);
  const ports = openPorts(memory, BITMAP, second);
  const msrs = { read: openMsrs(memory, BITMAP, 'read'), write: openMsrs(memory, BITMAP, 'write') };
  for (let count = 0; count < ACCESSES; count++) {
    const port = rng.below(4) === 0 ? pick(rng, PORTS) : rng.below(0x1_0000);
    const size = pick(rng, SIZES);
    const isTrapped = isPortTrapped(memory, BITMAP, second, port, size);
    const isOpen = ports.some(({ first, last }) => port >= first && port + size - 1 <= last);
    if (isTrapped !== isPortBitSet(memory, BITMAP, second, port, size) || isTrapped === isOpen)
      return `${size} ports from 0x${port.toString(16)}`;
    const msr = rng.below(2) === 0 ? pick(rng, MSRS) : (rng.below(0x2000) | (rng.below(2) * 0xc000_0000)) >>> 0;
    const access = rng.below(2) === 0 ? 'read' : 'write';
    const isMsrHeld = isMsrTrapped(memory, BITMAP, msr, access === 'write');
    const isListed = msrs[access].some(({ first, last }) => msr >= first && msr <= last);
    if (isMsrHeld !== isMsrBitSet(memory, BITMAP, msr, access) || isMsrHeld === isListed)
      return `${access} of MSR 0x${msr.toString(16)}`;
  }
  return '';
}

/** A memory in which tables and bitmaps are made anew for each execution. */
export class WalkTarget {
  readonly #memory = new PhysicalMemory();
  readonly #empty = this.#memory.snapshot();

  /** One set of tables or bitmaps, with accesses; what the readers disagree about, empty if nothing. */
  execute(seed: number, execution: number): string {
    this.#memory.restore(this.#empty);
    const rng = createRng(deriveSeed(seed, `walk ${execution}`));
    return rng.below(8) === 0 ? walkBitmaps(rng, this.#memory) : walkTables(rng, this.#memory);
  }
}
