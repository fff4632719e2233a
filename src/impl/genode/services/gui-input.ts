import type { InputEvent } from './input-event.ts';
import type { SessionNumber } from './service.ts';

/** Who gets which event of the devices of a screen. */
export interface InputFocus {
  readonly x: number;
  readonly y: number;
  /** Session of the view under the pointer. */
  readonly hovered: SessionNumber | undefined;
  /** Session that was clicked last. */
  readonly focused: SessionNumber | undefined;
  /** Keys that are pressed; the receiver stays the same until the last is released. */
  readonly keys: readonly number[];
  readonly receiver: SessionNumber | undefined;
}

export const NO_FOCUS: InputFocus = {
  x: 0,
  y: 0,
  hovered: undefined,
  focused: undefined,
  keys: [],
  receiver: undefined,
};

/** Left, right and middle button of a pointer (Linux input codes). */
const BUTTONS = [0x110, 0x111, 0x112];

/** An event on its way to a session. */
export interface RoutedEvent {
  readonly session: SessionNumber;
  readonly event: InputEvent;
}

interface Routed {
  readonly focus: InputFocus;
  readonly events: readonly RoutedEvent[];
}

/** What the router asks of the screen. */
export interface FocusQuery {
  /** Session whose view takes input at a point. */
  sessionAt(x: number, y: number): SessionNumber | undefined;
  /** Session that gets the keys of one that has the focus. */
  forwardOf(session: SessionNumber): SessionNumber;
}

const to = (session: SessionNumber | undefined, event: InputEvent): RoutedEvent[] =>
  session === undefined ? [] : [{ session, event }];

/** The pointer may be over another session now. */
export function followPointer(query: FocusQuery, focus: InputFocus): Routed {
  const hovered = query.sessionAt(focus.x, focus.y);
  if (hovered === focus.hovered) return { focus, events: [] };
  return { focus: { ...focus, hovered }, events: to(focus.hovered, { kind: 'hover-leave', values: [] }) };
}

function press(query: FocusQuery, before: InputFocus, event: InputEvent): Routed {
  const key = event.values[0]!;
  const events: RoutedEvent[] = [];
  let focus = before;
  const isFirst = focus.keys.length === 0;
  if (isFirst && BUTTONS.includes(key) && focus.focused !== focus.hovered) {
    events.push(...to(focus.focused, { kind: 'focus-leave', values: [] }));
    focus = { ...focus, focused: focus.hovered };
    events.push(...to(focus.focused, { kind: 'focus-enter', values: [] }));
  }
  const target = focus.focused === undefined ? undefined : query.forwardOf(focus.focused);
  const receiver = isFirst ? target : focus.receiver;
  events.push(...to(receiver, event));
  const keys = focus.keys.includes(key) ? focus.keys : [...focus.keys, key];
  return { focus: { ...focus, keys, receiver }, events };
}

/** Decides who gets an event of a device. */
export function routeEvent(query: FocusQuery, focus: InputFocus, event: InputEvent): Routed {
  switch (event.kind) {
    case 'press':
      return press(query, focus, event);
    case 'release': {
      const keys = focus.keys.filter(key => key !== event.values[0]);
      const receiver = keys.length === 0 ? undefined : focus.receiver;
      return { focus: { ...focus, keys, receiver }, events: to(focus.receiver, event) };
    }
    case 'abs-motion': {
      const [x = 0, y = 0] = event.values;
      const moved = followPointer(query, { ...focus, x, y });
      const receiver = moved.focus.keys.length > 0 ? moved.focus.receiver : moved.focus.hovered;
      return { focus: moved.focus, events: [...moved.events, ...to(receiver, event)] };
    }
    default:
      return { focus, events: to(focus.keys.length > 0 ? focus.receiver : focus.hovered, event) };
  }
}

/** A session is gone: nothing goes to it any longer. */
export function withoutSession(focus: InputFocus, session: SessionNumber): InputFocus {
  const kept = (known: SessionNumber | undefined): SessionNumber | undefined => (known === session ? undefined : known);
  return {
    ...focus,
    hovered: kept(focus.hovered),
    focused: kept(focus.focused),
    receiver: kept(focus.receiver),
  };
}
