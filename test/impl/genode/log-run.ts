import { logProxyClient } from '../../../src/impl/genode/log-client.ts';
import { LOG_PROXY_PROTOCOL, type LogMessage, MESSAGE_BYTES } from '../../../src/impl/genode/log-message.ts';
import type { ProxyOps } from '../../../src/impl/genode/log-ops.ts';
import { proxyOps } from '../../../src/impl/genode/log-ops.ts';
import type { LocalProgram } from '../../../src/impl/genode/log-program.ts';
import { logProxyServer } from '../../../src/impl/genode/log-server.ts';
import { type ChannelOps, channelOps, HEADER, HEADER_BYTES, type Word64 } from '../../../src/impl/native/muchannel.ts';
import { BenchSubject } from '../software-bench.ts';

export const CHANNEL = { address: 0x10_0000, protocol: LOG_PROXY_PROTOCOL, elementBytes: MESSAGE_BYTES, elements: 4 };
export const LOG_ADDRESS = 0x20_0000;
export const LOG_BYTES = 0x2000;
const INFO_ADDRESS = 0x8000;
const HINT = 1;
const SLEEP = 9;

const LABELS = ['app0', 'app1'];
export const PROGRAM: LocalProgram = { sessions: 2, messages: 6, oversizedEvery: 0, seed: 3 };

export interface PairOptions {
  readonly program?: Partial<LocalProgram>;
  readonly burst?: number;
  readonly sendBurst?: number;
  readonly capacity?: number;
  readonly clientOps?: Partial<ProxyOps>;
  readonly serverOps?: Partial<ProxyOps>;
  readonly channel?: ChannelOps;
}

/** A client and a server on benches that share the channel's bytes; the client's hint interrupts the server. */
export class ProxyPair {
  readonly channel = new Uint8Array(0x1000);
  readonly log = new Uint8Array(LOG_BYTES);
  readonly info = new Uint8Array(0x1000);
  readonly #options: PairOptions;
  client;
  readonly server;

  constructor(options: PairOptions = {}) {
    this.#options = options;
    this.startFrame(0x100, 0x200);
    this.client = this.#newClient();
    this.server = new BenchSubject(
      logProxyServer(
        {
          layout: CHANNEL,
          labels: LABELS,
          sleepEvent: SLEEP,
          yieldEvent: undefined,
          logAddress: LOG_ADDRESS,
          logBytes: LOG_BYTES,
          notifyEvent: 3,
          peer: 'client',
        },
        options.channel ?? channelOps,
        { ...proxyOps, ...options.serverOps },
      ),
      [
        { address: CHANNEL.address, bytes: this.channel, isWritable: false },
        { address: LOG_ADDRESS, bytes: this.log, isWritable: true },
      ],
      SLEEP,
    );
  }

  #newClient() {
    const { program, burst = 3, sendBurst = 2, capacity = 4, clientOps, channel = channelOps } = this.#options;
    const config = {
      layout: CHANNEL,
      labels: LABELS,
      event: HINT,
      timerEvent: 31,
      schedulingInfo: INFO_ADDRESS,
      capacity,
      burst,
      sendBurst,
      pauses: 0,
      program: { ...PROGRAM, ...program },
    };
    return new BenchSubject(logProxyClient(config, channel, { ...proxyOps, ...clientOps }), [
      { address: CHANNEL.address, bytes: this.channel, isWritable: true },
      { address: INFO_ADDRESS, bytes: this.info, isWritable: false },
    ]);
  }

  /** Publishes a minor frame in the scheduling-info page. */
  startFrame(start: number, end: number): void {
    const view = new DataView(this.info.buffer);
    view.setBigUint64(0, BigInt(start), true);
    view.setBigUint64(8, BigInt(end), true);
  }

  /** The client subject is reset: its software starts again, memory stays. */
  resetClient(): void {
    this.client = this.#newClient();
  }

  stepClient(): void {
    const operation = this.client.step();
    if (operation?.kind === 'vmcall') this.server.interrupt(32);
  }

  /** Lets the client make a round after its timer fired. */
  runRound(): void {
    this.client.interrupt(33);
    for (let count = 0; count < 2000 && !this.client.isAsleep; count++) this.stepClient();
  }

  runServer(): void {
    for (let count = 0; count < 4000 && !this.server.isAsleep; count++) this.server.step();
  }

  /** Lines of the log memory. */
  lines(): string[] {
    const bytes = this.log.slice(8);
    const text = String.fromCharCode(...bytes.filter(byte => byte !== 0));
    return text.split('\n').slice(0, -1);
  }
}

function poke(pair: ProxyPair, slot: number, words: readonly Word64[]): void {
  const view = new DataView(pair.channel.buffer);
  words.forEach(({ low, high }, index) => {
    view.setUint32(HEADER_BYTES + slot * MESSAGE_BYTES + index * 8, low, true);
    view.setUint32(HEADER_BYTES + slot * MESSAGE_BYTES + index * 8 + 4, high, true);
  });
}

/** Publishes words as the next element, as a hostile client would. */
export function forge(pair: ProxyPair, words: readonly Word64[]): void {
  const view = new DataView(pair.channel.buffer);
  const written = view.getUint32(HEADER.writeCount, true);
  poke(pair, written % CHANNEL.elements, words);
  view.setUint32(HEADER.writeStart, written + 1, true);
  view.setUint32(HEADER.writeCount, written + 1, true);
  pair.server.interrupt(32);
  pair.runServer();
}

/** A pair whose client has written message 1 of both sessions. */
export function openPair(serverOps: Partial<ProxyOps> = {}): ProxyPair {
  const pair = new ProxyPair({ program: { messages: 3 }, burst: 4, serverOps });
  pair.runRound();
  pair.runServer();
  return pair;
}

/** Lines of a pair besides the two of the honest client. */
export const forgedLines = (pair: ProxyPair): string[] => pair.lines().slice(2);

export const honestWrite = (pair: ProxyPair, changes: Partial<LogMessage> = {}): LogMessage => ({
  kind: 'write',
  generation: pair.client.state.generation,
  session: 0,
  sequence: 2,
  text: 'hello',
  ...changes,
});
