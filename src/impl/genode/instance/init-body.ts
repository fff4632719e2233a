import { InvariantError } from '../../../units/invariant.ts';
import type { InitBody } from './state.ts';
import type { Workspace } from './workspace.ts';

/** The body of a component that is an init. */
export function initBody(ws: Workspace, id: number): InitBody {
  const { body } = ws.component(id);
  if (body.kind !== 'init') throw new InvariantError(`component ${id} is no init`);
  return body;
}

export const changeInit = (ws: Workspace, id: number, changes: Partial<InitBody>): void =>
  ws.changeComponent(id, { body: { ...initBody(ws, id), ...changes } });
