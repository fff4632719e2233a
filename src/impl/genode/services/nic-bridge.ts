import type { XmlElement } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import { isNo } from '../init/values.ts';
import {
  destinationOf,
  ETHERNET_HEADER_BYTES,
  isUnicast,
  MAX_FRAME_BYTES,
  type Mac,
  readMac,
  sameMac,
  sourceOf,
} from './ethernet.ts';
import { interfaceNamed } from './interfaces.ts';
import {
  returns,
  type Service,
  type ServiceEnv,
  type SessionError,
  type SessionNumber,
  type SessionRequest,
  withEntry,
} from './service.ts';
import { policyFor } from './service-config.ts';
import type { ServiceOps } from './service-ops.ts';

/** Opcode by which a client is told that its link is up or down. */
export const NIC_LINK_SIGH = 2;
const DEFAULT_MAC: Mac = [2, 2, 2, 2, 2, 0];
/** Addresses that differ from the base in the last byte. */
const LAST_BYTE = 255;

interface Port {
  /** Nic: a client of the network; uplink: a driver, and the world behind it. */
  readonly kind: 'nic' | 'uplink';
  readonly mac: Mac;
}

export interface NicBridgeState {
  readonly ports: ReadonlyMap<SessionNumber, Port>;
  /** Frames that were too short, too long, from a foreign address, or for whom there was no room. */
  readonly dropped: number;
}

interface BridgeConfig {
  readonly config: XmlElement | undefined;
  readonly base: Mac;
  readonly needsUplink: boolean;
}

const hasUplink = ({ ports }: NicBridgeState): boolean => [...ports.values()].some(({ kind }) => kind === 'uplink');

/** Address of a new client: the policy's, else the next one after the base that nobody has. */
function freeMac({ ports }: NicBridgeState, base: Mac, policy: XmlElement): Mac | undefined {
  const isFree = (mac: Mac): boolean => ![...ports.values()].some(port => sameMac(port.mac, mac));
  const text = policy.attributes.mac;
  if (text !== undefined) {
    const mac = readMac(text);
    return mac !== undefined && isUnicast(mac) && isFree(mac) ? mac : undefined;
  }
  for (let last = base[5]! + 1; last <= LAST_BYTE; last++) {
    const mac = [...base.slice(0, 5), last];
    if (isFree(mac)) return mac;
  }
  return undefined;
}

function openPort(
  { config, base }: BridgeConfig,
  state: NicBridgeState,
  { service, label, args }: SessionRequest,
): Result<Port, SessionError> {
  const policy = policyFor(config, label);
  if (policy === undefined) return err('DENIED');
  if (service === 'Nic') {
    const mac = freeMac(state, base, policy);
    return mac === undefined ? err('DENIED') : ok({ kind: 'nic', mac });
  }
  const mac = readMac((args.mac_address ?? '').replaceAll('"', ''));
  return mac === undefined || hasUplink(state) ? err('DENIED') : ok({ kind: 'uplink', mac });
}

/** Tells every client of the network that its link changed. */
function notifyLinks({ ports }: NicBridgeState, env: ServiceEnv): void {
  for (const [session, { kind }] of ports) if (kind === 'nic') env.notify(session, NIC_LINK_SIGH);
}

/** Sessions that a frame goes to. */
function receivers(ops: ServiceOps, { ports }: NicBridgeState, from: SessionNumber, frame: Uint8Array) {
  const destination = destinationOf(frame);
  const others = [...ports].filter(([session]) => ops.mayReceive(session, from));
  if (!isUnicast(destination)) return others.map(([session]) => session);
  const known = others.find(([, { kind, mac }]) => kind === 'nic' && sameMac(mac, destination));
  if (known !== undefined) return [known[0]];
  // An address that nobody here has is somewhere behind the uplink.
  return others.filter(([, { kind }]) => ops.takesUnknown(kind)).map(([session]) => session);
}

/** Gives a frame to a session; false if its stream is full, and the frame lost. */
function deliver(ops: ServiceOps, session: SessionNumber, frame: Uint8Array, env: ServiceEnv): boolean {
  if (ops.collectsFrames()) collect(session, env);
  return env.submit(session, 'rx', frame, []) !== undefined;
}

/** Frees the places of frames that a client has taken. */
function collect(session: SessionNumber, env: ServiceEnv): void {
  while (env.takeAcknowledged(session, 'rx') !== undefined);
}

function forward(ops: ServiceOps, state: NicBridgeState, from: SessionNumber, frame: Uint8Array, env: ServiceEnv) {
  const { kind, mac } = state.ports.get(from)!;
  const isFrame = frame.length >= ETHERNET_HEADER_BYTES && frame.length <= MAX_FRAME_BYTES;
  // A client speaks for itself only; behind the uplink is everybody.
  const isOwn = isFrame && (kind === 'uplink' || ops.mayUseSource(sameMac(sourceOf(frame), mac)));
  if (!isOwn) return { ...state, dropped: state.dropped + 1 };
  const lost = receivers(ops, state, from, frame).filter(session => !deliver(ops, session, frame, env));
  return { ...state, dropped: state.dropped + lost.length };
}

/**
 * nic_bridge: clients of Nic sessions with an address each, joined to each other and to the driver that has the Uplink
 * session. Frames keep their addresses (the real one answers ARP for its clients and shows one address outside). A link
 * is up while there is an uplink, or always with `needs_uplink="no"`.
 */
export function nicBridgeService(
  config: XmlElement | undefined,
  ops: ServiceOps,
): Result<Service<NicBridgeState>, string> {
  const text = config?.attributes.mac;
  const base = text === undefined ? DEFAULT_MAC : readMac(text);
  if (base === undefined || !isUnicast(base)) return err(`mac="${text}" is no address of a station`);
  const bridge: BridgeConfig = { config, base, needsUplink: !isNo(config?.attributes.needs_uplink) };
  const isUp = (state: NicBridgeState): boolean => !bridge.needsUplink || hasUplink(state);
  return ok({
    faces: [interfaceNamed('Nic'), interfaceNamed('Uplink')],
    initial: { ports: new Map(), dropped: 0 },
    open(state, session, request, env) {
      const port = openPort(bridge, state, request);
      if (!port.ok) return port;
      const next = { ...state, ports: withEntry(state.ports, session, port.value) };
      if (isUp(next) !== isUp(state)) notifyLinks(next, env);
      return ok(next);
    },
    close(state, session, env) {
      const next = { ...state, ports: withEntry(state.ports, session, undefined) };
      if (isUp(next) !== isUp(state)) notifyLinks(next, env);
      return next;
    },
    call(state, session, name) {
      if (name === 'mac_address') return returns(state, state.ports.get(session)!.mac);
      return name === 'link_state' ? returns(state, isUp(state) ? 1 : 0) : returns(state);
    },
    packets(before, session, env) {
      let state = before;
      if (ops.collectsFrames()) collect(session, env);
      for (;;) {
        const packet = env.takePacket(session, 'tx');
        if (packet === undefined) return state;
        // What is longer than a frame is not even read.
        const isLong = packet.sizeBytes > MAX_FRAME_BYTES;
        const frame = isLong ? new Uint8Array(0) : env.readPacket(session, 'tx', packet);
        env.acknowledge(session, 'tx', packet, []);
        state = forward(ops, state, session, frame, env);
      }
    },
  });
}
