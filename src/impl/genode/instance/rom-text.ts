import type { Workspace } from './workspace.ts';

/** Content of a ROM dataspace as Latin-1 text, up to the zeros that fill its last page; empty for an invalid one. */
export function romText(ws: Workspace, pd: number, dataspace: number): string {
  const bytes = ws.read(pd, dataspace, 0, ws.sizeOf(pd, dataspace));
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  let text = '';
  for (let at = 0; at < end; at += 0x1000)
    text += String.fromCharCode(...bytes.subarray(at, Math.min(end, at + 0x1000)));
  return text;
}
