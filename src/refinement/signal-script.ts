import {
  ackSignal,
  awaitSignal,
  cancelNextAwait,
  createContext,
  createReceiver,
  type Delivery,
  killContext,
  MAX_SUBMITS,
  pendingSignal,
  type SignalOps,
  type Signals,
  submitSignal,
} from '../impl/genode/core/signals.ts';
import { type CompiledMachine, compileMachine } from '../model/compile.ts';
import { createSignalContext } from '../model/signal.machine.ts';
import type { SignalEvent, SignalState } from '../model/signal-state.ts';
import type { ScriptStep } from '../trace/trace.ts';
import { operand, ScriptLog, type ScriptRunner } from './script.ts';

/** Contexts of the one receiver that scripts use. */
const CONTEXTS = 3;
/** Operands of a submission that reach the bound of the count. */
const COUNTS: readonly number[] = [1, 2, 7, MAX_SUBMITS, MAX_SUBMITS - 1];

export const SIGNAL_WITNESSES = ['delivered', 'coalesced', 'saturated', 'killed-in-flight', 'ready-at-await'] as const;

const { machine, definition } = createSignalContext({ maxSubmits: MAX_SUBMITS });
const MODEL = compileMachine(machine, definition) as unknown as CompiledMachine<SignalState, SignalEvent>;

/** The model of each context, and the order in which they must be delivered. */
class SignalSpecification {
  readonly modes: number[] = Array.from({ length: CONTEXTS }, () => MODEL.initialMode);
  readonly states: SignalState[] = Array.from({ length: CONTEXTS }, () => ({ submits: 0, delivered: 0 }));
  /** Contexts in mode `queued`, in the order in which they came there. */
  queue: readonly number[] = [];
  isAwaited = false;
  isNextCancelled = false;

  modeOf(context: number): string {
    return MODEL.modes[this.modes[context]!]!;
  }

  step(context: number, event: SignalEvent): void {
    const next = MODEL.step(this.modes[context]!, this.states[context]!, event);
    if (next >= 0) this.modes[context] = next;
    const isQueued = this.modeOf(context) === 'queued';
    if (!isQueued) this.queue = this.queue.filter(other => other !== context);
    else if (!this.queue.includes(context)) this.queue = [...this.queue, context];
  }
}

/** Mode that a context of the implementation is in. */
function abstractMode({ contexts, receivers }: Signals, id: number): string {
  const { status, isArmed, receiver } = contexts[id]!;
  if (status !== 'alive') return status;
  if (!isArmed) return 'delivered';
  return receivers[receiver]!.queue.includes(id) ? 'queued' : 'armed';
}

function difference(signals: Signals, specification: SignalSpecification): string {
  for (let id = 0; id < CONTEXTS; id++) {
    const [mode, expected] = [abstractMode(signals, id), specification.modeOf(id)];
    if (mode !== expected) return `context ${id}: implementation ${mode}, model ${expected}`;
    const [submits, wanted] = [signals.contexts[id]!.submits, specification.states[id]!.submits];
    if (submits !== wanted) return `waiting submissions of context ${id}: implementation ${submits}, model ${wanted}`;
  }
  return '';
}

/** Compares the delivery that happened with the one that had to. */
function checkDelivery(specification: SignalSpecification, delivery: Delivery | undefined, isAsking: boolean): string {
  const due = specification.isAwaited || isAsking ? specification.queue[0] : undefined;
  if (due === undefined) return delivery === undefined ? '' : `context ${delivery.context} is delivered, none is due`;
  if (delivery === undefined) return `context ${due} is not delivered to the waiting receiver`;
  if (delivery.context !== due) return `context ${delivery.context} is delivered before context ${due}`;
  specification.isAwaited = false;
  specification.step(due, { type: 'take' });
  const { delivered } = specification.states[due]!;
  return delivery.count === delivered ? '' : `a signal of ${delivery.count} submissions, ${delivered} were submitted`;
}

function initialSignals(): Signals {
  const { signals, id } = createReceiver({ contexts: [], receivers: [] });
  return Array.from({ length: CONTEXTS }).reduce<Signals>(
    (state, _, index) => createContext(state, id, index).signals,
    signals,
  );
}

interface Effect {
  readonly signals: Signals;
  readonly delivery: Delivery | undefined;
  /** The receiver asked for a signal in this step. */
  readonly isAsking: boolean;
  readonly what: string;
}

/** Performs one step on both sides; the delivery is compared afterwards. */
function perform(ops: SignalOps, signals: Signals, specification: SignalSpecification, step: ScriptStep): Effect {
  const context = operand(step, 0, CONTEXTS);
  const nothing = { isAsking: false, what: '' };
  switch (step.operation) {
    case 'submit': {
      const count = COUNTS[operand(step, 1, COUNTS.length)]!;
      specification.step(context, { type: 'submit', count });
      return { ...submitSignal(ops, signals, context, count), ...nothing };
    }
    case 'ack':
      specification.step(context, { type: 'ack' });
      return { ...ackSignal(ops, signals, context), ...nothing };
    case 'kill':
      specification.step(context, { type: 'kill' });
      return { signals: killContext(signals, context), delivery: undefined, ...nothing };
    case 'poll':
      return { ...pendingSignal(signals, 0), isAsking: true, what: '' };
    case 'cancel':
      if (specification.isAwaited) specification.isAwaited = false;
      else specification.isNextCancelled = true;
      return { signals: cancelNextAwait(signals, 0), delivery: undefined, ...nothing };
    default:
      return performAwait(signals, specification);
  }
}

function performAwait(signals: Signals, specification: SignalSpecification): Effect {
  const { isRejected, ...step } = awaitSignal(signals, 0);
  const mustReject = specification.isAwaited;
  const what = isRejected === mustReject ? '' : `a wait is ${isRejected ? 'rejected' : 'accepted'} wrongly`;
  if (mustReject) return { ...step, isAsking: false, what };
  if (specification.isNextCancelled) {
    specification.isNextCancelled = false;
    return { ...step, isAsking: false, what };
  }
  const isAsking = specification.queue.length > 0;
  if (!isAsking) specification.isAwaited = true;
  return { ...step, isAsking, what };
}

/** Runs signal operations on the implementation beside the model of each context, and checks order and counts. */
export const runSignalScript: ScriptRunner<SignalOps> = (ops, steps) => {
  const log = new ScriptLog(SIGNAL_WITNESSES);
  const specification = new SignalSpecification();
  let signals = initialSignals();
  for (const [index, step] of steps.entries()) {
    const before = signals;
    const effect = perform(ops, signals, specification, step);
    signals = effect.signals;
    if (signals !== before) log.effective();
    log.fail(index, effect.what);
    log.fail(index, checkDelivery(specification, effect.delivery, effect.isAsking));
    log.fail(index, difference(signals, specification));
    if (log.hasFailed) break;
    noteWitnesses(log, effect, signals);
  }
  return log.judgement(signals, specification);
};

function noteWitnesses(log: ScriptLog, { delivery, isAsking }: Effect, { contexts }: Signals): void {
  log.see('delivered', delivery !== undefined);
  log.see('coalesced', (delivery?.count ?? 0) > 1);
  log.see('ready-at-await', delivery !== undefined && isAsking);
  log.see(
    'saturated',
    contexts.some(({ submits }) => submits >= MAX_SUBMITS - 7),
  );
  log.see(
    'killed-in-flight',
    contexts.some(({ status }) => status === 'dying'),
  );
}
