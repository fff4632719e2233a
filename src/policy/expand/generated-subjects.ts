import { childrenNamed, createElement, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { setProfile } from './component-resources.ts';
import {
  NATIVE_STACK,
  NATIVE_TEXT_ADDRESS,
  PAGE_BYTES,
  TAU0_BINARY_BYTES,
  TAU0_BINARY_OFFSET,
  TAU0_INTERFACE_ADDRESS,
} from './layout.ts';
import { addRegion, mappingElement } from './regions.ts';
import { placesOf } from './scheduling-ids.ts';
import { mappingsOf, nameOf, subjectsByName } from './subjects.ts';

/** Name prefix of the subjects that fill idle time; the plan generator writes them into plans. */
const IDLE_PREFIX = 'mugenschedcfg_auto_idle_';

/** A native subject without devices that panics on every exit. */
function nativeSubject(workspace: Workspace, cause: TreeElement, name: string, panicEvent: string): TreeElement {
  const panic = createElement(cause, 'default', { physical: panicEvent }, [createElement(cause, 'system_panic')]);
  const group = createElement(cause, 'group', { name: 'vmx_exit' }, [panic]);
  const events = createElement(cause, 'events', {}, [createElement(cause, 'source', {}, [group])]);
  const parts = ['bootparams', 'memory', 'devices'].map(part => createElement(cause, part));
  const subject = createElement(cause, 'subject', { name }, [...parts, events]);
  setProfile(workspace, subject, 'native', []);
  return subject;
}

function addPanicEvent(workspace: Workspace, cause: TreeElement, name: string): void {
  const { children } = workspace.section('events');
  if (children.some(event => nameOf(event) === name)) return;
  children.push(createElement(cause, 'event', { mode: 'kernel', name }));
}

/** Adds tau0, the trusted subject that chooses major frames, when it is scheduled. */
export function addTau0(workspace: Workspace): void {
  const place = placesOf(workspace).get('tau0');
  if (place === undefined || subjectsByName(workspace).has('tau0')) return;
  const cause = place.partition;
  const tau0 = nativeSubject(workspace, cause, 'tau0', 'tau0_panic');
  addPanicEvent(workspace, cause, 'tau0_panic');
  addRegion(workspace, cause, { name: 'tau0|stack', sizeBytes: NATIVE_STACK.sizeBytes, type: 'subject', zero: true });
  addRegion(workspace, cause, {
    name: 'tau0|bin',
    sizeBytes: TAU0_BINARY_BYTES,
    type: 'subject_binary',
    file: { name: 'tau0', offset: TAU0_BINARY_OFFSET },
  });
  mappingsOf(tau0).push(
    mappingElement(cause, 'sys_interface', 'sys_interface', TAU0_INTERFACE_ADDRESS, { writable: true }),
    mappingElement(cause, 'stack', 'tau0|stack', NATIVE_STACK.address, { writable: true }),
    mappingElement(cause, 'binary', 'tau0|bin', NATIVE_TEXT_ADDRESS, { writable: true, executable: true }),
  );
  workspace.section('subjects').children.unshift(tau0);
}

/** Adds the subjects that fill idle time and that the plan names. */
export function addIdleSubjects(workspace: Workspace): void {
  const known = subjectsByName(workspace);
  const scheduled = workspace
    .all('scheduling/partitions/partition')
    .flatMap(partition => childrenNamed(partition, 'group'))
    .flatMap(group => childrenNamed(group, 'subject'));
  const names = new Map(scheduled.map(subject => [nameOf(subject), subject]));
  for (const [name, cause] of names) {
    if (name.startsWith(IDLE_PREFIX) && !known.has(name)) addIdleSubject(workspace, cause, name);
  }
}

function addIdleSubject(workspace: Workspace, cause: TreeElement, name: string): void {
  const subject = nativeSubject(workspace, cause, name, 'idle_panic');
  addPanicEvent(workspace, cause, 'idle_panic');
  const stack = `${name}|stack`;
  addRegion(workspace, cause, { name: stack, sizeBytes: NATIVE_STACK.sizeBytes, type: 'subject', zero: true });
  for (const part of ['text', 'rodata']) {
    const file = { name: `idle_${part}` };
    addRegion(workspace, cause, { name: `${name}|${part}`, sizeBytes: PAGE_BYTES, type: 'subject_binary', file });
  }
  mappingsOf(subject).push(
    mappingElement(cause, 'stack', stack, NATIVE_STACK.address, { writable: true }),
    mappingElement(cause, 'text', `${name}|text`, NATIVE_TEXT_ADDRESS, { executable: true }),
    mappingElement(cause, 'rodata', `${name}|rodata`, NATIVE_TEXT_ADDRESS + PAGE_BYTES),
  );
  workspace.section('subjects').children.push(subject);
}
