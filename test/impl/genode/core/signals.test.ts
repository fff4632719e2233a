import { expect, test } from 'vitest';
import {
  ackSignal,
  awaitSignal,
  cancelNextAwait,
  createContext,
  createReceiver,
  killContext,
  MAX_SUBMITS,
  pendingSignal,
  type Signals,
  signalOps,
  submitSignal,
} from '../../../../src/impl/genode/core/signals.ts';

function twoContexts(): Signals {
  const { signals, id } = createReceiver({ contexts: [], receivers: [] });
  return createContext(createContext(signals, id, 10).signals, id, 20).signals;
}
const submit = (signals: Signals, context: number, count = 1) => submitSignal(signalOps, signals, context, count);

test('submissions coalesce into one signal, in the order in which contexts became deliverable', () => {
  let { signals } = submit(twoContexts(), 1);
  signals = submit(signals, 0).signals;
  signals = submit(signals, 1, 2).signals;
  const first = awaitSignal(signals, 0);
  expect(first.delivery).toEqual({ receiver: 0, context: 1, imprint: 20, count: 3 });
  expect(awaitSignal(first.signals, 0).delivery).toMatchObject({ context: 0, count: 1 });
});

test('nothing is delivered between a delivery and its acknowledgement, and nothing is lost', () => {
  const waiting = awaitSignal(twoContexts(), 0).signals;
  const { signals, delivery } = submit(waiting, 0);
  expect(delivery?.count).toBe(1);
  const again = submit(signals, 0, 5).signals;
  expect(pendingSignal(again, 0).delivery).toBeUndefined();
  const { signals: acknowledged } = ackSignal(signalOps, again, 0);
  expect(pendingSignal(acknowledged, 0).delivery).toMatchObject({ count: 5 });
});

test('a second thread may not wait, and a cancelled wait is cancelled once', () => {
  const waiting = awaitSignal(twoContexts(), 0).signals;
  expect(awaitSignal(waiting, 0).isRejected).toBe(true);
  const sticky = cancelNextAwait(cancelNextAwait(waiting, 0), 0);
  const cancelled = awaitSignal(submit(sticky, 0).signals, 0);
  expect(cancelled.delivery).toBeUndefined();
  expect(awaitSignal(cancelled.signals, 0).delivery).toMatchObject({ count: 1 });
});

test('the count stays at its bound', () => {
  const { signals } = submit(submit(twoContexts(), 0, MAX_SUBMITS).signals, 0, 1);
  expect(signals.contexts[0]?.submits).toBe(MAX_SUBMITS);
});

test('a context that is killed while its signal is handled ends with the acknowledgement', () => {
  const { signals } = submit(awaitSignal(twoContexts(), 0).signals, 0);
  const dying = killContext(signals, 0);
  expect(dying.contexts[0]?.status).toBe('dying');
  expect(ackSignal(signalOps, submit(dying, 0).signals, 0).signals.contexts[0]).toMatchObject({
    status: 'dead',
    submits: 0,
  });
  expect(killContext(submit(twoContexts(), 1).signals, 1)).toMatchObject({ receivers: [{ queue: [] }] });
});
