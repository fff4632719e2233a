import { PROGRAMS } from '../programs/programs.ts';
import type { RomModules } from '../services/rom.ts';
import { bootCore, readInfo } from './boot.ts';
import type { ProgramOps, ProgramRow } from './component.ts';
import type { EventLoop } from './event-loop.ts';
import type { Guest } from './guest.ts';
import { Library } from './library.ts';
import { nextComponent, runComponent } from './run-component.ts';
import { retryOpens } from './session-flow.ts';
import { type InstanceState, initialInstance } from './state.ts';
import { armTimer, needsTimer, passTime, takeVectors } from './time.ts';
import { Workspace } from './workspace.ts';

/** Name of the event that puts the subject to sleep. */
export const SLEEP = 'sleep';

export interface InstanceConfig {
  /** Boot modules by name; "config" is the configuration of the first init. */
  readonly modules: RomModules;
  /** Programs besides those that everybody has. */
  readonly programs?: readonly ProgramRow[];
}

/** One Genode instance as an event loop of its subject. */
export function genodeInstance(config: InstanceConfig, ops: ProgramOps): EventLoop<InstanceState> {
  const library = new Library(config.modules, [...PROGRAMS, ...(config.programs ?? [])], ops);
  const step = (ws: Workspace, vectors: readonly number[]): boolean => {
    const { phase } = ws.state;
    if (phase === 'failed') return false;
    if (phase === 'header' || phase === 'resources') readInfo(ws);
    else if (phase === 'core') bootCore(ws, library);
    else if (vectors.length > 0) takeVectors(ws, vectors);
    else if (ws.state.isTimeUnknown) passTime(ws);
    else if (ws.state.mayRetry) retryOpens(ws);
    else if (needsTimer(ws.state)) armTimer(ws);
    else {
      const id = nextComponent(ws.state);
      if (id < 0) return false;
      runComponent(ws, id, library);
    }
    return true;
  };
  return {
    name: 'genode',
    initial: initialInstance,
    handle(state, vectors, guest: Guest) {
      const ws = new Workspace(ops.genode, state, guest);
      return step(ws, vectors) ? ws.state : undefined;
    },
    sleepEvent: ({ info }) => info?.events.find(({ name }) => name === SLEEP)?.value,
  };
}
