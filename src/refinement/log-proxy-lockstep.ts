import type { Cpu } from '../impl/cpu.ts';
import type { ExitCause } from '../impl/exit-cause.ts';
import { LOG_PROXY_PROTOCOL, MESSAGE_BYTES } from '../impl/genode/log-message.ts';
import type { HostedSubject } from '../impl/hosted-subject.ts';
import { type ChannelLayout, channelBytes, isEqual64 } from '../impl/native/muchannel.ts';
import type { Parameters } from '../impl/software-parameters.ts';
import type { System } from '../impl/system.ts';
import type { SystemObserver } from '../impl/system-observer.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { RunSpec } from '../trace/trace.ts';
import type { SubjectId } from '../units/ids.ts';
import type { Operation } from '../units/operation.ts';
import {
  type ChannelEnd,
  endOf,
  framesOf,
  type InstalledSoftware,
  installed,
  isMemoryAccess,
  isStart,
  placeOf,
  type SoftwareDivergence,
  touches,
  wordAt,
} from './channel-access.ts';
import { type ClientSetup, LogClientSide } from './log-client-side.ts';
import { LogDelivery, type LogMemory } from './log-delivery.ts';
import { LogProxyWorld } from './log-proxy-world.ts';
import { LogServerSide, type ServerSetup } from './log-server-side.ts';

/** A pair of LOG proxies of a run: both ends of its channel and what they were given. */
export interface FollowedProxies {
  /** Physical address of the channel's header. */
  readonly header: number;
  readonly client: ChannelEnd;
  readonly server: ChannelEnd;
  readonly labels: readonly string[];
  readonly capacity: number;
  readonly clientSetup: ClientSetup;
  readonly serverSetup: ServerSetup;
  readonly log: LogMemory;
}

/** Channel of a LOG proxy as one side sees it. */
export const logLayoutOf = (given: Parameters): ChannelLayout => ({
  address: given.number('address'),
  protocol: LOG_PROXY_PROTOCOL,
  elementBytes: MESSAGE_BYTES,
  elements: given.number('elements'),
});

/** Pairs of `log-proxy-client` and `log-proxy-server` on one channel that agree on its shape and on the sessions. */
export function followedProxies(system: System, document: PolicyDocument, spec: RunSpec): readonly FollowedProxies[] {
  return installed(spec, 'log-proxy-server').flatMap(server => {
    const place = placeOf(document, server.subject, server.parameters.number('address'));
    if (place === undefined) return [];
    return installed(spec, 'log-proxy-client').flatMap(client =>
      followedPair(system, document, client, server, place.physicalAddress),
    );
  });
}

function followedPair(
  system: System,
  document: PolicyDocument,
  client: InstalledSoftware,
  server: InstalledSoftware,
  header: number,
): readonly FollowedProxies[] {
  const layout = logLayoutOf(client.parameters);
  const from = placeOf(document, client.subject, layout.address);
  const labels = client.parameters.list('labels');
  const agrees =
    from?.physicalAddress === header &&
    // A server that calls for sleep where it means to notify is none that the model speaks about.
    !sharesEvent(server.parameters) &&
    logLayoutOf(server.parameters).elements === layout.elements &&
    server.parameters.list('labels').join() === labels.join();
  const ends = [endOf(system, document, client.subject, header), endOf(system, document, server.subject, header)];
  const [clientEnd, serverEnd] = ends;
  if (!agrees || clientEnd === undefined || serverEnd === undefined) return [];
  const given = client.parameters;
  const program = {
    sessions: labels.length,
    messages: given.number('messages'),
    oversizedEvery: given.number('oversizedEvery'),
    seed: given.number('seed'),
  };
  return [
    {
      header,
      client: clientEnd,
      server: serverEnd,
      labels,
      capacity: given.number('capacity'),
      clientSetup: { layout, header, program, event: given.number('event') },
      serverSetup: { layout, sleepEvent: server.parameters.event('sleepEvent') },
      log: logMemoryOf(server.parameters),
    },
  ];
}

function sharesEvent(given: Parameters): boolean {
  const notifyEvent = given.event('notifyEvent');
  return notifyEvent !== undefined && notifyEvent === given.event('sleepEvent');
}

/** Log memory of a server. */
export const logMemoryOf = (given: Parameters): LogMemory => ({
  address: given.number('logAddress'),
  sizeBytes: given.number('logBytes'),
  peer: given.text('peer'),
});

/**
 * Runs the LOG proxy model beside a client and a server and compares after each operation of either: sessions, buffer and channel of the
 * client, sessions and counters of the server, when each may notify, look and sleep. End to end, what stands in the server's log is what
 * the local client wrote, in order, without duplicates, with every loss counted.
 */
export class LogProxyLockstep implements SystemObserver {
  divergence: SoftwareDivergence | undefined;
  /** Operations that were followed. */
  operations = 0;
  readonly pair: FollowedProxies;
  readonly #system: System;
  readonly #world: LogProxyWorld;
  readonly #delivery: LogDelivery;
  readonly #client: LogClientSide;
  readonly #server: LogServerSide;
  readonly #frames: ReadonlySet<number>;

  constructor(system: System, pair: FollowedProxies) {
    this.pair = pair;
    this.#system = system;
    const { layout } = pair.clientSetup;
    this.#world = new LogProxyWorld(system, pair.labels, pair.capacity, layout.elements);
    this.#delivery = new LogDelivery(this.#world, pair.log, true);
    this.#client = new LogClientSide(this.#world, this.#delivery, pair.clientSetup);
    this.#server = new LogServerSide(this.#world, this.#delivery, pair.serverSetup);
    this.#frames = framesOf(pair.header, channelBytes(layout));
  }

  get unspecified(): Readonly<Record<string, number>> {
    return this.#world.unspecified;
  }

  /** How often each thing of interest happened. */
  get seen(): Readonly<Record<'delivered' | 'dropped' | 'overrun' | 'signals' | 'wakeUps', number>> {
    return {
      delivered: this.#delivery.delivered,
      dropped: this.#client.dropped,
      overrun: this.#server.overruns,
      signals: this.#server.signals,
      wakeUps: this.#server.wakeUps,
    };
  }

  onSegment(cpu: Cpu): void {
    if (this.divergence !== undefined || !touches(this.#system, this.#frames)) return;
    this.#world.differ('frame condition: the kernel wrote the channel');
    this.#note(cpu, 'the kernel');
  }

  /** The client's CPU is about to enter a subject: the kernel has handled what the client called for. */
  onEntry(_cpu: Cpu, subject: SubjectId): void {
    if (subject === this.pair.client.id) this.#world.deliver();
  }

  onOperation(cpu: Cpu, subject: SubjectId, hosted: HostedSubject, exit: ExitCause | undefined): void {
    if (this.divergence !== undefined || hosted.operation === undefined) return;
    const { client, server } = this.pair;
    if (subject === client.id) this.#followClient(hosted, hosted.operation, exit);
    else if (touches(this.#system, this.#frames))
      this.#world.differ('a subject that is not the client wrote the channel');
    else if (subject === server.id) this.#followServer(hosted, hosted.operation, exit);
    else return;
    this.#note(cpu, this.#system.kernel.tables.subjects[subject]?.name ?? '-');
  }

  #followClient(hosted: HostedSubject, operation: Operation, exit: ExitCause | undefined): void {
    this.operations += 1;
    const { client, clientSetup } = this.pair;
    if (isStart(client, hosted)) this.#client.start();
    else this.#client.settle(hosted);
    if (!isMemoryAccess(operation)) this.#client.other(operation);
    else if (exit !== undefined) this.#world.differ(`the client's ${operation.kind} faults`);
    else if (operation.kind === 'write') {
      const offset = operation.address - client.address;
      if (offset >= 0 && offset < channelBytes(clientSetup.layout))
        this.#client.store(offset, { low: operation.low, high: operation.high });
      else this.#world.differ(`the client stores at offset ${offset} of its channel`);
    }
  }

  #followServer(hosted: HostedSubject, operation: Operation, exit: ExitCause | undefined): void {
    this.operations += 1;
    const { server, serverSetup, header, log } = this.pair;
    if (isStart(server, hosted)) this.#server.start();
    else this.#server.settle(hosted);
    if (operation.kind !== 'write') this.#delivery.compareDone();
    if (!isMemoryAccess(operation)) {
      this.#server.other(hosted, operation);
      return;
    }
    if (exit !== undefined) {
      this.#world.differ(`the server's ${operation.kind} faults`);
      return;
    }
    if (operation.kind === 'write') {
      const isInside = operation.address >= log.address && operation.address < log.address + log.sizeBytes;
      const value = { low: operation.low, high: operation.high };
      if (isInside) this.#delivery.store(operation.address, operation.sizeBytes, value);
      else this.#world.differ('the server stores outside of its log');
      return;
    }
    const offset = operation.address - server.address;
    if (offset < 0 || offset >= channelBytes(serverSetup.layout) || operation.sizeBytes !== 8) {
      this.#world.differ('the server loads something else than a word of the channel');
      return;
    }
    const value = { low: hosted.low, high: hosted.high };
    if (!isEqual64(value, wordAt(this.#system, header + offset)))
      this.#world.differ(`the server gets another word than stands at offset ${offset} of the channel`);
    this.#server.load(hosted, offset, value);
  }

  #note(cpu: Cpu, subject: string): void {
    const what = this.#world.difference;
    if (what === '' || this.divergence !== undefined) return;
    this.divergence = { step: this.#system.kernelSteps, cpu: cpu.id, nowTsc: cpu.tsc, subject, what };
  }
}
