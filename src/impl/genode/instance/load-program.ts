import { parseXmlText } from '../../../policy/xml.ts';
import type { RouteRule, StartNode } from '../init/config.ts';
import type { ComponentEvent } from './component.ts';
import { endComponent } from './end-component.ts';
import { report } from './init-log.ts';
import type { Library } from './library.ts';
import { romText } from './rom-text.ts';
import { closeHandle, openSession } from './session-flow.ts';
import type { Component, ComponentBody, LoadingBody, ProgramSource } from './state.ts';
import type { Workspace } from './workspace.ts';

/** Label of the module that is a component's configuration. */
const CONFIG = 'config';

interface Loaded {
  readonly body: ComponentBody;
  readonly faces: Component['faces'];
  readonly hasSessionThreads: boolean;
  readonly vectors: readonly string[];
}

/** True for a rule that is about the configuration and nothing else. */
const isForConfig = ({ service, pattern }: RouteRule): boolean =>
  service === 'ROM' && [pattern.label, pattern.labelLast, pattern.labelSuffix].includes(CONFIG);

/**
 * ROM modules that a component reads before its program starts: its configuration, unless that stands in its start node or
 * no route leads to one, and what its program works on.
 */
export function wantedModules(node: StartNode, library: Library): readonly string[] {
  const hasOwnRoute = node.config === undefined && node.route?.some(isForConfig) === true;
  const config = node.configRom ?? (hasOwnRoute ? CONFIG : undefined);
  const worksOn = library.romsOf(node.binary, node.config);
  return config === undefined ? worksOn : [config, ...worksOn];
}

/** What runs under the name of a binary, or first waits for its modules; a text says why nothing can. */
export function loadedBody(library: Library, source: ProgramSource, wanted: readonly string[]): Loaded | string {
  const none = { faces: [], hasSessionThreads: false, vectors: [] };
  if (wanted.length > 0) return { ...none, body: { kind: 'loading', wanted, handle: -1 } };
  const made = library.make(source);
  if (!made.ok) return made.error;
  if (made.value.kind === 'services') {
    const { services } = made.value;
    const body: ComponentBody = { kind: 'services', services: services.map(library.hosted) };
    return { ...none, body, faces: services.map(service => service.faces) };
  }
  const { program } = made.value;
  const body: ComponentBody = { kind: 'program', state: program.initial, served: new Map() };
  return { body, faces: [[]], hasSessionThreads: program.hasSessionThreads, vectors: program.vectors };
}

/** A component cannot go on without a module: its init says so, and gets everything back. */
function refuse(ws: Workspace, id: number, reason: string): void {
  const { init, name } = ws.component(id);
  report(ws, init, `child "${name}" is not started: ${reason}`);
  endComponent(ws, id);
}

/** Asks for the next module, or makes the program if all are there. */
function goOn(ws: Workspace, id: number, library: Library, wanted: readonly string[]): void {
  const [label] = wanted;
  if (label !== undefined) {
    const handle = openSession(ws, id, 'ROM', label, {});
    ws.changeComponent(id, { body: { kind: 'loading', wanted, handle } });
    return;
  }
  const loaded = loadedBody(library, ws.component(id).source, []);
  if (typeof loaded === 'string') {
    refuse(ws, id, loaded);
    return;
  }
  ws.changeComponent(id, { ...loaded });
  ws.change({ mayRetry: true });
  ws.post(id, { kind: 'start' });
}

/** Keeps the content of a module: a configuration as an element, anything else as it is. */
function keep(ws: Workspace, id: number, label: string, text: string): string {
  const { source, node } = ws.component(id);
  if (label !== (node?.configRom ?? CONFIG)) {
    ws.changeComponent(id, { source: { ...source, roms: new Map(source.roms).set(label, text) } });
    return '';
  }
  const document = parseXmlText(text);
  if (!document.ok) {
    const { line, column, message } = document.error;
    return `configuration "${label}", line ${line}, column ${column}: ${message}`;
  }
  ws.changeComponent(id, { source: { ...source, config: document.value.root } });
  return '';
}

/** One event of a component that is being loaded. */
export function loadProgram(
  ws: Workspace,
  id: number,
  body: LoadingBody,
  event: ComponentEvent,
  library: Library,
): void {
  const { wanted, handle } = body;
  const label = wanted[0]!;
  if (handle < 0) {
    if (event.kind === 'opened' || event.kind === 'denied') goOn(ws, id, library, wanted);
    return;
  }
  if (!('handle' in event) || event.handle !== handle) return;
  if (event.kind === 'denied') refuse(ws, id, `ROM "${label}" denied: ${event.reason}`);
  else if (event.kind === 'opened') ws.callOf(id, handle, 'dataspace');
  else if (event.kind === 'reply') {
    const text = romText(ws, id, Number(event.values?.[0] ?? 0));
    closeHandle(ws, id, handle);
    const wrong = keep(ws, id, label, text);
    if (wrong !== '') refuse(ws, id, wrong);
    else goOn(ws, id, library, [...wanted.slice(1), ...moreModules(ws, id, label, library)]);
  }
}

/** What a program works on may stand in the configuration that has just been read. */
function moreModules(ws: Workspace, id: number, label: string, library: Library): readonly string[] {
  const { source, node } = ws.component(id);
  const isConfig = label === (node?.configRom ?? CONFIG);
  return isConfig ? library.romsOf(source.binary, source.config).filter(name => !source.roms.has(name)) : [];
}
