import type { ModelInstance } from '../../src/model/model.ts';
import type { ModelState } from '../../src/model/schema.ts';
import { mix32 } from '../../src/units/rng.ts';

/** One transition of an explored model. */
export interface Edge {
  readonly party: number;
  readonly event: number;
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** False if the limit was reached. */
  readonly complete: boolean;
  /** Id of each violated invariant with the shortest trace to a violation. */
  readonly violations: ReadonlyMap<string, readonly string[]>;
  /** Shortest trace to each witness that was seen. */
  readonly witnesses: ReadonlyMap<string, readonly string[]>;
  /** States in which no event of any party is enabled. */
  readonly terminal: readonly TerminalState[];
  /** First state that leaves its schema's bounds, with the shortest trace to it. */
  readonly outOfBounds: OutOfBounds | undefined;
}

export interface TerminalState {
  readonly state: ModelState;
  /** Leaf path per party. */
  readonly modes: readonly string[];
}

export interface OutOfBounds {
  readonly problems: readonly string[];
  readonly trace: readonly string[];
}

export interface Options {
  readonly limit?: number;
  /** Called for every transition with unpacked states; the objects are reused. */
  readonly onStep?: (step: Step) => void;
  /** Called once per state, in breadth-first order, with its packed form and its mode per party. */
  readonly onState?: (packed: Uint32Array, modes: readonly number[]) => void;
}

export interface Step {
  readonly party: number;
  readonly event: number;
  readonly modesBefore: readonly number[];
  readonly before: ModelState;
  readonly modesAfter: readonly number[];
  readonly after: ModelState;
}

/** Set of packed states in insertion order. */
class StateTable {
  readonly words: number;
  size = 0;
  data: Uint32Array;
  private slots: Int32Array;

  constructor(words: number) {
    this.words = words;
    this.data = new Uint32Array(words * 1024);
    this.slots = new Int32Array(4096).fill(-1);
  }

  /** Adds `state` (a copy); true if it was not there. */
  add(state: Uint32Array): boolean {
    if ((this.size + 1) * 2 > this.slots.length) this.rehash();
    const slot = this.find(state, 0);
    if (this.slots[slot] !== -1) return false;
    if ((this.size + 1) * this.words > this.data.length) {
      const grown = new Uint32Array(this.data.length * 2);
      grown.set(this.data);
      this.data = grown;
    }
    this.data.set(state, this.size * this.words);
    this.slots[slot] = this.size;
    this.size += 1;
    return true;
  }

  private find(from: Uint32Array, offset: number): number {
    let hash = 0x9e3779b9;
    for (let word = 0; word < this.words; word++) hash = mix32(Math.imul(hash, 31) + from[offset + word]!);
    const mask = this.slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = this.slots[slot]!;
      if (found === -1 || this.same(from, offset, found)) return slot;
    }
  }

  private same(from: Uint32Array, offset: number, index: number): boolean {
    for (let word = 0; word < this.words; word++) {
      if (from[offset + word] !== this.data[index * this.words + word]) return false;
    }
    return true;
  }

  private rehash(): void {
    this.slots = new Int32Array(this.slots.length * 2).fill(-1);
    for (let index = 0; index < this.size; index++) this.slots[this.find(this.data, index * this.words)] = index;
  }
}

/** Breadth-first enumeration of all interleavings of all parties of `instance`. */
export function explore(instance: ModelInstance, options: Options = {}): Exploration {
  const { schema, parties } = instance;
  const limit = options.limit ?? 5_000_000;
  const table = new StateTable(schema.words + parties.length);
  const parents: number[] = [-1];
  const edges: Edge[] = [{ party: -1, event: -1 }];
  const packed = new Uint32Array(table.words);
  const before = schema.initial();
  const after = schema.initial();
  const modesBefore = parties.map(({ compiled }) => compiled.initialMode);
  const modesAfter = [...modesBefore];
  const violations = new Map<string, readonly string[]>();
  const witnesses = new Map<string, readonly string[]>();
  const terminal: TerminalState[] = [];
  let outOfBounds: OutOfBounds | undefined;
  const unpacked = schema.initial();
  let transitions = 0;

  const traceTo = (index: number): string[] => {
    const trace: string[] = [];
    for (let at = index; parents[at] !== -1; at = parents[at]!) {
      const { party, event } = edges[at]!;
      trace.unshift(`${parties[party]!.id} ${JSON.stringify(parties[party]!.alphabet[event])}`);
    }
    return trace;
  };
  const paths = (modes: readonly number[]): string[] =>
    modes.map((mode, index) => parties[index]!.compiled.modes[mode]!);
  const judge = (state: ModelState, modes: readonly number[], index: number): void => {
    const where = paths(modes);
    for (const invariant of instance.invariants) {
      if (!violations.has(invariant.id) && !invariant.holds(state, where)) violations.set(invariant.id, traceTo(index));
    }
    for (const witness of instance.witnesses) {
      if (!witnesses.has(witness.id) && witness.seen(state, where)) witnesses.set(witness.id, traceTo(index));
    }
  };
  const packJoint = (state: ModelState, modes: readonly number[]): void => {
    schema.pack(state, packed, 0);
    modes.forEach((mode, index) => {
      packed[schema.words + index] = mode;
    });
  };

  packJoint(before, modesBefore);
  table.add(packed);
  judge(before, modesBefore, 0);
  let current = 0;
  for (; current < table.size && table.size < limit; current++) {
    const offset = current * table.words;
    schema.unpack(table.data, offset, before);
    for (let index = 0; index < parties.length; index++)
      modesBefore[index] = table.data[offset + schema.words + index]!;
    options.onState?.(table.data.subarray(offset, offset + schema.words), modesBefore);
    let enabled = 0;
    for (let party = 0; party < parties.length; party++) {
      const { compiled, alphabet } = parties[party]!;
      for (let event = 0; event < alphabet.length; event++) {
        schema.copy(before, after);
        const mode = compiled.step(modesBefore[party]!, after, alphabet[event]!);
        if (mode < 0) continue;
        enabled += 1;
        transitions += 1;
        for (let index = 0; index < parties.length; index++) modesAfter[index] = modesBefore[index]!;
        modesAfter[party] = mode;
        options.onStep?.({ party, event, modesBefore, before, modesAfter, after });
        packJoint(after, modesAfter);
        // What does not survive packing is out of bounds.
        if (outOfBounds === undefined && !schema.equal(schema.unpack(packed, 0, unpacked), after)) {
          const last = `${parties[party]?.id} ${JSON.stringify(alphabet[event])}`;
          outOfBounds = { problems: schema.check(after), trace: [...traceTo(current), last] };
        }
        if (!table.add(packed)) continue;
        parents.push(current);
        edges.push({ party, event });
        judge(after, modesAfter, table.size - 1);
      }
    }
    if (enabled === 0) terminal.push({ state: schema.clone(before), modes: paths(modesBefore) });
  }
  return {
    states: table.size,
    transitions,
    complete: current === table.size,
    violations,
    witnesses,
    terminal,
    outOfBounds,
  };
}
