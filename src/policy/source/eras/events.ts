import { childNamed, createElement, elementsAt, insertBefore, type TreeElement } from '../../tree.ts';
import { refuse } from '../problem.ts';
import { takeChildren } from './schema-change.ts';

/** Actions of source events that became elements, with the kernel event that they belong to. */
const ACTIONS: Readonly<Record<string, string>> = {
  sleep: 'subject_sleep',
  yield: 'subject_yield',
  halt: 'system_panic',
  system_panic: 'system_panic',
};

/** `@action` and `<notify>` of source events: the event that is sent is an attribute, other actions are elements. */
export function sourceEvents(root: TreeElement): readonly TreeElement[] {
  const groups = elementsAt(root, 'subjects/subject/events/source/group');
  const kernelEvents = new Map<string, TreeElement>();
  const changed = groups
    .flatMap(({ children }) => children)
    .filter(event => {
      const { action } = event.attributes;
      if (action === undefined) return false;
      delete event.attributes.action;
      const [notify] = takeChildren(event, ['notify']);
      if (notify !== undefined) event.attributes.physical = notify.attributes.physical ?? '';
      if (action === 'continue') {
        if (notify === undefined) {
          const message = `<${event.name}> goes on without sending an event, which no later schema can say`;
          refuse(event, 'SRC-ERA', message, 'Send an event, or remove it.');
        }
        return true;
      }
      const kernelAction = ACTIONS[action];
      if (kernelAction === undefined || notify !== undefined) {
        const message = `the action ${JSON.stringify(action)}${notify === undefined ? '' : ' with an event'} has no counterpart in later schemas`;
        refuse(event, 'SRC-ERA', message, `Actions that have one: continue, ${Object.keys(ACTIONS).join(', ')}.`);
      }
      event.attributes.physical = kernelAction;
      event.children.push(createElement(event, kernelAction));
      if (!kernelEvents.has(kernelAction)) kernelEvents.set(kernelAction, event);
      return true;
    });
  for (const [name, cause] of kernelEvents) ensureKernelEvent(root, cause, name);
  return changed;
}

/** Adds the kernel event `name` to the policy unless it has one; `cause` needs it. */
function ensureKernelEvent(root: TreeElement, cause: TreeElement, name: string): void {
  let section = childNamed(root, 'events');
  if (section === undefined) {
    section = createElement(cause, 'events');
    insertBefore(root, section, ['channels', 'components', 'subjects']);
  }
  if (section.children.some(({ attributes }) => attributes.name === name)) return;
  section.children.push(createElement(cause, 'event', { mode: 'kernel', name }));
}

/** VM exits that a subject did not handle stopped the system; since then it has to say so. */
export function handledExits(root: TreeElement): readonly TreeElement[] {
  const changed = elementsAt(root, 'subjects/subject').filter(subject => {
    const events = childNamed(subject, 'events');
    if (events === undefined || childNamed(subject, 'sibling') !== undefined) return false;
    let source = childNamed(events, 'source');
    if (source === undefined) {
      source = createElement(events, 'source');
      insertBefore(events, source, ['target']);
    }
    let group = source.children.find(({ attributes }) => attributes.name === 'vmx_exit');
    if (group === undefined) {
      group = createElement(events, 'group', { name: 'vmx_exit' });
      source.children.unshift(group);
    }
    if (childNamed(group, 'default') !== undefined) return false;
    const action = createElement(events, 'system_panic');
    group.children.unshift(createElement(events, 'default', { physical: 'system_panic' }, [action]));
    return true;
  });
  if (changed[0] !== undefined) ensureKernelEvent(root, changed[0], 'system_panic');
  return changed;
}

/** `@vector` of target events became the action `<inject_interrupt>`; `none` no action. */
export function targetEvents(root: TreeElement): readonly TreeElement[] {
  return elementsAt(root, 'subjects/subject/events/target/event').filter(event => {
    const { vector } = event.attributes;
    if (vector === undefined) return false;
    delete event.attributes.vector;
    if (vector !== 'none') event.children.push(createElement(event, 'inject_interrupt', { vector }));
    return true;
  });
}

/** The event mode `ipi` is called `asap` since then. */
export function eventModes(root: TreeElement): readonly TreeElement[] {
  const changed: TreeElement[] = [];
  for (const [path, attribute] of [
    ['events/event', 'mode'],
    ['channels/channel', 'hasEvent'],
  ] as const) {
    for (const element of elementsAt(root, path)) {
      if (element.attributes[attribute] !== 'ipi') continue;
      element.attributes[attribute] = 'asap';
      changed.push(element);
    }
  }
  return changed;
}
