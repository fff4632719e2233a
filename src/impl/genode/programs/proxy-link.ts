import type { XmlElement } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import type { Environment, ProgramOps } from '../instance/component.ts';
import { SCHEDULING_INFO_ADDRESS } from '../instance/subject-info.ts';
import type { ProxyMessage } from '../proxy/message.ts';
import type { VhwEvent } from '../proxy/vhw.ts';
import { LINK_REGION_BYTES, type MuchannelLink, type MuchannelState, MuchannelVhw } from '../proxy/vhw-muchannel.ts';
import type { SessionInterface } from '../services/interface.ts';
import { interfaceOf } from '../services/interfaces.ts';

/** What both sides of a proxy are configured with: the link's name in the policy, and the services that cross it. */
export interface ProxyConfig {
  readonly link: string;
  /** Name of the peer subject, which stands in front of the labels of its sessions. */
  readonly peer: string;
  readonly faces: readonly SessionInterface[];
}

/** Reads `<config link="..." peer="..."> <service name="..."/> ...`. */
export function readProxyConfig(config: XmlElement | undefined): Result<ProxyConfig, string> {
  const { link, peer } = config?.attributes ?? {};
  if (link === undefined || link === '') return err('<config> names no link');
  const faces: SessionInterface[] = [];
  for (const { name, attributes } of config?.children ?? []) {
    if (name !== 'service') continue;
    const face = interfaceOf(attributes.name ?? '');
    if (face === undefined) return err(`there is no service "${attributes.name ?? ''}"`);
    if (face.proxy === 'local') return err(`${face.service} stands for objects of one instance`);
    faces.push(face);
  }
  return faces.length === 0 ? err('<config> names no service') : ok({ link, peer: peer ?? link, faces });
}

/** Most messages that wait for the link before nothing more is taken from the peer. */
const OUTBOUND_LIMIT = 256;

/** State of the transport of a proxy program: undefined until it found its link. */
export interface LinkState {
  readonly link: MuchannelLink | undefined;
  readonly transport: MuchannelState | undefined;
  /** Messages that wait for room. */
  readonly outbound: readonly ProxyMessage[];
}

export const NO_LINK: LinkState = { link: undefined, transport: undefined, outbound: [] };

/** Finds the regions and the event of a link in what the subject was told. */
function findLink({ info }: Environment, name: string): MuchannelLink | undefined {
  const out = info.memory.find(region => region.name === `${name}_out`);
  const incoming = info.memory.find(region => region.name === `${name}_in`);
  const event = info.events.find(row => row.name === `${name}_out`);
  const isUsable = out?.isWritable === true && incoming !== undefined && event !== undefined;
  if (!isUsable || Math.min(out.sizeBytes, incoming.sizeBytes) < LINK_REGION_BYTES) return undefined;
  return { outAddress: out.address, inAddress: incoming.address, event: event.value };
}

/** Opens the own channel of a link; undefined if the subject has no such link. */
export function openLink(
  ops: ProgramOps,
  env: Environment,
  name: string,
): { readonly state: LinkState; readonly epoch: number } | undefined {
  const link = findLink(env, name);
  if (link === undefined) return undefined;
  const vhw = new MuchannelVhw(link, ops.channel, ops.genode.vhw, undefined, env.guest);
  vhw.open(SCHEDULING_INFO_ADDRESS);
  vhw.ring();
  return { state: { link, transport: vhw.state, outbound: [] }, epoch: vhw.epoch };
}

/** Puts messages behind those that wait; a signal that waits already is not repeated. */
export function enqueue(
  state: LinkState,
  sends: readonly ProxyMessage[],
  isSignal: (message: ProxyMessage) => boolean,
): LinkState {
  let { outbound } = state;
  for (const message of sends) {
    const isKnown =
      isSignal(message) &&
      outbound.some(other => isSignal(other) && other.session === message.session && other.opcode === message.opcode);
    if (!isKnown) outbound = [...outbound, message];
  }
  return { ...state, outbound };
}

/**
 * Sends what waits, as far as there is room, and takes one event of the peer. While too much waits for the peer, nothing is
 * taken from it.
 */
export function turnLink(
  ops: ProgramOps,
  env: Environment,
  state: LinkState,
): { readonly state: LinkState; readonly event: VhwEvent } {
  if (state.link === undefined || state.transport === undefined) return { state, event: { kind: 'none' } };
  const vhw = new MuchannelVhw(state.link, ops.channel, ops.genode.vhw, state.transport, env.guest);
  let sent = 0;
  while (sent < state.outbound.length && vhw.send(state.outbound[sent]!)) sent += 1;
  const outbound = state.outbound.slice(sent);
  const event: VhwEvent = outbound.length > OUTBOUND_LIMIT ? { kind: 'none' } : vhw.receive();
  if (event.kind === 'none') vhw.ring();
  // What waits for a peer that is gone is for nobody.
  const isForNobody = event.kind === 'peer';
  return { state: { ...state, transport: vhw.state, outbound: isForNobody ? [] : outbound }, event };
}
