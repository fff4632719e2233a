import { intersect, type Rect } from './pixels.ts';
import type { SessionNumber } from './service.ts';

/** Number of a view in the whole screen; never used twice. */
export type ViewKey = number;

/** A window onto the buffer of its session. */
export interface GuiView {
  readonly owner: SessionNumber;
  readonly title: string;
  /** Relative to its parent, or to the screen. */
  readonly rect: Rect;
  readonly parent: ViewKey | undefined;
  /** Place of the buffer's origin, relative to the view. */
  readonly offsetX: number;
  readonly offsetY: number;
}

/** All views, and their order from the front to the back. */
export interface ViewStack {
  readonly views: ReadonlyMap<ViewKey, GuiView>;
  readonly order: readonly ViewKey[];
  readonly next: ViewKey;
}

export const NO_VIEWS: ViewStack = { views: new Map(), order: [], next: 0 };
const NOWHERE: Rect = { x: 0, y: 0, width: 0, height: 0 };

/** Rectangle of a view on the screen. */
export function placeOf({ views }: ViewStack, key: ViewKey): Rect {
  const view = views.get(key);
  if (view === undefined) return NOWHERE;
  let { x, y } = view.rect;
  for (let above = view.parent; above !== undefined; above = views.get(above)?.parent) {
    x += views.get(above)?.rect.x ?? 0;
    y += views.get(above)?.rect.y ?? 0;
  }
  return { ...view.rect, x, y };
}

/** A view and those that hang on it, directly or not. */
export function familyOf({ views }: ViewStack, key: ViewKey): readonly ViewKey[] {
  const family = [key];
  for (const member of family) for (const [other, { parent }] of views) if (parent === member) family.push(other);
  return family;
}

export function addView(stack: ViewStack, view: GuiView, isFront: boolean): { stack: ViewStack; key: ViewKey } {
  const { views, order, next } = stack;
  const placed = isFront ? [next, ...order] : [...order, next];
  return { stack: { views: new Map(views).set(next, view), order: placed, next: next + 1 }, key: next };
}

export function changeView(stack: ViewStack, key: ViewKey, changes: Partial<GuiView>): ViewStack {
  const view = stack.views.get(key);
  return view === undefined ? stack : { ...stack, views: new Map(stack.views).set(key, { ...view, ...changes }) };
}

/** Removes a view; what hangs on it has no place any longer. */
export function removeView(stack: ViewStack, key: ViewKey): ViewStack {
  const views = new Map(stack.views);
  views.delete(key);
  for (const [other, view] of views)
    if (view.parent === key) views.set(other, { ...view, parent: undefined, rect: NOWHERE });
  return { ...stack, views, order: stack.order.filter(other => other !== key) };
}

/** Moves a view to the front or the back, or next to another one; without that one nothing changes. */
export function restack(
  stack: ViewStack,
  key: ViewKey,
  place: 'front' | 'back' | 'before' | 'behind',
  next?: ViewKey,
): ViewStack {
  const others = stack.order.filter(other => other !== key);
  if (others.length === stack.order.length) return stack;
  const index = next === undefined ? -1 : others.indexOf(next);
  if ((place === 'before' || place === 'behind') && index < 0) return stack;
  const at = { front: 0, back: others.length, before: index, behind: index + 1 }[place];
  return { ...stack, order: [...others.slice(0, at), key, ...others.slice(at)] };
}

/** Views at a point, the frontmost first. */
export const viewsAt = (stack: ViewStack, x: number, y: number): readonly ViewKey[] =>
  stack.order.filter(key => intersect(placeOf(stack, key), { x, y, width: 1, height: 1 }) !== undefined);
