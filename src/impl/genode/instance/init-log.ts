import type { Handle } from './component.ts';
import type { Workspace } from './workspace.ts';

/** LOG session of every component, opened before it starts. */
export const LOG_HANDLE: Handle = 0;
/** Longest piece of a line that one LOG write takes. */
export const LINE_BYTES = 230;

/** Writes a line to an init's LOG. */
export function report(ws: Workspace, init: number, text: string): void {
  const { calls } = ws.component(init);
  ws.changeComponent(init, {
    calls: [...calls, { handle: LOG_HANDLE, opcode: 0, values: [`${text.slice(0, LINE_BYTES)}\n`] }],
  });
}
