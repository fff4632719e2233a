import { idleNode } from '../core/ipc.ts';
import { createReceiver } from '../core/signals.ts';
import type { StartNode } from '../init/config.ts';
import { readInitConfig } from '../init/read-config.ts';
import { LOG_HANDLE } from './component-env.ts';
import type { Library } from './library.ts';
import { awaitCalls } from './rpc-flow.ts';
import { OWN_CHILD, openSession } from './session-flow.ts';
import type { Component, ComponentBody } from './state.ts';
import type { Workspace } from './workspace.ts';

/** Capabilities of a child whose configuration is older than cap quotas. */
const CAPS_BEFORE_QUOTAS = 1000;

/** Adds a component with its threads and signal receiver; it has no accounts yet. */
export function addComponent(
  ws: Workspace,
  given: Pick<Component, 'name' | 'path' | 'init' | 'child' | 'node' | 'config' | 'body'> &
    Partial<Pick<Component, 'faces' | 'hasSessionThreads' | 'vectors'>>,
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
        started: 0,
      },
    ],
  });
  awaitCalls(ws, mainThread + 1);
  return id;
}

/** Writes a line to an init's LOG. */
export function report(ws: Workspace, init: number, text: string): void {
  const { calls } = ws.component(init);
  ws.changeComponent(init, {
    calls: [...calls, { handle: LOG_HANDLE, opcode: 0, values: [`${text.slice(0, 230)}\n`] }],
  });
}

interface Made {
  readonly body: ComponentBody;
  readonly faces: Component['faces'];
  readonly hasSessionThreads: boolean;
  readonly vectors: readonly string[];
}

/** What runs under the name of a binary; a text says why nothing can. */
function bodyOf(ws: Workspace, init: number, library: Library, node: StartNode, id: number): Made | string {
  const none = { faces: [], hasSessionThreads: false, vectors: [] };
  if (node.configRom !== undefined) return 'a configuration in a ROM of its own (configfile) is not supported';
  if (node.binary === 'init') {
    if (node.config === undefined) return 'an init without <config>';
    const outer = ws.component(init).body;
    const era = outer.kind === 'init' ? outer.config.era : undefined;
    const reading = readInitConfig(node.config, era);
    const wrong = reading.findings.find(({ severity }) => severity === 'error');
    return wrong === undefined ? { ...none, body: { kind: 'init', config: reading.config } } : wrong.message;
  }
  const made = library.make(id, node.binary, node.config);
  if (!made.ok) return made.error;
  if (made.value.kind === 'services') {
    const { services } = made.value;
    const body: ComponentBody = { kind: 'services', binary: node.binary, services: services.map(library.hosted) };
    return { ...none, body, faces: services.map(service => service.faces) };
  }
  const { program } = made.value;
  const body: ComponentBody = { kind: 'program', binary: node.binary, state: program.initial, served: new Map() };
  return { body, faces: [[]], hasSessionThreads: program.hasSessionThreads, vectors: program.vectors };
}

/** Starts one child of an init; what keeps it from starting is reported in the init's LOG. */
export function startChild(ws: Workspace, init: number, node: StartNode, library: Library): void {
  const id = ws.state.components.length;
  const outer = ws.component(init);
  const made = bodyOf(ws, init, library, node, id);
  if (typeof made === 'string') {
    report(ws, init, `child "${node.name}" is not started: ${made}`);
    return;
  }
  const caps = node.caps === 0 ? CAPS_BEFORE_QUOTAS : node.caps;
  const quota = { ramBytes: node.ramBytes, caps };
  const child = ws.fund(init, quota);
  if (child < 0) {
    report(ws, init, `child "${node.name}" is not started: no quota left for ${node.ramBytes} bytes and ${caps} caps`);
    return;
  }
  addComponent(ws, {
    name: node.name,
    path: [...outer.path, node.name],
    init,
    child,
    node,
    config: node.config,
    ...made,
  });
  if (made.body.kind === 'init') {
    const own = ws.parent(init).children[child]!;
    ws.change({
      books: new Map(ws.state.books).set(id, {
        own,
        children: Array.from({ length: OWN_CHILD + 1 }, () => own),
        sessions: [],
      }),
    });
  }
  if (made.body.kind === 'services') ws.post(id, { kind: 'start' });
  else openSession(ws, id, 'LOG', '', {});
}
