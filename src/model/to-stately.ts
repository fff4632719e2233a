import type { AnyStateMachine, AnyStateNode } from 'xstate';
import type { GuardExpression } from './chart.ts';
import { readChart, readGuard, readNamed } from './chart.ts';

/** One transition in Stately's machine JSON. */
export interface StatelyTransition {
  readonly target?: string;
  readonly guard?: { readonly type: string };
  readonly actions?: readonly { readonly type: string }[];
}

/** One state in Stately's machine JSON; the root also has an `id`. */
export interface StatelyState {
  readonly id?: string;
  readonly initial?: string;
  readonly on?: Readonly<Record<string, readonly StatelyTransition[]>>;
  readonly states?: Readonly<Record<string, StatelyState>>;
}

function formatGuard(guard: GuardExpression): string {
  if (guard.kind === 'name') return guard.name;
  const parts = guard.of.map(inner => (inner.kind === 'name' ? formatGuard(inner) : `(${formatGuard(inner)})`));
  return guard.kind === 'not' ? `not ${parts.join('')}` : parts.join(` ${guard.kind} `);
}

function childrenOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states);
}

/** Transitions that `node` itself declares, in order. */
function declaredBy(node: AnyStateNode): { event: string; target?: AnyStateNode; guard: string; actions: string[] }[] {
  return [...node.transitions].flatMap(([event, candidates]) =>
    candidates.map(candidate => {
      const target = candidate.target?.[0];
      return {
        event,
        ...(target === undefined ? {} : { target }),
        guard: candidate.guard === undefined ? '' : formatGuard(readGuard(node, candidate.guard)),
        actions: candidate.actions.map(action => readNamed(node, action, 'action')),
      };
    }),
  );
}

function toState(node: AnyStateNode): StatelyState {
  const on: Record<string, StatelyTransition[]> = {};
  for (const { event, target, guard, actions } of declaredBy(node)) {
    on[event] ??= [];
    on[event].push({
      ...(target === undefined ? {} : { target: `#${target.id}` }),
      ...(guard === '' ? {} : { guard: { type: guard } }),
      ...(actions.length === 0 ? {} : { actions: actions.map(type => ({ type })) }),
    });
  }
  const children = childrenOf(node);
  const initial = children.length === 0 ? undefined : node.initial.target[0]?.key;
  return {
    ...(node.parent === undefined ? { id: node.id } : {}),
    ...(initial === undefined ? {} : { initial }),
    ...(Object.keys(on).length === 0 ? {} : { on }),
    ...(children.length === 0
      ? {}
      : { states: Object.fromEntries(children.map(child => [child.key, toState(child)])) }),
  };
}

/**
 * The chart as Stately's machine JSON, without context and functions.
 *
 * Targets are absolute; `and`, `or`, `not` of guards become one guard with their text as its name. Throws InvariantError as `readChart` does.
 */
export function toStatelyJson(machine: AnyStateMachine): StatelyState {
  readChart(machine);
  return toState(machine.root);
}

/** Mermaid identifiers are words. */
const mermaidId = (node: AnyStateNode): string => [node.machine.id, ...node.path].join('_').replace(/\W/g, '_');

function mermaidArrows(node: AnyStateNode): string[] {
  return declaredBy(node).map(({ event, target, guard, actions }) => {
    const label = `${event}${guard === '' ? '' : ` [${guard}]`}${actions.length === 0 ? '' : ` / ${actions.join(', ')}`}`;
    return `${mermaidId(node)} --> ${mermaidId(target ?? node)} : ${label}`;
  });
}

function mermaidState(node: AnyStateNode): string[] {
  const title = `state "${node.key}" as ${mermaidId(node)}`;
  const children = childrenOf(node);
  if (children.length === 0) return [title];
  return [`${title} {`, ...mermaidBody(node).map(line => `  ${line}`), '}'];
}

function mermaidBody(node: AnyStateNode): string[] {
  const initial = node.initial.target[0];
  return [
    ...childrenOf(node).flatMap(mermaidState),
    ...(initial === undefined ? [] : [`[*] --> ${mermaidId(initial)}`]),
  ];
}

function everyNode(node: AnyStateNode): AnyStateNode[] {
  return [node, ...childrenOf(node).flatMap(everyNode)];
}

/** The chart as a Mermaid `stateDiagram-v2`; the machine itself is a composite state, because it may have transitions. */
export function toMermaid(machine: AnyStateMachine): string {
  readChart(machine);
  const lines = [...mermaidState(machine.root), ...everyNode(machine.root).flatMap(mermaidArrows)];
  return ['stateDiagram-v2', ...lines.map(line => `  ${line}`), ''].join('\n');
}
