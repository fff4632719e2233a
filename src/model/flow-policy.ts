import type { PolicyDocument } from '../policy/document.ts';
import { deviceFlows } from './flow-devices.ts';
import type { FlowEdge } from './flow-edge.ts';
import { mergeStatements } from './flow-edge.ts';
import { eventFlows } from './flow-events.ts';
import { type PolicyLine, policyLine } from './flow-line.ts';
import { memoryFlows } from './flow-memory.ts';
import { msrFlows } from './flow-msrs.ts';
import type { FlowNode, FlowParties } from './flow-nodes.ts';
import { flowParties } from './flow-nodes.ts';
import { timingFlows } from './flow-timing.ts';

/** A flow that concerns the whole system rather than a pair. */
export interface FlowNote {
  readonly mechanism: 'system-action' | 'late-exit' | 'major-frame-choice' | 'kernel-debug-console';
  readonly subjects: readonly string[];
  readonly lines: readonly PolicyLine[];
  readonly detail: string;
}

/** Information flows that a policy allows, with the lines that grant them (R8, R9 of the Muen requirements). */
export interface FlowGraph {
  readonly nodes: readonly FlowNode[];
  readonly edges: readonly FlowEdge[];
  readonly notes: readonly FlowNote[];
  /** All edges of any kind from one node to another. */
  directEdges(from: string, to: string): readonly FlowEdge[];
  /** Data and event edges from one node to another; empty: nothing but time may pass directly. */
  allowsDirect(from: string, to: string): readonly FlowEdge[];
  /**
   * Nodes each node can reach over data and event edges, itself left out.
   * The kernel is an end point, never a stepping stone: it is trusted not to relay.
   */
  closure(): ReadonlyMap<string, ReadonlySet<string>>;
  /** True if activity of `from` can cost `to` cycles of its own minor frame by an inter-processor or device interrupt. */
  stealsCycles(from: string, to: string): boolean;
  /** True if both subjects are in one scheduling partition. */
  samePartition(a: string, b: string): boolean;
}

/** Derives the flow graph of a format B policy from what it declares, independently of any compiled structure. */
export function flowGraph(document: PolicyDocument): FlowGraph {
  const parties = flowParties(document);
  const edges = mergeStatements([
    ...memoryFlows(parties),
    ...eventFlows(parties),
    ...deviceFlows(parties),
    ...msrFlows(parties),
    ...timingFlows(parties),
  ]).sort(byPlace(parties));
  const byPair = indexPairs(edges);
  const directEdges = (from: string, to: string): readonly FlowEdge[] => byPair.get(from)?.get(to) ?? [];
  return {
    nodes: parties.nodes,
    edges,
    notes: flowNotes(parties),
    directEdges,
    allowsDirect: (from, to) => directEdges(from, to).filter(edge => edge.kind !== 'timing'),
    closure: () => closureOf(parties, byPair),
    stealsCycles: (from, to) =>
      directEdges(from, to).some(edge => edge.mechanism === 'ipi-cycle-theft' || edge.mechanism === 'irq-cycle-theft'),
    samePartition: (a, b) => {
      const seat = parties.seats.get(a);
      return seat !== undefined && seat.partition === parties.seats.get(b)?.partition;
    },
  };
}

/** Document order of source, then destination; order of discovery within a pair. */
function byPlace(parties: FlowParties): (a: FlowEdge, b: FlowEdge) => number {
  const rank = new Map(parties.nodes.map((node, index) => [node.id, index]));
  return (a, b) => rank.get(a.from)! - rank.get(b.from)! || rank.get(a.to)! - rank.get(b.to)!;
}

function indexPairs(edges: readonly FlowEdge[]): Map<string, Map<string, FlowEdge[]>> {
  const result = new Map<string, Map<string, FlowEdge[]>>();
  for (const edge of edges) {
    const row = result.get(edge.from) ?? new Map<string, FlowEdge[]>();
    result.set(edge.from, row);
    const cell = row.get(edge.to);
    if (cell) cell.push(edge);
    else row.set(edge.to, [edge]);
  }
  return result;
}

function closureOf(parties: FlowParties, byPair: ReadonlyMap<string, ReadonlyMap<string, readonly FlowEdge[]>>) {
  const next = new Map<string, readonly string[]>();
  for (const [from, row] of byPair) {
    next.set(
      from,
      [...row].filter(([, edges]) => edges.some(edge => edge.kind !== 'timing')).map(([to]) => to),
    );
  }
  const result = new Map<string, ReadonlySet<string>>();
  for (const { id } of parties.nodes) {
    const reached = new Set<string>();
    const queue = [id];
    for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
      if (node === parties.kernel && node !== id) continue;
      for (const to of next.get(node) ?? []) {
        if (to === id || reached.has(to)) continue;
        reached.add(to);
        queue.push(to);
      }
    }
    result.set(id, reached);
  }
  return result;
}

const SYSTEM_ACTIONS: ReadonlySet<string> = new Set(['system_panic', 'system_reboot', 'system_poweroff']);

function flowNotes(parties: FlowParties): FlowNote[] {
  const subjects = [...parties.subjects.values()];
  const acting = subjects.map(subject => ({
    name: subject.name,
    events: subject.sourceGroups
      .flatMap(group => group.events)
      .filter(event => event.action && SYSTEM_ACTIONS.has(event.action.kind)),
  }));
  const stopping = acting.filter(entry => entry.events.length > 0);
  const choosing = subjects.flatMap(subject =>
    subject.memory
      .filter(
        mapping =>
          mapping.writable &&
          parties.document.memory.some(r => r.name === mapping.physical && r.type === 'kernel_interface'),
      )
      .map(mapping => ({ name: subject.name, line: policyLine(mapping) })),
  );
  const notes: FlowNote[] = [
    {
      mechanism: 'system-action',
      subjects: stopping.map(entry => entry.name),
      lines: stopping.flatMap(entry => entry.events.map(event => policyLine(event))),
      detail: 'may stop or restart the whole system (panic, reboot or power-off), which every subject notices',
    },
    {
      mechanism: 'major-frame-choice',
      subjects: choosing.map(entry => entry.name),
      lines: choosing.map(entry => entry.line),
      detail: 'chooses the next major frame, and with it the time of every subject',
    },
    {
      mechanism: 'late-exit',
      subjects: subjects.map(subject => subject.name),
      lines: parties.document.scheduling.majorFrames.map(major => policyLine(major)),
      detail:
        'may delay the next subject of their CPU by at most one kernel path, with a VM exit at the end of a minor frame',
    },
    ...debugConsole(parties),
  ];
  return notes.filter(note => note.subjects.length > 0);
}

function debugConsole(parties: FlowParties): FlowNote[] {
  const console = parties.document.platform.kernelDiagnostics?.device?.physical;
  const assigned = [...parties.subjects.values()].flatMap(subject =>
    subject.devices
      .filter(device => device.physical === console)
      .map(device => ({ name: subject.name, line: policyLine(device) })),
  );
  return [
    {
      mechanism: 'kernel-debug-console',
      subjects: assigned.map(entry => entry.name),
      lines: assigned.map(entry => entry.line),
      detail: 'is assigned the device to which debug builds of the kernel write',
    },
  ];
}
