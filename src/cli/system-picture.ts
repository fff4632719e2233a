import type { FlowEdge } from '../model/flow-edge.ts';
import type { PolicyLine } from '../model/flow-line.ts';
import { flowGraph } from '../model/flow-policy.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { PicturedFlow, SystemPicture } from '../report/picture/system-picture.ts';

/** What a report's pictures show of a policy: its plan and the flows that it permits. */
export function systemPicture(document: PolicyDocument): SystemPicture {
  const { scheduling } = document;
  const graph = flowGraph(document);
  const isSubject = (kind: string): boolean => kind === 'subject';
  return {
    tickRateHz: scheduling.tickRateHz,
    majorFrames: scheduling.majorFrames.map(({ cpus }) => ({
      cpus: cpus.map(({ id, minorFrames }) => ({
        id,
        frames: minorFrames.map(({ partition, ticks, barrier, at }) => ({
          partition,
          ticks,
          barrier: barrier === 'none' ? 0 : barrier,
          line: at.line,
        })),
      })),
    })),
    partitions: scheduling.partitions.map(({ name, cpu, groups }) => ({
      name,
      cpu,
      groups: groups.map(group => group.subjects.map(subject => subject.name)),
    })),
    subjects: graph.nodes.filter(node => isSubject(node.kind)).map(node => node.id),
    others: graph.nodes.filter(node => !isSubject(node.kind)).map(node => node.id),
    flows: mergePairs(graph.edges),
  };
}

const WEIGHT = { timing: 0, event: 1, data: 2 } as const;

/** One flow per ordered pair: the weightiest kind, and every mechanism with its lines. */
function mergePairs(edges: readonly FlowEdge[]): PicturedFlow[] {
  const pairs = new Map<string, PicturedFlow>();
  for (const edge of edges) {
    const key = JSON.stringify([edge.from, edge.to]);
    const known = pairs.get(key);
    const mechanism = `${edge.mechanism} ${edge.via}${edge.lines.length === 0 ? '' : ` (${linesOf(edge.lines)})`}`;
    const kind = known === undefined || WEIGHT[edge.kind] > WEIGHT[known.kind] ? edge.kind : known.kind;
    pairs.set(key, { from: edge.from, to: edge.to, kind, mechanisms: [...(known?.mechanisms ?? []), mechanism] });
  }
  return [...pairs.values()];
}

/** Lines that a tool tip names. */
const MAX_LINES = 6;

function linesOf(lines: readonly PolicyLine[]): string {
  const more = lines.length > MAX_LINES ? ` and ${lines.length - MAX_LINES} more` : '';
  return `policy line${lines.length === 1 ? '' : 's'} ${lines.slice(0, MAX_LINES).join(', ')}${more}`;
}
