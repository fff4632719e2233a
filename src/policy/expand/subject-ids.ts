import type { Workspace } from '../workspace.ts';
import { setAttribute } from './regions.ts';
import { placesOf } from './scheduling-ids.ts';
import { nameOf, subjectsOf } from './subjects.ts';

/** Numbers the subjects: tau0 is 0, the others follow in document order. */
export function addGlobalIds(workspace: Workspace): void {
  const subjects = subjectsOf(workspace);
  let next = placesOf(workspace).has('tau0') ? 1 : 0;
  for (const subject of subjects) {
    if (nameOf(subject) === 'tau0') setAttribute(subject, 'globalId', '0');
    else setAttribute(subject, 'globalId', String(next++));
  }
}

/** Gives each subject the CPU of its partition and the number of its scheduling group. */
export function addSubjectCpus(workspace: Workspace): void {
  const places = placesOf(workspace);
  for (const subject of subjectsOf(workspace)) {
    const place = places.get(nameOf(subject));
    if (place === undefined) {
      const message = `subject '${nameOf(subject)}' is in no scheduling group`;
      workspace.refuse(subject, 'EXPAND-NOT-SCHEDULED', message, 'Add it to a group of the scheduling plan.');
    }
    setAttribute(subject, 'cpu', place.partition.attributes.cpu ?? '');
    setAttribute(subject, 'schedGroupId', place.group.attributes.id ?? '');
  }
}

/** Numbers the subjects of each CPU from 0. */
export function addLocalIds(workspace: Workspace): void {
  const next = new Map<string, number>();
  for (const subject of subjectsOf(workspace)) {
    const cpu = subject.attributes.cpu ?? '';
    const id = next.get(cpu) ?? 0;
    next.set(cpu, id + 1);
    setAttribute(subject, 'localId', String(id));
  }
}
