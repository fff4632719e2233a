import type { LogClientState } from '../impl/genode/log-client-state.ts';
import { MESSAGE_WORDS } from '../impl/genode/log-message.ts';
import type { LocalProgram } from '../impl/genode/log-program.ts';
import { localRequest } from '../impl/genode/log-program.ts';
import type { HostedSubject } from '../impl/hosted-subject.ts';
import { type ChannelLayout, elementOffset, HEADER, isZero64, type Word64 } from '../impl/native/muchannel.ts';
import type { Operation } from '../units/operation.ts';
import { wordAt } from './channel-access.ts';
import type { LogDelivery } from './log-delivery.ts';
import type { LogProxyWorld } from './log-proxy-world.ts';
import { wordText } from './relation/channel.ts';
import { clientDifference, isSameMessage, messageText, modelLength, readMessage } from './relation/log-proxy.ts';

/** What the client of a pair was given. */
export interface ClientSetup {
  readonly layout: ChannelLayout;
  /** Physical address of the channel's header. */
  readonly header: number;
  readonly program: LocalProgram;
  readonly event: number;
}

/** Follows a LOG proxy client through the model's client: requests of the local program, publications, events. */
export class LogClientSide {
  /** Writes that found the buffer full. */
  dropped = 0;
  readonly #world: LogProxyWorld;
  readonly #delivery: LogDelivery;
  readonly #setup: ClientSetup;
  #requestIndex = 0;
  #refused = 0;
  #hasStarted = false;

  constructor(world: LogProxyWorld, delivery: LogDelivery, setup: ClientSetup) {
    this.#world = world;
    this.#delivery = delivery;
    this.#setup = setup;
  }

  start(): void {
    if (this.#hasStarted) this.#world.leaveOpen('the client was reset');
    this.#hasStarted = true;
    this.#requestIndex = 0;
    this.#refused = 0;
  }

  /** What the client did since its last operation: it answered requests; then its private state is compared. */
  settle(hosted: HostedSubject): void {
    const state = hosted.state as LogClientState;
    // Before it has initialised the channel it serves nobody; the model restarts when the new epoch is announced.
    if (state.generation === 0) return;
    this.#retryCloses(state);
    for (; this.#requestIndex < state.requestIndex; this.#requestIndex++) this.#serve();
    if (state.refused !== this.#refused)
      this.#world.differ(`the client refused ${state.refused} requests, the model ${this.#refused}`);
    const difference = clientDifference(state, this.#world.state);
    if (difference !== '') this.#world.differ(difference);
  }

  /** A close that waited for room was announced: before the requests of the same round. */
  #retryCloses(state: LogClientState): void {
    const { sessions } = this.#world.state.client;
    for (const [session, { status }] of state.sessions.entries()) {
      if (status === 'closed' && sessions[session]!.status === 'closing')
        this.#world.step('client', { type: 'retry', session });
    }
  }

  #serve(): void {
    const request = localRequest(this.#setup.program, this.#requestIndex);
    if (request === undefined) return;
    const { session } = request;
    const own = this.#world.state.client.sessions[session];
    const droppedBefore = own?.dropped ?? 0;
    const isDone =
      request.kind === 'write'
        ? this.#world.step('client', { type: 'write', session, length: modelLength(request.text.length + 1) })
        : this.#world.step('client', { type: request.kind, session });
    if (!isDone) this.#refused += 1;
    else if (request.kind === 'write' && own !== undefined) {
      this.dropped += own.dropped - droppedBefore;
      this.#delivery.wrote(session, own.issued, request.text);
    }
  }

  /** The client stored a word of the channel. */
  store(offset: number, value: Word64): void {
    const world = this.#world;
    if (offset === HEADER.epoch && !isZero64(value)) {
      if (world.epochs.indexOf(value) >= 0) world.differ(`the client announces epoch ${wordText(value)} again`);
      world.epochs.add(value);
      if (!world.step('client', { type: 'restart' })) world.differ("the model's client cannot start again");
      this.#delivery.restart();
    } else if (offset === HEADER.writeCount && !isZero64(value)) this.#publish(value);
  }

  #publish(value: Word64): void {
    const world = this.#world;
    if (!world.step('client', { type: 'flush' })) {
      world.differ(`the client publishes a message, in the model it is ${world.mode('client')}`);
      return;
    }
    const { channel } = world.state;
    if (value.low !== channel.wc || value.high !== 0)
      world.differ(`the client commits message ${wordText(value)}, in the model ${channel.wc}`);
    for (let slot = 0; slot < Math.min(channel.wc, this.#setup.layout.elements); slot++) this.#compareElement(slot);
  }

  /** An element in memory means what the model's element says. */
  #compareElement(slot: number): void {
    const { layout, header } = this.#setup;
    const { state, epochs, system, labels } = this.#world;
    const words = Array.from({ length: MESSAGE_WORDS }, (_, word) =>
      wordAt(system, header + elementOffset(layout, slot, word)),
    );
    const generation = epochs.valueOf(state.channel.epoch)?.low ?? 0;
    const { message, malformed } = readMessage(words, labels.length, generation);
    const expected = state.channel.elements[slot]!;
    if (malformed !== '') this.#world.differ(`element ${slot} of the channel is malformed: ${malformed}`);
    else if (!isSameMessage(message, expected))
      this.#world.differ(
        `element ${slot} of the channel is ${messageText(message)}, in the model ${messageText(expected)}`,
      );
  }

  /** Any other operation; the event is raised after a publication and only then. */
  other(operation: Operation): void {
    if (operation.kind !== 'vmcall' || operation.low !== this.#setup.event || operation.high !== 0) return;
    if (!this.#world.step('client', { type: 'step' }))
      this.#world.differ('the client raises its event, but nothing was published since the last one');
  }
}
