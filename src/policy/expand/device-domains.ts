import { childNamed, childrenNamed, createElement, insertBefore, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { setAttribute, word } from './regions.ts';
import { mappingsOf, nameOf, subjectsByName } from './subjects.ts';

/** Memory types that subjects use as their RAM. */
const RAM_TYPES = new Set(['subject', 'subject_initrd']);

/** Adds an empty device domains section to a policy without one. */
export function addDomainSkeleton(workspace: Workspace): void {
  const { root } = workspace;
  if (childNamed(root, 'deviceDomains') !== undefined) return;
  const after = ['events', 'channels', 'components', 'kernel', 'subjects', 'scheduling'];
  insertBefore(root, createElement(root, 'deviceDomains'), after);
}

/** Lets devices use the writable RAM of a subject where the subject has it, or at an offset from there. */
export function mapSubjectMemory(workspace: Workspace): void {
  const subjects = subjectsByName(workspace);
  const types = new Map(workspace.all('memory/memory').map(region => [nameOf(region), region.attributes.type]));
  for (const memory of workspace.all('deviceDomains/domain/memory')) {
    memory.children = memory.children.flatMap(child => {
      if (child.name !== 'mapSubjectMemory') return [child];
      const subject = subjects.get(workspace.text(child, 'subject'));
      if (subject === undefined) return [];
      const shared = mappingsOf(subject).filter(
        ({ attributes }) => attributes.writable === 'true' && RAM_TYPES.has(types.get(attributes.physical ?? '') ?? ''),
      );
      return shared.map(mapping => domainMapping(workspace, child, mapping));
    });
  }
}

function domainMapping(workspace: Workspace, cause: TreeElement, mapping: TreeElement): TreeElement {
  const { logical = '', physical = '' } = mapping.attributes;
  const offset =
    cause.attributes.virtualAddressOffset === undefined ? undefined : workspace.word(cause, 'virtualAddressOffset');
  const virtualAddress =
    offset === undefined
      ? workspace.text(mapping, 'virtualAddress')
      : word(workspace.word(mapping, 'virtualAddress') + offset);
  const attributes = { executable: 'false', logical, physical, virtualAddress, writable: 'true' };
  return createElement(cause, 'memory', attributes);
}

/** Numbers the domains from 1. */
export function addDomainIds(workspace: Workspace): void {
  const domains = childrenNamed(workspace.section('deviceDomains'), 'domain');
  domains.forEach((domain, index) => {
    setAttribute(domain, 'id', String(index + 1));
  });
}
