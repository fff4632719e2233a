import type { LogServerState } from '../impl/genode/log-server.ts';
import type { HostedSubject } from '../impl/hosted-subject.ts';
import {
  type ChannelLayout,
  elementOffset,
  HEADER,
  isEqual64,
  isZero64,
  type Word64,
} from '../impl/native/muchannel.ts';
import type { ReaderState } from '../impl/native/muchannel-reader.ts';
import type { Operation } from '../units/operation.ts';
import type { LogDelivery } from './log-delivery.ts';
import type { LogProxyWorld } from './log-proxy-world.ts';
import { wordName, wordText } from './relation/channel.ts';
import { isSameMessage, messageText, readMessage, serverDifference } from './relation/log-proxy.ts';

/** What the server of a pair was given. */
export interface ServerSetup {
  readonly layout: ChannelLayout;
  readonly sleepEvent: number | undefined;
}

const LOAD_OF_PHASE: Readonly<Record<string, number>> = {
  epoch: HEADER.epoch,
  transport: HEADER.transport,
  protocol: HEADER.protocol,
  size: HEADER.size,
  elements: HEADER.elements,
  sync: HEADER.epoch,
  syncCheck: HEADER.epoch,
  writeCount: HEADER.writeCount,
  writeStart: HEADER.writeStart,
  skip: HEADER.writeCount,
  final: HEADER.epoch,
};

/** Follows a LOG proxy server through the model's server: looks, messages, acknowledgements. */
export class LogServerSide {
  /** Looks at the channel because of an event, and those of them that ended a sleep. */
  signals = 0;
  wakeUps = 0;
  overruns = 0;
  readonly #world: LogProxyWorld;
  readonly #delivery: LogDelivery;
  readonly #setup: ServerSetup;
  #totals = { rejected: 0, overruns: 0 };
  #deliveredBefore = 0;
  #copied: Word64[] = [];
  #sleeps = false;
  #hasStarted = false;
  /** What the next load of this read must be, after the counters decided; empty if anything may follow. */
  #due: '' | 'skip' | 'final' = '';
  /** The channel changed its life in a way that the model does not follow; nothing is compared until the next synchronisation. */
  #isSuspended = false;

  constructor(world: LogProxyWorld, delivery: LogDelivery, setup: ServerSetup) {
    this.#world = world;
    this.#delivery = delivery;
    this.#setup = setup;
  }

  start(): void {
    const world = this.#world;
    if (this.#hasStarted) world.leaveOpen('the server was reset');
    this.#hasStarted = true;
    Object.assign(world.state.server, world.initialServer());
    world.force('server', 'waiting');
    this.#totals = { rejected: 0, overruns: 0 };
    this.#deliveredBefore = this.#delivery.delivered;
    this.#copied = [];
    this.#due = '';
    this.#sleeps = false;
    this.#isSuspended = false;
    this.#delivery.restartServer();
  }

  /** Between two reads, the server's private state is compared with the model's. */
  settle(hosted: HostedSubject): void {
    const state = hosted.state as LogServerState;
    const { reader } = state.receiver;
    const isReading = reader.purpose === 'read' && reader.phase !== 'epoch';
    if (isReading || this.#isSuspended) return;
    const { rejected, overruns } = this.#totals;
    const delivered = this.#delivery.delivered - this.#deliveredBefore;
    const found = serverDifference(state, this.#world.state, this.#world.epochs, { delivered, rejected, overruns });
    if (found !== '') this.#world.differ(found);
    this.#delivery.compareLatest(state.delivered.at(-1));
  }

  /** A load of 8 bytes at `offset` was done. */
  load(hosted: HostedSubject, offset: number, value: Word64): void {
    const { reader } = (hosted.state as LogServerState).receiver;
    const { layout } = this.#setup;
    const word = this.#copied.length;
    const expected =
      reader.phase === 'data'
        ? elementOffset(layout, reader.readCount.low % layout.elements, word)
        : LOAD_OF_PHASE[reader.phase];
    if (offset !== expected) {
      const due = expected === undefined ? 'nothing' : wordName(layout, expected);
      this.#world.differ(`the server loads ${wordName(layout, offset)}, due is ${due} (${reader.phase})`);
      return;
    }
    if (reader.purpose === 'pending') this.#recheck(reader, value);
    else this.#read(reader, value);
  }

  #read(reader: ReaderState, value: Word64): void {
    if (this.#due !== '' && reader.phase !== this.#due && !this.#isSuspended)
      this.#world.differ(
        `the server goes on with ${reader.phase} after it checked the counters, in the model with ${this.#due}`,
      );
    this.#due = '';
    switch (reader.phase) {
      case 'epoch':
        this.#copied = [];
        this.#look();
        if (isZero64(value)) this.#seeInactive();
        return;
      case 'syncCheck':
        if (isEqual64(value, reader.epoch)) this.#synchronise(reader);
        else this.#suspend('the epoch changed while the server synchronised');
        return;
      case 'writeCount':
        if (value.low <= reader.readCount.low && value.high === 0) this.#seeEmpty();
        return;
      case 'data':
        this.#copied.push(value);
        return;
      case 'writeStart':
        this.#checkCounters(reader, value);
        return;
      case 'skip':
        this.#skip();
        return;
      case 'final':
        this.#finish(reader, value);
        return;
    }
  }

  /** The model does not follow what happens until the server synchronises again. */
  #suspend(reason: string): void {
    this.#world.leaveOpen(reason);
    this.#isSuspended = true;
  }

  /** A read begins: on a signal, or without one, which does no harm. */
  #look(): void {
    const world = this.#world;
    if (this.#isSuspended) return;
    if (world.mode('server') === 'rechecking') world.step('server', { type: 'step' });
    if (world.mode('server') !== 'waiting') return;
    const isSignalled = world.notice() && world.step('server', { type: 'signal' });
    if (isSignalled) {
      this.signals += 1;
      if (this.#sleeps) this.wakeUps += 1;
    } else {
      world.leaveOpen('the server looks without a signal');
      world.force('server', 'draining');
    }
    this.#sleeps = false;
  }

  /** The channel is inactive: to the model that is its first epoch, in which nothing was published. */
  #seeInactive(): void {
    const { server, channel } = this.#world.state;
    if (this.#isSuspended) return;
    if (channel.epoch > 1) this.#suspend('the channel is inactive while its client starts again');
    else {
      if (server.epoch !== channel.epoch) this.#step();
      this.#seeEmpty();
    }
  }

  #synchronise(reader: ReaderState): void {
    const world = this.#world;
    if (this.#isSuspended) {
      this.#isSuspended = false;
      world.force('server', 'draining');
    }
    this.#step();
    const adopted = world.epochs.valueOf(world.state.server.epoch);
    if (adopted === undefined || !isEqual64(adopted, reader.epoch))
      world.differ(`the server synchronises with epoch ${wordText(reader.epoch)}, which is not the client's latest`);
  }

  /** Nothing unread: the model acknowledges the signal. */
  #seeEmpty(): void {
    if (this.#isSuspended) return;
    this.#step();
    if (this.#world.mode('server') !== 'acknowledging')
      this.#world.differ(`the server sees an empty channel, in the model it goes on to ${this.#world.mode('server')}`);
    else this.#step();
  }

  /** After an element was copied, WSC tells whether the copy is good. */
  #checkCounters(reader: ReaderState, writeStart: Word64): void {
    if (this.#isSuspended) return;
    const world = this.#world;
    const { server, channel } = world.state;
    if (server.epoch !== channel.epoch) {
      this.#suspend('the epoch changed within a read');
      return;
    }
    const isOverrun = writeStart.high > 0 || writeStart.low > reader.readCount.low + this.#setup.layout.elements;
    this.#due = isOverrun ? 'skip' : 'final';
    if (isOverrun) return;
    this.#step();
    if (world.mode('server') !== 'validating')
      world.differ(`the server takes a message, in the model it goes on to ${world.mode('server')}`);
  }

  /** All unread messages are skipped; the model publishes at once, so that an overrun by a write under way is its own. */
  #skip(): void {
    if (this.#isSuspended) return;
    const { server, channel } = this.#world.state;
    this.overruns += 1;
    this.#totals.overruns += 1;
    if (channel.wc - server.rc > this.#setup.layout.elements) {
      this.#step();
      return;
    }
    this.#world.leaveOpen('an overrun by a write that is under way');
    server.skipped += channel.wc - server.rc;
    server.rc = channel.wc;
  }

  #finish(reader: ReaderState, epoch: Word64): void {
    const world = this.#world;
    if (this.#isSuspended) return;
    if (!isEqual64(epoch, reader.epoch)) {
      this.#suspend('the epoch changed within a read');
      return;
    }
    if (world.mode('server') !== 'validating') return;
    const read = readMessage(this.#copied, world.labels.length, reader.epoch.low);
    const { current } = world.state.server;
    if (read.malformed !== '') world.differ(`the server copied a malformed message: ${read.malformed}`);
    else if (!isSameMessage(read.message, current))
      world.differ(`the server copied ${messageText(read.message)}, in the model ${messageText(current)}`);
    this.#judge(read.text);
  }

  /** The model judges the message that it holds and goes on to drain. */
  #judge(text: string): void {
    const world = this.#world;
    const { server } = world.state;
    const { session, sequence } = server.current;
    const rejectedBefore = server.rejected;
    this.#step();
    this.#totals.rejected += server.rejected - rejectedBefore;
    if (world.mode('server') !== 'forwarding') return;
    this.#step();
    this.#delivery.forwards(session, sequence, text);
  }

  /** The look before sleep: the model's second look. */
  #recheck(reader: ReaderState, value: Word64): void {
    if (this.#isSuspended) return;
    const isOther = isZero64(value) || !isEqual64(value, reader.epoch);
    const decides = reader.phase === 'writeCount' || (reader.phase === 'epoch' && isOther);
    if (!decides || this.#world.mode('server') !== 'rechecking') return;
    this.#step();
  }

  #step(): void {
    const mode = this.#world.mode('server');
    if (!this.#world.step('server', { type: 'step' }))
      this.#world.differ(`the model's server in mode ${mode} takes no step`);
  }

  /** Any other operation: nobody sleeps while there is something to read. */
  other(hosted: HostedSubject, operation: Operation): void {
    const { sleepEvent } = this.#setup;
    if (operation.kind !== 'vmcall' || operation.low !== sleepEvent || operation.high !== 0) return;
    this.#sleeps = true;
    const world = this.#world;
    if (this.#isSuspended || world.mode('server') === 'waiting') return;
    const { epoch } = (hosted.state as LogServerState).receiver.reader;
    if (isZero64(epoch)) {
      world.leaveOpen('the server sleeps on a new epoch whose event is under way');
      world.force('server', 'waiting');
      return;
    }
    world.differ(`the server sleeps, in the model it is ${world.mode('server')}: a message is unread`);
  }
}
