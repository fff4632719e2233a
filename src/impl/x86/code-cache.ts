import { PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { PhysicalMemory } from '../memory.ts';
import { CodeMode } from './code-mode.ts';
import { decodeImage, endsRun } from './decode-image.ts';
import { Decoder, DecodeStatus, MAX_INSTRUCTION_BYTES, newInstruction } from './decoder.ts';
import { FUSED_STRIDE } from './fused-pairs.ts';
import type { Instruction } from './instruction.ts';
import type { InterpreterModule } from './interpreter-module.ts';

import { RECORD_BYTES, RecordField, SpecialHandler } from './record-layout.ts';
import { writeRecord } from './record-writer.ts';

import { INSTRUCTIONS } from './table.ts';
import { type DecodeRun, decoderOf, RUN_ENDED } from './wasm-decoder.ts';

/** Records that fit: 1 MiB. */
const POOL_FRAMES = 256;
const POOL_RECORDS = (POOL_FRAMES * PAGE_SIZE_BYTES) / RECORD_BYTES;
/** Longest run that is decoded at once. */
const MAX_RUN = 128;
/** In front of the end of a page, where an instruction may not fit any more, the other decoder decodes. */
const REACH = MAX_INSTRUCTION_BYTES - 1;
/** Place 0 of the pool stays unused: a record at address 0 would be none. */
const FIRST_RECORD = 1;
/** Bytes behind an instruction that the decoder may look at. */
const LOOKAHEAD_BYTES = 64;

/** Rows after which a run does not go on. */
const ENDS_RUN = Uint8Array.from(INSTRUCTIONS, row => (endsRun(row) ? 1 : 0));

/** Decoded code of one frame in one code mode. */
interface CodePage {
  readonly slot: number;
  readonly mode: number;
  /** Record of the instruction at each offset, 0 for none. */
  readonly records: Int32Array;
  /** Its runs of records in the order of their decoding: number of the first record, and of the one behind the last. */
  readonly runs: number[];
  /** Records of instructions that end in another frame, by `crossingKey`; undefined while there was none, as for most pages. */
  crossings: Map<number, number> | undefined;
  /** Pages from which instructions reach into this one. */
  sources: Set<CodePage> | undefined;
}

/** An instruction begins less than 16 bytes in front of the end of its page. */
const crossingKey = (offset: number, nextSlot: number): number => nextSlot * 16 + (PAGE_SIZE_BYTES - offset);
const crossingSlot = (key: number): number => key >>> 4;

/**
 * Predecoded instructions by frame, in slots of the memory that no address reaches.
 *
 * The first write to a frame with decoded code voids all of it, and what reaches into it from other frames. Void records lead
 * the interpreter back to a lookup, so code that modifies itself is seen at once.
 */
export class CodeCache {
  readonly #memory: PhysicalMemory;
  readonly #module: InterpreterModule;
  readonly #poolStart: number;
  /** Place of the tables of the WebAssembly decoder. */
  readonly #tables: number;
  readonly #decode: DecodeRun;
  #used = FIRST_RECORD;
  readonly #pages = new Map<number, CodePage>();
  readonly #spare: Int32Array[] = [];
  readonly #decoder = new Decoder();
  readonly #instruction: Instruction = newInstruction();
  /** Changes when places of records become free for others: no record that was known before may be entered or linked. */
  generation = 0;
  /** Told of a frame that now holds code, so that writes to it are seen. */
  onNewSlot: () => void = () => {};

  constructor(memory: PhysicalMemory, module: InterpreterModule) {
    this.#memory = memory;
    this.#module = module;
    this.#poolStart = memory.reserve(POOL_FRAMES) * PAGE_SIZE_BYTES;
    const image = decodeImage(module);
    this.#tables = memory.reserve(Math.ceil(image.length / PAGE_SIZE_BYTES)) * PAGE_SIZE_BYTES;
    memory.bytes.set(image, this.#tables);
    this.#decode = decoderOf(memory);
    const before = memory.onWatchedWrite;
    memory.onWatchedWrite = slot => {
      before(slot);
      this.dropSlot(slot);
    };
  }

  /** True if a frame has decoded code. */
  hasCode(slot: number): boolean {
    return this.#pages.has(slot * 4) || this.#pages.has(slot * 4 + 1) || this.#pages.has(slot * 4 + 2);
  }

  /** Record of the instruction at an offset of a frame, 0 if the bytes of the frame alone are none. */
  find(slot: number, offset: number, mode: number): number {
    const page = this.#page(slot, mode);
    const known = page.records[offset]!;
    if (known !== 0) return known;
    if (this.#used + MAX_RUN + 1 > POOL_RECORDS) {
      this.flush();
      return this.find(slot, offset, mode);
    }
    const start = this.#used;
    const record = this.#decodeRun(page, offset);
    if (this.#used > start) page.runs.push(start, this.#used);
    return record;
  }

  /** Record of an instruction, decoded by the caller, that begins in one frame and ends in another. */
  findCrossing(slot: number, offset: number, mode: number, nextSlot: number, instruction: Instruction): number {
    if (this.#used + 2 > POOL_RECORDS) this.flush();
    const page = this.#page(slot, mode);
    const key = crossingKey(offset, nextSlot);
    page.crossings ??= new Map();
    const known = page.crossings.get(key);
    if (known !== undefined) return known;
    const next = this.#page(nextSlot, mode);
    next.sources ??= new Set();
    next.sources.add(page);
    const start = this.#used;
    const record = this.#allocate();
    writeRecord(this.#memory.words, record, this.#module, instruction, slot * PAGE_SIZE_BYTES, offset);
    this.#special(SpecialHandler.onward, offset + instruction.length, 0);
    page.crossings.set(key, record);
    page.runs.push(start, this.#used);
    return record;
  }

  #page(slot: number, mode: number): CodePage {
    const known = this.#pages.get(slot * 4 + mode);
    if (known !== undefined) return known;
    const records = this.#spare.pop() ?? new Int32Array(PAGE_SIZE_BYTES);
    const page: CodePage = { slot, mode, records, runs: [], crossings: undefined, sources: undefined };
    this.#pages.set(slot * 4 + mode, page);
    this.#memory.watch(slot);
    this.onNewSlot();
    return page;
  }

  /** Slot whose code a record holds. */
  slotOf(record: number): number {
    return this.#memory.words[(record + RecordField.page) >>> 2]! >>> 12;
  }

  /** True for a record from `findCrossing`. */
  isCrossing(record: number): boolean {
    return this.#nextOf(record) > PAGE_SIZE_BYTES;
  }

  #allocate(): number {
    return this.#placeOf(this.#used++);
  }

  #decodeRun(page: CodePage, from: number): number {
    const start = this.#used;
    const limit = start + MAX_RUN;
    const host = page.slot * PAGE_SIZE_BYTES;
    const instruction = this.#instruction;
    const { bytes } = this.#memory;
    const first = this.#placeOf(start);
    let offset = from;
    for (;;) {
      if (page.mode === CodeMode.bits64) offset = this.#decodeUsual(page, offset, limit, first);
      if (offset < 0) return first;
      if (this.#used >= limit || offset >= PAGE_SIZE_BYTES) break;
      const known = page.records[offset]!;
      if (known !== 0) {
        this.#special(SpecialHandler.goto, offset, known);
        return first;
      }
      const status = this.#decoder.decode(bytes, host + offset, host + PAGE_SIZE_BYTES, page.mode, instruction);
      if (status !== DecodeStatus.ok) break;
      const record = this.#allocate();
      writeRecord(this.#memory.words, record, this.#module, instruction, host, offset);
      page.records[offset] = record;
      if (record !== first) this.#fuse(record);
      offset += instruction.length;
      if (ENDS_RUN[instruction.row.id] === 1) return first;
    }
    if (this.#used === start) return 0;
    // What follows is another page, an instruction across the border, or none: the lookup decides.
    this.#special(SpecialHandler.onward, offset, 0);
    return first;
  }

  /** Decodes what the WebAssembly decoder can; returns the offset behind it, or -1 at the end of a run. */
  #decodeUsual(page: CodePage, offset: number, limit: number, first: number): number {
    const { words, bytes } = this.#memory;
    const host = page.slot * PAGE_SIZE_BYTES;
    const end = host + PAGE_SIZE_BYTES - REACH;
    if (host + offset >= end || host + PAGE_SIZE_BYTES + LOOKAHEAD_BYTES > bytes.length) return offset;
    const start = this.#placeOf(this.#used);
    const result = this.#decode(host + offset, end, start, this.#placeOf(limit), this.#tables, host);
    const stop = result & ~RUN_ENDED;
    const { records } = page;
    const { second } = this.#module.fused;
    let next = offset;
    for (let record = start; record < stop; record += RECORD_BYTES) {
      const place = words[(record >>> 2) + 1]!;
      const at = place & 0xffff;
      const known = records[at]!;
      if (known !== 0) {
        this.#used += (record - start) / RECORD_BYTES;
        this.#special(SpecialHandler.goto, at, known);
        return -1;
      }
      records[at] = record;
      if (second[words[record >>> 2]!] !== 0 && record !== first) this.#fuse(record);
      next = place >>> 16;
    }
    this.#used += (stop - start) / RECORD_BYTES;
    return (result & RUN_ENDED) === 0 ? next : -1;
  }

  /** Gives the record in front of a conditional jump, which is not the first of its run, the handler of both. */
  #fuse(record: number): void {
    const { words } = this.#memory;
    const { first, second, handlers } = this.#module.fused;
    const before = (record - RECORD_BYTES) >>> 2;
    const handler = handlers[first[words[before]!]! * FUSED_STRIDE + second[words[record >>> 2]!]!]!;
    if (handler !== 0) words[before] = handler;
  }

  #placeOf(index: number): number {
    return this.#poolStart + index * RECORD_BYTES;
  }

  #special(handler: number, offset: number, target: number): void {
    const at = this.#allocate() >>> 2;
    const { words } = this.#memory;
    words[at] = handler;
    words[at + 1] = offset | (offset << 16);
    words[at + (RecordField.target >>> 2)] = target;
  }

  /** Offset behind an instruction, from the start of the page that it begins in. */
  #nextOf(record: number): number {
    return this.#memory.words[(record >>> 2) + 1]! >>> 16;
  }

  /** Voids all code of a frame. */
  dropSlot(slot: number): void {
    for (let mode = CodeMode.bits16; mode <= CodeMode.bits64; mode++) {
      const page = this.#pages.get(slot * 4 + mode);
      if (page !== undefined) this.#drop(page);
    }
  }

  #drop(page: CodePage): void {
    if (!this.#pages.delete(page.slot * 4 + page.mode)) return;
    if (page.crossings !== undefined) this.#forgetSource(page, page.crossings);
    if (page.sources !== undefined) for (const source of page.sources) this.#drop(source);
    const { words } = this.#memory;
    const { records, runs } = page;
    for (let run = runs.length - 2; run >= 0; run -= 2) {
      const start = runs[run]!;
      const end = runs[run + 1]!;
      for (let index = start; index < end; index++) {
        const at = this.#placeOf(index) >>> 2;
        words[at] = SpecialHandler.lookup;
        records[words[at + 1]! & 0xffff] = 0;
      }
      // What was decoded last gives its place back: code that changes again and again stays in the same, cached lines.
      if (end === this.#used) this.#used = start;
    }
    this.generation += 1;
    if (this.#spare.length < 16) this.#spare.push(records);
  }

  #forgetSource(page: CodePage, crossings: ReadonlyMap<number, number>): void {
    for (const key of crossings.keys()) this.#pages.get(crossingSlot(key) * 4 + page.mode)?.sources?.delete(page);
  }

  /** Drops everything. */
  flush(): void {
    for (const page of this.#pages.values()) this.#drop(page);
    this.#used = FIRST_RECORD;
    this.generation += 1;
  }
}
