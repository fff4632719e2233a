import { parseWord64 } from '../literal.ts';
import { childrenNamed, createElement, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { word } from './regions.ts';

/** Components and libraries: both may have arrays. */
const specifications = (workspace: Workspace): TreeElement[] => [
  ...workspace.all('components/library'),
  ...workspace.all('components/component'),
];

const sections = (workspace: Workspace, name: string): TreeElement[] =>
  specifications(workspace).flatMap(specification =>
    childrenNamed(specification, 'requires').flatMap(requires => childrenNamed(requires, name)),
  );

/** Adds one required memory region for each element of each memory array. */
export function addMemoryArrays(workspace: Workspace): void {
  for (const section of sections(workspace, 'memory')) {
    for (const array of childrenNamed(section, 'array')) {
      const { executable = 'false', writable = 'false' } = array.attributes;
      const size = workspace.text(array, 'elementSize');
      const addresses = elementAddresses(workspace, array);
      childrenNamed(array, 'memory').forEach((element, index) => {
        const logical = workspace.text(element, 'logical');
        const virtualAddress = addresses[index]!;
        const attributes = { executable, logical, size, virtualAddress, writable };
        section.children.push(createElement(element, 'memory', attributes));
      });
    }
  }
}

/** Adds one reader or writer for each element of each channel array. */
export function addChannelArrays(workspace: Workspace): void {
  for (const section of sections(workspace, 'channels')) {
    for (const array of childrenNamed(section, 'array')) {
      const { eventBase, vectorBase } = array.attributes;
      const size = workspace.text(array, 'elementSize');
      const addresses = elementAddresses(workspace, array);
      array.children.forEach((element, index) => {
        const logical = workspace.text(element, 'logical');
        const count = (base: string | undefined): string | undefined =>
          base === undefined ? undefined : String(Number(base) + index);
        const [event, vector] = element.name === 'writer' ? [count(eventBase)] : [undefined, count(vectorBase)];
        const attributes = {
          ...(event === undefined ? {} : { event }),
          logical,
          size,
          ...(vector === undefined ? {} : { vector }),
          virtualAddress: addresses[index]!,
        };
        section.children.push(createElement(element, element.name, attributes));
      });
    }
  }
}

/** Addresses of the elements of an array, one after the other from its base. */
function elementAddresses(workspace: Workspace, array: TreeElement): string[] {
  if (array.children.length === 0) return [];
  const text = workspace.text(array, 'virtualAddressBase');
  const base = parseWord64(text);
  const size = workspace.word(array, 'elementSize');
  if (base === undefined || base > BigInt(Number.MAX_SAFE_INTEGER)) return array.children.map(() => text);
  return array.children.map((_, index) => word(Number(base) + index * size));
}
