import { afterEach, expect, test } from 'vitest';
import { inProcessRunner, type JobRunner, workerRunner } from '../../src/host/workers.ts';

const module = new URL('./echo-worker.ts', import.meta.url).href;
let runner: JobRunner<unknown, unknown> | undefined;

const start = (jobs: number): JobRunner<unknown, unknown> => {
  runner = workerRunner(module, jobs);
  return runner;
};

afterEach(async () => {
  await runner?.close();
  runner = undefined;
});

test('jobs run in worker threads and their results come back to whoever asked', async () => {
  const pool = start(3);
  const replies = await Promise.all(Array.from({ length: 20 }, (_, index) => pool.submit({ echo: index })));
  expect(replies.map(reply => reply.kind === 'done' && reply.value)).toEqual(
    Array.from({ length: 20 }, (_, index) => ({ echo: index, inWorker: true })),
  );
});

test('an exception is a crash with its message, and the worker goes on', async () => {
  const pool = start(1);
  expect(await pool.submit({ fail: 'no such frame' })).toMatchObject({
    kind: 'crashed',
    message: 'RangeError: no such frame',
  });
  expect(await pool.submit({ echo: 1 })).toMatchObject({ kind: 'done' });
});

test('a worker that dies loses its own job only', async () => {
  const pool = start(2);
  const replies = await Promise.all([
    pool.submit({ echo: 0 }),
    pool.submit({ exit: 3 }),
    pool.submit({ echo: 1 }),
    pool.submit({ echo: 2 }),
  ]);
  expect(replies.map(reply => reply.kind)).toEqual(['done', 'crashed', 'done', 'done']);
  expect(replies[1]).toMatchObject({ message: 'Error: worker thread ended with code 3' });
});

test('a job that does not end is given up after the limit, and the pool goes on', async () => {
  runner = workerRunner(module, 1, 2000);
  const [endless, next] = await Promise.all([runner.submit({ forever: true }), runner.submit({ echo: 1 })]);
  expect(endless).toMatchObject({ kind: 'crashed', message: 'no end after 2 s' });
  expect(next).toMatchObject({ kind: 'done' });
});

test('a result that is no plain data is a crash, not a hang', async () => {
  expect(await start(1).submit({ uncloneable: true })).toMatchObject({ kind: 'crashed' });
});

test('a module that cannot be loaded crashes its jobs', async () => {
  runner = workerRunner(new URL('./no-such-module.ts', import.meta.url).href, 1);
  expect(await runner.submit({ echo: 1 })).toMatchObject({ kind: 'crashed' });
});

test('cancel cuts running, queued and later jobs at once, even one that never ends', async () => {
  const pool = start(1);
  const replies = [pool.submit({ forever: true }), pool.submit({ echo: 1 })];
  await new Promise(resolve => setTimeout(resolve, 300));
  pool.cancel('time limit');
  expect(await Promise.all(replies)).toEqual([
    { kind: 'cut', reason: 'time limit' },
    { kind: 'cut', reason: 'time limit' },
  ]);
  expect(await pool.submit({ echo: 2 })).toEqual({ kind: 'cut', reason: 'time limit' });
});

test('the in-process runner replies the same way', async () => {
  const local = inProcessRunner((payload: number) => {
    if (payload < 0) throw new RangeError('negative');
    return payload + 1;
  });
  expect(await local.submit(1)).toMatchObject({ kind: 'done', value: 2 });
  expect(await local.submit(-1)).toMatchObject({ kind: 'crashed', message: 'RangeError: negative' });
  local.cancel('interrupted');
  expect(await local.submit(1)).toEqual({ kind: 'cut', reason: 'interrupted' });
});
