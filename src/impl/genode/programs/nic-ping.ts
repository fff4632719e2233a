import type { XmlElement } from '../../../policy/xml.ts';
import type { Environment, Handle } from '../instance/component.ts';
import { destinationOf, ETHERNET_HEADER_BYTES, type Mac, macText, readMac, sourceOf } from '../services/ethernet.ts';
import type { WantedSession } from './client-program.ts';
import { clientRow, textOf } from './program-config.ts';

/** Type of frames for local experiments (IEEE 802). */
const FRAME_TYPE = [0x88, 0xb5];
const BROADCAST: Mac = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const [ASK, ANSWER] = [1, 2];

interface NicPingState {
  readonly mac: Mac;
  readonly channels: number;
  readonly asked: number;
}

function send(env: Environment, nic: Handle, to: Mac, from: Mac, kind: number, number: number): void {
  const frame = Uint8Array.from([...to, ...from, ...FRAME_TYPE, kind, number & 0xff]);
  while (env.streams.takeAcknowledged(nic, 'tx') !== undefined);
  if (env.streams.submit(nic, 'tx', frame, []) === undefined) env.log('no room for a frame');
}

/** Takes the frames that arrived: questions are answered, answers shown and followed by the next question. */
function receive(before: NicPingState, env: Environment, nic: Handle, count: number): NicPingState {
  let state = before;
  for (;;) {
    const packet = env.streams.takePacket(nic, 'rx');
    if (packet === undefined) return state;
    const frame = env.streams.readPacket(nic, 'rx', packet);
    env.streams.acknowledge(nic, 'rx', packet, []);
    const [kind, number] = frame.subarray(ETHERNET_HEADER_BYTES);
    const isOurs =
      frame.length >= ETHERNET_HEADER_BYTES + 2 && FRAME_TYPE.every((byte, index) => frame[12 + index] === byte);
    if (!isOurs) continue;
    const peer = sourceOf(frame);
    if (kind === ASK) send(env, nic, peer, state.mac, ANSWER, number!);
    if (kind !== ANSWER || destinationOf(frame).join() !== state.mac.join()) continue;
    env.log(`answer ${number} from ${macText(peer)}`);
    state = { ...state, asked: state.asked + 1 };
    if (state.asked < count) send(env, nic, BROADCAST, state.mac, ASK, state.asked + 1);
  }
}

/** A Nic session, whose address its server chooses, or with `uplink` the Uplink session of a driver that has its own. */
function linkOf(config: XmlElement | undefined): { readonly session: WantedSession; readonly mac: Mac } {
  const label = textOf(config, 'label', '');
  const address = config?.attributes.uplink;
  if (address === undefined) return { session: { service: 'Nic', label }, mac: [] };
  return { session: { service: 'Uplink', label, args: { mac_address: address } }, mac: readMac(address) ?? [] };
}

/** Asks who is in the network, and answers who asks. */
export const nicPing = clientRow<'count', NicPingState>(
  'nic_ping',
  'Asks by Ethernet frames who is there, and answers; with ask="no" it only answers, with uplink="<address>" it is a driver',
  { count: { fallback: 3, min: 1, max: 255 } },
  ({ count }, config) => ({
    sessions: [linkOf(config).session, { service: 'Timer', label: '' }],
    initial: { mac: linkOf(config).mac, channels: 0, asked: 0 },
    begin(state, env, [nic, timer]) {
      if (state.mac.length === 0) env.call(nic!, 'mac_address');
      env.call(nic!, 'tx_cap');
      env.call(nic!, 'rx_cap');
      env.call(timer!, 'sigh', 1);
      // Those who answer may start later.
      if (textOf(config, 'ask', 'yes') === 'yes') env.call(timer!, 'trigger_periodic', 20_000n);
      return state;
    },
    reply(state, { name, values }) {
      if (values === undefined) return state;
      if (name === 'mac_address') return { ...state, mac: values[0] as Mac };
      return name === 'tx_cap' || name === 'rx_cap' ? { ...state, channels: state.channels + 1 } : state;
    },
    signal(state, place, env, [nic]) {
      if (place === 1 && state.channels === 2 && state.asked === 0) send(env, nic!, BROADCAST, state.mac, ASK, 1);
      return state;
    },
    packets: (state, place, env, [nic]) => (place === 0 ? receive(state, env, nic!, count) : state),
  }),
);
