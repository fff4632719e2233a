import type { GenodeOps } from '../../impl/genode/core/genode-ops.ts';
import { streamOps } from '../../impl/genode/core/packet-stream.ts';
import { kernelService } from '../../impl/genode/services/kernel.ts';
import { ThreadCondition } from '../../impl/genode/services/kernel-cpu.ts';
import type { KernelState } from '../../impl/genode/services/kernel-state.ts';
import { THREAD_STATE_BYTES } from '../../impl/genode/services/object-interfaces.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import { ServiceBench } from './service-bench.ts';

const PAGE_BYTES = 0x1000;
/** Sessions: two protection domains, CPU sessions of two priorities, and one for region maps. */
const [PD, OTHER_PD, RM] = [1, 2, 5];
const CPUS = [
  { session: 3, priority: 0 },
  { session: 4, priority: 100 },
];
/** Threads that a CPU session pays for: its caps are six, a thread costs two. */
const THREADS_OF_CPU = 3;
const MAP_PAGES = 8;
/** Pages of an address space that scripts look at. */
const PAGES = 12;
/** A loop that counts in RAX, as code: inc rax; jmp to it. */
const LOOP = Uint8Array.of(0x48, 0xff, 0xc0, 0xeb, 0xfb);
const INSTRUCTIONS_OF_LOOP = 2n;
const ACCESSES = ['READ', 'WRITE', 'EXEC'] as const;

export const KERNEL_WITNESSES = [
  'attached',
  'conflict',
  'circle',
  'nested',
  'detached',
  'denied-access',
  'ran',
  'preferred',
  'faulted',
  'resolved',
  'paused',
  'unpaid',
] as const;

/** A page of a map as the specification keeps it. */
interface SpecPage {
  readonly dataspace: number;
  readonly page: number;
  readonly isWritable: boolean;
  readonly isExecutable: boolean;
  /** Number of the attachment that it belongs to: pages are detached together. */
  readonly attachment: number;
}

interface SpecThread {
  readonly id: number;
  readonly priority: number;
  readonly space: number;
  page: number;
  isStarted: boolean;
  isPaused: boolean;
  /** A page of the space that it waits for. */
  isFaulted: boolean;
  steps: bigint;
  ranAt: number;
}

class KernelRun {
  readonly bench: ServiceBench<KernelState>;
  readonly log = new ScriptLog(KERNEL_WITNESSES);
  /** Page tables of maps. */
  readonly #tables = new Map<number, Map<number, SpecPage>>();
  /** Maps that dataspaces stand for. */
  readonly #managed = new Map<number, number>();
  /** Dataspaces of RAM with the number of their pages; each holds the loop in every page. */
  readonly #ram: { readonly dataspace: number; readonly pages: number }[] = [];
  readonly #spaces: number[] = [];
  readonly #maps: number[] = [];
  #threads: SpecThread[] = [];
  #attachments = 0;
  #turn = 0;

  constructor(ops: GenodeOps) {
    this.bench = new ServiceBench(kernelService(ops), streamOps, ops.regionMap);
    for (const pd of [PD!, OTHER_PD!]) {
      this.bench.open(pd, 'domain', {}, 'PD');
      const space = this.#first(pd, 'address_space');
      this.#spaces.push(space);
      this.#tables.set(space, new Map());
    }
    for (const { session, priority } of CPUS) this.bench.open(session, 'cpu', { priority: `${priority}` }, 'CPU');
    this.bench.open(RM!, 'maps', {}, 'RM');
    for (const pages of [1, 2, 4]) {
      const dataspace = this.#first(PD!, 'alloc_ram', BigInt(pages * PAGE_BYTES), 0);
      for (let page = 0; page < pages; page++) this.bench.write(dataspace, page * PAGE_BYTES, LOOP);
      this.#ram.push({ dataspace, pages });
    }
    // Code is where most threads start.
    for (const space of this.#spaces) {
      const { dataspace, pages } = this.#ram[1]!;
      this.#put(space, dataspace, 0, 1, pages, true, false);
      this.bench.call(space, 'attach', dataspace, 0n, 0n, 1, BigInt(PAGE_BYTES), 1, 0);
    }
    for (let count = 0; count < 2; count++) {
      const map = this.#first(RM!, 'create', BigInt(MAP_PAGES * PAGE_BYTES));
      this.#maps.push(map);
      this.#tables.set(map, new Map());
      this.#managed.set(this.#first(map, 'dataspace'), map);
    }
  }

  #first(session: number, name: string, ...values: (number | bigint)[]): number {
    return Number((this.bench.call(session, name, ...values) as readonly (number | bigint)[])[0]);
  }

  #anyMap(step: ScriptStep, place: number): number {
    return [...this.#spaces, ...this.#maps][operand(step, place, 4)]!;
  }

  #put(
    map: number,
    dataspace: number,
    offset: number,
    at: number,
    count: number,
    isExecutable: boolean,
    isWritable: boolean,
  ): void {
    this.#attachments += 1;
    const table = this.#tables.get(map)!;
    for (let page = 0; page < count; page++)
      table.set(at + page, { dataspace, page: offset + page, isWritable, isExecutable, attachment: this.#attachments });
  }

  #reaches(dataspace: number, map: number): boolean {
    const inner = this.#managed.get(dataspace);
    if (inner === undefined) return false;
    return inner === map || [...this.#tables.get(inner)!.values()].some(row => this.#reaches(row.dataspace, map));
  }

  /** Where an access ends: true if it is possible. */
  #isPossible(map: number, page: number, access: (typeof ACCESSES)[number]): boolean {
    const row = this.#tables.get(map)!.get(page);
    if (row === undefined) return false;
    if (access === 'WRITE' && !row.isWritable) return false;
    if (access === 'EXEC' && !row.isExecutable) return false;
    const inner = this.#managed.get(row.dataspace);
    return inner === undefined ? true : this.#isPossible(inner, row.page, access);
  }

  attach(step: ScriptStep): string {
    const map = this.#anyMap(step, 0);
    const sources = [...this.#ram, ...[...this.#managed.keys()].map(dataspace => ({ dataspace, pages: MAP_PAGES }))];
    const { dataspace, pages } = sources[operand(step, 1, sources.length)]!;
    const offset = operand(step, 4, 3) === 0 ? Math.min(1, pages - 1) : 0;
    const count = pages - offset;
    const at = 1 + operand(step, 2, PAGES - 1);
    const [isExecutable, isWritable] = [operand(step, 3, 2) === 0, operand(step, 4, 2) === 0];
    const attributes = [
      0n,
      BigInt(offset * PAGE_BYTES),
      1,
      BigInt(at * PAGE_BYTES),
      isExecutable ? 1 : 0,
      isWritable ? 1 : 0,
    ];
    const found = this.bench.call(map, 'attach', dataspace, ...attributes);
    const table = this.#tables.get(map)!;
    const limit = this.#maps.includes(map) ? MAP_PAGES : Number.POSITIVE_INFINITY;
    const isTaken =
      at + count > limit || Array.from({ length: count }, (_, page) => at + page).some(page => table.has(page));
    const isCircle = this.#reaches(dataspace, map);
    const expected = isCircle ? 'INVALID_DATASPACE' : isTaken ? 'REGION_CONFLICT' : 'attached';
    this.log.see('circle', isCircle);
    this.log.see('conflict', expected === 'REGION_CONFLICT');
    if ((typeof found === 'string' ? found : 'attached') !== expected)
      return `an attachment is ${typeof found === 'string' ? found : 'made'}, it should be ${expected}`;
    if (expected !== 'attached') return '';
    this.#put(map, dataspace, offset, at, count, isExecutable, isWritable);
    this.log.see('attached');
    this.log.see('nested', this.#managed.has(dataspace));
    this.#resolve();
    return '';
  }

  /** Threads whose code is there now go on. */
  #resolve(): void {
    for (const thread of this.#threads) {
      if (!thread.isFaulted || !this.#isPossible(thread.space, thread.page, 'EXEC')) continue;
      thread.isFaulted = false;
      this.log.see('resolved');
    }
  }

  detach(step: ScriptStep): string {
    const map = this.#anyMap(step, 0);
    const page = operand(step, 1, PAGES);
    this.bench.call(map, 'detach', BigInt(page * PAGE_BYTES));
    const table = this.#tables.get(map)!;
    const gone = table.get(page)?.attachment;
    for (const [other, { attachment }] of table) if (attachment === gone) table.delete(other);
    this.log.see('detached', gone !== undefined);
    return '';
  }

  /** An access to any page of any map is possible exactly if every level grants it. */
  probe(step: ScriptStep): string {
    const map = this.#anyMap(step, 0);
    const page = operand(step, 1, PAGES);
    const access = ACCESSES[operand(step, 2, 3)]!;
    const isFound =
      this.bench.core.regionMaps.faultOf(map, page * PAGE_BYTES + operand(step, 3, PAGE_BYTES), access) === undefined;
    const isExpected = this.#isPossible(map, page, access);
    this.log.see('denied-access', !isExpected && this.#tables.get(map)!.has(page));
    return isFound === isExpected ? '' : `${access} of page ${page} is ${isFound ? '' : 'not '}possible, wrongly`;
  }

  createThread(step: ScriptStep): string {
    const { session, priority } = CPUS[operand(step, 0, 2)]!;
    const pd = operand(step, 1, 2);
    const found = this.bench.call(session, 'create_thread', [PD!, OTHER_PD!][pd]!, 'thread', [], 0n);
    const isPaid = this.#threads.filter(thread => thread.priority === priority).length < THREADS_OF_CPU;
    this.log.see('unpaid', !isPaid);
    if ((found === 'OUT_OF_CAPS') === isPaid) return `a thread is ${isPaid ? 'refused' : 'made'} wrongly`;
    if (typeof found === 'string') return '';
    const thread = {
      id: Number(found[0]),
      priority,
      space: this.#spaces[pd]!,
      page: 0,
      isStarted: false,
      isPaused: false,
    };
    this.#threads.push({ ...thread, isFaulted: false, steps: 0n, ranAt: this.#turn });
    return '';
  }

  #thread(step: ScriptStep): SpecThread | undefined {
    return this.#threads[operand(step, 0, this.#threads.length)];
  }

  start(step: ScriptStep): string {
    const thread = this.#thread(step);
    if (thread === undefined) return '';
    const page = operand(step, 2, 2) === 0 ? 3 + operand(step, 1, 3) : 1;
    this.bench.call(thread.id, 'start', BigInt(page * PAGE_BYTES), 0n);
    if (!thread.isStarted) thread.page = page;
    thread.isStarted = true;
    return '';
  }

  pause(step: ScriptStep): string {
    const thread = this.#thread(step);
    if (thread === undefined) return '';
    const isPause = operand(step, 1, 2) === 0;
    this.bench.call(thread.id, isPause ? 'pause' : 'resume');
    thread.isPaused = isPause;
    this.log.see('paused', isPause && thread.isStarted);
    return '';
  }

  kill(step: ScriptStep): string {
    const thread = this.#thread(step);
    if (thread === undefined) return '';
    const { session } = CPUS.find(({ priority }) => priority === thread.priority)!;
    this.bench.call(session, 'kill_thread', thread.id);
    this.#threads = this.#threads.filter(other => other !== thread);
    return '';
  }

  /** Core lets one thread run: which one, and how far it gets, is decided. */
  run(step: ScriptStep): string {
    for (let count = 0; count <= operand(step, 0, 6); count++) {
      this.bench.wake();
      const able = this.#threads.filter(({ isStarted, isPaused, isFaulted }) => isStarted && !isPaused && !isFaulted);
      if (able.length === 0) continue;
      this.#turn += 1;
      const best = Math.min(...able.map(({ priority }) => priority));
      this.log.see(
        'preferred',
        able.some(({ priority }) => priority > best),
      );
      const chosen = able.filter(({ priority }) => priority === best).sort((a, b) => a.ranAt - b.ranAt)[0]!;
      chosen.ranAt = this.#turn;
      chosen.isFaulted = !this.#isPossible(chosen.space, chosen.page, 'EXEC');
      this.log.see(chosen.isFaulted ? 'faulted' : 'ran');
      if (!chosen.isFaulted) chosen.steps += 1n;
    }
    return '';
  }

  /** Every thread has counted as far as it could, and is where it should be. */
  compare(): string {
    for (const { id, steps, isFaulted, isStarted, isPaused } of this.#threads) {
      const [condition, bytes] = this.bench.call(id, 'get_state') as [number, readonly number[]];
      const counted = bytes.slice(0, 8).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
      const expected = (steps + 1n) / INSTRUCTIONS_OF_LOOP;
      if (bytes.length !== THREAD_STATE_BYTES) return `the state of a thread has ${bytes.length} bytes`;
      if (counted !== expected) return `thread ${id} has counted to ${counted}, not to ${expected}`;
      const { valid, unavailable, pageFault } = ThreadCondition;
      const wanted = isFaulted ? pageFault : isStarted && !isPaused ? unavailable : valid;
      if (condition !== wanted) return `thread ${id} is in condition ${condition}, not ${wanted}`;
    }
    return '';
  }
}

/** Runs core's protection domains, region maps and threads beside page tables and counters. */
export const runKernelScript: ScriptRunner<GenodeOps> = (ops, steps) => {
  const run = new KernelRun(ops);
  const { log, bench } = run;
  for (const [index, step] of steps.entries()) {
    const perform: Readonly<Record<string, (step: ScriptStep) => string>> = {
      attach: given => run.attach(given),
      detach: given => run.detach(given),
      probe: given => run.probe(given),
      thread: given => run.createThread(given),
      start: given => run.start(given),
      pause: given => run.pause(given),
      kill: given => run.kill(given),
      run: given => run.run(given),
    };
    log.effective();
    log.fail(index, perform[step.operation]?.(step) ?? '');
    log.fail(index, run.compare());
    log.fail(index, bench.outside);
    if (log.hasFailed) break;
  }
  return log.judgement();
};
