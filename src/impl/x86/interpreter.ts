import { PAGE_SIZE_BYTES } from '../../units/address.ts';
import { defined, InvariantError } from '../../units/invariant.ts';
import type { PhysicalMemory } from '../memory.ts';
import { AccessKind } from './address-space.ts';
import { CodeCache } from './code-cache.ts';
import { CodeMode } from './code-mode.ts';
import { MAX_INSTRUCTION_BYTES } from './decoder.ts';
import { HELPER_NAMES, interpreterModule } from './interpreter-module.ts';
import { ExitStatus, RecordField, SPECIAL_HANDLERS } from './record-layout.ts';
import { SlowAccess } from './slow-access.ts';
import { Field, SEGMENT_BYTES, Seg, SegmentField } from './state-layout.ts';
import { HELPERS } from './system.ts';
import { JUMP_ENTRIES, JUMP_ENTRY_BYTES } from './tlb-layout.ts';
import { UNWIND, Vector } from './unwind.ts';
import type { Tier, X86Processor } from './x86-processor.ts';

/** Both halves of the tag of an empty jump cache entry: not canonical, so that no checked target equals it. */
const NO_TARGET = 0x4000_0000;

const caches = new WeakMap<PhysicalMemory, CodeCache>();

/** The code cache of a memory, shared by its processors. */
function codeCacheOf(memory: PhysicalMemory): CodeCache {
  const known = caches.get(memory);
  if (known !== undefined) return known;
  const created = new CodeCache(memory, interpreterModule());
  caches.set(memory, created);
  return created;
}

/**
 * The interpreter: runs predecoded records through WebAssembly handlers, and does here what they cannot: translations that
 * miss the TLB, devices, page crossings, system instructions, lookups of code.
 */
export class Interpreter implements Tier {
  readonly #cpu: X86Processor;
  readonly #cache: CodeCache;
  readonly #enter: (record: number, budget: number, cpu: number) => number;
  readonly #slow: SlowAccess;
  #generation = 0;
  /** Entries of the jump cache in use, as indices of words. */
  readonly #jumps: number[] = [];
  #total = 0;
  #retired = 0n;
  readonly #helpers = HELPER_NAMES.map(name => defined(HELPERS[name], name));

  constructor(cpu: X86Processor) {
    this.#cpu = cpu;
    const { memory, space } = cpu;
    this.#cache = codeCacheOf(memory);
    this.#slow = new SlowAccess(cpu);
    const before = this.#cache.onNewSlot;
    this.#cache.onNewSlot = () => {
      before();
      space.cache.dropWritable();
    };
    const instance = new WebAssembly.Instance(interpreterModule().module, {
      env: {
        memory: memory.store,
        slowAccess: (record: number, segment: number, access: number) => {
          this.#setRip(record);
          return this.#slow.find(record, segment, access);
        },
        commit: (pointer: number) => this.#slow.commit(pointer),
        raise: (record: number, vector: number) => this.#raise(record, vector),
        helper: (record: number, helper: number, budget: number) => this.#helper(record, helper, budget),
        divide: (high: bigint, low: bigint, divisor: bigint) => divide(high, low, divisor),
      },
    });
    this.#enter = defined(instance.exports.enter, 'enter');
    this.#clearJumpCache();
  }

  /** Installs an interpreter as a processor's tier. */
  static attach(cpu: X86Processor): Interpreter {
    const interpreter = new Interpreter(cpu);
    cpu.tier = interpreter;
    cpu.updateContext();
    return interpreter;
  }

  invalidate(): void {
    this.#dropJumps();
  }

  #clearJumpCache(): void {
    const { memory, state } = this.#cpu;
    const at = state.u32(Field.jumpCache) >>> 2;
    memory.words.fill(NO_TARGET, at, at + (JUMP_ENTRIES * JUMP_ENTRY_BYTES) / 4);
  }

  #dropJumps(): void {
    const { words } = this.#cpu.memory;
    for (let entry = this.#jumps.pop(); entry !== undefined; entry = this.#jumps.pop()) {
      words[entry] = NO_TARGET;
      words[entry + 1] = NO_TARGET;
    }
  }

  execute(budget: number): number {
    const cpu = this.#cpu;
    const { state } = cpu;
    const total = Math.min(budget, 0x7fff_ffff);
    this.#total = total;
    this.#retired = state.u64(Field.retired);
    let left = total;
    let linkFrom = 0;
    for (;;) {
      cpu.unwoundAfter = total - left + 1;
      const record = this.#lookup(linkFrom);
      linkFrom = 0;
      if (record === 0) {
        cpu.fetch();
        state.setU64(Field.retired, this.#retired + BigInt(total - left));
        cpu.executeFetched();
        left -= 1;
        if (left === 0 || cpu.attention || cpu.stopRequested) return total - left;
        continue;
      }
      const status = this.#enter(record, left, state.base);
      left = state.u32(Field.budget);
      if (status === ExitStatus.budget) return total;
      if (status === ExitStatus.lookup) {
        linkFrom = state.u32(Field.stoppedAt);
        continue;
      }
      if (status === ExitStatus.unwound) {
        cpu.unwoundAfter = total - left + 1;
        throw UNWIND;
      }
      if (left === 0 || cpu.attention || cpu.stopRequested) return total - left;
    }
  }

  /** Record for RIP, 0 if there can be none; fetch faults unwind. Enters it into the jump cache and links the branch at `linkFrom`. */
  #lookup(linkFrom: number): number {
    const cpu = this.#cpu;
    const { memory, state, space } = cpu;
    const base = state.base >>> 2;
    let { words } = memory;
    const rip = words[base + (Field.rip >>> 2)]!;
    const high = words[base + (Field.rip >>> 2) + 1]!;
    let low = rip;
    if (cpu.codeMode === CodeMode.bits64) {
      const top = high >>> 15;
      if (top !== 0 && top !== 0x1_ffff) cpu.fault(Vector.protection, 0);
    } else {
      low = this.#linear(rip, high);
      if (low < 0) return 0;
    }
    const place = space.place(low, high, AccessKind.fetch);
    if (place < 0) return 0;
    const offset = low & 0xfff;
    let record = this.#cache.find(place >>> 12, offset, cpu.codeMode);
    if (record === 0 && offset > PAGE_SIZE_BYTES - MAX_INSTRUCTION_BYTES) record = this.#crossing(place, offset);
    // A hook may have made the memory grow.
    words = memory.words;
    // After a flush the branch to link is gone, and so are all records that the jump cache knew.
    const isFlushed = this.#generation !== this.#cache.generation;
    if (isFlushed) {
      this.#generation = this.#cache.generation;
      this.#dropJumps();
    }
    if (record === 0) return 0;
    words[base + (Field.codeBase >>> 2)] = rip - offset;
    words[base + (Field.codeBase >>> 2) + 1] = high;
    const entry =
      (words[base + (Field.jumpCache >>> 2)]! >>> 2) + (rip & (JUMP_ENTRIES - 1)) * (JUMP_ENTRY_BYTES >>> 2);
    // The high half of an empty entry is like no target's.
    if (words[entry + 1] === NO_TARGET) this.#jumps.push(entry);
    words[entry] = rip;
    words[entry + 1] = high;
    words[entry + 2] = record;
    if (linkFrom !== 0 && !isFlushed) this.#link(linkFrom, record, offset);
    return record;
  }

  /**
   * Linear address of RIP outside of 64-bit mode, -1 if the code there is left to the reference evaluator.
   *
   * Records are for pages that CS covers as a whole, so that no instruction of them needs a look at its limit, and whose next
   * page is not one in which a 16-bit RIP wraps.
   */
  #linear(rip: number, high: number): number {
    const { state, codeMode } = this.#cpu;
    const base = state.u32(Field.segments + Seg.cs * SEGMENT_BYTES + SegmentField.base);
    const linear = (base + rip) >>> 0;
    const first = rip - (linear & 0xfff);
    const last = first + PAGE_SIZE_BYTES - 1;
    const isCovered = high === 0 && first >= 0 && last <= state.limit(Seg.cs);
    return isCovered && (codeMode === CodeMode.bits32 || last + MAX_INSTRUCTION_BYTES <= 0xffff) ? linear : -1;
  }

  /** Record of the instruction at RIP if it goes on in another page of memory, else 0; faults of its fetch unwind. */
  #crossing(place: number, offset: number): number {
    const cpu = this.#cpu;
    const second = cpu.fetch();
    if (second < 0) return 0;
    return this.#cache.findCrossing(place >>> 12, offset, cpu.codeMode, second >>> 12, cpu.instruction);
  }

  /** Links a relative branch to a record of its own page. */
  #link(from: number, record: number, offset: number): void {
    const { words } = this.#cpu.memory;
    const at = from >>> 2;
    if (words[at]! < SPECIAL_HANDLERS) return;
    const next = words[at + 1]! >>> 16;
    // Only the target that the encoding names in the same page: next + immediate.
    if (next + (words[at + 8]! | 0) !== offset) return;
    words[at + (RecordField.target >>> 2)] = record;
  }

  #setRip(record: number): void {
    const { memory, state } = this.#cpu;
    const { words } = memory;
    const base = state.base >>> 2;
    const sum = words[base + (Field.codeBase >>> 2)]! + (words[(record >>> 2) + 1]! & 0xffff);
    words[base + (Field.rip >>> 2)] = sum;
    words[base + (Field.rip >>> 2) + 1] = words[base + (Field.codeBase >>> 2) + 1]!;
  }

  #raise(record: number, vector: number): void {
    this.#setRip(record);
    try {
      this.#cpu.fault(vector, vector === Vector.protection ? 0 : undefined);
    } catch (error) {
      if (error !== UNWIND) throw error;
    }
  }

  /** Executes a system instruction; 0 to go on with the next record, else an ExitStatus. */
  #helper(record: number, helper: number, budget: number): number {
    const cpu = this.#cpu;
    const { state } = cpu;
    this.#setRip(record);
    state.setU64(Field.retired, this.#retired + BigInt(this.#total - budget));
    try {
      const offset = cpu.memory.words[(record >>> 2) + 1]! & 0xffff;
      // The fetch of an instruction that crosses a page needs its translations.
      if (this.#cache.isCrossing(record)) cpu.fetch();
      else this.#redecode(record, offset);
      const called = this.#helpers[helper];
      if (called === undefined) throw new InvariantError(`helper ${helper}`);
      const next = cpu.nextRip();
      const { generation } = this.#cache;
      const isSet = called(cpu) === true;
      // If code was dropped the record behind this one may be another's by now.
      const isKept = generation === this.#cache.generation;
      if (!isSet && isKept && !cpu.attention && !cpu.stopRequested) return 0;
      if (!isSet) state.rip = next;
      return ExitStatus.left;
    } catch (error) {
      if (error !== UNWIND) throw error;
      return ExitStatus.unwound;
    }
  }

  /** Decodes the instruction of a record into `cpu.instruction`, for helpers and hooks. */
  #redecode(record: number, offset: number): void {
    const cpu = this.#cpu;
    const slot = this.#cache.slotOf(record);
    const at = slot * PAGE_SIZE_BYTES + offset;
    cpu.decoder.decode(cpu.memory.bytes, at, slot * PAGE_SIZE_BYTES + PAGE_SIZE_BYTES, cpu.codeMode, cpu.instruction);
  }
}

const divide = (high: bigint, low: bigint, divisor: bigint): bigint =>
  BigInt.asIntN(64, ((BigInt.asUintN(64, high) << 64n) | BigInt.asUintN(64, low)) / BigInt.asUintN(64, divisor));
