import { idleNode } from '../core/ipc.ts';
import type { Quota } from '../core/parent.ts';
import { createReceiver } from '../core/signals.ts';
import type { StartNode } from '../init/config.ts';
import { elementText } from '../init/element-text.ts';
import { changeTextModule, type TextRoms } from '../services/text-rom.ts';
import { hostEnvOf, wakeClient } from './component-env.ts';
import { report } from './init-log.ts';
import type { Library } from './library.ts';
import { loadedBody, wantedModules } from './load-program.ts';
import { awaitCalls } from './rpc-flow.ts';
import { openSession } from './session-flow.ts';
import { OWN_CHILD } from './session-route.ts';
import type { Component, InitBody, PriorityRange, ProgramSource } from './state.ts';
import type { Workspace } from './workspace.ts';

/** Capabilities of a child whose configuration is older than cap quotas. */
const CAPS_BEFORE_QUOTAS = 1000;

/** Binary of an init, which has a body of its own kind. */
const INIT_BINARY = 'init';

export const sourceOf = (binary: string, node?: StartNode): ProgramSource => ({
  binary,
  config: node?.config,
  roms: new Map(),
});

/** Adds a component with its threads and signal receiver; it has no accounts yet. */
export function addComponent(
  ws: Workspace,
  given: Pick<Component, 'name' | 'path' | 'init' | 'child' | 'node' | 'source' | 'body' | 'assigned'> &
    Partial<Pick<Component, 'faces' | 'hasSessionThreads' | 'vectors' | 'priority'>>,
): number {
  const id = ws.state.components.length;
  const mainThread = ws.state.nodes.length;
  ws.change({
    nodes: [...ws.state.nodes, idleNode, idleNode],
    signals: createReceiver(ws.state.signals).signals,
    components: [
      ...ws.state.components,
      {
        faces: [],
        hasSessionThreads: false,
        vectors: [],
        priority: ALL_PRIORITIES,
        ...given,
        isAlive: true,
        events: [],
        calls: [],
        isCalling: false,
        wakesUs: [],
        mainThread,
        entrypoint: mainThread + 1,
        handles: [],
        streams: new Map(),
        isFaulted: false,
        exitCode: undefined,
        skippedBeats: 0,
        isBeatPending: false,
      },
    ],
  });
  awaitCalls(ws, mainThread + 1);
  return id;
}

/** An init that has read nothing yet. */
export function newInit(library: Library): { readonly body: InitBody; readonly faces: Component['faces'] } {
  return {
    faces: library.initServices.map(({ faces }) => faces),
    body: {
      kind: 'init',
      config: undefined,
      rom: { handle: -1, dataspace: 0 },
      services: library.initServices.map(library.hosted),
      waiting: [],
      stuck: [],
      exited: new Map(),
      heartbeatUs: undefined,
      report: { handle: -1, dataspace: 0, dueUs: undefined },
    },
  };
}

/** Gives an init the books of its children; those that it does not route to a child stay with itself. */
export function addBooks(ws: Workspace, id: number): void {
  const { init, child } = ws.component(id);
  const own = ws.parent(init).children[child]!;
  const children = Array.from({ length: OWN_CHILD + 1 }, () => own);
  ws.change({ books: new Map(ws.state.books).set(id, { own, children, sessions: [] }) });
}

/** Offers a child's `<config>` as its ROM module. */
export function offerConfig(ws: Workspace, init: number, { name, config }: StartNode): void {
  const { body } = ws.component(init);
  if (body.kind !== 'init') return;
  const [hosted] = body.services;
  const env = hostEnvOf(ws, init, session => wakeClient(ws, session));
  const text = config === undefined ? '' : elementText(config);
  const state = changeTextModule(hosted!.state as TextRoms, name, text, env as never);
  const after = ws.component(init).body as InitBody;
  ws.changeComponent(init, { body: { ...after, services: [{ ...hosted!, state: state as never }] } });
}

/** All priorities of a CPU session (Genode `Cpu_session::PRIORITY_LIMIT`). */
const ALL_PRIORITIES: PriorityRange = { first: 0, count: 0x1_0000 };

/** Part of an init's priorities that its configuration gives to a child: levels split it, 0 is the highest. */
function priorityOf(ws: Workspace, init: number, { priority }: StartNode): PriorityRange {
  const { body, priority: own } = ws.component(init);
  const levels = body.kind === 'init' ? (body.config?.priorityLevels ?? 0) : 0;
  if (levels === 0) return own;
  const count = Math.max(1, Math.floor(own.count / levels));
  return { first: own.first + count * Math.min(-priority, levels - 1), count };
}

/** Assigned quota of a start node. */
export const assignedTo = ({ ramBytes, caps }: StartNode): Quota => ({
  ramBytes,
  caps: caps === 0 ? CAPS_BEFORE_QUOTAS : caps,
});

/** Starts one child of an init; what keeps it from starting is reported in the init's LOG. */
export function startChild(ws: Workspace, init: number, node: StartNode, library: Library): void {
  const refuse = (reason: string): void => report(ws, init, `child "${node.name}" is not started: ${reason}`);
  const source = sourceOf(node.binary, node);
  const wanted = node.binary === INIT_BINARY ? [] : wantedModules(node, library);
  const loaded = node.binary === INIT_BINARY ? newInit(library) : loadedBody(library, source, wanted);
  if (typeof loaded === 'string') {
    refuse(loaded);
    return;
  }
  const assigned = assignedTo(node);
  const child = ws.fund(init, assigned);
  if (child < 0) {
    refuse(`no quota left for ${assigned.ramBytes} bytes and ${assigned.caps} caps`);
    return;
  }
  offerConfig(ws, init, node);
  const path = [...ws.component(init).path, node.name];
  const id = addComponent(ws, {
    name: node.name,
    path,
    init,
    child,
    node,
    source,
    assigned,
    priority: priorityOf(ws, init, node),
    ...loaded,
  });
  const { body } = loaded;
  ws.change({ mayRetry: true });
  if (body.kind === 'init') addBooks(ws, id);
  if (body.kind === 'services') ws.post(id, { kind: 'start' });
  else openSession(ws, id, 'LOG', '', {});
}
