import { graphlib, layout } from '@dagrejs/dagre';
import { groupDigits } from '../../trace/text.ts';
import { escapeMarkup } from '../markup.ts';
import { element, label, picture, title } from './svg.ts';
import type { PicturedFlow, SystemPicture } from './system-picture.ts';

/** Sizes up to which a layout stays readable and quick. */
const MAX_NODES = 60;
const MAX_EDGES = 300;
const MAX_MATRIX = 80;
const NODE = { width: 130, height: 26 };
const LETTERS: Readonly<Record<PicturedFlow['kind'], string>> = { data: 'D', event: 'E', timing: 't' };

/** Who may influence whom: a graph of data and event flows, and a matrix that also has the flows of time. */
export function flowPictures(system: SystemPicture): string {
  if (system.subjects.length === 0) return '';
  return `<h2>Information flows that the policy permits</h2>${graphOf(system)}${matrixOf(system)}`;
}

const tipOf = ({ from, to, mechanisms }: PicturedFlow): string => [`${from} -> ${to}`, ...mechanisms].join('\n');

function graphOf(system: SystemPicture): string {
  const subjects = new Set(system.subjects);
  const shown = system.flows.filter(flow => flow.kind !== 'timing' && subjects.has(flow.from) && subjects.has(flow.to));
  if (shown.length === 0) return '<p>No data and no event passes between subjects.</p>';
  const names = system.subjects.filter(name => shown.some(flow => flow.from === name || flow.to === name));
  if (names.length > MAX_NODES || shown.length > MAX_EDGES) {
    const size = `${groupDigits(names.length)} subjects with ${groupDigits(shown.length)} flows`;
    return `<p>${size}: too many to draw; <code>muencheck flows --dot</code> writes a graph for other tools.</p>`;
  }
  const silent = system.subjects.filter(name => !names.includes(name));
  const rest = silent.length === 0 ? '' : ` Not drawn, without any such flow: ${silent.map(escapeMarkup).join(', ')}.`;
  const caption = `Between subjects; solid: data, dashed: events only. Point at a line for its mechanisms and policy lines.${rest}`;
  return `<figure><figcaption>${caption}</figcaption>${drawGraph(names, shown)}</figure>`;
}

/** What a line stands for: one flow, or two in opposite directions. */
interface Line {
  readonly there: PicturedFlow;
  readonly back: PicturedFlow | undefined;
}

/** Draws flows in opposite directions as one line with two tips. */
function linesOf(flows: readonly PicturedFlow[]): Line[] {
  const pairs = new Map<string, PicturedFlow[]>();
  for (const flow of flows) {
    const key = JSON.stringify([flow.from, flow.to].sort());
    pairs.set(key, [...(pairs.get(key) ?? []), flow]);
  }
  return [...pairs.values()].map(([there, back]) => ({ there: there!, back }));
}

function drawGraph(names: readonly string[], flows: readonly PicturedFlow[]): string {
  // Names are the policy's; the layout only ever sees numbers.
  const index = new Map(names.map((name, number) => [name, String(number)]));
  const numberOf = (name: string): string => index.get(name) ?? '';
  const lines = linesOf(flows);
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: 'TB', acyclicer: 'greedy', nodesep: 18, ranksep: 36 });
  for (const number of index.values()) graph.setNode(number, { ...NODE });
  for (const { there } of lines) graph.setEdge(numberOf(there.from), numberOf(there.to), {});
  layout(graph);
  const routes = lines.map(
    ({ there }) => (graph.edge(numberOf(there.from), numberOf(there.to)) as { points: Point[] }).points,
  );
  const places = names.map(name => graph.node(numberOf(name)) as Point);
  const corners = places.flatMap(({ x, y }) => [
    { x: x - NODE.width / 2, y: y - NODE.height / 2 },
    { x: x + NODE.width / 2, y: y + NODE.height / 2 },
  ]);
  const edges = lines.map((line, number) => drawLine(line, routes[number] ?? []));
  const nodes = names.map((name, number) => drawNode(name, places[number]!));
  const content = element('defs', {}, tipMarker) + edges.join('') + nodes.join('');
  return framed('flow graph', [...corners, ...routes.flat()], content);
}

const tipMarker = element(
  'marker',
  { id: 'tip', markerWidth: 8, markerHeight: 6, refX: 8, refY: 3, orient: 'auto-start-reverse' },
  element('path', { d: 'M0,0 L8,3 L0,6 Z', class: 'tip' }),
);

function drawLine({ there, back }: Line, route: readonly Point[]): string {
  const kind = there.kind === 'data' || back?.kind === 'data' ? 'data' : 'event';
  const tips = { 'marker-end': 'url(#tip)', ...(back === undefined ? {} : { 'marker-start': 'url(#tip)' }) };
  const text = back === undefined ? tipOf(there) : `${tipOf(there)}\n${tipOf(back)}`;
  return element('path', { d: curve(route), class: `flow ${kind}`, ...tips }, title(text));
}

function drawNode(name: string, { x, y }: Point): string {
  const box = { x: x - NODE.width / 2, y: y - NODE.height / 2, ...NODE, rx: 4, class: 'node' };
  return element('rect', box, title(name)) + label(name, x, y + 4, NODE.width - 8, { 'text-anchor': 'middle' });
}

/** A picture whose frame holds all `points`, at its natural size: it scrolls where the page is narrower. */
function framed(name: string, points: readonly Point[], content: string): string {
  const margin = 12;
  const left = Math.min(...points.map(point => point.x)) - margin;
  const top = Math.min(...points.map(point => point.y)) - margin;
  const width = Math.max(...points.map(point => point.x)) + margin - left;
  const height = Math.max(...points.map(point => point.y)) + margin - top;
  const moved = element('g', { transform: `translate(${Math.round(-left)} ${Math.round(-top)})` }, content);
  return `<div class="scroll">${picture(name, width, height, moved, 'natural')}</div>`;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A smooth line through the bends of a route. */
function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  const place = ({ x, y }: Point): string => `${Math.round(x * 10) / 10},${Math.round(y * 10) / 10}`;
  const bends = rest.slice(0, -1).map((point, at) => {
    const next = rest[at + 1]!;
    const isLast = at === rest.length - 2;
    return `Q${place(point)} ${place(isLast ? next : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 })}`;
  });
  if (bends.length === 0) return `M${place(first)} L${place(rest.at(-1) ?? first)}`;
  return `M${place(first)} ${bends.join(' ')}`;
}

function matrixOf(system: SystemPicture): string {
  const names = [...system.subjects, ...system.others];
  if (names.length > MAX_MATRIX)
    return `<p>${groupDigits(names.length)} parties: no matrix is drawn; <code>muencheck flows --timing</code> lists the flows.</p>`;
  const cells = new Map<string, PicturedFlow>();
  for (const flow of system.flows) cells.set(JSON.stringify([flow.from, flow.to]), flow);
  const head = names.map(name => `<th class="column"><span>${escapeMarkup(name)}</span></th>`).join('');
  const rows = names.map(from => {
    const line = names.map(to => matrixCell(from === to, cells.get(JSON.stringify([from, to])))).join('');
    return `<tr><th>${escapeMarkup(from)}</th>${line}</tr>`;
  });
  const caption =
    'From the row to the column: <b>D</b> data, <b>E</b> events but no data, <b>t</b> time only. Point at a cell for its mechanisms and policy lines.';
  return `<details open=""><summary>Matrix</summary><p>${caption}</p><table class="matrix"><thead><tr><td></td>${head}</tr></thead><tbody>${rows.join('\n')}</tbody></table></details>`;
}

function matrixCell(isSelf: boolean, flow: PicturedFlow | undefined): string {
  if (isSelf) return '<td class="self"></td>';
  if (flow === undefined) return '<td></td>';
  const tip = tipOf(flow).split('\n').map(escapeMarkup).join('&#10;');
  return `<td class="${flow.kind}" title="${tip}">${LETTERS[flow.kind]}</td>`;
}
