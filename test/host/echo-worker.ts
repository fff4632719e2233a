import process from 'node:process';
import { isMainThread } from 'node:worker_threads';

interface Payload {
  readonly echo?: number;
  readonly fail?: string;
  readonly exit?: number;
  readonly forever?: boolean;
  readonly uncloneable?: boolean;
}

/** A job handler that can misbehave in every way. */
export function handle(payload: Payload): unknown {
  if (payload.fail !== undefined) throw new RangeError(payload.fail);
  if (payload.exit !== undefined) process.exit(payload.exit);
  if (payload.uncloneable === true) return () => undefined;
  while (payload.forever === true);
  return { echo: payload.echo, inWorker: !isMainThread };
}
