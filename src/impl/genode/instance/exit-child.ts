import { endComponent } from './end-component.ts';
import { changeInit, initBody } from './init-body.ts';
import { noteChange } from './init-component.ts';
import { report } from './init-log.ts';
import { CORE, type Workspace } from './workspace.ts';

/** A component ends by itself (Parent `exit`); with `<exit propagate="yes"/>` its init ends with it. */
export function exitComponent(ws: Workspace, id: number, code: number): void {
  const { init, name, node } = ws.component(id);
  endComponent(ws, id);
  if (init === CORE) {
    ws.state = { ...ws.state, phase: 'failed', failure: `init exited with ${code}` };
    return;
  }
  report(ws, init, `child "${name}" exited with exit value ${code}`);
  const { exited } = initBody(ws, init);
  changeInit(ws, init, { exited: new Map(exited).set(name, { version: node?.version ?? '', code }) });
  noteChange(ws, init);
  if (node?.propagatesExit === true) exitComponent(ws, init, code);
}
