import type { XmlElement } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import type { RpcValue } from '../proxy/values.ts';
import { interfaceNamed } from './interfaces.ts';
import { blit, intersect, PIXEL_BYTES, type Rect, readRect, writeRect } from './pixels.ts';
import { type DataspaceId, returns, type Service, type ServiceEnv, type SessionNumber } from './service.ts';
import { numbersOf } from './service-config.ts';
import type { ServiceOps } from './service-ops.ts';

/** Opcode by which a client is told that a picture was shown. */
export const FRAMEBUFFER_SYNC_SIGH = 6;
interface FramebufferSession {
  readonly session: SessionNumber;
  readonly dataspace: DataspaceId;
  /** Point of the buffer that is shown at the upper left of the screen. */
  readonly panX: number;
  readonly panY: number;
  /** Time of the next sync signal, undefined while nobody wants it. */
  readonly syncUs: number | undefined;
}

export interface FramebufferState {
  /** What is shown; the client cannot reach it. Undefined if there was not enough RAM. */
  readonly screen: DataspaceId | undefined;
  /** One client has the screen. */
  readonly client: FramebufferSession | undefined;
}

interface Mode {
  readonly width: number;
  readonly height: number;
  readonly syncUs: number;
}

/** Shows a part of the client's buffer: what the rectangle has inside of the screen and, panned, inside of the buffer. */
function refresh(ops: ServiceOps, mode: Mode, state: FramebufferState, rect: Rect, env: ServiceEnv): void {
  const { client, screen } = state;
  if (client === undefined || screen === undefined) return;
  const all: Rect = { x: 0, y: 0, width: mode.width, height: mode.height };
  const { panX, panY } = client;
  const source = ops.clipped(rect, all, intersect);
  const shown =
    source === undefined ? undefined : intersect({ ...source, x: source.x - panX, y: source.y - panY }, all);
  if (shown === undefined) return;
  const from = { ...shown, x: shown.x + panX, y: shown.y + panY };
  writeRect(env, screen, mode.width, shown, readRect(env, client.dataspace, mode.width, from));
}

function readMode(config: XmlElement | undefined): Result<Mode, string> {
  const read = numbersOf(config, {
    width: { fallback: 64, min: 1, max: 2048 },
    height: { fallback: 32, min: 1, max: 2048 },
    sync_us: { fallback: 20_000, min: 1000, max: 1_000_000 },
  });
  if (!read.ok) return read;
  const { width, height, sync_us } = read.value;
  return ok({ width, height, syncUs: sync_us });
}

export const rectOf = ([x, y, width, height]: readonly RpcValue[]): Rect => ({
  x: Number(x),
  y: Number(y),
  width: Number(width),
  height: Number(height),
});

/**
 * ram_fb: a screen in RAM for one client, which draws into a buffer that both share; `refresh` brings a part of it to the
 * screen. It stands for a driver such as boot_fb, whose screen is the memory of the graphics card.
 */
export function framebufferService(
  config: XmlElement | undefined,
  ops: ServiceOps,
): Result<Service<FramebufferState>, string> {
  const read = readMode(config);
  if (!read.ok) return read;
  const mode = read.value;
  const sizeBytes = mode.width * mode.height * PIXEL_BYTES;
  const all: Rect = { x: 0, y: 0, width: mode.width, height: mode.height };
  return ok({
    faces: [interfaceNamed('Framebuffer')],
    initial: { screen: undefined, client: undefined },
    start: (state, env) => ({ ...state, screen: env.allocate(sizeBytes) }),
    open(state, session, _request, env) {
      if (state.client !== undefined) return err('DENIED');
      const dataspace = state.screen === undefined ? undefined : env.allocate(sizeBytes);
      if (dataspace === undefined) return err('INSUFFICIENT_RAM');
      return ok({ ...state, client: { session, dataspace, panX: 0, panY: 0, syncUs: undefined } });
    },
    close(state, session, env) {
      if (state.client?.session !== session) return state;
      env.release(state.client.dataspace);
      // The next client must not find what this one showed.
      if (state.screen !== undefined && ops.blanksScreen()) env.write(state.screen, 0, new Uint8Array(sizeBytes));
      return { ...state, client: undefined };
    },
    call(state, _session, name, values, env) {
      const client = state.client!;
      switch (name) {
        case 'dataspace':
          return returns(state, client.dataspace);
        case 'mode':
          return returns(state, mode.width, mode.height, 0);
        case 'refresh':
          refresh(ops, mode, state, rectOf(values), env);
          return returns(state);
        case 'blit':
          blit(ops, mode, client.dataspace, Uint8Array.from(values[0] as readonly number[]), env);
          return returns(state);
        case 'panning': {
          const panned = { ...state, client: { ...client, panX: Number(values[0]), panY: Number(values[1]) } };
          refresh(ops, mode, panned, all, env);
          return returns(panned);
        }
        case 'sync_sigh': {
          const syncUs = Number(values[0]) === 0 ? undefined : (client.syncUs ?? env.nowUs() + mode.syncUs);
          if (syncUs !== undefined) env.wakeAtUs(syncUs);
          return returns({ ...state, client: { ...client, syncUs } });
        }
        default:
          // The mode never changes, and pictures are shown in the order of time whoever they are for.
          return returns(state);
      }
    },
    wake(state, env) {
      const { client } = state;
      const now = env.nowUs();
      if (client?.syncUs === undefined || client.syncUs > now) return state;
      env.notify(client.session, FRAMEBUFFER_SYNC_SIGH);
      const missed = Math.floor((now - client.syncUs) / mode.syncUs);
      const syncUs = client.syncUs + (missed + 1) * mode.syncUs;
      env.wakeAtUs(syncUs);
      return { ...state, client: { ...client, syncUs } };
    },
  });
}
