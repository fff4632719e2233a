import { type Called, type DataspaceId, returns, type ServiceEnv, type SessionNumber, withEntry } from './service.ts';
import type { ServiceOps } from './service-ops.ts';

/** Opcode of `sigh` of the ROM interface: the module changed. */
const ROM_SIGH = 2;

/** A ROM module that its server replaces now and then; empty for one that is not there. Latin-1. */
export interface TextModule {
  readonly text: string;
  /** Counts changes. */
  readonly version: number;
}

/** A session that reads one of them. */
export interface TextRomSession {
  readonly module: string;
  readonly dataspace: DataspaceId | undefined;
  /** Version of the module that the client has seen. */
  readonly seen: number;
}

/** Modules by name, and who reads them. */
export interface TextRoms {
  readonly modules: ReadonlyMap<string, TextModule>;
  readonly sessions: ReadonlyMap<SessionNumber, TextRomSession>;
}

export const NO_TEXT_ROMS: TextRoms = { modules: new Map(), sessions: new Map() };
const NO_MODULE: TextModule = { text: '', version: 0 };

const bytesOf = (text: string, sizeBytes: number): Uint8Array => {
  const bytes = new Uint8Array(sizeBytes);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index) & 0xff;
  return bytes;
};

/** Replaces a module and tells who reads it; the same content again is no change. */
export function changeTextModule(state: TextRoms, name: string, text: string, env: ServiceEnv): TextRoms {
  const known = state.modules.get(name) ?? NO_MODULE;
  if (known.text === text && state.modules.has(name)) return state;
  for (const [session, { module }] of state.sessions) if (module === name) env.notify(session, ROM_SIGH);
  return { ...state, modules: new Map(state.modules).set(name, { text, version: known.version + 1 }) };
}

/** Adds a session that reads a module. */
export const openTextRom = (state: TextRoms, session: SessionNumber, module: string): TextRoms => ({
  ...state,
  sessions: new Map(state.sessions).set(session, { module, dataspace: undefined, seen: 0 }),
});

export function closeTextRom(state: TextRoms, session: SessionNumber, env: ServiceEnv): TextRoms {
  const dataspace = state.sessions.get(session)?.dataspace;
  if (dataspace !== undefined) env.release(dataspace);
  return { ...state, sessions: withEntry(state.sessions, session, undefined) };
}

/** Performs a call of the ROM interface. What a client holds stays as it is until it asks for the next version. */
export function callTextRom(
  ops: ServiceOps,
  state: TextRoms,
  session: SessionNumber,
  name: string,
  env: ServiceEnv,
): Called<TextRoms> {
  const own = state.sessions.get(session)!;
  const { text, version } = state.modules.get(own.module) ?? NO_MODULE;
  const seen = (changes: Partial<TextRomSession>): TextRoms => ({
    ...state,
    sessions: new Map(state.sessions).set(session, { ...own, seen: ops.seenVersion(version), ...changes }),
  });
  switch (name) {
    case 'dataspace': {
      if (own.dataspace !== undefined) env.release(own.dataspace);
      const dataspace = text === '' ? undefined : env.allocate(text.length);
      if (dataspace !== undefined) env.write(dataspace, 0, bytesOf(text, text.length));
      return returns(seen({ dataspace }), dataspace ?? 0);
    }
    case 'update': {
      const capacityBytes = own.dataspace === undefined ? 0 : env.sizeOf(own.dataspace);
      if (text === '' || text.length > capacityBytes) return returns(state, 0);
      env.write(own.dataspace!, 0, bytesOf(text, capacityBytes));
      return returns(seen({}), 1);
    }
    default:
      // What changed before the client asked to be told would otherwise be missed.
      if (own.dataspace !== undefined && version !== own.seen) env.notify(session, ROM_SIGH);
      return returns(state);
  }
}
