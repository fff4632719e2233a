import { defined } from '../../../units/invariant.ts';
import { hasVector } from '../services/irq.ts';
import { TRAP_VECTOR } from '../services/vm.ts';
import { numberAt } from './guest.ts';
import type { InstanceState } from './state.ts';
import { SCHEDULING_INFO_ADDRESS, type SubjectInfo } from './subject-info.ts';
import { CORE, type Workspace } from './workspace.ts';

/** Name of the timer's event and vector in the subject information. */
export const TIMER = 'timer';

/** True if a guest may run in place of this subject: every interrupt may be its end of running. */
const hasGuest = ({ vectors }: SubjectInfo): boolean => vectors.some(({ name }) => name === TRAP_VECTOR);

/** Turns vectors into events: the timer, and what programs listen to. */
export function takeVectors(ws: Workspace, vectors: readonly number[]): void {
  const info = defined(ws.state.info, 'subject information');
  ws.change({ isTimeUnknown: true });
  for (const vector of vectors)
    if (hasGuest(info) || info.devices.some(device => hasVector(device, vector)))
      ws.post(CORE, { kind: 'interrupt', vector });
  for (const { name, value } of info.vectors) {
    if (!vectors.includes(value)) continue;
    if (name === TIMER) ws.change({ armedUs: undefined });
    ws.state.components.forEach((component, id) => {
      if (component.vectors.includes(name)) ws.post(id, { kind: 'vector', name });
    });
  }
}

/** Wakes every component whose time has come. */
export function passTime(ws: Workspace): void {
  ws.change({ isTimeUnknown: false });
  if (ws.state.components.every(({ wakesUs }) => wakesUs.length === 0)) return;
  const now = ws.nowUs();
  ws.state.components.forEach(({ wakesUs }, id) => {
    const later = wakesUs.filter(us => us > now);
    if (later.length === wakesUs.length) return;
    ws.changeComponent(id, { wakesUs: later });
    ws.post(id, { kind: 'wake' });
  });
}

/** Earliest time at which a component wants to be woken. */
function earliestWish({ components }: InstanceState): number | undefined {
  const wishes = components.flatMap(({ isAlive, wakesUs }) => (isAlive ? wakesUs.slice(0, 1) : []));
  return wishes.length === 0 ? undefined : Math.min(...wishes);
}

export const needsTimer = (state: InstanceState): boolean => {
  const wish = earliestWish(state);
  return wish !== undefined && (state.armedUs === undefined || wish < state.armedUs);
};

/**
 * Arms the timed event for the earliest wish. Time is known by the start of minor frames, so a wish inside of the present
 * one is for its end: the kernel looks at the trigger when the next one begins.
 */
export function armTimer(ws: Workspace): void {
  const { info, startTsc } = ws.state;
  const wish = defined(earliestWish(ws.state), 'wish');
  ws.change({ armedUs: wish });
  const event = info?.events.find(({ name }) => name === TIMER)?.value;
  if (event === undefined) return;
  const frameEnd = numberAt(ws.guest.read(SCHEDULING_INFO_ADDRESS + 8, 8), 0, 8);
  const due = startTsc + Math.ceil((wish * (info?.tscKhz ?? 0)) / 1000);
  ws.guest.armTimer(Math.max(due, frameEnd), event);
}
