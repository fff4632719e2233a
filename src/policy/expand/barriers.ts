import { childrenNamed, createElement, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { setAttribute } from './regions.ts';

/**
 * Gives every major frame its barriers: minor frames of several CPUs that end at the same tick, before the frame's
 * end, wait for each other. Barriers are numbered from 1 in the order of time.
 */
export function addBarriers(workspace: Workspace): void {
  for (const frame of workspace.all('scheduling/majorFrame')) addFrameBarriers(workspace, frame);
}

function addFrameBarriers(workspace: Workspace, frame: TreeElement): void {
  const ends = new Map<number, TreeElement[]>();
  let last = 0;
  for (const cpu of childrenNamed(frame, 'cpu')) {
    let tick = 0;
    for (const minor of childrenNamed(cpu, 'minorFrame')) {
      tick += workspace.decimal(minor, 'ticks');
      setAttribute(minor, 'barrier', 'none');
      ends.set(tick, [...(ends.get(tick) ?? []), minor]);
    }
    last = Math.max(last, tick);
  }
  const meetings = [...ends].filter(([tick, minors]) => tick < last && minors.length > 1).sort(([a], [b]) => a - b);
  const barriers = meetings.map(([, minors], index) => {
    const id = String(index + 1);
    for (const minor of minors) setAttribute(minor, 'barrier', id);
    return createElement(frame, 'barrier', { id, size: String(minors.length) });
  });
  frame.children = frame.children.filter(({ name }) => name !== 'barriers');
  frame.children.push(createElement(frame, 'barriers', {}, barriers));
}
