import type { Cpu } from '../impl/cpu.ts';
import type { ExitCause } from '../impl/exit-cause.ts';
import type { LogServerState } from '../impl/genode/log-server.ts';
import type { HostedSubject } from '../impl/hosted-subject.ts';
import { isEqual64, type Word64, ZERO64 } from '../impl/native/muchannel.ts';
import type { System } from '../impl/system.ts';
import type { SystemObserver } from '../impl/system-observer.ts';
import type { SubjectId } from '../units/ids.ts';
import { type ChannelEnd, isMemoryAccess, isStart, type SoftwareDivergence } from './channel-access.ts';
import { LogDelivery, type LogMemory } from './log-delivery.ts';
import { LogProxyWorld } from './log-proxy-world.ts';
import { wordText } from './relation/channel.ts';
import { readMessage, rejections, sessionsDifference } from './relation/log-proxy.ts';

/** Elements and buffer of a model in which a message comes from anywhere: neither is used. */
const UNUSED = 1;

/**
 * Runs the model's server beside a LOG proxy server whose client may store anything anywhere: the model judges each message that the server
 * copied, and the log must hold the lines of those that it forwards and nothing else.
 */
export class HostileLogLockstep implements SystemObserver {
  divergence: SoftwareDivergence | undefined;
  /** Messages that were judged, and those that were refused. */
  judged = 0;
  refused = 0;
  readonly #system: System;
  readonly #end: ChannelEnd;
  readonly #world: LogProxyWorld;
  readonly #delivery: LogDelivery;
  #epoch: Word64 = ZERO64;
  #copied: Word64[] = [];
  #isOverrun = false;
  /** Deliveries and refusals before the server started. */
  #deliveredBefore = 0;
  #refusedBefore = 0;

  constructor(system: System, end: ChannelEnd, labels: readonly string[], memory: LogMemory) {
    this.#system = system;
    this.#end = end;
    this.#world = new LogProxyWorld(system, labels, UNUSED, UNUSED);
    this.#delivery = new LogDelivery(this.#world, memory, false);
  }

  /** Messages that reached the log. */
  get delivered(): number {
    return this.#delivery.delivered;
  }

  onOperation(cpu: Cpu, subject: SubjectId, hosted: HostedSubject, exit: ExitCause | undefined): void {
    const { operation } = hosted;
    if (subject !== this.#end.id || this.divergence !== undefined || operation === undefined) return;
    if (isStart(this.#end, hosted)) this.#start();
    else this.#settle(hosted.state as LogServerState);
    if (operation.kind !== 'write') this.#delivery.compareDone();
    if (isMemoryAccess(operation) && exit === undefined) {
      if (operation.kind === 'write')
        this.#delivery.store(operation.address, operation.sizeBytes, { low: operation.low, high: operation.high });
      else this.#load(hosted.state as LogServerState, { low: hosted.low, high: hosted.high });
    }
    const what = this.#world.difference;
    if (what === '') return;
    const { subject: name } = this.#end;
    this.divergence = { step: this.#system.kernelSteps, cpu: cpu.id, nowTsc: cpu.tsc, subject: name, what };
  }

  #start(): void {
    this.#epoch = ZERO64;
    this.#copied = [];
    Object.assign(this.#world.state.server, this.#world.initialServer());
    this.#delivery.restart();
    this.#delivery.restartServer();
    this.#deliveredBefore = this.#delivery.delivered;
    this.#refusedBefore = this.refused;
  }

  /** Between two reads the server has handled what it read. */
  #settle(state: LogServerState): void {
    const { reader } = state.receiver;
    if (reader.purpose === 'read' && reader.phase !== 'epoch') return;
    this.#adopt(reader.epoch);
    const world = this.#world;
    const { counters } = state;
    const refused = rejections(state);
    const expected = this.refused - this.#refusedBefore;
    if (refused !== expected) world.differ(`the server refused ${refused} messages, the model ${expected}`);
    const forwarded = this.#delivery.delivered - this.#deliveredBefore;
    if (counters.delivered !== forwarded)
      world.differ(`the server delivered ${counters.delivered} messages, the model ${forwarded}`);
    if (!isEqual64(state.epoch, this.#epoch))
      world.differ(
        `the server's sessions are of epoch ${wordText(state.epoch)}, its reader is in ${wordText(this.#epoch)}`,
      );
    this.#delivery.compareLatest(state.delivered.at(-1));
    const sessions = sessionsDifference(state, world.state);
    if (sessions !== '') world.differ(sessions);
  }

  #load(state: LogServerState, value: Word64): void {
    const { reader } = state.receiver;
    if (reader.purpose !== 'read') return;
    if (reader.phase === 'epoch') {
      this.#copied = [];
      this.#isOverrun = false;
    } else if (reader.phase === 'data') this.#copied.push(value);
    else if (reader.phase === 'skip') this.#isOverrun = true;
    else if (reader.phase === 'final' && !this.#isOverrun && isEqual64(value, reader.epoch)) {
      this.#adopt(reader.epoch);
      this.#judge();
    }
  }

  /** Another life of the channel: the model's client starts again, and its server adopts that. */
  #adopt(epoch: Word64): void {
    if (isEqual64(epoch, this.#epoch)) return;
    this.#epoch = epoch;
    this.#world.state.channel.epoch += 1;
    this.#world.force('server', 'draining');
    this.#world.step('server', { type: 'step' });
    this.#delivery.restart();
  }

  /** The model judges what the server copied; what it does not speak about must be well-formed. */
  #judge(): void {
    const world = this.#world;
    const { server } = world.state;
    const { message, malformed, text } = readMessage(this.#copied, world.labels.length, this.#epoch.low);
    this.judged += 1;
    if (malformed !== '') {
      this.refused += 1;
      return;
    }
    Object.assign(server.current, message);
    world.force('server', 'validating');
    const rejectedBefore = server.rejected;
    world.step('server', { type: 'step' });
    this.refused += server.rejected - rejectedBefore;
    if (world.mode('server') !== 'forwarding') return;
    world.step('server', { type: 'step' });
    this.#delivery.forwards(message.session, message.sequence, text);
  }
}
