import { err, ok } from '../../../units/result.ts';
import { interfaceNamed } from '../services/interfaces.ts';
import { returns, type Service } from '../services/service.ts';
import type { ServiceOps } from '../services/service-ops.ts';
import { callTextRom, closeTextRom, NO_TEXT_ROMS, openTextRom, type TextRoms } from '../services/text-rom.ts';

/** Name of the child that a label starts with. */
const childOf = (label: string): string => label.split(' -> ')[0]!;

/** ROM "config" of each child with a `<config>` of its own, as its init serves it; modules are named after children. */
export const configRomService = (ops: ServiceOps): Service<TextRoms> => ({
  faces: [interfaceNamed('ROM')],
  initial: NO_TEXT_ROMS,
  open(state, session, { label }) {
    const child = childOf(label);
    return state.modules.has(child) ? ok(openTextRom(state, session, child)) : err('DENIED');
  },
  close: (state, session, env) => closeTextRom(state, session, env),
  call(state, session, name, _values, env) {
    return state.sessions.has(session) ? callTextRom(ops, state, session, name, env) : returns(state);
  },
});
