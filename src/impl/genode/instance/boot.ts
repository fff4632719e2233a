import { defined } from '../../../units/invariant.ts';
import { createParent } from '../core/parent.ts';
import { pagesInside } from '../core/ram.ts';
import { LOG_REGION } from './core-services.ts';
import { numberAt } from './guest.ts';
import type { Library } from './library.ts';
import { openSession } from './session-flow.ts';
import { addBooks, addComponent, newInit, sourceOf } from './start-child.ts';
import type { ComponentBody, InstanceState } from './state.ts';
import { isInfoComplete, readInfoHeader, readInfoResource, SCHEDULING_INFO_ADDRESS } from './subject-info.ts';
import { CORE, type Workspace } from './workspace.ts';

/** Name of the memory region that all RAM comes from. */
export const RAM_REGION = 'ram';
/** Capabilities of the whole instance. */
const ALL_CAPS = 10_000;
/** What core keeps of RAM and capabilities for itself: buffers of its ROM sessions and such. */
const CORE_RESERVE = { ramBytes: 0x1_0000, caps: 500 };

const failed = (state: InstanceState, failure: string): InstanceState => ({ ...state, phase: 'failed', failure });

/** Reads the subject information, one resource at a time. */
export function readInfo(ws: Workspace): void {
  const { info, phase } = ws.state;
  if (phase === 'header' || info === undefined) {
    const header = readInfoHeader(ws.guest);
    ws.state =
      header === undefined
        ? failed(ws.state, 'no subject information of a known version')
        : { ...ws.state, phase: 'resources', info: header };
    return;
  }
  if (isInfoComplete(info)) ws.change({ phase: 'core' });
  else ws.change({ info: readInfoResource(ws.guest, info) });
}

/** Boot of core: RAM, accounts, its services and the first init. */
export function bootCore(ws: Workspace, library: Library): void {
  const info = defined(ws.state.info, 'subject information');
  const region = info.memory.find(({ name, isWritable }) => name === RAM_REGION && isWritable);
  if (region === undefined) {
    ws.state = failed(ws.state, `no writable memory region "${RAM_REGION}"`);
    return;
  }
  const pages = pagesInside(region);
  const startTsc = numberAt(ws.guest.read(SCHEDULING_INFO_ADDRESS, 8), 0, 8);
  const parent = createParent({ ramBytes: pages.sizeBytes, caps: ALL_CAPS });
  const own = { ...parent.own, isAlive: true };
  ws.change({
    startTsc,
    free: [pages],
    ram: parent.ram,
    caps: parent.caps,
    books: new Map([[CORE, { own: parent.own, children: [own], sessions: [] }]]),
  });
  const services = library.core(info);
  const body: ComponentBody = { kind: 'services', services: services.map(library.hosted) };
  addComponent(ws, {
    name: 'core',
    path: [],
    init: -1,
    child: 0,
    node: undefined,
    source: sourceOf('core'),
    assigned: { ramBytes: pages.sizeBytes, caps: ALL_CAPS },
    body,
    faces: services.map(service => service.faces),
  });
  const log = info.memory.find(({ name, isWritable }) => name === LOG_REGION && isWritable);
  if (log !== undefined) {
    ws.regionDataspace(log.address, log.sizeBytes, true);
    // A line count from before a reset of the subject would say that there are lines which there are not.
    ws.guest.write(log.address, new Uint8Array(8));
  }
  startFirstInit(ws, library, pages.sizeBytes);
}

function startFirstInit(ws: Workspace, library: Library, ramBytes: number): void {
  const quota = { ramBytes: ramBytes - CORE_RESERVE.ramBytes, caps: ALL_CAPS - CORE_RESERVE.caps };
  const funded = ws.fund(CORE, quota);
  if (funded < 0) {
    ws.state = failed(ws.state, `${ramBytes} bytes of RAM are not enough`);
    return;
  }
  const init = addComponent(ws, {
    name: 'init',
    path: ['init'],
    init: CORE,
    child: funded,
    node: undefined,
    source: sourceOf('init'),
    assigned: quota,
    ...newInit(library),
  });
  addBooks(ws, init);
  ws.change({ phase: 'run' });
  openSession(ws, init, 'LOG', '', {});
}
