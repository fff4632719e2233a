import { expect, test } from 'vitest';
import {
  awaitRequest,
  cancelRequest,
  destroyNode,
  type IpcNodes,
  idleNode,
  ipcOps,
  sendReply,
  sendRequest,
} from '../../../../src/impl/genode/core/ipc.ts';

const threads: IpcNodes = [idleNode, idleNode, idleNode];
const message = (number: number, caps = 0) => ({ data: [number], caps: Array.from({ length: caps }, () => 1) });

test('a call to a waiting server is taken at once, and the caller gets the reply', () => {
  const waiting = awaitRequest(ipcOps, threads, 2).nodes;
  const called = sendRequest(ipcOps, waiting, 0, 2, message(5, 6));
  expect(called.notices).toEqual([{ thread: 2, what: 'request', message: message(5, 4) }]);
  const replied = sendReply(ipcOps, called.nodes, 2, message(6));
  expect(replied.notices).toEqual([{ thread: 0, what: 'reply', message: message(6) }]);
  expect(replied.nodes).toEqual(threads);
});

test('callers are served in the order of their calls', () => {
  const both = sendRequest(ipcOps, sendRequest(ipcOps, threads, 1, 2, message(1)).nodes, 0, 2, message(2)).nodes;
  const first = awaitRequest(ipcOps, both, 2);
  expect(first.notices[0]?.message.data).toEqual([1]);
  const second = awaitRequest(ipcOps, sendReply(ipcOps, first.nodes, 2, message(0)).nodes, 2);
  expect(second.notices[0]?.message.data).toEqual([2]);
});

test('a thread has one outstanding call, and may not call while it waits', () => {
  const called = sendRequest(ipcOps, threads, 0, 2, message(1)).nodes;
  expect(sendRequest(ipcOps, called, 0, 1, message(2)).isAllowed).toBe(false);
  expect(sendRequest(ipcOps, awaitRequest(ipcOps, threads, 0).nodes, 0, 1, message(2)).isAllowed).toBe(false);
});

test('the reply to a client that cancelled is dropped', () => {
  const both = sendRequest(ipcOps, sendRequest(ipcOps, threads, 0, 2, message(1)).nodes, 1, 2, message(2)).nodes;
  const serving = awaitRequest(ipcOps, both, 2).nodes;
  const cancelled = cancelRequest(ipcOps, serving, 0).nodes;
  expect(cancelled[2]?.in).toBe('REPLY_NO_SENDER');
  const replied = sendReply(ipcOps, cancelled, 2, message(3));
  expect(replied.notices).toEqual([]);
  expect(awaitRequest(ipcOps, replied.nodes, 2).notices[0]?.message.data).toEqual([2]);
});

test('everyone who calls a thread that ends learns that the call failed', () => {
  const both = sendRequest(ipcOps, sendRequest(ipcOps, threads, 0, 2, message(1)).nodes, 1, 2, message(2)).nodes;
  expect(destroyNode(ipcOps, both, 2).notices.map(({ thread, what }) => [thread, what])).toEqual([
    [0, 'failed'],
    [1, 'failed'],
  ]);
  const dead = destroyNode(ipcOps, threads, 2).nodes;
  expect(sendRequest(ipcOps, dead, 0, 2, message(1)).notices[0]?.what).toBe('failed');
});
