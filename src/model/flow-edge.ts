import { type PolicyLine, sortedLines } from './flow-line.ts';
/** What can pass along an edge: content, a notification, or only time. */
export type FlowKind = 'data' | 'event' | 'timing';

interface MechanismRow {
  readonly kind: FlowKind;
  /** True where Muen grants the flow without a policy line that asks for it (reference: known by-design flows). */
  readonly permittedByDesign: boolean;
  readonly meaning: string;
}

/** Every way in which one node of a Muen system can influence another; the source of kinds and of documentation. */
export const FLOW_MECHANISMS = {
  'shared-memory': row('data', false, 'the source can write and the destination can read one memory region'),
  'overlapping-memory': row('data', false, 'two differently named regions share physical bytes'),
  channel: row('data', false, 'a region of type subject_channel'),
  monitor: row('data', false, 'a mapping of the state, timed-event or interrupts page of another subject'),
  'kernel-memory': row('data', false, 'a mapping of memory that the kernel or the hardware keeps for itself'),
  'kernel-interface': row('data', false, 'the page in which tau0 names the next major frame'),
  'device-memory': row('data', false, 'both map memory of a device'),
  'shared-device': row('data', false, 'one device is assigned to both'),
  'multifunction-device': row('data', false, 'functions of one PCI device are assigned to both'),
  'io-port': row('data', false, 'both may access the same I/O ports'),
  'platform-msr': row('data', false, 'one writes and the other reads an MSR of the whole platform'),
  'device-assignment': row('data', false, 'a device is assigned to a subject'),
  'device-domain': row('data', false, 'a device reads or writes memory by DMA'),
  sibling: row('data', false, 'two subjects share one address space'),
  'crash-audit': row('data', true, 'the crash audit page, written by the kernel and readable after a restart'),
  async: row('event', false, 'an asynchronous event'),
  ipi: row('event', false, 'an event with an inter-processor interrupt'),
  switch: row('event', false, 'a handover of the CPU'),
  'device-interrupt': row('event', false, 'an interrupt of an assigned device'),
  'scheduling-info': row('timing', true, 'the read-only page with start and end of the minor frame'),
  'scheduling-group': row('timing', true, 'subjects of a scheduling group share its time by handover'),
  'scheduling-partition': row('timing', true, 'groups of a scheduling partition share its time by sleep and yield'),
  'ipi-cycle-theft': row(
    'timing',
    true,
    'an inter-processor interrupt takes cycles from whatever runs on the target CPU',
  ),
  'irq-cycle-theft': row(
    'timing',
    true,
    'a device interrupt takes cycles from whatever runs on the CPU of its subject',
  ),
  barrier: row('timing', true, 'CPUs wait for each other at the end of a minor or major frame'),
  'io-apic-lock': row('timing', true, 'masking of level-triggered interrupts takes one spin lock of all CPUs'),
} as const satisfies Record<string, MechanismRow>;
export type FlowMechanism = keyof typeof FLOW_MECHANISMS;

/** One permitted influence of `from` on `to`. */
export interface FlowEdge {
  /** Node ids. */
  readonly from: string;
  readonly to: string;
  readonly mechanism: FlowMechanism;
  readonly kind: FlowKind;
  /** Region, event, device or partition that carries the flow. */
  readonly via: string;
  /** Logical names on either side, sorted; empty where the side has none. */
  readonly fromLogical: readonly string[];
  readonly toLogical: readonly string[];
  /** Policy lines that grant the flow, ascending. */
  readonly lines: readonly PolicyLine[];
  readonly permittedByDesign: boolean;
  readonly detail: string;
}

/** An edge as its finder states it; kind and permittedByDesign come from the mechanism. */
export interface FlowStatement {
  readonly from: string;
  readonly to: string;
  readonly mechanism: FlowMechanism;
  readonly via: string;
  readonly fromLogical?: readonly string[];
  readonly toLogical?: readonly string[];
  readonly lines: readonly PolicyLine[];
  readonly detail: string;
}

/** Identity of an edge apart from the lines and logical names that grant it. */
export function flowKey(edge: Pick<FlowEdge, 'from' | 'to' | 'mechanism' | 'via'>): string {
  return JSON.stringify([edge.from, edge.to, edge.mechanism, edge.via]);
}

/** Merges statements about the same flow and drops flows of a node to itself; order of first statement. */
export function mergeStatements(statements: readonly FlowStatement[]): FlowEdge[] {
  const groups = new Map<string, FlowStatement[]>();
  for (const statement of statements) {
    if (statement.from === statement.to) continue;
    const key = flowKey(statement);
    const group = groups.get(key);
    if (group) group.push(statement);
    else groups.set(key, [statement]);
  }
  return [...groups.values()].map(mergeGroup);
}

function mergeGroup(group: readonly FlowStatement[]): FlowEdge {
  const first = group[0]!;
  const mechanism = FLOW_MECHANISMS[first.mechanism];
  return {
    from: first.from,
    to: first.to,
    mechanism: first.mechanism,
    kind: mechanism.kind,
    via: first.via,
    fromLogical: distinct(group.flatMap(statement => statement.fromLogical ?? [])).sort(),
    toLogical: distinct(group.flatMap(statement => statement.toLogical ?? [])).sort(),
    lines: sortedLines(group.flatMap(statement => statement.lines)),
    permittedByDesign: mechanism.permittedByDesign,
    detail: distinct(group.map(statement => statement.detail)).join('; '),
  };
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

function row<Kind extends FlowKind, Design extends boolean>(kind: Kind, permittedByDesign: Design, meaning: string) {
  return { kind, permittedByDesign, meaning };
}
