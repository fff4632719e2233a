import process from 'node:process';
import { EXIT } from './exit-codes.ts';

/** Whether the user asked to stop. */
export interface Interrupt {
  readonly requested: () => boolean;
  /** Calls `action` when the user asks to stop; at once if that has happened. */
  readonly whenRequested: (action: () => void) => void;
}

/** The first SIGINT or SIGTERM asks for an orderly end with a partial report; the second ends the process at once. */
export function installInterrupt(warn: (text: string) => void): Interrupt {
  const actions: (() => void)[] = [];
  let requested = false;
  const handler = (): void => {
    // A command that writes no partial result has nothing to finish.
    if (requested || actions.length === 0) process.exit(EXIT.interrupted);
    requested = true;
    warn('\ninterrupted: writing a partial report (once more to quit at once)\n');
    for (const action of actions) action();
  };
  process.on('SIGINT', handler);
  process.on('SIGTERM', handler);
  return {
    requested: () => requested,
    whenRequested: action => {
      actions.push(action);
      if (requested) action();
    },
  };
}
