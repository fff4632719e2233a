/** Largest number of submissions that a context counts. */
export const MAX_SUBMITS = 0xffff_ffff;

/** A signal context: the thing that is submitted to (Genode `Signal_context`, base-hw kernel). */
export interface SignalContext {
  readonly receiver: number;
  /** Value that tells the receiver which context a signal came from. */
  readonly imprint: number;
  /** Submissions that wait for delivery, coalesced. */
  readonly submits: number;
  /** The last delivery was acknowledged, so the next one may happen. */
  readonly isArmed: boolean;
  /** 'dying' waits for the acknowledgement of a delivery that is under way. */
  readonly status: 'alive' | 'dying' | 'dead';
}

export interface SignalReceiver {
  /** Contexts that can be delivered, first come first. */
  readonly queue: readonly number[];
  /** A thread waits. */
  readonly isAwaited: boolean;
  /** The next wait returns at once without a signal. */
  readonly isNextCancelled: boolean;
}

/** Signal contexts and receivers of one Genode instance, by index. */
export interface Signals {
  readonly contexts: readonly SignalContext[];
  readonly receivers: readonly SignalReceiver[];
}

/** A signal on its way to the waiting thread. */
export interface Delivery {
  readonly receiver: number;
  readonly context: number;
  readonly imprint: number;
  readonly count: number;
}

/** What an operation did: the new state, and the delivery that it caused, if any. */
export interface SignalStep {
  readonly signals: Signals;
  readonly delivery: Delivery | undefined;
}

/** Leaf decisions of signalling; a seeded fault replaces one of them. */
export interface SignalOps {
  /** Submissions of a context after `count` more. */
  addSubmits(submits: number, count: number): number;
  /** True if a context that is acknowledged must be delivered again. */
  isPendingAfterAck(submits: number): boolean;
  /** True if a submission to a context in this status has an effect. */
  acceptsSubmit(status: SignalContext['status']): boolean;
  /** True if a context whose last delivery is not acknowledged yet may be delivered. */
  deliversUnacknowledged(): boolean;
}

export const signalOps: SignalOps = {
  addSubmits: (submits, count) => (submits + count > MAX_SUBMITS ? submits : submits + count),
  isPendingAfterAck: submits => submits > 0,
  acceptsSubmit: status => status === 'alive',
  deliversUnacknowledged: () => false,
};

const unchanged = (signals: Signals): SignalStep => ({ signals, delivery: undefined });

function changeContext(signals: Signals, id: number, changes: Partial<SignalContext>): Signals {
  const contexts = signals.contexts.map((context, index) => (index === id ? { ...context, ...changes } : context));
  return { ...signals, contexts };
}

function changeReceiver(signals: Signals, id: number, changes: Partial<SignalReceiver>): Signals {
  const receivers = signals.receivers.map((receiver, index) => (index === id ? { ...receiver, ...changes } : receiver));
  return { ...signals, receivers };
}

export function createReceiver(signals: Signals): { signals: Signals; id: number } {
  const receiver: SignalReceiver = { queue: [], isAwaited: false, isNextCancelled: false };
  return { signals: { ...signals, receivers: [...signals.receivers, receiver] }, id: signals.receivers.length };
}

export function createContext(signals: Signals, receiver: number, imprint: number): { signals: Signals; id: number } {
  const context: SignalContext = { receiver, imprint, submits: 0, isArmed: true, status: 'alive' };
  return { signals: { ...signals, contexts: [...signals.contexts, context] }, id: signals.contexts.length };
}

/** Puts a context into its receiver's queue, once, and serves a thread that waits. */
function makeDeliverable(signals: Signals, id: number): SignalStep {
  const { receiver } = signals.contexts[id]!;
  const { queue, isAwaited } = signals.receivers[receiver]!;
  if (queue.includes(id)) return unchanged(signals);
  const queued = changeReceiver(signals, receiver, { queue: [...queue, id] });
  return isAwaited ? deliverHead(changeReceiver(queued, receiver, { isAwaited: false }), receiver) : unchanged(queued);
}

function deliverHead(signals: Signals, receiver: number): SignalStep {
  const [context, ...queue] = signals.receivers[receiver]!.queue;
  if (context === undefined) return unchanged(signals);
  const { imprint, submits } = signals.contexts[context]!;
  const taken = changeContext(changeReceiver(signals, receiver, { queue }), context, { submits: 0, isArmed: false });
  return { signals: taken, delivery: { receiver, context, imprint, count: submits } };
}

/** Adds `count` submissions; they become one delivery with those that wait already. */
export function submitSignal(ops: SignalOps, signals: Signals, id: number, count: number): SignalStep {
  const context = signals.contexts[id];
  if (context === undefined || !ops.acceptsSubmit(context.status)) return unchanged(signals);
  const added = changeContext(signals, id, { submits: ops.addSubmits(context.submits, count) });
  const isDeliverable = context.isArmed || ops.deliversUnacknowledged();
  return isDeliverable ? makeDeliverable(added, id) : unchanged(added);
}

/** A thread waits for a signal; only one may. */
export function awaitSignal(signals: Signals, receiver: number): SignalStep & { readonly isRejected: boolean } {
  const { isAwaited, isNextCancelled, queue } = signals.receivers[receiver]!;
  if (isAwaited) return { ...unchanged(signals), isRejected: true };
  if (isNextCancelled)
    return { ...unchanged(changeReceiver(signals, receiver, { isNextCancelled: false })), isRejected: false };
  if (queue.length > 0) return { ...deliverHead(signals, receiver), isRejected: false };
  return { ...unchanged(changeReceiver(signals, receiver, { isAwaited: true })), isRejected: false };
}

/** Takes the next signal if there is one, without waiting. */
export const pendingSignal = (signals: Signals, receiver: number): SignalStep => deliverHead(signals, receiver);

/** Ends the wait of a thread, or the next one (sticky). */
export function cancelNextAwait(signals: Signals, receiver: number): Signals {
  const { isAwaited } = signals.receivers[receiver]!;
  return changeReceiver(signals, receiver, isAwaited ? { isAwaited: false } : { isNextCancelled: true });
}

/** The handler is done with the last delivery: the context can be delivered again. */
export function ackSignal(ops: SignalOps, signals: Signals, id: number): SignalStep {
  const context = signals.contexts[id];
  if (context === undefined || context.isArmed || context.status === 'dead') return unchanged(signals);
  if (context.status === 'dying') return unchanged(changeContext(signals, id, { status: 'dead', isArmed: true }));
  const armed = changeContext(signals, id, { isArmed: true });
  return ops.isPendingAfterAck(context.submits) ? makeDeliverable(armed, id) : unchanged(armed);
}

/** Ends a context: at once, or when the delivery under way is acknowledged. */
export function killContext(signals: Signals, id: number): Signals {
  const context = signals.contexts[id];
  if (context === undefined || context.status !== 'alive') return signals;
  const { receiver, isArmed } = context;
  const queue = signals.receivers[receiver]!.queue.filter(other => other !== id);
  const removed = changeReceiver(signals, receiver, { queue });
  return changeContext(removed, id, { submits: 0, status: isArmed ? 'dead' : 'dying' });
}
