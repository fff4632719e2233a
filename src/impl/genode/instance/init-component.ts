import type { ComponentEvent } from './component.ts';
import { endComponent } from './end-component.ts';
import { changeInit, initBody } from './init-body.ts';
import { LOG_HANDLE, report } from './init-log.ts';
import type { Library } from './library.ts';
import { reconfigure } from './reconfigure.ts';
import { romText } from './rom-text.ts';
import { openSession } from './session-flow.ts';
import { startChild } from './start-child.ts';
import { stateText } from './state-report.ts';
import type { Workspace } from './workspace.ts';

/** True if an init has a child to start. */
export const hasWaitingChild = (ws: Workspace, id: number): boolean => {
  const { body } = ws.component(id);
  return body.kind === 'init' && body.waiting.length > 0;
};

/** Starts the next of the children that wait. */
export function startNextChild(ws: Workspace, init: number, library: Library): void {
  const [node, ...waiting] = initBody(ws, init).waiting;
  changeInit(ws, init, { waiting });
  if (node !== undefined) startChild(ws, init, node, library);
  noteChange(ws, init);
}

/** What an init reports is not true any longer: it reports again after a while. */
export function noteChange(ws: Workspace, init: number): void {
  const { body } = ws.component(init);
  const detail = body.kind === 'init' ? body.config?.report : undefined;
  if (body.kind !== 'init' || detail === undefined || body.report.dueUs !== undefined) return;
  wakeAt(ws, init, ws.nowUs() + 1000 * detail.delayMs, dueUs => {
    changeInit(ws, init, { report: { ...initBody(ws, init).report, dueUs } });
  });
}

function wakeAt(ws: Workspace, id: number, us: number, then: (us: number) => void): void {
  const { wakesUs } = ws.component(id);
  ws.changeComponent(id, { wakesUs: [...new Set([...wakesUs, us])].sort((a, b) => a - b) });
  then(us);
}

/** Goes over to the configuration that a ROM module holds; one that cannot be read changes nothing. */
function apply(ws: Workspace, init: number, dataspace: number, library: Library): void {
  const text = romText(ws, init, dataspace);
  const { init: outer } = ws.component(init);
  const above = ws.component(outer).body;
  const read = library.config(text, above.kind === 'init' ? above.config?.era : undefined);
  if (!read.ok) {
    report(ws, init, `configuration is not taken: ${read.error}`);
    return;
  }
  const before = initBody(ws, init);
  reconfigure(ws, init, read.value);
  const { heartbeatMs, report: detail } = read.value;
  const heartbeatUs = heartbeatMs === undefined ? undefined : 1000 * heartbeatMs;
  if (heartbeatMs !== before.config?.heartbeatMs) changeInit(ws, init, { heartbeatUs: undefined });
  if (heartbeatUs !== undefined && initBody(ws, init).heartbeatUs === undefined)
    wakeAt(ws, init, ws.nowUs() + heartbeatUs, due => changeInit(ws, init, { heartbeatUs: due }));
  if (detail !== undefined && before.report.handle < 0) {
    const args = { buffer_size: `${detail.bufferBytes}` };
    const handle = openSession(ws, init, 'Report', 'state', args);
    changeInit(ws, init, { report: { handle, dataspace: 0, dueUs: undefined } });
  }
  noteChange(ws, init);
}

/** Asks the children for signs of life, and starts those anew that gave too few. */
function beat(ws: Workspace, init: number): void {
  const body = initBody(ws, init);
  const rateMs = body.config?.heartbeatMs;
  if (rateMs === undefined || body.heartbeatUs === undefined || body.heartbeatUs > ws.nowUs()) return;
  for (const [id, child] of ws.state.components.entries()) {
    const { heartbeat } = child.node ?? {};
    if (!child.isAlive || child.init !== init || heartbeat === undefined) continue;
    const skippedBeats = child.isBeatPending ? child.skippedBeats + 1 : 0;
    if (skippedBeats > 0) noteChange(ws, init);
    const isLost = heartbeat.restartAfter > 0 && ws.ops.instance.startsAnew(skippedBeats, heartbeat.restartAfter);
    if (isLost) restartChild(ws, init, id);
    else {
      ws.changeComponent(id, { skippedBeats, isBeatPending: true });
      ws.post(id, { kind: 'heartbeat' });
    }
  }
  wakeAt(ws, init, ws.nowUs() + 1000 * rateMs, heartbeatUs => changeInit(ws, init, { heartbeatUs }));
}

function restartChild(ws: Workspace, init: number, id: number): void {
  const { name, node } = ws.component(id);
  report(ws, init, `child "${name}" gave no sign of life, it starts anew`);
  endComponent(ws, id);
  changeInit(ws, init, { waiting: [...initBody(ws, init).waiting, node!] });
}

/** Writes the state into the buffer of the Report session, cut at its end, and submits it. */
function reportState(ws: Workspace, init: number): void {
  const body = initBody(ws, init);
  const { dueUs, handle, dataspace } = body.report;
  const detail = body.config?.report;
  if (detail === undefined || dueUs === undefined || dueUs > ws.nowUs() || dataspace === 0) return;
  changeInit(ws, init, { report: { ...body.report, dueUs: undefined } });
  const text = stateText(ws, init, body, detail);
  const room = ws.sizeOf(init, dataspace);
  if (text.length > room) {
    report(ws, init, `state of ${text.length} bytes does not fit into the buffer of the report`);
    return;
  }
  ws.write(
    init,
    dataspace,
    0,
    Uint8Array.from(text, character => character.charCodeAt(0) & 0xff),
  );
  ws.callOf(init, handle, 'submit', BigInt(text.length));
}

/** A reply to a call of an init's own: its configuration, or the buffer of its report. */
function takeReply(
  ws: Workspace,
  init: number,
  event: ComponentEvent & { readonly kind: 'reply' },
  library: Library,
): void {
  const { rom, report: state } = initBody(ws, init);
  const value = Number(event.values?.[0] ?? 0);
  if (event.name === 'dataspace' && event.handle === rom.handle) {
    changeInit(ws, init, { rom: { ...rom, dataspace: value } });
    apply(ws, init, value, library);
  } else if (event.name === 'update' && event.handle === rom.handle) {
    if (value === 1) apply(ws, init, rom.dataspace, library);
    else ws.callOf(init, rom.handle, 'dataspace');
  } else if (event.name === 'dataspace' && event.handle === state.handle) {
    changeInit(ws, init, { report: { ...state, dataspace: value } });
    reportState(ws, init);
  }
}

/** One event of an init, besides those of the ROM sessions that it serves. */
export function runInit(ws: Workspace, init: number, event: ComponentEvent, library: Library): void {
  const { rom, report: state } = initBody(ws, init);
  switch (event.kind) {
    case 'opened':
      if (event.handle === rom.handle) {
        ws.callOf(init, rom.handle, 'sigh', 1);
        ws.callOf(init, rom.handle, 'dataspace');
        return;
      }
      if (event.handle === state.handle) ws.callOf(init, state.handle, 'dataspace');
      break;
    case 'denied':
      if (event.handle === rom.handle) report(ws, init, `ROM "config" denied: ${event.reason}`);
      else if (event.handle === state.handle) report(ws, init, `Report "state" denied: ${event.reason}`);
      break;
    case 'signal':
      if (event.handle === rom.handle) ws.callOf(init, rom.handle, 'update');
      return;
    case 'reply':
      takeReply(ws, init, event, library);
      return;
    case 'wake':
      beat(ws, init);
      reportState(ws, init);
      return;
    default:
      return;
  }
  if (event.handle === LOG_HANDLE)
    changeInit(ws, init, { rom: { ...rom, handle: openSession(ws, init, 'ROM', 'config', {}) } });
}
