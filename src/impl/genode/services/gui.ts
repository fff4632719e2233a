import type { XmlElement } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import type { RpcValue } from '../proxy/values.ts';
import { FRAMEBUFFER_SYNC_SIGH, rectOf } from './framebuffer.ts';
import { NO_FOCUS } from './gui-input.ts';
import { type GuiMode, type GuiObject, type GuiSession, type GuiState, GuiTurn, INFO_MODULE } from './gui-turn.ts';
import { NO_VIEWS } from './gui-views.ts';
import { callInput, dueEvents, type InputScript, NO_INPUT, readScript } from './input.ts';
import { interfaceNamed } from './interfaces.ts';
import { blit, PIXEL_BYTES } from './pixels.ts';
import { type Called, fails, returns, type Service, type ServiceEnv, type SessionNumber } from './service.ts';
import { numbersOf } from './service-config.ts';
import type { ServiceOps } from './service-ops.ts';
import { callTextRom, NO_TEXT_ROMS } from './text-rom.ts';

const MAX_SIDE = 2048;

const NEW_SESSION: Omit<GuiSession, 'quotaBytes'> = {
  usedBytes: 0,
  buffer: undefined,
  panX: 0,
  panY: 0,
  ids: new Map(),
  commands: undefined,
  framebuffer: undefined,
  input: undefined,
  forward: undefined,
  syncUs: undefined,
};

function readMode(config: XmlElement | undefined): Result<GuiMode, string> {
  const read = numbersOf(config, {
    width: { fallback: 64, min: 1, max: MAX_SIDE },
    height: { fallback: 32, min: 1, max: MAX_SIDE },
    sync_us: { fallback: 20_000, min: 1000, max: 1_000_000 },
  });
  if (!read.ok) return read;
  const { width, height, sync_us } = read.value;
  return ok({ width, height, syncUs: sync_us });
}

/** A call of the session itself. */
function callSession(turn: GuiTurn, id: SessionNumber, name: string, values: readonly RpcValue[]) {
  const [first, second, third] = values.map(Number);
  switch (name) {
    case 'framebuffer':
      return turn.framebuffer(id);
    case 'input':
      return turn.input(id);
    case 'info':
      return turn.info(id);
    case 'view':
      return turn.view(id, first!, undefined, values.slice(1));
    case 'child_view':
      return turn.childView(id, first!, second!, values.slice(2));
    case 'destroy_view':
      return turn.destroyView(id, first!);
    case 'associate':
      return turn.associate(id, first!, second!);
    case 'view_capability':
      return turn.viewCapability(id, first!);
    case 'release_view_id':
      return turn.release(id, first!);
    case 'command_dataspace':
      return turn.commandDataspace(id);
    case 'execute':
      return turn.execute(id);
    case 'buffer':
      // A side beyond the largest screen costs more than any quota, exactly or not.
      return first! > 2 ** 16 || second! > 2 ** 16 ? 'OUT_OF_RAM' : turn.buffer(id, first!, second!, third !== 0);
    default: {
      const forward = turn.state.sessions.has(first!) ? first! : undefined;
      turn.changeSession(id, { forward });
      return [];
    }
  }
}

/** A call of the pixels of a session. */
function callFramebuffer(
  turn: GuiTurn,
  ops: ServiceOps,
  mode: GuiMode,
  id: SessionNumber,
  name: string,
  values: readonly RpcValue[],
  env: ServiceEnv,
): readonly RpcValue[] | string {
  const { buffer, syncUs } = turn.session(id);
  switch (name) {
    case 'dataspace':
      return [buffer?.dataspace ?? 0];
    case 'mode':
      return [buffer?.width ?? 0, buffer?.height ?? 0, buffer?.hasAlpha === true ? 1 : 0];
    case 'refresh':
      return turn.refresh(id, rectOf(values));
    case 'blit':
      if (buffer !== undefined)
        blit(ops, buffer, buffer.dataspace, Uint8Array.from(values[0] as readonly number[]), env);
      return [];
    case 'panning':
      return turn.pan(id, Number(values[0]), Number(values[1]));
    case 'sync_sigh': {
      const next = Number(values[0]) === 0 ? undefined : (syncUs ?? env.nowUs() + mode.syncUs);
      if (next !== undefined) env.wakeAtUs(next);
      turn.changeSession(id, { syncUs: next });
      return [];
    }
    default:
      // The mode changes only by the client's own call, and pictures are shown at once.
      return [];
  }
}

function callObject(
  turn: GuiTurn,
  ops: ServiceOps,
  mode: GuiMode,
  object: SessionNumber,
  { kind, session }: GuiObject,
  name: string,
  values: readonly RpcValue[],
  env: ServiceEnv,
): Called<GuiState> {
  if (kind === 'input') {
    const called = callInput(turn.state.input, object, name, env);
    return { ...called, state: { ...turn.state, input: called.state } };
  }
  if (kind === 'info') {
    const called = callTextRom(ops, turn.state.infos, object, name, env);
    return { ...called, state: { ...turn.state, infos: called.state } };
  }
  const outcome = callFramebuffer(turn, ops, mode, session, name, values, env);
  return typeof outcome === 'string' ? fails(turn.state, outcome) : returns(turn.state, ...outcome);
}

/** Tells clients that a picture was shown. */
function sync(turn: GuiTurn, mode: GuiMode, env: ServiceEnv): void {
  const now = env.nowUs();
  for (const [id, { syncUs, framebuffer }] of turn.state.sessions) {
    if (syncUs === undefined || framebuffer === undefined) continue;
    if (syncUs > now) {
      env.wakeAtUs(syncUs);
      continue;
    }
    env.notify(framebuffer, FRAMEBUFFER_SYNC_SIGH);
    const next = syncUs + (Math.floor((now - syncUs) / mode.syncUs) + 1) * mode.syncUs;
    env.wakeAtUs(next);
    turn.changeSession(id, { syncUs: next });
  }
}

function play(turn: GuiTurn, script: InputScript, env: ServiceEnv): void {
  if (turn.state.sessions.size === 0) return;
  const { events, played, dueUs } = dueEvents(script, turn.state.input, env);
  turn.change({ input: { ...turn.state.input, played, dueUs } });
  for (const event of events) turn.event(event);
}

/**
 * nitpicker: views of several clients on one screen in RAM, each onto a buffer of its own, and the events that the
 * configuration lists for whose view the pointer is over or who was clicked last. It stands for the window system with its
 * drivers, whose screen and events nobody but it reaches.
 */
export function guiService(config: XmlElement | undefined, ops: ServiceOps): Result<Service<GuiState>, string> {
  const read = readMode(config);
  if (!read.ok) return read;
  const script = readScript(config);
  if (!script.ok) return script;
  const mode = read.value;
  const info = `<panorama width="${mode.width}" height="${mode.height}"/>`;
  const infos = { ...NO_TEXT_ROMS, modules: new Map([[INFO_MODULE, { text: info, version: 1 }]]) };
  const turnOf = (state: GuiState, env: ServiceEnv): GuiTurn => new GuiTurn(ops, mode, env, state);
  return ok({
    faces: [interfaceNamed('Gui')],
    initial: {
      screen: undefined,
      sessions: new Map(),
      objects: new Map(),
      stack: NO_VIEWS,
      input: NO_INPUT,
      focus: NO_FOCUS,
      infos,
    },
    start: (state, env) => ({ ...state, screen: env.allocate(mode.width * mode.height * PIXEL_BYTES) }),
    open(state, session, { ramBytes }, env) {
      if (state.screen === undefined) return err('INSUFFICIENT_RAM');
      const sessions = new Map(state.sessions).set(session, { ...NEW_SESSION, quotaBytes: ramBytes });
      if (state.sessions.size > 0) return ok({ ...state, sessions });
      const dueUs = env.nowUs() + script.value.periodUs;
      env.wakeAtUs(dueUs);
      return ok({ ...state, sessions, input: { ...state.input, dueUs } });
    },
    upgrade(state, session, { ramBytes }) {
      const { quotaBytes, ...rest } = state.sessions.get(session)!;
      const sessions = new Map(state.sessions).set(session, { ...rest, quotaBytes: quotaBytes + ramBytes });
      return { ...state, sessions };
    },
    close(state, session, env) {
      const turn = turnOf(state, env);
      turn.close(session);
      return turn.state;
    },
    call(state, session, name, values, env) {
      const turn = turnOf(state, env);
      const object = state.objects.get(session);
      if (object !== undefined) return callObject(turn, ops, mode, session, object, name, values, env);
      const outcome = callSession(turn, session, name, values);
      return typeof outcome === 'string' ? fails(turn.state, outcome) : returns(turn.state, ...outcome);
    },
    wake(state, env) {
      const turn = turnOf(state, env);
      play(turn, script.value, env);
      sync(turn, mode, env);
      return turn.state;
    },
  });
}
