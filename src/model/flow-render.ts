import { printable } from '../units/printable.ts';
import type { FlowEdge, FlowKind } from './flow-edge.ts';
import { flowKey } from './flow-edge.ts';
import { lineList } from './flow-line.ts';
import type { FlowNodeKind } from './flow-nodes.ts';
import type { FlowGraph } from './flow-policy.ts';

export interface RenderOptions {
  /** Kinds of edges to show; by default data and event. */
  readonly kinds?: readonly FlowKind[];
}

const DEFAULT_KINDS: readonly FlowKind[] = ['data', 'event'];

/** The graph as plain data with nodes, edges of every kind, and notes. */
export function flowsToJson(graph: FlowGraph): Pick<FlowGraph, 'nodes' | 'edges' | 'notes'> {
  return { nodes: graph.nodes, edges: graph.edges, notes: graph.notes };
}

/** The graph in the DOT language of Graphviz; names appear only inside quoted strings. */
export function flowsToDot(graph: FlowGraph, options: RenderOptions = {}): string {
  const { edges, ids } = selection(graph, options);
  const nodes = graph.nodes
    .filter(node => ids.has(node.id))
    .map(node => `  ${ids.get(node.id)!} [label=${dotString(node.name)}, shape=${DOT_SHAPES[node.kind]}];`);
  const lines = edges.map(
    edge =>
      `  ${ids.get(edge.from)!} -> ${ids.get(edge.to)!} [label=${dotString(caption(edge))}, style=${DOT_STYLES[edge.kind]}];`,
  );
  return ['digraph flows {', '  rankdir=LR;', ...nodes, ...lines, '}', ''].join('\n');
}

const DOT_SHAPES: Readonly<Record<FlowNodeKind, string>> = {
  subject: 'box',
  kernel: 'doubleoctagon',
  device: 'ellipse',
  'device-domain': 'hexagon',
};
const DOT_STYLES: Readonly<Record<FlowKind, string>> = { data: 'solid', event: 'dashed', timing: 'dotted' };

/** A double-quoted DOT string; backslashes are doubled, since labels interpret escape sequences. */
function dotString(text: string): string {
  return `"${printable(text).replace(/\\/g, '\\\\').replace(/"/g, '\\"')}"`;
}

/** The graph as a Mermaid flowchart; every character of a name that is not plain is a character entity. */
export function flowsToMermaid(graph: FlowGraph, options: RenderOptions = {}): string {
  const { edges, ids } = selection(graph, options);
  const nodes = graph.nodes
    .filter(node => ids.has(node.id))
    .map(node => `  ${ids.get(node.id)!}${mermaidNode(node.kind, mermaidText(node.name))}`);
  const lines = edges.map(
    edge =>
      `  ${ids.get(edge.from)!} ${edge.kind === 'data' ? '-->' : '-.->'}|"${mermaidText(caption(edge))}"| ${ids.get(edge.to)!}`,
  );
  return ['flowchart LR', ...nodes, ...lines, ''].join('\n');
}

function mermaidNode(kind: FlowNodeKind, text: string): string {
  if (kind === 'subject') return `["${text}"]`;
  return kind === 'device' ? `(["${text}"])` : `{{"${text}"}}`;
}

function mermaidText(text: string): string {
  return printable(text).replace(/[^A-Za-z0-9_ .,:/()|=-]/gu, character => `#${character.codePointAt(0)!};`);
}

/** A table for a terminal: one row per edge, sorted as in the graph, with the policy lines that grant it. */
export function flowsToText(graph: FlowGraph, options: RenderOptions = {}): string {
  const { edges } = selection(graph, options);
  const rows = edges.map(edge => [
    edge.from,
    edge.to,
    edge.kind,
    edge.mechanism,
    edge.via,
    lineList(edge.lines),
    edge.detail,
  ]);
  const notes = graph.notes.map(
    note =>
      `note: ${note.subjects.map(printable).join(', ')} ${note.detail}${note.lines.length === 0 ? '' : ` (policy lines ${lineList(note.lines)})`}`,
  );
  return [...table(['FROM', 'TO', 'KIND', 'MECHANISM', 'VIA', 'LINES', 'DETAIL'], rows), ...notes, ''].join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = [head, ...rows.map(row => row.map(printable))];
  const widths = head.map((_, column) =>
    Math.min(
      48,
      cells.reduce((width, row) => Math.max(width, row[column]!.length), 0),
    ),
  );
  return cells.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

function caption(edge: FlowEdge): string {
  return `${edge.mechanism} ${edge.via}${edge.lines.length === 0 ? '' : ` (policy lines ${lineList(edge.lines)})`}`;
}

/** Edges of the wanted kinds, and a plain identifier for each node they touch and for every subject. */
function selection(
  graph: FlowGraph,
  options: RenderOptions,
): { edges: readonly FlowEdge[]; ids: ReadonlyMap<string, string> } {
  const kinds = new Set(options.kinds ?? DEFAULT_KINDS);
  const edges = graph.edges.filter(edge => kinds.has(edge.kind));
  const touched = new Set(edges.flatMap(edge => [edge.from, edge.to]));
  const shown = graph.nodes.filter(node => node.kind === 'subject' || touched.has(node.id));
  return { edges, ids: new Map(shown.map((node, index) => [node.id, `n${index}`])) };
}

/** What changed from one policy to another; policy lines are no part of the comparison. */
export interface FlowDiff {
  readonly addedNodes: readonly string[];
  readonly removedNodes: readonly string[];
  readonly added: readonly FlowEdge[];
  readonly removed: readonly FlowEdge[];
  /** Same flow with other logical names or another effect. */
  readonly changed: readonly { readonly before: FlowEdge; readonly after: FlowEdge }[];
}

/** Compares the flows of two policies by parties, mechanism and carrier. */
export function diffFlows(before: FlowGraph, after: FlowGraph): FlowDiff {
  const old = new Map(before.edges.map(edge => [flowKey(edge), edge]));
  const now = new Map(after.edges.map(edge => [flowKey(edge), edge]));
  const oldNodes = new Set(before.nodes.map(node => node.id));
  const newNodes = new Set(after.nodes.map(node => node.id));
  return {
    addedNodes: [...newNodes].filter(id => !oldNodes.has(id)),
    removedNodes: [...oldNodes].filter(id => !newNodes.has(id)),
    added: after.edges.filter(edge => !old.has(flowKey(edge))),
    removed: before.edges.filter(edge => !now.has(flowKey(edge))),
    changed: after.edges.flatMap(edge => {
      const previous = old.get(flowKey(edge));
      return previous && substance(previous) !== substance(edge) ? [{ before: previous, after: edge }] : [];
    }),
  };
}

function substance(edge: FlowEdge): string {
  return JSON.stringify([edge.fromLogical, edge.toLogical, edge.detail]);
}

/** The difference as text: `+` added, `-` removed, `~` changed; empty if the policies allow the same flows. */
export function diffToText(diff: FlowDiff): string {
  const node = (sign: string) => (id: string) => `${sign} node ${printable(id)}`;
  const edge = (sign: string) => (flow: FlowEdge) =>
    `${sign} ${printable(flow.from)} -> ${printable(flow.to)} [${flow.kind}] ${printable(caption(flow))}: ${printable(flow.detail)}`;
  return [
    ...diff.removedNodes.map(node('-')),
    ...diff.addedNodes.map(node('+')),
    ...diff.removed.map(edge('-')),
    ...diff.added.map(edge('+')),
    ...diff.changed.map(({ after }) => edge('~')(after)),
  ]
    .map(line => `${line}\n`)
    .join('');
}
