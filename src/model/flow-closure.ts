import { printable } from '../units/printable.ts';
import type { FlowEdge } from './flow-edge.ts';
import type { FlowGraph } from './flow-policy.ts';

/** One node that can influence another over data and event flows, directly or through others. */
export interface FlowPath {
  readonly from: string;
  readonly to: string;
  /** A shortest chain of flows; one of several flows between two parties stands for all. */
  readonly steps: readonly FlowEdge[];
}

/**
 * A shortest path for every pair that data and event flows connect, in the order of the graph's nodes.
 *
 * The kernel ends paths and begins them, but none leads through it: it is trusted not to relay (as in closure()).
 */
export function flowPaths(graph: FlowGraph): readonly FlowPath[] {
  const kernels = new Set(graph.nodes.filter(({ kind }) => kind === 'kernel').map(({ id }) => id));
  const next = new Map<string, Map<string, FlowEdge>>();
  for (const edge of graph.edges) {
    if (edge.kind === 'timing') continue;
    const row = next.get(edge.from) ?? new Map<string, FlowEdge>();
    next.set(edge.from, row);
    if (!row.has(edge.to)) row.set(edge.to, edge);
  }
  return graph.nodes.flatMap(({ id }) => pathsFrom(graph, next, kernels, id));
}

function pathsFrom(
  graph: FlowGraph,
  next: ReadonlyMap<string, ReadonlyMap<string, FlowEdge>>,
  kernels: ReadonlySet<string>,
  start: string,
): readonly FlowPath[] {
  const reachedBy = new Map<string, FlowEdge>();
  const queue = [start];
  for (let head = 0; head < queue.length; head++) {
    const node = queue[head]!;
    if (kernels.has(node) && node !== start) continue;
    for (const [to, edge] of next.get(node) ?? []) {
      if (to === start || reachedBy.has(to)) continue;
      reachedBy.set(to, edge);
      queue.push(to);
    }
  }
  return graph.nodes.flatMap(({ id }) => {
    const steps: FlowEdge[] = [];
    for (let edge = reachedBy.get(id); edge !== undefined; edge = reachedBy.get(edge.from)) steps.unshift(edge);
    return steps.length === 0 ? [] : [{ from: start, to: id, steps }];
  });
}

const stepText = ({ to, mechanism, via, lines }: FlowEdge): string => {
  const [first] = lines;
  return `-${mechanism} ${printable(via)}${first === undefined ? '' : `:${first}`}-> ${printable(to)}`;
};

const pathText = ({ from, steps }: FlowPath): string => `${printable(from)} ${steps.map(stepText).join(' ')}`;

/** One line for each pair: number of steps and the path, with the first policy line that grants each step. */
export function closureToText(paths: readonly FlowPath[]): string {
  return paths.map(path => `${path.steps.length} ${pathText(path)}\n`).join('');
}

/** Plain data: each pair with its path. */
export function closureToJson(paths: readonly FlowPath[]): readonly unknown[] {
  return paths.map(({ from, to, steps }) => ({
    from,
    to,
    hops: steps.length,
    path: steps.map(step => ({
      from: step.from,
      to: step.to,
      mechanism: step.mechanism,
      via: step.via,
      lines: step.lines,
    })),
  }));
}

/** Pairs that only one of two policies connects. */
export interface ClosureDiff {
  readonly added: readonly FlowPath[];
  readonly removed: readonly FlowPath[];
}

/** Compares which pairs two policies connect; the paths may differ. */
export function diffClosures(before: readonly FlowPath[], after: readonly FlowPath[]): ClosureDiff {
  const key = ({ from, to }: FlowPath): string => JSON.stringify([from, to]);
  const [old, now] = [before, after].map(paths => new Set(paths.map(key)));
  return {
    added: after.filter(path => !old!.has(key(path))),
    removed: before.filter(path => !now!.has(key(path))),
  };
}

/** `+` a pair that is newly connected, `-` one that no longer is, each with its path. */
export function closureDiffToText({ added, removed }: ClosureDiff): string {
  const line = (sign: string) => (path: FlowPath) => `${sign} ${pathText(path)}\n`;
  return [...removed.map(line('-')), ...added.map(line('+'))].join('');
}
