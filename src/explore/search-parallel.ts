import type { PackedSystem } from './packed-system.ts';
import {
  BLOCK,
  DEFAULT_MAX_BYTES,
  OUT_OF_MEMORY,
  type SearchOptions,
  type SearchResult,
  seedTable,
  Tally,
} from './search.ts';
import { StateTable, type TableArrays, tableHas } from './state-table.ts';

/** States to be expanded by one thread: plain data over shared memory. */
export interface ExpandJob {
  readonly table: TableArrays;
  readonly from: number;
  readonly to: number;
  readonly settled: Uint8Array;
}

/** What expanding a block showed, in the order of its states. */
export interface ExpandReply {
  /** Successors of each state; -1 - label for a step out of bounds. */
  readonly counts: Int32Array;
  /** Decided claims: claim and state, alternating. */
  readonly found: Uint32Array;
  /** Successors that were not in the table when the block was expanded. */
  readonly fresh: Uint32Array;
  /** Parent of each. */
  readonly parents: Uint32Array;
}

/** Blocks that are expanded before the table is changed. */
const ROUND = 32;

/** Expands one block of states; nothing is inserted meanwhile, so looking up needs no lock. */
export function expandBlock(system: PackedSystem, job: ExpandJob): ExpandReply {
  const { table, from, to } = job;
  const { words } = system;
  const out = new Uint32Array(Math.max(1, system.maxSuccessors) * words);
  const labels = new Uint32Array(Math.max(1, system.maxSuccessors));
  const settled = job.settled.slice();
  const counts = new Int32Array(to - from);
  const found: number[] = [];
  let fresh = new Uint32Array(words * 1024);
  const parents: number[] = [];
  for (let state = from; state < to; state++) {
    const offset = state * words;
    if (system.claims.length > 0) {
      system.judge(table.states, offset, settled, claim => {
        settled[claim] = 1;
        found.push(claim, state);
      });
    }
    const count = system.expand(table.states, offset, out, labels);
    counts[state - from] = count;
    for (let index = 0; index < count; index++) {
      if (tableHas(table, out, index * words)) continue;
      const at = parents.length * words;
      if (at + words > fresh.length) {
        const grown = new Uint32Array(2 * fresh.length);
        grown.set(fresh);
        fresh = grown;
      }
      for (let word = 0; word < words; word++) fresh[at + word] = out[index * words + word]!;
      parents.push(state);
    }
  }
  return {
    counts,
    found: Uint32Array.from(found),
    fresh: fresh.slice(0, parents.length * words),
    parents: Uint32Array.from(parents),
  };
}

/** Adds what one block showed, state by state, as the sequential search would; returns why to end, and where. */
function merge(
  system: PackedSystem,
  table: StateTable,
  tally: Tally,
  job: ExpandJob,
  reply: ExpandReply,
  maxStates: number,
): { readonly explored: number; readonly reason: string } {
  let finding = 0;
  let fresh = 0;
  for (let state = job.from; state < job.to; state++) {
    for (; finding < reply.found.length && reply.found[finding + 1] === state; finding += 2)
      tally.note(reply.found[finding]!, state);
    const count = reply.counts[state - job.from]!;
    if (count < 0) tally.outOfBounds = { state, label: -1 - count };
    else if (count === 0) tally.leaf(state);
    const enough = tally.enough();
    if (enough !== '') return { explored: state, reason: enough };
    tally.transitions += count;
    for (; fresh < reply.parents.length && reply.parents[fresh] === state; fresh++) {
      if (table.add(reply.fresh, fresh * system.words, state) === -2)
        return { explored: state, reason: OUT_OF_MEMORY(table) };
    }
    if (table.size > maxStates) return { explored: state, reason: `more than ${maxStates} states (--max-states)` };
  }
  return { explored: job.to, reason: '' };
}

/**
 * Breadth-first enumeration with blocks of a level expanded by several threads over a shared table.
 *
 * The states get the same indexes, parents and counts as in `breadthFirst`, whatever the number of threads.
 *
 * @param submit expands one block in some thread.
 */
export async function parallelBreadthFirst(
  system: PackedSystem,
  options: SearchOptions,
  submit: (job: ExpandJob) => Promise<ExpandReply>,
): Promise<SearchResult> {
  const maxStates = options.maxStates ?? Number.MAX_SAFE_INTEGER;
  const table = new StateTable(system.words, options.maxBytes ?? DEFAULT_MAX_BYTES, true);
  seedTable(system, table);
  const tally = new Tally(system, table.size, options);
  let current = 0;
  while (current < table.size) {
    if (current === tally.levelEnd) {
      tally.levelEnd = table.size;
      tally.depth += 1;
    }
    options.onProgress?.(table.size, current, tally.depth);
    if (options.stop?.() === true) return tally.result(table, current, 'stopped');
    const { words, states, slots } = table;
    const jobs: ExpandJob[] = [];
    for (let from = current; from < tally.levelEnd && jobs.length < ROUND; from += BLOCK) {
      const to = Math.min(from + BLOCK, tally.levelEnd);
      jobs.push({ table: { words, states, slots }, from, to, settled: tally.settled });
    }
    // A single block is not worth a message.
    const replies = jobs.length === 1 ? [expandBlock(system, jobs[0]!)] : await Promise.all(jobs.map(submit));
    for (const [index, reply] of replies.entries()) {
      const { explored, reason } = merge(system, table, tally, jobs[index]!, reply, maxStates);
      if (reason !== '') return tally.result(table, explored, reason);
      current = explored;
    }
  }
  return tally.result(table, current, '');
}
