import { escapeLine } from '../trace/escape.ts';
import { escapeMermaid } from '../trace/mermaid.ts';
import { layoutTable } from '../trace/text.ts';

/** One permitted information flow as plain data. */
export interface ReportedFlow {
  readonly from: string;
  readonly to: string;
  readonly kind: string;
  readonly mechanism: string;
  /** Region, event, device or partition that carries it. */
  readonly via: string;
  /** Policy lines that grant it. */
  readonly lines: readonly number[];
  readonly permittedByDesign: boolean;
  readonly detail: string;
}

/** The flows of one policy. */
export interface ReportedFlows {
  readonly path: string;
  readonly nodes: readonly { readonly id: string; readonly kind: string }[];
  readonly edges: readonly ReportedFlow[];
  readonly notes: readonly {
    readonly mechanism: string;
    readonly subjects: readonly string[];
    readonly lines: readonly number[];
    readonly detail: string;
  }[];
}

const MAX_LINES_SHOWN = 6;

/** Policy lines for a reader: the first few, and how many more (`--json` has all). */
const lineList = (lines: readonly number[]): string =>
  lines.length > MAX_LINES_SHOWN
    ? `${lines.slice(0, MAX_LINES_SHOWN).join(',')} +${lines.length - MAX_LINES_SHOWN}`
    : lines.join(',');

/** The flows as a table, one row per flow, with the policy lines that grant it. */
export function flowsToText(flows: ReportedFlows): string {
  const header = ['from', 'to', 'kind', 'mechanism', 'via', 'lines', ''];
  const rows = flows.edges.map(edge => [
    edge.from,
    edge.to,
    edge.kind,
    edge.mechanism,
    edge.via,
    lineList(edge.lines),
    edge.permittedByDesign ? 'by design' : '',
  ]);
  const notes = flows.notes.map(
    note => `${note.mechanism} (${note.subjects.join(', ')}; lines ${lineList(note.lines)}): ${note.detail}`,
  );
  return [
    `${escapeLine(flows.path)}: ${flows.nodes.length} parties, ${flows.edges.length} permitted flows`,
    '',
    ...layoutTable([header, ...rows]),
    ...(notes.length === 0 ? [] : ['', 'for the system as a whole', ...notes.map(note => `  ${escapeLine(note)}`)]),
    '',
  ].join('\n');
}

/** Edges merged per ordered pair and kind, so that a drawing stays readable. */
function drawnEdges(
  flows: ReportedFlows,
): readonly { readonly from: string; readonly to: string; readonly kind: string; readonly label: string }[] {
  const groups = new Map<string, { from: string; to: string; kind: string; vias: string[] }>();
  for (const edge of flows.edges) {
    const key = JSON.stringify([edge.from, edge.to, edge.kind]);
    const group = groups.get(key) ?? { from: edge.from, to: edge.to, kind: edge.kind, vias: [] };
    if (!group.vias.includes(edge.via)) group.vias.push(edge.via);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ vias, ...edge }) => ({
    ...edge,
    label: vias.length > 3 ? `${vias.slice(0, 3).join(', ')} +${vias.length - 3}` : vias.join(', '),
  }));
}

const STYLES: Readonly<Record<string, string>> = { data: 'solid', event: 'dashed', timing: 'dotted' };

const quoteDot = (text: string): string => `"${escapeLine(text).replace(/["\\]/g, character => `\\${character}`)}"`;

/** Graphviz: data solid, events dashed, time dotted. */
export function flowsToDot(flows: ReportedFlows): string {
  const nodes = flows.nodes.map(
    node => `  ${quoteDot(node.id)} [shape=${node.kind === 'subject' ? 'box' : 'ellipse'}];`,
  );
  const edges = drawnEdges(flows).map(
    edge =>
      `  ${quoteDot(edge.from)} -> ${quoteDot(edge.to)} [label=${quoteDot(edge.label)}, style=${STYLES[edge.kind] ?? 'solid'}];`,
  );
  return `${['digraph flows {', '  rankdir=LR;', ...nodes, ...edges, '}'].join('\n')}\n`;
}

const ARROWS: Readonly<Record<string, string>> = { data: '==>', event: '-->', timing: '-.->' };

/** Mermaid flow chart: data thick, events plain, time dotted. */
export function flowsToMermaid(flows: ReportedFlows): string {
  const ids = new Map(flows.nodes.map((node, index) => [node.id, `n${index}`]));
  const nodes = flows.nodes.map(node => `  ${ids.get(node.id)}["${escapeMermaid(node.id)}"]`);
  const edges = drawnEdges(flows).map(
    edge =>
      `  ${ids.get(edge.from) ?? 'n'} ${ARROWS[edge.kind] ?? '-->'}|"${escapeMermaid(edge.label)}"| ${ids.get(edge.to) ?? 'n'}`,
  );
  return `${['flowchart LR', ...nodes, ...edges].join('\n')}\n`;
}

/** Flows that only one of two policies permits. */
export interface FlowDiff {
  readonly added: readonly ReportedFlow[];
  readonly removed: readonly ReportedFlow[];
}

const identity = (edge: ReportedFlow): string => JSON.stringify([edge.from, edge.to, edge.mechanism, edge.via]);

/** Compares the flows of two policies by source, destination, mechanism and carrier. */
export function diffFlows(before: ReportedFlows, after: ReportedFlows): FlowDiff {
  const old = new Set(before.edges.map(identity));
  const current = new Set(after.edges.map(identity));
  return {
    added: after.edges.filter(edge => !old.has(identity(edge))),
    removed: before.edges.filter(edge => !current.has(identity(edge))),
  };
}

/** The difference as lines with `+` and `-`, each with the policy lines that grant the flow. */
export function flowDiffToText(before: ReportedFlows, after: ReportedFlows): string {
  const diff = diffFlows(before, after);
  const row = (sign: string, path: string) => (edge: ReportedFlow) => [
    sign,
    edge.from,
    edge.to,
    edge.kind,
    edge.mechanism,
    edge.via,
    `${path}:${lineList(edge.lines)}`,
  ];
  const rows = [...diff.removed.map(row('-', before.path)), ...diff.added.map(row('+', after.path))];
  const summary = `${escapeLine(before.path)} -> ${escapeLine(after.path)}: ${diff.added.length} flows added, ${diff.removed.length} removed`;
  return `${[summary, ...layoutTable(rows)].join('\n')}\n`;
}
