import type { PackedSystem } from './packed-system.ts';
import { type ExplainedTrace, explainTrace } from './report.ts';
import type { SearchResult } from './search.ts';

/** "Whoever waits is served after at most N rounds", over a finished search. */
export interface LivenessQuestion {
  /** The state is one in which it waits and is not being served. */
  waits(state: number): boolean;
  /** The step from one state to the next ends a round: fairness says that rounds never stop. */
  endsRound(from: number, to: number): boolean;
}

/** Answer: the most rounds that pass while it waits, or a state from which rounds pass for ever without service. */
export type LivenessAnswer =
  | { readonly kind: 'served'; readonly waitingStates: number; readonly rounds: number }
  | { readonly kind: 'starves'; readonly trace: ExplainedTrace };

/** Successors of every waiting state that are waiting states too, as indexes into the search's table. */
function waitingGraph(system: PackedSystem, { table }: SearchResult, waiting: Uint8Array): Map<number, Uint32Array> {
  const out = new Uint32Array(system.maxSuccessors * system.words);
  const labels = new Uint32Array(system.maxSuccessors);
  const graph = new Map<number, Uint32Array>();
  for (let state = 0; state < table.size; state++) {
    if (waiting[state] === 0) continue;
    const count = system.expand(table.states, state * system.words, out, labels);
    const next = new Set<number>();
    for (let index = 0; index < count; index++) {
      const to = table.indexOf(out, index * system.words);
      if (waiting[to] === 1) next.add(to);
    }
    graph.set(state, Uint32Array.from(next));
  }
  return graph;
}

interface Components {
  readonly of: Int32Array;
  /** Members of each component; a component comes after all that it leads to. */
  readonly members: readonly (readonly number[])[];
}

/** Strongly connected components (Tarjan), without recursion. */
function components(graph: ReadonlyMap<number, Uint32Array>, size: number): Components {
  const order = new Int32Array(size).fill(-1);
  const low = new Int32Array(size);
  const of = new Int32Array(size).fill(-1);
  const members: number[][] = [];
  const path: number[] = [];
  let counter = 0;
  for (const root of graph.keys()) {
    if (order[root] !== -1) continue;
    const stack: { readonly state: number; next: number }[] = [{ state: root, next: 0 }];
    while (stack.length > 0) {
      const frame = stack.at(-1)!;
      const { state } = frame;
      if (frame.next === 0) {
        order[state] = counter;
        low[state] = counter;
        counter += 1;
        path.push(state);
      }
      const edges = graph.get(state)!;
      const to = edges[frame.next];
      frame.next += 1;
      if (to !== undefined) {
        if (order[to] === -1) stack.push({ state: to, next: 0 });
        else if (of[to] === -1) low[state] = Math.min(low[state]!, order[to]!);
        continue;
      }
      stack.pop();
      const parent = stack.at(-1)?.state;
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[state]!);
      if (low[state] !== order[state]) continue;
      const component: number[] = [];
      for (let member = -1; member !== state; ) {
        member = path.pop()!;
        of[member] = members.length;
        component.push(member);
      }
      members.push(component);
    }
  }
  return { of, members };
}

/**
 * Decides a liveness question over all reachable states.
 *
 * A cycle through waiting states in which a round ends is a fair run without service. Without such a cycle the most rounds that can pass are
 * the longest path through the components, counted in ends of rounds.
 */
export function checkLiveness(system: PackedSystem, search: SearchResult, question: LivenessQuestion): LivenessAnswer {
  const { table } = search;
  const waiting = Uint8Array.from({ length: table.size }, (_, state) => (question.waits(state) ? 1 : 0));
  const graph = waitingGraph(system, search, waiting);
  const { of, members } = components(graph, table.size);
  const rounds = new Int32Array(members.length);
  let most = 0;
  for (const [component, states] of members.entries()) {
    for (const from of states) {
      for (const to of graph.get(from)!) {
        const ends = question.endsRound(from, to) ? 1 : 0;
        if (of[to] !== component) rounds[component] = Math.max(rounds[component]!, rounds[of[to]!]! + ends);
        else if (ends === 1) return { kind: 'starves', trace: explainTrace(system, table, from) };
      }
    }
    most = Math.max(most, rounds[component]!);
  }
  return { kind: 'served', waitingStates: graph.size, rounds: most };
}
