import { bulkOffset } from '../../impl/genode/core/packet-stream.ts';
import { PAGE_BYTES } from '../../impl/genode/core/ram.ts';
import { NIC_LINK_SIGH, type NicBridgeState, nicBridgeService } from '../../impl/genode/services/nic-bridge.ts';
import type { ServiceOps } from '../../impl/genode/services/service-ops.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import { configElement, made } from './config-element.ts';
import { ServiceBench } from './service-bench.ts';

const CONFIG = '<config mac="02:02:02:02:02:00"><default-policy/></config>';
/** Three clients of the network, and the driver. */
const NICS = [1, 2, 3];
const UPLINK = 9;
const SESSIONS = [...NICS, UPLINK];
const OUTSIDE = [0x52, 0, 0, 0, 0, 1];
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/** Lengths of frames, at and around the bounds. */
const LENGTHS: readonly number[] = [64, 100, 14, 13, 0, 1514, 1600, 1601];
/** Room for a few frames only, so that streams become full. */
const BUFFERS = { rx_buf_size: '0x8000' };
const MAX_IN_FLIGHT = 40;

export const NETWORK_WITNESSES = [
  'unicast',
  'broadcast',
  'outside',
  'from-outside',
  'spoofed',
  'refused',
  'full',
  'link',
] as const;

class NetworkRun {
  readonly bench: ServiceBench<NicBridgeState>;
  readonly log = new ScriptLog(NETWORK_WITNESSES);
  readonly #macs = new Map<number, readonly number[]>();
  /** Frames that wait at each session, first come first. */
  readonly #waiting = new Map<number, string[]>();
  /** Frames whose place in the stream is not free yet. */
  readonly #held = new Map<number, number>();
  readonly #capacity: number;
  #isUp = true;
  #count = 0;

  constructor(ops: ServiceOps) {
    this.bench = new ServiceBench(made(nicBridgeService(configElement(CONFIG), ops)));
    for (const session of NICS) this.bench.open(session, `client ${session}`, BUFFERS, 'Nic');
    this.bench.open(UPLINK, 'driver', { ...BUFFERS, mac_address: '52:00:00:00:00:00' }, 'Uplink');
    for (const session of NICS) this.#macs.set(session, (this.bench.call(session, 'mac_address') as number[][])[0]!);
    for (const session of SESSIONS) this.#reset(session);
    const { layout } = this.bench.host.sessions.get(1)!.streams.rx!;
    const start = Math.ceil(bulkOffset(layout) / PAGE_BYTES) * PAGE_BYTES;
    this.#capacity = Math.floor((layout.totalBytes - start) / PAGE_BYTES);
    this.bench.signals = [];
  }

  #reset(session: number): void {
    this.#waiting.set(session, []);
    this.#held.set(session, 0);
  }

  #macOf(choice: number): readonly number[] {
    const known = this.#macs.get(choice + 1);
    if (known !== undefined) return known;
    return choice === 3 ? BROADCAST : OUTSIDE;
  }

  send(step: ScriptStep): string {
    const from = SESSIONS[operand(step, 0, SESSIONS.length)]!;
    if (from === UPLINK && !this.#isUp) return '';
    const destination = this.#macOf(operand(step, 1, 5));
    const isSpoofed = operand(step, 2, 6) === 0;
    const own = this.#macs.get(from) ?? OUTSIDE;
    const source = isSpoofed ? this.#macOf(operand(step, 3, 3)) : own;
    const length = LENGTHS[operand(step, 4, LENGTHS.length)]!;
    this.#count += 1;
    const frame = new Uint8Array(length).fill(this.#count & 0xff);
    frame.set([...destination, ...source].slice(0, length));
    const use = this.bench.client(from);
    while (use.takeAcknowledged(from, 'tx') !== undefined);
    if (use.submit(from, 'tx', frame, []) === undefined) return '';
    this.bench.packets(from);
    this.#expect(from, frame, destination, source);
    return use.takeAcknowledged(from, 'tx') === undefined ? 'a frame that was sent is not given back' : '';
  }

  /** The specification: who must get a frame. */
  #expect(from: number, frame: Uint8Array, destination: readonly number[], source: readonly number[]): void {
    const isFrame = frame.length >= 14 && frame.length <= 1600;
    this.log.see('refused', !isFrame);
    if (!isFrame) return;
    const isForeign = from !== UPLINK && source.join() !== this.#macs.get(from)!.join();
    this.log.see('spoofed', isForeign);
    if (isForeign) return;
    const others = SESSIONS.filter(session => session !== from && (session !== UPLINK || this.#isUp));
    const owner = others.find(session => this.#macs.get(session)?.join() === destination.join());
    const isBroadcast = destination === BROADCAST;
    const targets = isBroadcast ? others : owner === undefined ? others.filter(session => session === UPLINK) : [owner];
    this.log.see('broadcast', isBroadcast && targets.length > 0);
    this.log.see('unicast', owner !== undefined);
    this.log.see('outside', !isBroadcast && owner === undefined && targets.length > 0);
    this.log.see('from-outside', from === UPLINK && targets.length > 0);
    for (const target of targets) {
      const held = this.#held.get(target)!;
      this.log.see('full', held >= this.#capacity);
      if (held >= this.#capacity) continue;
      this.#waiting.get(target)!.push(frame.join());
      this.#held.set(target, held + 1);
    }
  }

  /** A client takes everything that waits for it, and gives it back. */
  receive(step: ScriptStep): string {
    const session = SESSIONS[operand(step, 0, SESSIONS.length)]!;
    if (session === UPLINK && !this.#isUp) return '';
    const use = this.bench.client(session);
    const expected = this.#waiting.get(session)!;
    for (let taken = 0; taken < MAX_IN_FLIGHT; taken++) {
      const packet = use.takePacket(session, 'rx');
      if (packet === undefined) break;
      const frame = use.readPacket(session, 'rx', packet).join();
      use.acknowledge(session, 'rx', packet, []);
      if (frame !== expected.shift()) return `session ${session} receives a frame that it should not, or too early`;
    }
    if (expected.length > 0) return `${expected.length} frames for session ${session} do not arrive`;
    this.bench.packets(session);
    this.#held.set(session, 0);
    return '';
  }

  /** The driver goes, or comes back. */
  toggle(): string {
    if (this.#isUp) this.bench.close(UPLINK);
    else this.bench.open(UPLINK, 'driver', { ...BUFFERS, mac_address: '52:00:00:00:00:00' }, 'Uplink');
    this.#reset(UPLINK);
    this.#isUp = !this.#isUp;
    this.log.see('link');
    for (const session of NICS) {
      const isTold = this.bench.signals.some(signal => signal.session === session && signal.opcode === NIC_LINK_SIGH);
      if (!isTold) return 'a client is not told that its link changed';
      const [isUp] = this.bench.call(session, 'link_state') as number[];
      if ((isUp === 1) !== this.#isUp) return `a link is ${isUp === 1 ? 'up' : 'down'} wrongly`;
    }
    this.bench.signals = [];
    return '';
  }
}

/** Runs nic_bridge with three clients and a driver beside a list of frames for each. */
export const runNetworkScript: ScriptRunner<ServiceOps> = (ops, steps) => {
  const run = new NetworkRun(ops);
  const { log, bench } = run;
  for (const [index, step] of steps.entries()) {
    log.effective();
    if (step.operation === 'send') log.fail(index, run.send(step));
    else if (step.operation === 'receive') log.fail(index, run.receive(step));
    else log.fail(index, run.toggle());
    log.fail(index, bench.outside);
    if (log.hasFailed) break;
  }
  return log.judgement();
};
