import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { defined, InvariantError, invariant } from '../units/invariant.ts';

/** A guard by name, or guards joined by xstate's `not`, `and`, `or`. */
export type GuardExpression =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'not' | 'and' | 'or'; readonly of: readonly GuardExpression[] };

/** One way out of one leaf mode, as the chart declares it. */
export interface ChartTransition {
  /** Leaf mode it leaves. */
  readonly from: number;
  /** Leaf mode it enters; equal to `from` for a transition without target. */
  readonly to: number;
  readonly event: string;
  /** Undefined: always enabled. */
  readonly guard: GuardExpression | undefined;
  readonly actions: readonly string[];
  /** Path of the chart state that declares it; empty for the root. */
  readonly declaredBy: string;
}

/** An xstate machine as flat tables: its leaf modes and their transitions in the order in which xstate tries them. */
export interface Chart {
  /** Leaf paths such as `frameSwitch.arrive`, in document order. */
  readonly modes: readonly string[];
  readonly initialMode: number;
  /** Event types in order of first appearance. */
  readonly eventTypes: readonly string[];
  readonly transitions: readonly ChartTransition[];
}

const pathOf = (node: AnyStateNode): string => node.path.join('.');

function unsupported(node: AnyStateNode, feature: string): never {
  throw new InvariantError(`unsupported chart feature in state '${pathOf(node)}' of '${node.machine.id}': ${feature}`);
}

function requireSupported(node: AnyStateNode): void {
  if (node.type === 'parallel') unsupported(node, 'parallel states');
  if (node.type === 'final') unsupported(node, 'final states');
  if (node.type === 'history') unsupported(node, 'history states');
  if (node.always !== undefined && node.always.length > 0) unsupported(node, 'eventless transitions (always)');
  if (node.config.after !== undefined) unsupported(node, 'delayed transitions (after)');
  if (node.invoke.length > 0) unsupported(node, 'invoked actors');
  if (node.entry.length > 0) unsupported(node, 'entry actions');
  if (node.exit.length > 0) unsupported(node, 'exit actions');
  if (node.config.onDone !== undefined) unsupported(node, 'onDone');
  for (const event of node.transitions.keys()) {
    if (event.includes('*')) unsupported(node, `wildcard event '${event}'`);
    if (event.startsWith('xstate.')) unsupported(node, `internal event '${event}'`);
  }
}

/** Leaf that is entered when `node` is. */
function initialLeaf(node: AnyStateNode): AnyStateNode {
  if (node.type === 'atomic') return node;
  const initial = node.initial;
  if (initial.actions.length > 0) unsupported(node, 'actions of an initial transition');
  return initialLeaf(defined(initial.target[0], `initial state of '${pathOf(node)}'`));
}

/** Guard of a transition by names; throws InvariantError for an inline one. */
export function readGuard(node: AnyStateNode, guard: unknown): GuardExpression {
  if (typeof guard === 'string') return { kind: 'name', name: guard };
  if (typeof guard === 'function') {
    const kind = guard.name;
    if (!('check' in guard)) unsupported(node, 'inline guard');
    if (kind !== 'not' && kind !== 'and' && kind !== 'or') unsupported(node, `guard combinator '${kind}'`);
    if (!('guards' in guard && Array.isArray(guard.guards))) unsupported(node, `guard combinator '${kind}'`);
    return { kind, of: guard.guards.map(inner => readGuard(node, inner)) };
  }
  return { kind: 'name', name: readNamed(node, guard, 'guard') };
}

/** Name of a guard or action; throws InvariantError for an inline one and for parameters. */
export function readNamed(node: AnyStateNode, value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null || !('type' in value)) unsupported(node, `inline ${what}`);
  if ('params' in value && value.params !== undefined) unsupported(node, `${what} parameters`);
  return String(value.type);
}

/** Chart states from a leaf up to the root: the order in which xstate looks for a transition. */
function ancestry(leaf: AnyStateNode): AnyStateNode[] {
  return leaf.parent === undefined ? [leaf] : [leaf, ...ancestry(leaf.parent)];
}

function readTransitions(leaf: AnyStateNode, from: number, modeOf: (leaf: AnyStateNode) => number): ChartTransition[] {
  return ancestry(leaf).flatMap(node =>
    [...node.transitions].flatMap(([event, candidates]) =>
      candidates.map(candidate => {
        const targets = candidate.target ?? [];
        const target = targets[0];
        if (targets.length > 1) unsupported(node, 'several targets');
        if (target?.type === 'history') unsupported(node, 'history states');
        return {
          from,
          to: target === undefined ? from : modeOf(initialLeaf(target)),
          event,
          guard: candidate.guard === undefined ? undefined : readGuard(node, candidate.guard),
          actions: candidate.actions.map(action => readNamed(node, action, 'action')),
          declaredBy: pathOf(node),
        };
      }),
    ),
  );
}

/**
 * Reads the modes and transitions of `machine` from its own state nodes.
 *
 * Throws InvariantError naming the first feature that has no meaning here: parallel, final and history states, `always`, `after`,
 * actors, entry and exit actions, wildcards, inline guards and actions, parameters.
 */
export function readChart(machine: AnyStateMachine): Chart {
  const leaves: AnyStateNode[] = [];
  const visit = (node: AnyStateNode): void => {
    requireSupported(node);
    if (node.type === 'atomic') leaves.push(node);
    for (const child of Object.values(node.states) as AnyStateNode[]) visit(child);
  };
  visit(machine.root);
  invariant(machine.root.type === 'compound', `machine '${machine.id}' has no states`);
  const modes = leaves.map(pathOf);
  const modeOf = (leaf: AnyStateNode): number => leaves.indexOf(leaf);
  const transitions = leaves.flatMap((leaf, from) => readTransitions(leaf, from, modeOf));
  return {
    modes,
    initialMode: modeOf(initialLeaf(machine.root)),
    eventTypes: [...new Set(transitions.map(({ event }) => event))],
    transitions,
  };
}
