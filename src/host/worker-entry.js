// Entry point of a worker thread: plain JavaScript, because a worker does not inherit the TypeScript loader of its parent.
import { parentPort, workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
const { handle } = await import(workerData.module);

parentPort.on('message', async ({ id, payload }) => {
  try {
    parentPort.postMessage({ id, ok: true, value: await handle(payload) });
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    parentPort.postMessage({ id, ok: false, message: `${error.name}: ${error.message}`, stack: error.stack ?? '' });
  }
});
