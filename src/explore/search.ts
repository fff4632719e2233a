import type { PackedSystem } from './packed-system.ts';
import { StateTable } from './state-table.ts';

/** Bounds of a search. */
export interface SearchOptions {
  /** Most states. */
  readonly maxStates?: number;
  /** Most bytes of the state table. */
  readonly maxBytes?: number;
  /** Ends the search when this returns true; asked once per block of states. */
  readonly stop?: () => boolean;
  readonly onProgress?: (states: number, explored: number, depth: number) => void;
  /** End at the first violated invariant. */
  readonly stopAtViolation?: boolean;
}

/** Where a claim was decided first. */
export interface Finding {
  /** Index into the claims. */
  readonly claim: number;
  /** Index of the state in the table. */
  readonly state: number;
}

/** Outcome of a search; the indexes go into `table`. */
export interface SearchResult {
  readonly table: StateTable;
  /** True if every reachable state was expanded. */
  readonly complete: boolean;
  /** Why not, in words; empty if complete. */
  readonly reason: string;
  readonly transitions: number;
  /** States whose successors were computed. */
  readonly explored: number;
  /** Longest of the shortest paths from an initial state, in steps. */
  readonly depth: number;
  /** States without a successor, and the first of them; -1 for none. */
  readonly terminal: number;
  readonly firstTerminal: number;
  readonly found: readonly Finding[];
  /** First step out of the bounds of the state: the state before it, and its label. */
  readonly outOfBounds: { readonly state: number; readonly label: number } | undefined;
}

export const DEFAULT_MAX_BYTES = 2 ** 30;
/** States between two looks at the clock and the progress line. */
export const BLOCK = 4096;

/** What a search accumulates while it goes through the states in order. */
export class Tally {
  transitions = 0;
  terminal = 0;
  firstTerminal = -1;
  readonly found: Finding[] = [];
  readonly settled: Uint8Array;
  outOfBounds: SearchResult['outOfBounds'];
  /** Index of the first state behind the level that is being expanded. */
  levelEnd: number;
  depth = 0;
  private readonly system: PackedSystem;
  private readonly stopAtViolation: boolean;

  constructor(system: PackedSystem, levelEnd: number, options: SearchOptions) {
    this.system = system;
    this.levelEnd = levelEnd;
    this.stopAtViolation = options.stopAtViolation === true;
    this.settled = new Uint8Array(system.claims.length);
  }

  note(claim: number, state: number): void {
    if (this.settled[claim] !== 0) return;
    this.settled[claim] = 1;
    this.found.push({ claim, state });
  }

  leaf(state: number): void {
    this.terminal += 1;
    if (this.firstTerminal < 0) this.firstTerminal = state;
  }

  /** Why the search need not go on; empty if it should. */
  enough(): string {
    if (this.outOfBounds !== undefined) return 'a step leaves the bounds of the state';
    const isViolated = this.found.some(({ claim }) => this.system.claims[claim]!.kind === 'invariant');
    return this.stopAtViolation && isViolated ? 'an invariant is violated' : '';
  }

  result(table: StateTable, explored: number, reason: string): SearchResult {
    const { transitions, terminal, firstTerminal, found, outOfBounds, depth } = this;
    const complete = reason === '';
    return { table, complete, reason, transitions, explored, depth, terminal, firstTerminal, found, outOfBounds };
  }
}

export const OUT_OF_MEMORY = (table: StateTable): string =>
  `the state table may not grow beyond ${table.bytes} bytes (--memory)`;

/** Puts the initial states into an empty table. */
export function seedTable(system: PackedSystem, table: StateTable): void {
  for (let offset = 0; offset < system.initial.length; offset += system.words) table.add(system.initial, offset, 0);
}

/** Breadth-first enumeration of all reachable states, in this thread. */
export function breadthFirst(system: PackedSystem, options: SearchOptions = {}): SearchResult {
  const { words } = system;
  const maxStates = options.maxStates ?? Number.MAX_SAFE_INTEGER;
  const table = new StateTable(words, options.maxBytes ?? DEFAULT_MAX_BYTES);
  seedTable(system, table);
  const out = new Uint32Array(Math.max(1, system.maxSuccessors) * words);
  const labels = new Uint32Array(Math.max(1, system.maxSuccessors));
  const tally = new Tally(system, table.size, options);
  const hasClaims = system.claims.length > 0;
  let current = 0;
  const judge = (claim: number): void => tally.note(claim, current);
  for (; current < table.size; current++) {
    if (current === tally.levelEnd) {
      tally.levelEnd = table.size;
      tally.depth += 1;
    }
    if (current % BLOCK === 0) {
      options.onProgress?.(table.size, current, tally.depth);
      if (options.stop?.() === true) return tally.result(table, current, 'stopped');
    }
    const offset = current * words;
    if (hasClaims) system.judge(table.states, offset, tally.settled, judge);
    const count = system.expand(table.states, offset, out, labels);
    if (count < 0) tally.outOfBounds = { state: current, label: -1 - count };
    else if (count === 0) tally.leaf(current);
    const enough = hasClaims || count < 0 ? tally.enough() : '';
    if (enough !== '') return tally.result(table, current, enough);
    tally.transitions += count;
    for (let index = 0; index < count; index++) {
      if (table.add(out, index * words, current) === -2) return tally.result(table, current, OUT_OF_MEMORY(table));
    }
    if (table.size > maxStates) return tally.result(table, current, `more than ${maxStates} states (--max-states)`);
  }
  return tally.result(table, current, '');
}
