import type { FlowEdge } from '../model/flow-edge.ts';
import { lineList, sortedLines } from '../model/flow-line.ts';
import type { FlowGraph } from '../model/flow-policy.ts';
import type { ClaimName, Claims } from '../policy/claims.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Finding } from '../policy/finding.ts';
import { printable } from '../units/printable.ts';

/** A claim that the policy breaks. */
export interface ClaimViolation {
  /** Place of the claim: `claims.json:3:5`. */
  readonly place: string;
  readonly message: string;
  /** The flows that break it, in order. */
  readonly path: readonly FlowEdge[];
  readonly policyLines: readonly number[];
}

/** What checking all claims gives. */
export interface ClaimReport {
  /** Claims that were checked: each noFlow, each onlyVia, each ordered pair of labelled subjects. */
  readonly checked: number;
  readonly violations: readonly ClaimViolation[];
}

const placeOf = (claims: Claims, { line, column }: { readonly line: number; readonly column: number }): string =>
  `${claims.path}:${line}:${column}`;

const quoted = (name: string): string => `'${printable(name)}'`;

/** Kernel nodes end a path: the kernel is trusted not to relay. */
export const relays = (graph: FlowGraph, id: string): boolean =>
  graph.nodes.find(node => node.id === id)?.kind !== 'kernel';

/** Shortest path of data and event flows from one party to another that passes none of `without`. */
export function findPath(
  graph: FlowGraph,
  from: string,
  to: string,
  without: ReadonlySet<string>,
): readonly FlowEdge[] | undefined {
  const arrivedBy = new Map<string, FlowEdge>();
  const queue = [from];
  for (const node of queue) {
    if (node !== from && !relays(graph, node)) continue;
    for (const edge of graph.edges) {
      if (edge.from !== node || edge.kind === 'timing' || edge.to === from || arrivedBy.has(edge.to)) continue;
      if (edge.to !== to && without.has(edge.to)) continue;
      arrivedBy.set(edge.to, edge);
      if (edge.to === to) return pathTo(arrivedBy, from, to);
      queue.push(edge.to);
    }
  }
  return undefined;
}

function pathTo(arrivedBy: ReadonlyMap<string, FlowEdge>, from: string, to: string): readonly FlowEdge[] {
  const path: FlowEdge[] = [];
  for (let node = to; node !== from; ) {
    const edge = arrivedBy.get(node)!;
    path.unshift(edge);
    node = edge.from;
  }
  return path;
}

/** One flow of a path, with the lines that grant it. */
export const describeFlow = ({ from, to, mechanism, via, lines }: FlowEdge): string =>
  `${quoted(from)} influences ${quoted(to)} by ${mechanism} ${quoted(via)} (policy line ${lineList(lines)})`;

function violation(claims: Claims, at: ClaimName['at'], what: string, path: readonly FlowEdge[]): ClaimViolation {
  const route = [path[0]?.from ?? '', ...path.map(edge => edge.to)].map(quoted).join(' -> ');
  return {
    place: placeOf(claims, at),
    message: `${placeOf(claims, at)} ${what}, but the policy allows ${route}`,
    path,
    // Properties are checked on a policy that is one file.
    policyLines: sortedLines(path.flatMap(edge => edge.lines)).filter(line => typeof line === 'number'),
  };
}

/** Edges that the claims allow besides the labels. */
const isAllowed = (claims: Claims, edge: FlowEdge): boolean =>
  claims.allow.some(({ what, target }) => what !== 'rule' && target.name === edge.via);

function labelViolations(claims: Claims, graph: FlowGraph): readonly ClaimViolation[] {
  const rank = new Map(claims.levels.map(({ name }, index) => [name, index]));
  const labelOf = new Map(claims.labels.map(({ subject, label }) => [subject.name, label]));
  const mayPass = (from: string, to: string): boolean =>
    from === to || (rank.size > 0 && (rank.get(from) ?? 0) <= (rank.get(to) ?? 0));
  return graph.edges.flatMap(edge => {
    const from = labelOf.get(edge.from);
    const to = labelOf.get(edge.to);
    if (from === undefined || to === undefined || edge.kind === 'timing') return [];
    if (mayPass(from.name, to.name) || isAllowed(claims, edge)) return [];
    const what = `labels ${quoted(edge.from)} ${quoted(from.name)} and ${quoted(edge.to)} ${quoted(to.name)}`;
    return [violation(claims, from.at, what, [edge])];
  });
}

/** True if every name of a flow claim is a party of the graph; others are findings, not violations. */
const isKnown = (graph: FlowGraph, names: readonly ClaimName[]): boolean =>
  names.every(({ name }) => graph.nodes.some(node => node.id === name));

/** Checks noFlow, onlyVia and labels in the flow graph; flows of time only do not count, the graph lists them apart. */
export function checkClaims(claims: Claims, graph: FlowGraph): ClaimReport {
  const none: ReadonlySet<string> = new Set();
  const noFlow = claims.noFlow.filter(({ from, to }) => isKnown(graph, [from, to]));
  const onlyVia = claims.onlyVia.filter(({ from, to, via }) => isKnown(graph, [from, to, ...via]));
  const labelled = claims.labels.filter(({ subject }) => isKnown(graph, [subject])).length;
  const violations = [
    ...noFlow.flatMap(({ from, to, at }) => {
      const path = findPath(graph, from.name, to.name, none);
      const what = `says that nothing flows from ${quoted(from.name)} to ${quoted(to.name)}`;
      return path === undefined ? [] : [violation(claims, at, what, path)];
    }),
    ...onlyVia.flatMap(({ from, to, via, at }) => {
      const path = findPath(graph, from.name, to.name, new Set(via.map(({ name }) => name)));
      const through = via.map(({ name }) => quoted(name)).join(', ');
      const what = `says that ${quoted(from.name)} reaches ${quoted(to.name)} only through ${through}`;
      return path === undefined ? [] : [violation(claims, at, what, path)];
    }),
    ...labelViolations(claims, graph),
  ];
  return { checked: noFlow.length + onlyVia.length + labelled * Math.max(0, labelled - 1), violations };
}

const finding = (claims: Claims, at: ClaimName['at'], code: string, message: string, hint: string): Finding => ({
  code,
  severity: 'error',
  message,
  line: at.line,
  column: at.column,
  hint,
  file: claims.path,
});

/** Names in a claims file that the policy does not have: a claim about them would hold for no reason. */
export function unknownNames(
  claims: Claims,
  document: PolicyDocument,
  graph: FlowGraph,
  rules: readonly string[],
): readonly Finding[] {
  const parties = new Set(graph.nodes.map(node => node.id));
  const known = {
    region: new Set(document.memory.map(region => region.name)),
    event: new Set(document.events.map(event => event.name)),
    rule: new Set(rules),
  };
  const party = (name: ClaimName): readonly Finding[] =>
    parties.has(name.name)
      ? []
      : [
          finding(
            claims,
            name.at,
            'CLAIM-NAME',
            `the policy has no subject or device ${quoted(name.name)}`,
            'name a subject, device:<name> or domain:<name>; `muencheck flows` lists all',
          ),
        ];
  return [
    ...[...claims.noFlow, ...claims.onlyVia].flatMap(claim => [...party(claim.from), ...party(claim.to)]),
    ...claims.onlyVia.flatMap(({ via }) => via.flatMap(party)),
    ...claims.labels.flatMap(({ subject }) => party(subject)),
    ...claims.allow.flatMap(({ what, target }) =>
      known[what].has(target.name)
        ? []
        : [
            finding(
              claims,
              target.at,
              'CLAIM-NAME',
              `there is no ${what} ${quoted(target.name)}`,
              what === 'rule' ? '`muencheck list rules` shows all, area intent' : `name a ${what} of the policy`,
            ),
          ],
    ),
  ];
}
