import { err, ok } from '../../../units/result.ts';
import { lastElement } from '../init/label.ts';
import { interfaceNamed } from './interfaces.ts';
import { type DataspaceId, returns, type Service, type SessionNumber, withEntry } from './service.ts';

/** Contents of ROM modules by name, Latin-1. */
export type RomModules = ReadonlyMap<string, string>;

export interface RomState {
  readonly sessions: ReadonlyMap<SessionNumber, DataspaceId>;
}

/** ROM of an instance's boot modules: the last element of the label names the module. They never change. */
export function romService(modules: RomModules): Service<RomState> {
  return {
    faces: [interfaceNamed('ROM')],
    initial: { sessions: new Map() },
    open(state, session, { label }, env) {
      const content = modules.get(lastElement(label));
      if (content === undefined) return err('DENIED');
      const dataspace = env.allocate(Math.max(1, content.length));
      if (dataspace === undefined) return err('INSUFFICIENT_RAM');
      env.write(
        dataspace,
        0,
        Uint8Array.from(content, character => character.charCodeAt(0) & 0xff),
      );
      return ok({ sessions: withEntry(state.sessions, session, dataspace) });
    },
    close(state, session, env) {
      const dataspace = state.sessions.get(session);
      if (dataspace !== undefined) env.release(dataspace);
      return { sessions: withEntry(state.sessions, session, undefined) };
    },
    call(state, session, name) {
      if (name === 'dataspace') return returns(state, state.sessions.get(session) ?? 0);
      return name === 'update' ? returns(state, 1) : returns(state);
    },
  };
}
